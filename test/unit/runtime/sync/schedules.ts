import fc from "fast-check";
import type { RateLimiter } from "../../../../runtime/platform.ts";
import type { DomainLimits } from "../../../../runtime/sync/schedule.ts";
import { BrokenPromise, Invariants } from "./invariants.ts";
import { type Behaviour, type Code, Stage } from "./stage.ts";

const DOMAINS = 3;
const IDENTIFIERS = 5;
const ITEMS = 3;

/** A URL of an identifier: where it is and which of the identifier's items it has. */
interface Url {
  domain: number;
  has: number[];
}

/** What can happen. */
type Event =
  | { do: "arrive"; identifier: number; items: number[]; delayMs: number }
  | { do: "wait"; ms: number }
  | { do: "wait for an end"; plusMs: number }
  | { do: "behave"; domain: number; as: Behaviour }
  | { do: "set the clock"; ms: number }
  | { do: "set limits"; domain: number; limits: DomainLimits }
  | { do: "try now"; identifier: number; items: number[] }
  | { do: "drop"; identifier: number }
  | { do: "extend expiry"; identifier: number; atLeastMs: number }
  | { do: "restart"; timeoutMs: number };

/** One random life of an engine. */
export interface Schedule {
  urls: Url[][];
  limits: DomainLimits[];
  fetchTimeoutMs: number;
  mainPathConcurrency: number | undefined;
  lookMs: number;
  limiterMs: number | undefined;
  events: Event[];
}

const limits: fc.Arbitrary<DomainLimits> = fc.record({
  maxConcurrent: fc.integer({ min: 1, max: 3 }),
  maxPerMinute: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant(20)),
});

const latencyMs = fc.oneof(fc.constantFrom(0, 1, 15, 50), fc.integer({ min: 100, max: 20_000 }));

const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  fc.record({ kind: fc.constant("serves" as const), latencyMs }),
  fc.record({ kind: fc.constant("fails" as const), latencyMs }),
  fc.constant({ kind: "hangs" as const }),
  fc.constant({ kind: "ignores the signal" as const }),
  fc.record({
    kind: fc.constant("limits" as const),
    latencyMs,
    retryAfterMs: fc.option(fc.integer({ min: 0, max: 90_000 })),
  }),
);

const domain = fc.nat(DOMAINS - 1);
const identifier = fc.nat(IDENTIFIERS - 1);
const items = fc.subarray([...Array(ITEMS).keys()], { minLength: 1 });

const wait = fc.record({
  do: fc.constant("wait" as const),
  ms: fc.oneof(
    // The loop's own rhythm, and a little past it: when things are under way.
    fc.constantFrom(1, 5, 20, 500, 1_000, 1_001, 1_010, 1_025),
    fc.integer({ min: 1, max: 3_000 }),
    fc.integer({ min: 1, max: 70_000 }),
  ),
});
const arrive = fc.record({
  do: fc.constant("arrive" as const),
  identifier,
  items,
  delayMs: fc.constantFrom(0, 0, 500, 500, 5_000, 180_000),
});
const event: fc.Arbitrary<Event> = fc.oneof(
  { arbitrary: wait, weight: 8 },
  { arbitrary: arrive, weight: 8 },
  {
    arbitrary: fc.record({ do: fc.constant("wait for an end" as const), plusMs: fc.constantFrom(0, 1, 10) }),
    weight: 2,
  },
  { arbitrary: fc.record({ do: fc.constant("behave" as const), domain, as: behaviour }), weight: 4 },
  { arbitrary: fc.record({ do: fc.constant("set limits" as const), domain, limits }), weight: 1 },
  {
    arbitrary: fc.record({
      do: fc.constant("set the clock" as const),
      ms: fc.oneof(fc.integer({ min: 1, max: 600_000 }), fc.integer({ min: -600_000, max: -1 })),
    }),
    weight: 1,
  },
  { arbitrary: fc.record({ do: fc.constant("try now" as const), identifier, items }), weight: 1 },
  { arbitrary: fc.record({ do: fc.constant("drop" as const), identifier }), weight: 1 },
  {
    arbitrary: fc.record({
      do: fc.constant("extend expiry" as const),
      identifier,
      atLeastMs: fc.integer({ min: 0, max: 3_600_000 }),
    }),
    weight: 1,
  },
  {
    arbitrary: fc.record({
      do: fc.constant("restart" as const),
      timeoutMs: fc.constantFrom(0, 1_000, 10_000),
    }),
    weight: 1,
  },
);

