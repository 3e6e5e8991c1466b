import { describe, expect, test } from "vitest";
import type { Finalization } from "../../../../../runtime/ec/finalize.ts";
import { memoryStore } from "../../../../../runtime/stores/memory.ts";
import { cookieChange } from "../../../../../worker/ec/browser/cookies.ts";
import { clientIn, deviceSecret } from "../../../../../worker/ec/browser/device.ts";
import { type BrowserOptions, configOf } from "../../../../../worker/ec/browser/options.ts";
import { createTurns } from "../../../../../worker/ec/browser/turns.ts";
import { parseConfig } from "../../../../../worker/ec/config.ts";
import { manualClock } from "../../../../support/manual-clock.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const options: BrowserOptions = {
  publisher: { domain: "publisher.example" },
  clientUrl: "/client.json",
  pullSyncConcurrency: 2,
  partners: [
    {
      id: "ssp",
      pullSyncEnabled: true,
      pullSyncUrl: "https://ssp.example/pull",
      pullSyncAllowedDomains: ["ssp.example"],
    },
  ],
};

describe("the configuration of a service worker", () => {
  test("has the device's passphrase, and reads no id from a header", () => {
    const config = parseConfig(configOf(options, SECRET));
    expect(config).toMatchObject({ passphrases: [SECRET], readEcHeader: false, pullSyncConcurrency: 2 });
    expect(config.operator.tokenHash).toBeNull();
    expect(config.partners).toMatchObject([{ id: "ssp", pullSyncUrl: "https://ssp.example/pull" }]);
  });

  test.each<[string, object]>([
    ["passphrases", { passphrases: ["a secret of the publisher's"] }],
    ["operator", { operator: { tokenHash: "0".repeat(64) } }],
    ["partners[1].apiKey", { partners: [{ id: "a" }, { id: "b", apiKey: "a-key-of-the-partner-s" }] }],
    ["partners[0].apiKeyHash", { partners: [{ id: "a", apiKeyHash: "0".repeat(64) }] }],
    ["partners[0].pullToken", { partners: [{ id: "a", pullToken: "a-token-of-the-partner-s" }] }],
  ])("refuses %s, without telling it", (field, part) => {
    const refused = () => configOf({ ...options, ...part } as BrowserOptions, SECRET);
    expect(refused).toThrow(`${field}: `);
    expect(refused).not.toThrow(/of the p/);
  });
});

test("concurrent calls create one device secret", async () => {
  const store = memoryStore({ clock: manualClock() });
  let byte = 0;
  const random = { fill: (target: Uint8Array) => void target.fill(++byte) };
  const made = await Promise.all([deviceSecret(store, random), deviceSecret(store, random)]);
  expect(made[0]).toBe(made[1]);
  expect(made[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(await deviceSecret(store, random)).toBe(made[0]);
});

describe("an answer of clientUrl", () => {
  test.each([
    [{ ip: "203.0.113.7", country: "FR", region: null }],
    [{ ip: null, country: null, region: null }],
  ])("%j", (answer) => expect(clientIn({ ...answer, more: 1 })).toEqual(answer));

  test("a missing field is null", () => {
    expect(clientIn({ country: "JP" })).toEqual({ ip: null, country: "JP", region: null });
  });

  test.each([[null], [[]], ["203.0.113.7"], [{ ip: 1 }], [{ country: ["FR"] }], [{ region: {} }]])(
    "%j is no answer",
    (answer) => expect(() => clientIn(answer)).toThrow(/clientUrl must answer/),
  );
});

test.each<[Finalization, ReturnType<typeof cookieChange>]>([
  [{ branch: "new", id: "x" }, { id: "x" }],
  [{ branch: "returning", id: "x", restoreCookie: true }, { id: "x" }],
  [{ branch: "returning", id: "x", restoreCookie: false }, null],
  [{ branch: "withdrawal", tombstones: [] }, "delete"],
  [{ branch: "erasure" }, "delete"],
  [{ branch: "denied" }, null],
  [{ branch: "anonymous" }, null],
])("the cookie after %j", (end, change) => expect(cookieChange(end)).toEqual(change));

test("turns come one after the other, and ending one twice has no effect", async () => {
  const take = createTurns();
  const order: string[] = [];
  const run = async (name: string) => {
    const end = await take();
    order.push(`${name} begins`);
    await null;
    order.push(`${name} ends`);
    end();
    end();
  };
  await Promise.all(["a", "b", "c"].map(run));
  expect(order).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
});
