/**
 * Properties of throttle windows, for fast-check, over schedules of calls. The unit tests run them briefly, the fuzz tests at
 * length.
 * @module
 */
import fc from "fast-check";
import type { HotPath, Kernels } from "../../../wasm/hotpath.ts";
import { hotPathOf } from "./packagings.ts";
import { WindowModel } from "./window-model.ts";

/** One call of a schedule. `step`: how far the clock moves before it, in ms. */
interface Call {
  what: "take" | "peek" | "count" | "forget";
  key: number;
  step: number;
  window: number;
  limit: number;
}

const START = 1_750_000_000_000;

const what = fc.constantFrom<Call["what"]>(
  "take",
  "take",
  "take",
  "take",
  "take",
  "take",
  "peek",
  "count",
  "forget",
);
const anyway = fc.oneof(fc.constant(0), fc.nat(3), fc.nat(40), fc.integer({ min: -1500, max: 1500 }));
const anyWindow = fc.constantFrom(1, 7, 16, 40, 100, 999, 1600, 5000);
const anyLimit = fc.oneof(fc.nat(4), fc.integer({ min: 0, max: 64 }), fc.integer({ min: 65, max: 300 }));

/** Often many equal calls in a row, because otherwise no call would reach a large limit. */
const schedule = (call: fc.Arbitrary<Call>, maxLength: number) =>
  fc
    .array(
      fc.tuple(call, fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 2, max: 80 }))),
      {
        maxLength,
        size: "max",
      },
    )
    .map((groups) => groups.flatMap(([call, times]) => new Array<Call>(times).fill(call)));

/** Makes the same call on the hot path and on the model, and compares the results. */
function agree(hotPath: HotPath, model: WindowModel, call: Call, now: number): void {
  const name = `key ${call.key}`;
  if (call.what === "forget") {
    hotPath.forget(name);
    model.forget(name);
    return;
  }
  if (call.what === "count") {
    const [got, wanted] = [hotPath, model].map((of) => of.count(name, now, call.window));
    if (got !== wanted) throw new Error(`${JSON.stringify({ ...call, now })}: ${got} instead of ${wanted}`);
    return;
  }
  const full = hotPath.stats().refusedFull;
  const got = hotPath[call.what](name, now, call.window, call.limit);
  const wanted = model[call.what](name, now, call.window, call.limit);
  const say = () =>
    `${JSON.stringify({ ...call, now })}: ${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}`;
  const refused = hotPath.stats().refusedFull - full;
  if ("fullMs" in wanted) {
    if (got.admitted || got.remaining !== 0 || !(got.retryAfterMs > 0 && got.retryAfterMs <= wanted.fullMs)) {
      throw new Error(say());
    }
    if (refused !== (call.what === "take" ? 1 : 0)) throw new Error(`${say()}; counted ${refused}`);
    return;
  }
  const expected =
    "remaining" in wanted
      ? { admitted: true, remaining: wanted.remaining, retryAfterMs: 0 }
      : { admitted: false, remaining: 0, retryAfterMs: wanted.waitMs };
  if (JSON.stringify(got) !== JSON.stringify(expected) || refused !== 0) throw new Error(say());
}

/** Any clock, with windows and limits that change with every call: the results of the model, in a table with room. */
export function agreesWithModel(kernels: Kernels) {
  const call = fc.record({ what, key: fc.nat(3), step: anyway, window: anyWindow, limit: anyLimit });
  return fc.property(schedule(call, 60), (calls) => {
    const hotPath = hotPathOf(kernels, 1000);
    const model = new WindowModel(1000);
    let now = START;
    for (const call of calls) {
      now += call.step;
      agree(hotPath, model, call, now);
    }
  });
}