/** Random schedules. */
export const schedules: fc.Arbitrary<Schedule> = fc.record({
  urls: fc.array(
    fc.array(fc.record({ domain, has: fc.subarray([...Array(ITEMS).keys()]) }), {
      minLength: 1,
      maxLength: 5,
    }),
    { minLength: IDENTIFIERS, maxLength: IDENTIFIERS },
  ),
  limits: fc.array(limits, { minLength: DOMAINS, maxLength: DOMAINS }),
  fetchTimeoutMs: fc.constantFrom(3_000, 10_000, 30_000),
  mainPathConcurrency: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  lookMs: fc.constantFrom(0, 0, 0, 1, 20, 300),
  limiterMs: fc.oneof({ arbitrary: fc.constant(undefined), weight: 2 }, fc.constantFrom(0, 3)),
  events: fc.array(event, { minLength: 3, maxLength: 40 }),
});

const domainName = (index: number) => `d${index}.test`;
const identifierName = (index: number) => `id${index}`;
const itemName = (of: number, item: number) => `${identifierName(of)}/item${item}`;

/** What a run can be given instead of the usual. */
export interface RunOptions {
  /** Makes the limiter; left out: one that is easy to believe. */
  limiter?: (now: () => number) => RateLimiter;
}

/**
 * Runs one schedule in virtual time with every invariant watched at every step, then heals all servers and demands that
 * whatever can complete does, and that whatever cannot expires.
 * @returns what tells what happened, a line each.
 * @throws {BrokenPromise} at the first invariant that does not hold; its `cause` is what happened until then.
 */
export async function runSchedule(
  code: Code,
  schedule: Schedule,
  options: RunOptions = {},
): Promise<() => string> {
  const current = schedule.limits.map((limits) => ({ ...limits }));
  const limitsOf = (name: string) => current[Number(name[1])]!;
  let watch: Invariants | undefined;
  const { fetchTimeoutMs, lookMs, limiterMs, mainPathConcurrency } = schedule;
  let limiter: RateLimiter | undefined;
  const stage: Stage = new Stage(code, {
    fetchTimeoutMs,
    lookMs,
    limiterMs,
    mainPathConcurrency,
    limitsFor: limitsOf,
    limiter: options.limiter && { take: (key, rate) => limiter!.take(key, rate) },
    onStart: (start) => watch!.onStart(start),
    onEnd: (start, end) => watch!.onEnd(start, end),
  });
  const limiterClock = code.steadyClock(stage.clock);
  limiter = options.limiter?.(() => limiterClock.now());
  watch = new Invariants(stage, limitsOf);
  stage.onLog = (_level, message, fields) => watch.onLog(message, fields);
  stage.clock.onStep = () => watch.afterStep();
  schedule.urls.forEach((urls, of) => {
    const sources = urls.map(
      (url, index) =>
        [`https://${domainName(url.domain)}/${of}/${index}`, url.has.map((i) => itemName(of, i))] as const,
    );
    stage.needsFrom(identifierName(of), [], Object.fromEntries(sources));
  });
  try {
    stage.engine.start();
    for (const event of schedule.events) {
      const { do: what, ...facts } = event;
      if (!what.startsWith("wait")) watch.note(`--- ${what}`, facts);
      await perform(event, stage, watch, current);
    }
    await heal(schedule, stage, watch);
    await stop(stage, watch, 10_000);
    return () => watch.trace();
  } catch (error) {
    if (error instanceof BrokenPromise) error.cause = watch.trace();
    throw error;
  }
}

