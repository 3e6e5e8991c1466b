import fc from "fast-check";
import { expect, test } from "vitest";
import { type LocalTables, localLimiter } from "../../../../runtime/limiters/local.ts";
import type { RateFamily, RateLimiter, TakeResult } from "../../../../runtime/platform.ts";
import { createHotPath } from "../../../../wasm/hotpath.ts";
import { inlineKernels } from "../../../../wasm/inline.ts";
import { tableSizes } from "../../../../worker/ec/table-needs.ts";
import { makeTables } from "../../../../worker/hosts/table-sizes.ts";
import { amount } from "../../../support/amount.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const HOUR_MS = 3_600_000;
const kernels = inlineKernels();
const random = { fill: (target: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(target) };
const table = (maxKeys: number) => createHotPath(kernels, { maxKeys, random });

/** A limiter with small tables and a manual clock. */
function small({ partners = 100, visitors = 100, shared = 800 } = {}) {
  const clock = manualClock();
  const tables: LocalTables = {
    partners: table(partners),
    visitors: table(visitors),
    shared: table(shared),
  };
  return { clock, limiter: localLimiter(tables, clock), tables };
}

/** Number of keys whose take a synchronous limiter admits. */
function admitted(limiter: RateLimiter, family: RateFamily, keys: Iterable<string>, limit = 1): number {
  let count = 0;
  for (const key of keys) {
    const taken = limiter.take(key, { limit, windowMs: HOUR_MS, family });
    if ("then" in taken) throw new Error("the limiter waits");
    if (taken.admitted) count++;
  }
  return count;
}

function* names(prefix: string, count: number) {
  for (let i = 0; i < count; i++) yield `${prefix} ${i}`;
}

test("many keys of one family take no room of another family", () => {
  const { limiter } = small();
  admitted(limiter, "visitors", names("visitor", 5000));
  admitted(limiter, "addresses", names("address", 5000));
  expect(admitted(limiter, "partners", names("partner", 100))).toBe(100);
  expect(admitted(limiter, "partners", names("one more", 1))).toBe(0);
});

test("a full visitors' table counts new visitors in shared counts, and calls the listener", () => {
  const { limiter } = small({ visitors: 100, shared: 8000 });
  const told: string[] = [];
  limiter.watch!((name) => told.push(name));
  expect(admitted(limiter, "visitors", names("first", 100))).toBe(100);
  expect(told).toEqual([]);
  expect(admitted(limiter, "visitors", names("later", 50), 3)).toBe(50);
  expect(told).toEqual(new Array(50).fill("visitors"));
  // A key at its limit stays at it.
  expect(admitted(limiter, "visitors", names("first", 100))).toBe(0);
  expect(limiter.tables!()).toEqual([
    expect.objectContaining({ table: "partners", keys: 0, refusedFull: 0 }),
    expect.objectContaining({ table: "visitors", keys: 100, maxKeys: 100, refusedFull: 50 }),
    expect.objectContaining({ table: "addresses", maxKeys: 8000, refusedFull: 0 }),
  ]);
});

test("addresses never fill a table", () => {
  const { limiter } = small({ shared: 800 });
  expect(admitted(limiter, "addresses", names("address", 20_000), 1000)).toBe(20_000);
  expect(limiter.tables!()[2]).toMatchObject({ refusedFull: 0 });
  expect(limiter.tables!()[2]!.keys).toBeLessThanOrEqual(100);
});

test("no key exceeds its limit in tables that fill up and become free", () => {
  const call = fc.record({
    key: fc.nat(11),
    step: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(1200)),
    together: fc.boolean(),
    members: fc.subarray([0, 1, 2, 3, 4], { minLength: 1 }),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(call, { maxLength: 250 }), (maxKeys, calls) => {
      const { clock, limiter } = small({ visitors: maxKeys, shared: 64 });
      const takes = new Map<string, number[]>();
      const windowMs = 1000;
      for (const { key, step, together, members } of calls) {
        clock.advance(step);
        const kind = together ? "pull" : "pixel";
        const asked = members.map((member) => ({
          name: `m${member}`,
          key: `${kind}:m${member}:${key}`,
          limit: 1 + (member % 3),
        }));
        const answers = together
          ? (limiter.takeEach!(`all:${key}`, asked, windowMs) as TakeResult[])
          : asked.map((member) =>
              limiter.take(member.key, { limit: member.limit, windowMs, family: "visitors" }),
            );
        asked.forEach((member, i) => {
          const answer = answers[i]!;
          if ("then" in answer || !answer.admitted) return;
          const all = takes.get(member.key) ?? [];
          takes.set(member.key, all);
          all.push(clock.now());
          const first = all.at(-1 - member.limit);
          if (first !== undefined && clock.now() - first < windowMs)
            throw new Error(`${member.key} over its limit`);
        });
      }
    }),
    { numRuns: 400 },
  );
});

