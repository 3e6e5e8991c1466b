/**
 * One take in a window: a key among 300,000, at random, all of them seen before, none at its limit. As in a server, the
 * key is a text made for the request and not one that a map has met before. The others count in fixed windows, which is
 * less work: across a boundary they admit up to twice the limit.
 * @module
 */
import { MemoryStore } from "hono-rate-limiter";
import { RateLimiterMemory } from "rate-limiter-flexible";
import { createHotPath, type HotPath } from "../../wasm/hotpath.ts";
import { inlineKernels } from "../../wasm/inline.ts";
import { type Contender, measure, report, residentBytes } from "./harness.ts";

const KEYS = 300_000;
const WINDOW_MS = 3_600_000;
/** Records each take with its own millisecond. */
const EXACT_LIMIT = 64;
/** Groups the takes of a sixteenth of the window. */
const LARGE_LIMIT = 1_000_000;

const decoder = new TextDecoder();
const bytes = new TextEncoder().encode("ip:198.  .   .   ");
/** Views of the first bytes, each made once: garbage between turns would displace the caches of all. */
const beginnings = Array.from({ length: bytes.length + 1 }, (_, length) => bytes.subarray(0, length));

/** Writes a number up to 255. @returns the position after it. */
function writeByte(value: number, at: number): number {
  if (value > 99) bytes[at++] = 48 + Math.trunc(value / 100);
  if (value > 9) bytes[at++] = 48 + (Math.trunc(value / 10) % 10);
  bytes[at] = 48 + (value % 10);
  return at + 1;
}

/** A new text: not a concatenation, and without a cached hash of an earlier look-up. */
function keyOf(i: number): string {
  let end = writeByte(i >> 16, "ip:198.".length);
  bytes[end] = 46;
  end = writeByte((i >> 8) & 255, end + 1);
  bytes[end] = 46;
  return decoder.decode(beginnings[writeByte(i & 255, end + 1)]);
}

let keys: string[] = [];
let step = 1;
function prepare(times: number): void {
  keys = Array.from({ length: times }, () => {
    step = (Math.imul(step, 1103515245) + 12345) >>> 0;
    return keyOf(Math.floor((step / 2 ** 32) * KEYS));
  });
}

/** Growth of the process for each key, after one take of all keys. */
async function bytesPerKey(take: (key: string) => unknown): Promise<number> {
  const before = residentBytes();
  for (let i = 0; i < KEYS; i++) await take(keyOf(i));
  return Math.round((residentBytes() - before) / KEYS);
}

let sink = 0;
const random = { fill: (target: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(target) };
const newHotPath = () => createHotPath(inlineKernels(), { maxKeys: KEYS, random });
const newFlexible = () => new RateLimiterMemory({ points: LARGE_LIMIT, duration: WINDOW_MS / 1000 });
function newStore(): MemoryStore {
  const store = new MemoryStore();
  store.init({ windowMs: WINDOW_MS } as Parameters<typeof store.init>[0]);
  return store;
}
const [exact, large, flexible, store] = [newHotPath(), newHotPath(), newFlexible(), newStore()];

const taking = (name: string, hotPath: HotPath, limit: number): Contender => ({
  name,
  prepare,
  run(times) {
    for (let i = 0; i < times; i++) if (hotPath.take(keys[i]!, Date.now(), WINDOW_MS, limit).admitted) sink++;
  },
});
const contenders: Contender[] = [
  taking("millrace", large, LARGE_LIMIT),
  taking(`millrace, limit ${EXACT_LIMIT}`, exact, EXACT_LIMIT),
  {
    name: "rate-limiter-flexible",
    prepare,
    async run(times) {
      for (let i = 0; i < times; i++) if ((await flexible.consume(keys[i]!)).remainingPoints > 0) sink++;
    },
  },
  {
    name: "hono-rate-limiter (its store)",
    prepare,
    async run(times) {
      for (let i = 0; i < times; i++) if ((await store.increment(keys[i]!)).totalHits <= LARGE_LIMIT) sink++;
    },
  },
];

/** One take of each contender, in their order. */
const takesFrom = (large: HotPath, exact: HotPath, flexible: RateLimiterMemory, store: MemoryStore) => [
  (key: string) => large.take(key, Date.now(), WINDOW_MS, LARGE_LIMIT),
  (key: string) => exact.take(key, Date.now(), WINDOW_MS, EXACT_LIMIT),
  (key: string) => flexible.consume(key),
  (key: string) => store.increment(key),
];

// Warms up until the process has not grown for three passes: garbage of compilers and keys does not count.
const thrownAway = newStore();
for (const take of takesFrom(newHotPath(), newHotPath(), newFlexible(), thrownAway)) {
  for (let i = 0; i < KEYS / 15; i++) await take(keyOf(i));
}
thrownAway.shutdown();
for (let passes = 0, still = 0; passes < 20 && still < 3; passes++) {
  const grown = await bytesPerKey((key) => sink + key.length);
  still = Math.abs(grown) > 1 ? 0 : still + 1;
}
const takes = takesFrom(large, exact, flexible, store);
const memory: Record<string, number> = {};
for (const [i, { name }] of contenders.entries()) memory[name] = await bytesPerKey(takes[i]!);

// Turns are long enough for each to fill the caches as it would alone.
const results = await measure(contenders, { rounds: 21, turnMs: 200 });
if (sink === 0 || large.stats().keys !== KEYS) throw new Error("the takes were not counted");
report(results.map((result) => ({ ...result, bytesPerKey: memory[result.name]! })));
store.shutdown();