async function perform(event: Event, stage: Stage, watch: Invariants, limits: DomainLimits[]): Promise<void> {
  switch (event.do) {
    case "arrive": {
      const name = identifierName(event.identifier);
      for (const item of event.items) stage.needs.get(name)!.add(itemName(event.identifier, item));
      watch.admitted.set(name, { steady: watch.steady });
      stage.engine.enqueue(name, event.delayMs);
      return;
    }
    case "wait":
      return stage.clock.run(event.ms);
    case "wait for an end": {
      const before = watch.ended;
      await stage.clock.run(30_000, () => watch.ended > before);
      return stage.clock.run(event.plusMs);
    }
    case "behave":
      stage.behaviours.set(domainName(event.domain), event.as);
      return;
    case "set the clock":
      return setClock(event.ms, stage, watch);
    case "set limits":
      await allAnswered(stage);
      limits[event.domain] = event.limits;
      stage.engine.limitsChanged(domainName(event.domain));
      return stage.clock.run(0);
    case "try now": {
      const name = identifierName(event.identifier);
      for (const item of event.items) stage.needs.get(name)!.add(itemName(event.identifier, item));
      watch.tried(name, stage.engine.tryNow(name));
      return;
    }
    case "drop": {
      const name = identifierName(event.identifier);
      stage.engine.drop(name);
      stage.needs.get(name)!.clear();
      watch.forget(name);
      return;
    }
    case "extend expiry":
      stage.engine.extendExpiry(identifierName(event.identifier), event.atLeastMs);
      return;
    case "restart": {
      const snapshot = await stop(stage, watch, event.timeoutMs);
      stage.engine = stage.newEngine();
      stage.engine.start(JSON.parse(JSON.stringify(snapshot)));
    }
  }
}

/** What changes between a limiter's count and its answer, no limiter can know. */
async function allAnswered(stage: Stage): Promise<void> {
  await stage.clock.run(0);
  while (stage.pendingAnswers > 0) await stage.clock.run(1);
}

async function setClock(ms: number, stage: Stage, watch: Invariants): Promise<void> {
  await allAnswered(stage);
  stage.clock.jump(ms);
  watch.jumped(ms);
}

async function stop(stage: Stage, watch: Invariants, timeoutMs: number) {
  let snapshot: unknown;
  void stage.engine.stop(timeoutMs).then((answer) => {
    snapshot = answer;
  });
  // Nothing is demanded of an engine that is stopping except that it stops.
  stage.clock.onStep = () => {};
  stage.clock.thorough = true;
  await stage.clock.run(timeoutMs + 1_000, () => snapshot !== undefined);
  if (snapshot === undefined) throw new BrokenPromise(`stop(${timeoutMs}) did not end in time`);
  watch.stopped();
  stage.clock.thorough = false;
  stage.clock.onStep = () => watch.afterStep();
  return snapshot;
}

/** The happy end: all servers serve, and nothing new arrives. */
async function heal(schedule: Schedule, stage: Stage, watch: Invariants): Promise<void> {
  watch.note("--- all servers are well from now on");
  schedule.limits.forEach((_, index) => {
    stage.behaviours.set(domainName(index), { kind: "serves", latencyMs: 20 });
  });
  const impossible = new Set<string>();
  schedule.urls.forEach((urls, of) => {
    const name = identifierName(of);
    const known = stage.engine.extendExpiry(name, 24 * 3_600_000);
    if (watch.admitted.has(name) !== known) throw new BrokenPromise(`${name} got lost: ${known}`);
    const has = new Set(urls.flatMap((url) => url.has.map((item) => itemName(of, item))));
    for (const item of stage.needs.get(name)!) if (!has.has(item)) impossible.add(name);
  });
  const isDone = () => [...watch.admitted.keys()].every((name) => impossible.has(name));
  await stage.clock.run(2 * 3_600_000, isDone);
  if (!isDone()) throw new BrokenPromise(`not complete in two hours: ${[...watch.admitted.keys()]}`);
  watch.note("--- what cannot complete expires");
  await setClock(25 * 3_600_000, stage, watch);
  await stage.clock.run(2_000);
  if (watch.admitted.size > 0) throw new BrokenPromise(`not expired: ${[...watch.admitted.keys()]}`);
  if (stage.engine.inspect().queued > 0) throw new BrokenPromise("the queue is not empty");
}

/** What to tell of a failed check: the promise, the smallest schedule that breaks it, and what happened in it. */
export function report({
  counterexample,
  errorInstance,
  seed,
  numShrinks,
}: fc.RunDetails<[Schedule]>): string {
  const error = errorInstance as Error;
  const { urls, events, ...settings } = counterexample![0];
  const lines = [
    `${error.message}`,
    `The smallest schedule that shows it (seed ${seed}, shrunk ${numShrinks} times):`,
    `  settings  ${JSON.stringify(settings)}`,
  ];
  urls.forEach((list, of) => {
    for (const { domain, has } of list) {
      lines.push(
        `  ${identifierName(of)} may ask ${domainName(domain)}, which has items ${JSON.stringify(has)}`,
      );
    }
  });
  for (const event of events) lines.push(`  ${JSON.stringify(event)}`);
  return [...lines, "What happened:", error.cause ?? error.stack].join("\n");
}
