import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AnswerCache, type Produce } from "../../../../../worker/grasp/git/answer-cache.ts";
import { GitPool, PoolBusy } from "../../../../../worker/grasp/git/pool.ts";
import { BrokenOff, MAX_MEMORY_BYTES, type SpoolReader } from "../../../../../worker/grasp/git/spool.ts";
import { manualClock } from "../../../../support/manual-clock.ts";

const MIB = 1024 ** 2;
let folder: string;
let pool: GitPool;
let clock: ReturnType<typeof manualClock>;
let runs: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-cache-"));
  clock = manualClock();
  pool = new GitPool({ clock });
  runs = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

const cacheOf = (memoryBytes = 32 * MIB, diskBytes = 8 * MIB) =>
  new AnswerCache(folder, pool, { memoryBytes, diskBytes });
/** Writes so many bytes, in pieces of 64 KiB. */
const bytes =
  (count: number, fill = 7): Produce =>
  async (spool) => {
    runs++;
    for (let left = count; left > 0; left -= 65_536) {
      await spool.append(Buffer.alloc(Math.min(left, 65_536), fill));
    }
    return true;
  };
async function whole(answer: Uint8Array | SpoolReader): Promise<Buffer> {
  if (answer instanceof Uint8Array) return Buffer.from(answer);
  const parts: Uint8Array[] = [];
  for (let part = await answer.next(); part !== null; part = await answer.next()) parts.push(part);
  answer.close();
  return Buffer.concat(parts);
}
/** Of a client that does not leave. */
const stays = new AbortController().signal;
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("answers that are kept (G32, G33)", () => {
  test.each([1000, MAX_MEMORY_BYTES + 1, 3 * MIB])(
    "%i bytes are made once and given twice",
    async (count) => {
      const cache = cacheOf();
      const first = await whole(await cache.long("key", "a", bytes(count), stays));
      await settled();
      const second = await whole(await cache.long("key", "b", bytes(count, 8), stays));
      expect([first.length, second.equals(first), runs]).toEqual([count, true, 1]);
      expect(cache.counts()).toMatchObject({ hits: 1, misses: 1 });
      expect(await whole(await cache.long("other key", "b", bytes(10), stays))).toHaveLength(10);
      expect(runs).toBe(2);
    },
  );

  test("requests at the same time share one process and one slot; a slow reader does not slow another", async () => {
    const cache = cacheOf();
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const produce: Produce = async (spool, signal) => {
      await spool.append(Buffer.alloc(1000));
      await gate;
      return bytes(2 * MIB)(spool, signal);
    };
    const slow = (await cache.long("key", "a", produce, stays)) as SpoolReader;
    const fast = (await cache.long("key", "b", produce, stays)) as SpoolReader;
    expect(pool.counts().used.read).toBe(1);
    await slow.next();
    go();
    expect(await whole(fast)).toHaveLength(2 * MIB + 1000);
    expect([runs, cache.counts().shared, pool.counts().used.read]).toEqual([1, 1, 0]);
    expect(await whole(slow)).toHaveLength(2 * MIB);
  });

  test("an answer that breaks off is told as broken, and not kept (G36)", async () => {
    const cache = cacheOf();
    const produce: Produce = async (spool) => {
      runs++;
      await spool.append(Buffer.alloc(10));
      throw new Error("git failed");
    };
    for (let n = 0; n < 2; n++) {
      await expect(whole(await cache.long("key", "a", produce, stays))).rejects.toThrow(BrokenOff);
    }
    expect(runs).toBe(2);
  });

  test("when all readers are gone the process is ended, and nothing is left (G19)", async () => {
    const cache = cacheOf();
    let ended = false;
    const produce: Produce = async (spool, signal) => {
      await spool.append(Buffer.alloc(MIB));
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      ended = true;
      throw new Error("ended");
    };
    const [one, two] = [
      (await cache.long("key", "a", produce, stays)) as SpoolReader,
      (await cache.long("key", "a", produce, stays)) as SpoolReader,
    ];
    await one.next();
    one.close();
    await settled();
    expect(ended).toBe(false);
    two.close();
    while (readdirSync(folder).length > 0 || pool.counts().used.read > 0) await settled();
    expect([ended, readdirSync(folder), pool.counts().used.read]).toEqual([true, [], 0]);
  });

  test("what was not used for longest makes room; disk and memory stay within their bounds", async () => {
    const cache = cacheOf(200_000, 2 * MIB);
    for (const key of ["a", "b", "c", "d"]) {
      expect(await whole(await cache.long(key, "x", bytes(700_000), stays))).toHaveLength(700_000);
      await settled();
    }
    expect(cache.counts().diskBytes).toBeLessThanOrEqual(2 * MIB);
    await whole(await cache.long("a", "x", bytes(700_000), stays));
    expect(runs).toBe(5);
    for (let n = 0; n < 50; n++) await cache.short(`${n}`, async () => new Uint8Array(10_000));
    expect(cache.counts().memoryBytes).toBeLessThanOrEqual(200_000);
  });

  test("an answer for which there is no room is passed on whole, and not kept", async () => {
    const cache = cacheOf(MIB, MIB);
    expect(await whole(await cache.long("key", "a", bytes(3 * MIB), stays))).toHaveLength(3 * MIB);
    await settled();
    expect(cache.counts().diskBytes).toBe(0);
    await whole(await cache.long("key", "a", bytes(3 * MIB), stays));
    expect(runs).toBe(2);
  });

  test("who waits for the same answer lends its own slot: an address with 8 processes delays nobody else", async () => {
    const cache = cacheOf();
    const releases = await Promise.all(Array.from({ length: 8 }, () => pool.take("read", "busy")));
    const waiting = cache.long("key", "busy", bytes(10), stays);
    expect(await whole(await cache.long("key", "other", bytes(10), stays))).toHaveLength(10);
    expect([(await whole(await waiting)).length, runs]).toEqual([10, 1]);
    for (const release of releases) release();
  });

  test("a client that leaves waits for no slot; another one with the same wish still does (G19)", async () => {
    const cache = cacheOf();
    const releases = await Promise.all(Array.from({ length: 8 }, () => pool.take("read", "busy")));
    const leaving = new AbortController();
    const left = cache.long("key", "busy", bytes(10), leaving.signal).catch((reason) => reason);
    const stayed = cache.long("key", "busy", bytes(10), stays);
    leaving.abort("left");
    expect([await left, pool.counts().waiting.read]).toEqual(["left", 1]);
    for (const release of releases) release();
    expect([(await whole(await stayed)).length, runs]).toEqual([10, 1]);
  });

  test("without a slot in 30 s the answer is PoolBusy (G24)", async () => {
    const cache = cacheOf();
    await Promise.all(Array.from({ length: 8 }, () => pool.take("read", "busy")));
    const waiting = cache.long("key", "busy", bytes(10), stays).catch((error) => error);
    await clock.settle(30_000);
    expect(await waiting).toBeInstanceOf(PoolBusy);
    expect(pool.counts().waiting.read).toBe(0);
  });
});
