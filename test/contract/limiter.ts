/**
 * The contract of every {@link RateLimiter}. A new adapter is one file and a call of this.
 * @module
 */
import type { RateLimit, RateLimiter, TakeResult } from "../../runtime/platform.ts";
import { type ContractCase, ok, same } from "./case.ts";

/** A new limiter and its environment. */
export interface LimiterUnderTest {
  limiter: RateLimiter;
  /** Moves the clock of the limiter; a negative time sets it back. */
  advance(ms: number): void | Promise<void>;
  dispose(): void | Promise<void>;
}

/** How to create a limiter, and what it can do. */
export interface LimiterHarness {
  /** Whether `advance` accepts negative times; false if the test cannot set the clock of the limiter. */
  clockCanBeSetBack: boolean;
  /** Window lengths that each limit is compared with the model for, in milliseconds. Default: a second, a minute, an hour. */
  windowsMs?: readonly number[];
  open(): LimiterUnderTest | Promise<LimiterUnderTest>;
}

/** Up to this limit, windows are exact in both directions; above, a refusal may last longer by this part of the window. */
const EXACT_LIMIT = 64;
const EARLY = 1 / 16;

/** The suite for one limiter. */
export function limiterContract(harness: LimiterHarness): ContractCase[] {
  const cases: ContractCase[] = [];

  const promise = (name: string, run: (under: LimiterUnderTest) => Promise<void>) => {
    cases.push({
      name,
      async run() {
        const under = await harness.open();
        try {
          await run(under);
        } finally {
          await under.dispose();
        }
      },
    });
  };

  promise("admits up to the limit and counts down", async ({ limiter }) => {
    for (let left = 4; left >= 0; left--) {
      const admitted = { admitted: true, remaining: left, retryAfterMs: 0 };
      same(
        await limiter.take("key", { limit: 5, windowMs: 60_000 }),
        admitted,
        `with ${left} left afterwards`,
      );
    }
    const refused = await limiter.take("key", { limit: 5, windowMs: 60_000 });
    same([refused.admitted, refused.remaining], [false, 0], "the take after the limit");
  });

  promise("counts each key separately", async ({ limiter }) => {
    const rate = { limit: 2, windowMs: 60_000 };
    const keys = ["a", "b", "aa", "a ", "", "A", "ä", "😀", "k".repeat(300), `${"k".repeat(299)}l`];
    for (const key of keys) {
      same((await limiter.take(key, rate)).remaining, 1, `after the first take of ${JSON.stringify(key)}`);
    }
    for (const key of keys) {
      same((await limiter.take(key, rate)).remaining, 0, `after the second take of ${JSON.stringify(key)}`);
      ok(!(await limiter.take(key, rate)).admitted, `the third take of ${JSON.stringify(key)} is refused`);
    }
  });

  promise("applies a separate limit and window to each key", async ({ limiter, advance }) => {
    const [slow, fast] = [
      { limit: 1, windowMs: 300_000 },
      { limit: 30, windowMs: 1000 },
    ];
    ok((await limiter.take("slow", slow)).admitted, "the first slow take");
    same(await takeMany(limiter, "fast", fast, 40), 30, "how many fast takes pass at once");
    await advance(1000);
    ok(!(await limiter.take("slow", slow)).admitted, "the slow key is still held");
    same(await takeMany(limiter, "fast", fast, 40), 30, "how many fast takes pass a window later");
    await advance(299_000);
    ok((await limiter.take("slow", slow)).admitted, "the slow key is free after its own window");
  });

  promise(
    "admits no more than the limit across a boundary of fixed windows",
    async ({ limiter, advance }) => {
      const rate = { limit: 10, windowMs: 1000 };
      for (let offset = 0; offset < 1000; offset += 125) {
        const key = `at ${offset}`;
        same(await takeMany(limiter, key, rate, 10), 10, "the first ten");
        await advance(875);
        same(await takeMany(limiter, key, rate, 10), 0, "how many pass within the same window");
        await advance(124);
        same(await takeMany(limiter, key, rate, 10), 0, "how many pass in the window's last millisecond");
        await advance(1);
        same(await takeMany(limiter, key, rate, 11), 10, "how many pass a whole window later");
        await advance(125);
      }
    },
  );

  promise("each take leaves the window at its own time", async ({ limiter, advance }) => {
    const rate = { limit: 5, windowMs: 1000 };
    for (let n = 0; n < 5; n++) {
      ok((await limiter.take("key", rate)).admitted, `take ${n}`);
      await advance(100);
    }
    for (let n = 0; n < 20; n++) {
      const gap = n === 0 ? 500 : n % 5 === 0 ? 600 : 100;
      await advance(gap - 1);
      ok(!(await limiter.take("key", rate)).admitted, `just before take ${n} leaves the window`);
      await advance(1);
      ok((await limiter.take("key", rate)).admitted, `as take ${n} leaves the window`);
      ok(!(await limiter.take("key", rate)).admitted, `only one take for the one that left`);
    }
  });

  promise("retryAfterMs is the time until the same take is admitted", async ({ limiter, advance }) => {
    const next = random(7);
    for (const limit of [1, 2, 10, 64, 65, 300]) {
      const rate = { limit, windowMs: 10_000 };
      const key = `limit ${limit}`;
      let refusals = 0;
      for (let n = 0; refusals < 30; n++) {
        const take = await limiter.take(key, rate);
        sane(take, rate);
        if (take.admitted) {
          await advance(Math.floor((next() * 1.2 * rate.windowMs) / limit));
          continue;
        }
        refusals++;
        await advance(take.retryAfterMs - 1);
        ok(
          !(await limiter.take(key, rate)).admitted,
          `${key}: a millisecond before retryAfterMs it is refused`,
        );
        await advance(1);
        ok((await limiter.take(key, rate)).admitted, `${key}: after retryAfterMs it is admitted`);
        ok(n < 200_000, "refusals come");
      }
    }
  });

  promise("remaining is the number of further takes that are admitted", async ({ limiter, advance }) => {
    const next = random(8);
    for (const limit of [1, 2, 10, 64, 65, 300]) {
      const rate = { limit, windowMs: 10_000 };
      for (let round = 0; round < 12; round++) {
        const first = await limiter.take(`limit ${limit}`, rate);
        if (first.admitted) {
          const some = Math.floor(next() * (first.remaining + 1));
          same(await takeMany(limiter, `limit ${limit}`, rate, some), some, `how many of ${some} takes pass`);
          const rest = first.remaining - some;
          if (round % 3 === 0) {
            same(
              await takeMany(limiter, `limit ${limit}`, rate, rest + 5),
              rest,
              `how many more of ${rest} pass`,
            );
          }
        }
        await advance(Math.floor(next() * 6000));
      }
    }
  });

  promise("refused takes do not count", async ({ limiter, advance }) => {
    const rate = { limit: 3, windowMs: 1000 };
    await takeMany(limiter, "key", rate, 3);
    for (let ms = 0; ms < 999; ms += 37) {
      await takeMany(limiter, "key", rate, 5);
      await advance(ms + 37 > 999 ? 999 - ms : 37);
    }
    await advance(1);
    same(await takeMany(limiter, "key", rate, 5), 3, "how many pass after a window of refusals");
  });

  promise("admits exactly the limit of racing takes", async ({ limiter }) => {
    const rate = { limit: 50, windowMs: 60_000 };
    const takes = await Promise.all(Array.from({ length: 400 }, () => limiter.take("key", rate)));
    same(takes.filter(({ admitted }) => admitted).length, 50, "how many of 400 takes at once are admitted");
    const told = takes.filter(({ admitted }) => admitted).map(({ remaining }) => remaining);
    same(new Set(told).size, 50, "how many different numbers remaining the admitted were told");
  });

  for (const limit of [1, 3, 30, 64, 65, 100, 700]) {
    promise(
      `never admits more than ${limit} in any window, and refuses only if necessary`,
      async ({ limiter, advance }) => {
        for (const windowMs of harness.windowsMs ?? [1000, 60_000, 3_600_000]) {
          await followsModel(limiter, advance, { limit, windowMs }, random(limit + windowMs));
        }
      },
    );
  }

  if (harness.clockCanBeSetBack) {
    promise("admits no further take when its clock is set back", async ({ limiter, advance }) => {
      const rate = { limit: 4, windowMs: 1000 };
      await advance(5000);
      same(await takeMany(limiter, "key", rate, 10), 4, "how many pass at first");
      for (const ms of [1, 500, 1000, 3000]) {
        await advance(-ms);
        same(await takeMany(limiter, "key", rate, 10), 0, `how many pass after ${ms} ms were set back`);
      }
      await advance(4501);
      same(await takeMany(limiter, "key", rate, 10), 0, "how many pass when the clock is back where it was");
      await advance(1000);
      same(await takeMany(limiter, "key", rate, 10), 4, "how many pass a window later");
    });

    promise("after a clock was far ahead, no key refuses for longer than its window", async (under) => {
      const { limiter, advance } = under;
      const rate = { limit: 4, windowMs: 1000 };
      for (const ahead of [2 * 3_600_000, 365 * 86_400_000]) {
        const key = `${ahead} ahead`;
        await advance(ahead);
        same(await takeMany(limiter, key, rate, 3), 3, "how many pass while the clock is ahead");
        await advance(100);
        same(await takeMany(limiter, key, rate, 10), 1, "how many more");
        await advance(-ahead);
        same(await takeMany(limiter, key, rate, 10), 0, "how many pass when the clock is right again");
        await advance(899);
        same(
          await takeMany(limiter, key, rate, 10),
          0,
          "how many pass before the first have left the window",
        );
        await advance(1);
        same(await takeMany(limiter, key, rate, 10), 3, "how many pass when they have");
        await advance(100);
        same(await takeMany(limiter, key, rate, 10), 1, "how many pass when the last has");
      }
    });
  }

  return cases;
}

