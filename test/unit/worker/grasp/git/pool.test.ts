import { expect, test } from "vitest";
import { SLOT_LIMITS } from "../../../../../runtime/grasp/git/slots.ts";
import { GitPool, PoolBusy, SLOT_WAIT_MS } from "../../../../../worker/grasp/git/pool.ts";
import { manualClock } from "../../../../support/manual-clock.ts";

const ONE_READ = { ...SLOT_LIMITS, reads: 1 };

test("a slot that is given back goes to the next; counts tell both (G30, O12)", async () => {
  const pool = new GitPool({ clock: manualClock(), limits: ONE_READ });
  const release = await pool.take("read", "a");
  const second = pool.take("read", "b");
  expect([pool.counts().used.read, pool.counts().waiting.read]).toEqual([1, 1]);
  release();
  (await second)();
  expect([pool.counts().used.read, pool.counts().waiting.read]).toEqual([0, 0]);
});

test("without a slot in 30 s the wish fails with PoolBusy and takes none later (G24)", async () => {
  const clock = manualClock();
  const pool = new GitPool({ clock, limits: ONE_READ });
  const release = await pool.take("read", "a");
  const late = pool.take("read", "b").catch((error) => error);
  await clock.settle(SLOT_WAIT_MS - 1);
  expect(pool.counts().waiting.read).toBe(1);
  await clock.settle(1);
  expect(await late).toBeInstanceOf(PoolBusy);
  release();
  expect(pool.counts()).toMatchObject({ used: { read: 0 }, waiting: { read: 0 }, refused: 1 });
  expect(clock.waiting()).toBe(0);
});

test("our own work waits without a limit of time", async () => {
  const clock = manualClock();
  const pool = new GitPool({ clock, limits: { ...SLOT_LIMITS, all: 1, reservedForOwn: 1 } });
  const release = await pool.take("own", null);
  const second = pool.take("own", null);
  await clock.settle(10 * SLOT_WAIT_MS);
  release();
  expect(await second).toBeTypeOf("function");
});

test("a signal ends the wait, before and after it begins", async () => {
  const clock = manualClock();
  const pool = new GitPool({ clock, limits: ONE_READ });
  await pool.take("read", "a");
  const end = new AbortController();
  const waiting = pool.take("read", "b", end.signal).catch((reason) => reason);
  end.abort("gone");
  expect(await waiting).toBe("gone");
  expect(await pool.take("read", "b", end.signal).catch((reason) => reason)).toBe("gone");
  expect([pool.counts().waiting.read, clock.waiting()]).toEqual([0, 0]);
});

test("run gives the slot back after a failure, too", async () => {
  const pool = new GitPool({ clock: manualClock() });
  await expect(
    pool.run("push", "a", async () => {
      throw new Error("failed");
    }),
  ).rejects.toThrow("failed");
  expect(pool.counts().used.push).toBe(0);
});

test("idle waits until no process runs and none is wanted (O21)", async () => {
  const pool = new GitPool({ clock: manualClock(), limits: ONE_READ });
  await pool.idle();
  const release = await pool.take("read", "a");
  const second = pool.take("read", "b");
  let isIdle = false;
  const idle = pool.idle().then(() => {
    isIdle = true;
  });
  release();
  const releaseSecond = await second;
  expect(isIdle).toBe(false);
  releaseSecond();
  await idle;
});