test("takeEach returns the same results as take for each key", () => {
  const call = fc.record({
    group: fc.nat(2),
    step: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(1200)),
    members: fc.subarray([0, 1, 2, 3, 4, 5], { minLength: 1 }),
  });
  fc.assert(
    fc.property(fc.array(call, { maxLength: 200 }), (calls) => {
      const { clock, limiter } = small({ visitors: 1000 });
      const plain = localLimiter(table(1000), clock);
      for (const { group, step, members } of calls) {
        clock.advance(step);
        const asked = members.map((member) => ({
          name: `m${member}`,
          key: `m${member}:${group}`,
          limit: 1 + member,
        }));
        const wanted = asked.map(({ key, limit }) =>
          plain.take(key, { limit, windowMs: 1000, family: "visitors" }),
        );
        expect(limiter.takeEach!(`all:${group}`, asked, 1000)).toEqual(wanted);
      }
    }),
    { numRuns: 400 },
  );
});

test("an hour of many new addresses and ten partners takes one key per address, in the reserved memory", () => {
  const clock = manualClock();
  const addresses = amount(200_000, 20_000);
  const sizes = tableSizes({
    throttle: { maxKeys: null, addressesPerHour: addresses },
    partners: Array.from({ length: 10 }, () => ({ pullSyncEnabled: true, allowedReturnDomains: [] })),
  });
  const limiter = localLimiter(makeTables(sizes, table), clock);
  const bytes = () => limiter.tables!().reduce((sum, view) => sum + view.bytes, 0);
  const before = bytes();
  let pulls = 0;
  for (let visitor = 0; visitor < addresses; visitor++) {
    if (visitor % 1000 === 0) clock.advance((HOUR_MS * 1000) / addresses);
    const members = Array.from({ length: 10 }, (_, i) => ({
      name: `partner-${i}`,
      key: `pull:partner-${i}:${visitor}`,
      limit: 10,
    }));
    const taken = limiter.takeEach!(`pull:${visitor}`, members, HOUR_MS) as TakeResult[];
    for (const { admitted } of taken) if (admitted) pulls++;
  }
  expect(pulls).toBe(10 * addresses);
  expect(limiter.tables!()[1]).toMatchObject({ table: "visitors", keys: addresses, refusedFull: 0 });
  expect(bytes()).toBe(before);
}, 60_000);

test("windows use the monotonic clock of the host, not its time", () => {
  const clock = { wallMs: 1_800_000_000_000, upMs: 5.5 };
  const limiter = localLimiter(table(100), { now: () => clock.wallMs, monotonic: () => clock.upMs });
  const rate = { limit: 1, windowMs: 60_000 };
  expect(limiter.take("key", rate)).toMatchObject({ admitted: true });
  for (const setTo of [0, 4_000_000_000_000, 1_800_000_000_000]) {
    clock.wallMs = setTo;
    expect(limiter.take("key", rate)).toMatchObject({ admitted: false, retryAfterMs: 60_000 });
  }
  clock.upMs += 60_000;
  expect(limiter.take("key", rate)).toMatchObject({ admitted: true });
});