/** Takes at random times, in bursts and pauses, compared with a list of the times of admitted takes. */
async function followsModel(
  limiter: RateLimiter,
  advance: LimiterUnderTest["advance"],
  rate: RateLimit,
  next: () => number,
): Promise<void> {
  const { limit, windowMs } = rate;
  const key = `model ${limit} ${windowMs}`;
  const early = limit > EXACT_LIMIT ? Math.ceil(windowMs * EARLY) : 0;
  const admitted: number[] = [];
  let nowMs = 0;
  let refusals = 0;
  const stretch = Math.ceil(1.5 * limit) + 20;
  for (let n = 0; n < 8 * stretch; n++) {
    // In turn more, as many, many more and fewer takes than the limit, with pauses between.
    const pace = [0.3, 1, 0.01, 3][Math.floor(n / stretch) % 4]!;
    const step = n % stretch === 0 ? windowMs * next() : (windowMs / limit) * pace * 2 * next();
    nowMs += Math.floor(step);
    await advance(Math.floor(step));
    const within = (ms: number) => admitted.length - countUntil(admitted, nowMs - ms);
    const take = await limiter.take(key, rate);
    sane(take, rate);
    if (take.admitted) {
      ok(within(windowMs) < limit, `take ${n}: more than ${limit} in ${windowMs} ms`);
      admitted.push(nowMs);
    } else {
      refusals++;
      ok(within(windowMs + early) >= limit, `take ${n}: refused with room for it`);
    }
  }
  ok(refusals > limit && admitted.length > limit, "the schedule has refusals and admissions");
}

