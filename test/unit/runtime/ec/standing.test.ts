import { expect, test } from "vitest";
import { newEntry } from "../../../../runtime/ec/graph/entry.ts";
import type { EcContext } from "../../../../runtime/ec/request/context.ts";
import { createStanding, STRANGERS } from "../../../../runtime/ec/standing.ts";
import { createHotPath } from "../../../../wasm/hotpath.ts";
import { inlineKernels } from "../../../../wasm/inline.ts";

const OWN = "own.abc123";
const KNOWN = "known.abc123";
const from = (ip: string | null) => ({ client: { ip, country: "JP", region: null } }) as EcContext;

function setUp() {
  const t = { nowMs: 1_000_000_000, lookedUp: [] as string[] };
  const random = { fill: (target: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(target) };
  const entry = newEntry({ country: "JP", region: null }, {}, 1);
  const hasStanding = createStanding({
    identity: { isOfAddress: (id, ip) => id === OWN && ip === "192.0.2.1" },
    graph: {
      get(id) {
        t.lookedUp.push(id);
        return id === KNOWN ? entry : null;
      },
    },
    hotPath: createHotPath(inlineKernels(), { maxKeys: 1000, random }),
    time: () => t.nowMs,
  });
  return Object.assign(t, { hasStanding });
}

test("an id of the client's own address has standing without a look at the graph", () => {
  const { hasStanding, lookedUp } = setUp();
  expect(hasStanding(OWN, from("192.0.2.1"))).toBe(true);
  expect(lookedUp).toEqual([]);
});

test.each([
  ["an id that the graph knows", KNOWN, "192.0.2.9", true],
  ["an unknown id of another address", "forged.abc123", "192.0.2.9", false],
  ["an id where the address is not known", OWN, null, false],
])("%s has standing only if the graph knows it", async (_, id, ip, expected) => {
  const { hasStanding } = setUp();
  expect(await hasStanding(id, from(ip))).toBe(expected);
});

test("after too many unknown ids nothing of the address is looked up any more, until the window ends", async () => {
  const t = setUp();
  for (let n = 0; n < STRANGERS.limit; n++) await t.hasStanding(`forged-${n}`, from("192.0.2.9"));
  expect(t.lookedUp).toHaveLength(STRANGERS.limit);
  expect(await t.hasStanding(KNOWN, from("192.0.2.9"))).toBe(false);
  expect(t.lookedUp).toHaveLength(STRANGERS.limit);
  expect(await t.hasStanding(KNOWN, from("192.0.2.8"))).toBe(true);
  t.nowMs += STRANGERS.windowMs;
  expect(await t.hasStanding(KNOWN, from("192.0.2.9"))).toBe(true);
});

test("known ids of other addresses are not counted", async () => {
  const t = setUp();
  for (let n = 0; n < STRANGERS.limit + 10; n++) {
    expect(await t.hasStanding(KNOWN, from("192.0.2.9"))).toBe(true);
  }
});
