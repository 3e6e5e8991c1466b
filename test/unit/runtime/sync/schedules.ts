import fc from "fast-check";
import type { RateLimiter, Store, StoreEntry } from "../../../../runtime/platform.ts";
import { memoryStore } from "../../../../runtime/stores/memory.ts";
import type { DomainLimits, Patience } from "../../../../runtime/sync/index.ts";
import { ABORT_GRACE_MS, EXPIRY_MS } from "../../../../runtime/sync/schedule.ts";
import { BrokenPromise } from "./broken-promise.ts";
import { type EngineModule, Harness, type ServerBehaviour } from "./harness.ts";
import { Invariants } from "./invariants.ts";

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
  | { do: "behave"; domain: number; as: ServerBehaviour }
  | { do: "set the clock"; ms: number }
  | { do: "set limits"; domain: number; limits: DomainLimits }
  | { do: "try now"; identifier: number; items: number[] }
  | { do: "drop"; identifier: number }
  | { do: "end"; identifier: number; how: "completed" | "expired" }
  | { do: "extend expiry"; identifier: number; atLeastMs: number }
  | { do: "restart"; timeoutMs: number }
  | { do: "set look-up time"; ms: number };

/** One random life of an engine. */
export interface Schedule {
  urls: Url[][];
  limits: DomainLimits[];
  idleTimeoutMs: number;
  totalTimeoutMs: number;
  lookTimeoutMs: number;
  expiryMs: number;
  abortGraceMs: number;
  maxConcurrentTotal: number | undefined;
  keyPrefix: string | undefined;
  hasLease: boolean;
  mainPathConcurrency: number | undefined;
  mainPathPatience: Patience | undefined;
  lookMs: number;
  limiterMs: number | undefined;
  events: Event[];
}

const limits: fc.Arbitrary<DomainLimits> = fc.record({
  maxConcurrent: fc.integer({ min: 1, max: 3 }),
  maxPerMinute: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant(20)),
});

const latencyMs = fc.oneof(fc.constantFrom(0, 1, 15, 50), fc.integer({ min: 100, max: 20_000 }));