/** Number of ascending times that are `atMs` or earlier. Counting one after the other took most of the time of slow hosts. */
function countUntil(times: readonly number[], atMs: number): number {
  let [from, to] = [0, times.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (times[middle]! <= atMs) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** What holds for every result. */
function sane(take: TakeResult, { limit, windowMs }: RateLimit): void {
  const { admitted, remaining, retryAfterMs } = take;
  ok(
    Number.isInteger(remaining) && remaining >= 0 && remaining < limit,
    `remaining is ${remaining} of ${limit}`,
  );
  ok(Number.isInteger(retryAfterMs), `retryAfterMs is ${retryAfterMs}`);
  if (admitted) same(retryAfterMs, 0, "retryAfterMs of an admitted take");
  else ok(retryAfterMs >= 1 && retryAfterMs <= windowMs * (1 + EARLY) + 1, `retryAfterMs is ${retryAfterMs}`);
  ok(admitted || remaining === 0, "a refused take has nothing remaining");
}

/** Number of admitted takes of `count`. */
async function takeMany(limiter: RateLimiter, key: string, rate: RateLimit, count: number): Promise<number> {
  let admitted = 0;
  for (let n = 0; n < count; n++) if ((await limiter.take(key, rate)).admitted) admitted++;
  return admitted;
}

/** Numbers in [0, 1) that are the same in every run: Marsaglia's xorshift with 32 bits. */
function random(seed: number): () => number {
  let state = seed * 2_654_435_761 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