/** A clock that is sometimes far ahead or behind for a moment: the results of the model, in a table with room. */
export function agreesWithModelWhenClockJumps(kernels: Kernels) {
  const hour = 3_600_000;
  const jump = fc.constantFrom(hour, hour + 1, 2 * hour, 30 * 24 * hour, 365 * 24 * hour);
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.nat(40) },
    jump,
    jump.map((ms) => -ms),
  );
  const window = fc.constantFrom(40, 999, 5000, hour);
  const call = fc.record({ what, key: fc.nat(3), step, window, limit: anyLimit });
  return fc.property(schedule(call, 40), (calls) => {
    const hotPath = hotPathOf(kernels, 1000);
    const model = new WindowModel(1000);
    let now = START;
    for (const call of calls) {
      // Neither before the epoch nor after the last year of the kernels.
      now = Math.min(Math.max(now + call.step, 0), 4_000_000_000_000);
      agree(hotPath, model, call, now);
    }
  });
}

/**
 * After a jump of the clock in either direction no key refuses for longer than its window. While the clock only steps back, no
 * window of true time contains more admitted takes than the limit.
 */
export function survivesJumps(kernels: Kernels) {
  const day = 86_400_000;
  const jumps = fc.array(fc.constantFrom(-365 * day, -day, -7_200_001, 7_200_001, day, 365 * day), {
    maxLength: 6,
  });
  const rate = fc.record({
    window: fc.constantFrom(1000, 60_000, 3_600_000),
    limit: fc.integer({ min: 1, max: 64 }),
  });
  return fc.property(jumps, rate, fc.nat(90), (jumps, { window, limit }, takes) => {
    const hotPath = hotPathOf(kernels, 10);
    let time = START;
    for (const jump of jumps) {
      for (let i = 0; i < takes; i++) hotPath.take("key", time++, window, limit);
      const before = hotPath.count("key", time, window);
      time += jump;
      const after = hotPath.count("key", time, window);
      if (jump < 0 && after !== before)
        throw new Error(`${before} takes became ${after} when the clock stepped back`);
      if (hotPath.peek("key", time + window, window, limit).remaining !== limit) {
        throw new Error(`a window after a step of ${jump} ms the key is not free`);
      }
    }
  });
}

/** Small tables that fill up, in keys and in runs, with a clock that only advances: the results of the model. */
export function agreesWithModelWhenFull(kernels: Kernels) {
  const windows = [7, 100, 999, 1600];
  const limits = [64, 3, 64, 200, 1];
  const call = fc
    .record({ what, key: fc.nat(40), step: fc.oneof(fc.constant(0), fc.constant(1), fc.nat(30)) })
    .map((call) => ({ ...call, window: windows[call.key % 4]!, limit: limits[call.key % 5]! }));
  return fc.property(fc.integer({ min: 1, max: 30 }), schedule(call, 80), (maxKeys, calls) => {
    const hotPath = hotPathOf(kernels, maxKeys);
    const model = new WindowModel(maxKeys);
    let now = START;
    for (const call of calls) {
      now += call.step;
      agree(hotPath, model, call, now);
      if (hotPath.stats().keys > maxKeys) throw new Error("more keys than the table may hold");
    }
  });
}

/**
 * The rule itself, checked only by the admitted takes, for keys with a constant limit and window. The clock may step back, and the
 * table is small. No window of true time contains more admitted takes than the limit.
 */
export function neverOverLimit(kernels: Kernels) {
  const rates = [
    { window: 40, limit: 1 },
    { window: 100, limit: 5 },
    { window: 1000, limit: 64 },
    { window: 160, limit: 65 },
    { window: 1000, limit: 150 },
  ];
  const call = fc.record({
    key: fc.nat(19),
    step: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(60)),
    back: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.nat(300)),
    times: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 100 })),
  });
  const calls = fc.array(call, { maxLength: 120, size: "max" });
  return fc.property(fc.integer({ min: 1, max: 25 }), calls, (maxKeys, calls) => {
    const hotPath = hotPathOf(kernels, maxKeys);
    const admitted = new Map<number, number[]>();
    let time = START; // which moves on, whatever the clock says
    let behind = 0;
    for (const { key, step, back, times } of calls) {
      const { window, limit } = rates[key % rates.length]!;
      behind += back;
      const takes = admitted.get(key) ?? [];
      admitted.set(key, takes);
      for (let i = 0; i < times; i++) {
        time += step;
        if (hotPath.take(`key ${key}`, time - behind, window, limit).admitted) takes.push(time);
        const first = takes.length - 1 - limit;
        if (first >= 0 && takes.at(-1)! - takes[first]! < window) {
          throw new Error(
            `${limit + 1} takes of key ${key} from ${takes[first]} to ${time}, in less than ${window} ms`,
          );
        }
      }
    }
  });
}