const behaviour: fc.Arbitrary<ServerBehaviour> = fc.oneof(
  fc.record({ kind: fc.constant("serves" as const), latencyMs }),
  fc.record({ kind: fc.constant("fails" as const), latencyMs }),
  fc.constant({ kind: "hangs" as const }),
  fc.constant({ kind: "ignores the signal" as const }),
  fc.record({
    kind: fc.constant("limits" as const),
    latencyMs,
    retryAfterMs: fc.option(fc.integer({ min: 0, max: 90_000 })),
  }),
  fc.record({
    kind: fc.constant("streams" as const),
    everyMs: fc.constantFrom(500, 2_500, 9_000),
    times: fc.integer({ min: 1, max: 12 }),
  }),
  fc.record({
    kind: fc.constant("refuses the source" as const),
    latencyMs,
    // Half of them until the next fresh start.
    forMs: fc.option(fc.integer({ min: 0, max: 600_000 }), { freq: 1 }),
  }),
  fc.record({
    kind: fc.constant("needs more requests" as const),
    latencyMs,
    more: fc.integer({ min: 1, max: 3 }),
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
      do: fc.constant("end" as const),
      identifier,
      how: fc.constantFrom("completed" as const, "expired" as const),
    }),
    weight: 1,
  },
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
  {
    arbitrary: fc.record({
      do: fc.constant("set look-up time" as const),
      ms: fc.constantFrom(0, 20, 2_000),
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
  idleTimeoutMs: fc.constantFrom(3_000, 10_000, 30_000),
  totalTimeoutMs: fc.constantFrom(3_000, 30_000, 150_000),
  expiryMs: fc.constantFrom(EXPIRY_MS, 90_000),
  lookTimeoutMs: fc.constantFrom(1_000, 30_000),
  abortGraceMs: fc.constantFrom(ABORT_GRACE_MS, ABORT_GRACE_MS, 5_000),
  maxConcurrentTotal: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  keyPrefix: fc.constantFrom(undefined, "other:"),
  hasLease: fc.boolean(),
  mainPathConcurrency: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  mainPathPatience: fc.option(
    fc.record({ idleMs: fc.constantFrom(100, 2_000), totalMs: fc.constantFrom(500, 10_000) }),
    { nil: undefined },
  ),
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
  code: EngineModule,
  schedule: Schedule,
  options: RunOptions = {},
): Promise<() => string> {
  const current = schedule.limits.map((limits) => ({ ...limits }));
  const limitsOf = (name: string) => current[Number(name[1])]!;
  let watch: Invariants | undefined;
  const { urls: _urls, limits: _limits, events: _events, hasLease, ...settings } = schedule;
  let limiter: RateLimiter | undefined;
  const store = memoryStore({ clock: { now: () => harness.clock.now() } });
  const harness: Harness = new Harness(code, {
    ...settings,
    lease: hasLease ? { store, holder: "one" } : undefined,
    limitsFor: limitsOf,
    limiter: options.limiter && { take: (key, rate) => limiter!.take(key, rate) },
    onStart: (start) => watch!.onStart(start),
    onAnotherStart: (start) => watch!.onAnotherStart(start),
    onProgress: (start) => watch!.onProgress(start),
    onEnd: (start, end, reason) => watch!.onEnd(start, end, reason),
    onProcess: (identifier, items, origin) => watch!.onProcess(identifier, items, origin),
  });
  const limiterClock = code.monotonicClock(harness.clock);
  limiter = options.limiter?.(() => limiterClock.now());
  const leaseKey = (identifier: string) => `${schedule.keyPrefix ?? ""}sync:lease:${identifier}`;
  watch = new Invariants(harness, {
    limitsOf,
    maxConcurrentTotal: schedule.maxConcurrentTotal ?? Number.POSITIVE_INFINITY,
    idleTimeoutMs: schedule.idleTimeoutMs,
    totalTimeoutMs: schedule.totalTimeoutMs,
    lookTimeoutMs: schedule.lookTimeoutMs,
    expiryMs: schedule.expiryMs,
    holdsLease: hasLease ? (identifier) => isHeld(store.get(leaseKey(identifier))) : null,
  });
  harness.onEvent = (event) => watch.onEvent(event);
  harness.clock.onStep = () => watch.afterStep();
  schedule.urls.forEach((urls, of) => {
    const sources = urls.map(
      (url, index) =>
        [`https://${domainName(url.domain)}/${of}/${index}`, url.has.map((i) => itemName(of, i))] as const,
    );
    harness.needsFrom(identifierName(of), [], Object.fromEntries(sources));
  });
  try {
    harness.engine.start();
    for (const event of schedule.events) {
      const { do: what, ...facts } = event;
      if (!what.startsWith("wait")) watch.note(`--- ${what}`, facts);
      await perform(event, harness, watch, current);
    }
    await heal(schedule, harness, watch);
    await stop(harness, watch, 10_000);
    return () => watch.trace();
  } catch (error) {
    if (error instanceof BrokenPromise) error.cause = watch.trace();
    throw error;
  }
}

async function perform(
  event: Event,
  harness: Harness,
  watch: Invariants,
  limits: DomainLimits[],
): Promise<void> {
  switch (event.do) {
    case "arrive": {
      const name = identifierName(event.identifier);
      for (const item of event.items) harness.needs.get(name)!.add(itemName(event.identifier, item));
      watch.arrived(name);
      harness.engine.enqueue(name, event.delayMs);
      return;
    }
    case "wait":
      return harness.clock.run(event.ms);
    case "wait for an end": {
      const before = watch.ended;
      await harness.clock.run(30_000, () => watch.ended > before);
      return harness.clock.run(event.plusMs);
    }
    case "behave":
      harness.behaviours.set(domainName(event.domain), event.as);
      return;
    case "set the clock":
      return setClock(event.ms, harness, watch);
    case "set limits":
      await allAnswered(harness);
      limits[event.domain] = event.limits;
      harness.engine.limitsChanged(domainName(event.domain));
      return harness.clock.run(0);
    case "try now": {
      const name = identifierName(event.identifier);
      for (const item of event.items) harness.needs.get(name)!.add(itemName(event.identifier, item));
      watch.tried(name, harness.engine.tryNow(name));
      return;
    }
    case "drop": {
      const name = identifierName(event.identifier);
      harness.engine.drop(name);
      harness.needs.get(name)!.clear();
      watch.dropped(name);
      return;
    }
    case "end": {
      const name = identifierName(event.identifier);
      harness.needs.get(name)!.clear();
      watch.ends(name, () => harness.engine.end(name, event.how));
      return;
    }
    case "extend expiry":
      harness.engine.extendExpiry(identifierName(event.identifier), event.atLeastMs);
      return;
    case "restart": {
      const snapshot = await stop(harness, watch, event.timeoutMs);
      harness.engine = harness.newEngine();
      harness.engine.start(JSON.parse(JSON.stringify(snapshot)));
      return;
    }
    case "set look-up time":
      harness.options.lookMs = event.ms;
  }
}

/** What the memory store answers, which is never a promise. */
function isHeld(entry: ReturnType<Store["get"]>): boolean {
  return (entry as StoreEntry | null)?.value === "one";
}

/** What changes between a limiter's count and its answer, no limiter can know. */
async function allAnswered(harness: Harness): Promise<void> {
  await harness.clock.run(0);
  while (harness.pendingAnswers > 0) await harness.clock.run(1);
}

async function setClock(ms: number, harness: Harness, watch: Invariants): Promise<void> {
  await allAnswered(harness);
  harness.clock.jump(ms);
  watch.jumped(ms);
}

async function stop(harness: Harness, watch: Invariants, timeoutMs: number) {
  let snapshot: unknown;
  void harness.engine.stop(timeoutMs).then((answer) => {
    snapshot = answer;
  });
  // Nothing is demanded of an engine that is stopping except that it stops.
  harness.clock.onStep = () => {};
  harness.clock.thorough = true;
  const graceMs = harness.options.abortGraceMs ?? ABORT_GRACE_MS;
  await harness.clock.run(timeoutMs + 2 * graceMs, () => snapshot !== undefined);
  if (snapshot === undefined) throw new BrokenPromise("stop ends in time", `stop(${timeoutMs})`);
  watch.stopped();
  harness.clock.thorough = false;
  harness.clock.onStep = () => watch.afterStep();
  return snapshot;
}

/** The happy end: all servers serve, and nothing new arrives. */
async function heal(schedule: Schedule, harness: Harness, watch: Invariants): Promise<void> {
  watch.note("--- all servers are well from now on");
  harness.options.lookMs = 0;
  schedule.limits.forEach((_, index) => {
    harness.behaviours.set(domainName(index), { kind: "serves", latencyMs: 20 });
  });
  schedule.urls.forEach((_, of) => {
    const name = identifierName(of);
    const known = harness.engine.extendExpiry(name, 24 * 3_600_000);
    if (watch.admitted.has(name) !== known) throw new BrokenPromise("not lost", `${name}, known: ${known}`);
  });
  /** Whether no source has what is missing, or only one that waits for a fresh start. */
  const isImpossible = (name: string) => {
    const sources = [...harness.sources.get(name)!].filter(([url]) => !watch.waitsForFreshStart(name, url));
    const has = new Set(sources.flatMap(([, items]) => items));
    return [...harness.needs.get(name)!].some((item) => !has.has(item));
  };
  const isDone = () => [...watch.admitted.keys()].every(isImpossible);
  await harness.clock.run(2 * 3_600_000, isDone);
  if (!isDone()) throw new BrokenPromise("completes", `${[...watch.admitted.keys()]}`);
  watch.note("--- what cannot complete expires");
  await setClock(25 * 3_600_000, harness, watch);
  await harness.clock.run(2_000);
  if (watch.admitted.size > 0) throw new BrokenPromise("expires", `${[...watch.admitted.keys()]}`);
  if (harness.engine.inspect().queued > 0) throw new BrokenPromise("expires", "the queue is not empty");
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