/**
 * How strict a refusal may be, checked by the admitted takes. Up to a limit of 64: exact. Above: up to a sixteenth of the window too
 * long. A refused take is admitted after the returned wait, and not a millisecond earlier.
 */
export function refusesOnlyWhenDue(kernels: Kernels) {
  const rate = fc.record({
    window: fc.constantFrom(16, 40, 100, 999, 1600),
    limit: fc.integer({ min: 1, max: 200 }),
  });
  return fc.property(
    rate,
    fc.array(fc.oneof(fc.constant(0), fc.nat(3), fc.nat(60)), { maxLength: 600, size: "max" }),
    ({ window, limit }, steps) => {
      const hotPath = hotPathOf(kernels, 10);
      const takes: number[] = [];
      const within = (now: number, span: number) => takes.filter((take) => now - take < span).length;
      const early = limit > 64 ? Math.floor(window / 16) : 0;
      let now = START;
      for (const step of steps) {
        now += step;
        const { admitted, remaining, retryAfterMs } = hotPath.take("key", now, window, limit);
        if (admitted) {
          takes.push(now);
          if (limit <= 64 && remaining !== limit - within(now, window))
            throw new Error(`${remaining} remain at ${now}`);
          continue;
        }
        if (within(now, window + early) < limit) throw new Error(`refused too early at ${now}`);
        if (hotPath.peek("key", now + retryAfterMs - 1, window, limit).admitted)
          throw new Error("told to wait too long");
        if (!hotPath.peek("key", now + retryAfterMs, window, limit).admitted)
          throw new Error("told to wait too briefly");
      }
    },
  );
}

/** Arguments of every kind: refused, rejected or counted, and the table still works. */
export function survivesAnyArguments(kernels: Kernels) {
  const number = fc.oneof(
    fc.double(),
    fc.integer(),
    fc.constantFrom(
      0,
      -0,
      1,
      -1,
      24 * 86_400_000,
      2 ** 31,
      2 ** 32,
      2 ** 42,
      2 ** 53,
      2 ** 63,
      2 ** 64,
      1e300,
    ),
  );
  return fc.property(
    fc.array(fc.tuple(fc.string({ unit: "binary" }), number, number, number), { maxLength: 50 }),
    (calls) => {
      const hotPath = hotPathOf(kernels, 20);
      hotPath.take("witness", 5, 1000, 1);
      for (const [key, now, window, limit] of calls) {
        const valid =
          now >= 0 &&
          now < 2 ** 42 - 2 ** 31 &&
          window > 0 &&
          window <= 24 * 86_400_000 &&
          !Number.isNaN(limit);
        try {
          const { admitted, remaining, retryAfterMs } = hotPath.take(`fuzz ${key}`, now, window, limit);
          if (!valid) throw new Error(`accepted ${now}, ${window}, ${limit}`);
          if (admitted && !(limit >= 1)) throw new Error(`admitted under a limit of ${limit}`);
          if (admitted ? retryAfterMs !== 0 || remaining < 0 : !(retryAfterMs > 0))
            throw new Error("answered nonsense");
        } catch (error) {
          if (valid || !(error instanceof RangeError)) throw error;
        }
      }
      if (hotPath.peek("witness", 6, 1000, 1).admitted && hotPath.stats().keys < 20) {
        // Only a clock that advanced may have freed the room of the witness.
        if (!calls.some(([, now]) => now >= 1005)) throw new Error("the witness was forgotten");
      }
    },
  );
}
