import { settlesWithin } from "../lib/within.ts";
import type { Clock } from "../platform.ts";
import type { Cancellation } from "./cancellation.ts";
import type { Domains } from "./domains.ts";
import type { Choice, Fetcher } from "./fetcher.ts";
import type { LookUp, LookUpNeeds } from "./look-up.ts";
import type { Patience } from "./options.ts";
import type { Permit, Waiter } from "./permit.ts";
import type { SetAside } from "./set-aside.ts";
import { domainOf, type Source } from "./source.ts";

/** How the main path ended. */
export type MainPathEnd =
  | { kind: "done"; arrivals: number }
  | { kind: "not ours" }
  /** Every untried source belongs to one of these domains, which have no room. */
  | { kind: "throttled"; domains: ReadonlySet<string> };

/** How a turn in a domain's queue ended. `done`: nothing is needed any more. */
export type TurnEnd =
  | { kind: "done"; arrivals: number }
  | { kind: "requeue" }
  | { kind: "put back" }
  | { kind: "leave" };

/** What {@link Paths} needs. */
export interface PathsOptions<Need, Item, Receipt> {
  lookUp: LookUpNeeds<Need>;
  domains: Domains;
  fetcher: Fetcher<Need, Item, Receipt>;
  /** Domains that are never asked. */
  ownDomains: ReadonlySet<string>;
  /** Fetches that the main path runs at once for one identifier. */
  concurrency: number;
  /** How long it waits for those that run before it starts another one; `null`: not at all. */
  patience: Patience | null;
  clock: Clock;
  setAside: SetAside;
}

/** A fetch of the main path. */
interface Running {
  readonly permit: Permit;
  /** Milliseconds on the engine's clock. */
  readonly startedAt: number;
}

/** Waits until one of the fetches has ended, or each of them has stalled or taken long. */
async function endOrStall(
  running: ReadonlyMap<Promise<void>, Running>,
  { idleMs, totalMs }: Patience,
  clock: Clock,
): Promise<void> {
  for (;;) {
    const stallsAt = [...running.values()].map(({ permit: { progressAt }, startedAt }) =>
      Math.min(Math.max(progressAt, startedAt) + idleMs, startedAt + totalMs),
    );
    const waitMs = Math.max(...stallsAt) - clock.now();
    if (waitMs <= 0 || (await settlesWithin(Promise.race(running.keys()), waitMs, clock))) return;
  }
}

/** The two ways to a source: the main path, and a turn in a domain's queue. Both look up what is needed, choose, and fetch. */
export class Paths<Need, Item, Receipt> {
  readonly #options: PathsOptions<Need, Item, Receipt>;

  constructor(options: PathsOptions<Need, Item, Receipt>) {
    this.#options = options;
  }

  /**
   * Asks source after source until nothing is needed or no domain with an untried source has room. Never waits for a
   * throttled domain.
   * @param tried is filled with the keys of the sources that were asked.
   * @param cancellation tells when the identifier is not wanted any more.
   * @throws what the look-up throws.
   */
  async main(identifier: string, tried: Set<string>, cancellation: Cancellation): Promise<MainPathEnd> {
    const { lookUp, fetcher, concurrency, patience, clock } = this.#options;
    const refused = new Set<string>();
    const running = new Map<Promise<void>, Running>();
    const fetch = async (choice: Choice<Need>) => {
      const { key } = choice.source;
      tried.add(key);
      if ((await fetcher.fetchFrom(choice, cancellation)) !== "refused") return;
      tried.delete(key);
      refused.add(choice.permit.domain.name);
    };
    try {
      for (;;) {
        if (running.size >= concurrency) await Promise.race(running.keys());
        else if (running.size > 0 && patience !== null) await endOrStall(running, patience, clock);
        const found = await lookUp(identifier, cancellation);
        const next = found.kind === "needed" ? this.#reserve(identifier, found, tried, refused) : found;
        if ("permit" in next) {
          const task: Promise<void> = fetch(next).finally(() => running.delete(task));
          running.set(task, { permit: next.permit, startedAt: clock.now() });
        } else if (running.size > 0) {
          // What they bring may change the answer.
          await Promise.race(running.keys());
        } else {
          return next;
        }
      }
    } finally {
      await Promise.all(running.keys());
    }
  }

  /**
   * A turn of an identifier in a domain's queue: fetches from one source. Ends the permit.
   * @throws what the look-up throws.
   */
  async turn(waiter: Waiter, permit: Permit, cancellation: Cancellation): Promise<TurnEnd> {
    const { lookUp, fetcher } = this.#options;
    const { identifier } = waiter.state;
    let choice: Choice<Need> | null = null;
    try {
      const found = await lookUp(identifier, cancellation);
      if (found.kind === "done") return found;
      const source = found.kind === "needed" ? this.#nextSource(waiter, found.sources) : undefined;
      if (found.kind !== "needed" || source === undefined) return { kind: "leave" };
      const admitted = permit.start();
      if (admitted === false) return { kind: "put back" };
      choice = { source, items: found.items, permit, admitted, arrivals: found.arrivals };
    } finally {
      if (choice === null) permit.end(null);
    }
    if ((await fetcher.fetchFrom(choice, cancellation)) === "refused") return { kind: "put back" };
    waiter.addTried([choice.source.key]);
    const left = await lookUp(identifier, cancellation);
    if (left.kind === "done") return left;
    const isLeft = left.kind === "needed" && this.#nextSource(waiter, left.sources) !== undefined;
    return { kind: isLeft ? "requeue" : "leave" };
  }

  /** Chooses the first untried source whose domain has room, takes that room, and counts the start. */
  #reserve(
    identifier: string,
    { items, sources, arrivals }: LookUp<Need> & { kind: "needed" },
    tried: ReadonlySet<string>,
    refused: ReadonlySet<string>,
  ): Choice<Need> | MainPathEnd {
    const throttled = new Set<string>();
    for (const source of sources) {
      const domain = tried.has(source.key) ? null : this.#domainOf(identifier, source);
      if (domain === null || throttled.has(domain)) continue;
      const permit = refused.has(domain) ? null : this.#options.domains.reserve(domain, identifier);
      const admitted = permit?.start() ?? false;
      if (permit !== null && admitted !== false) return { source, items, permit, admitted, arrivals };
      permit?.end(null);
      throttled.add(domain);
    }
    return { kind: "throttled", domains: throttled };
  }

  /** The first untried source of a waiter's domain. */
  #nextSource({ state, domain, tried }: Waiter, sources: readonly Source[]): Source | undefined {
    return sources.find(
      (source) => !tried?.has(source.key) && this.#domainOf(state.identifier, source) === domain.name,
    );
  }

  /** The domain of a source; `null` if the source must not be asked. */
  #domainOf(identifier: string, source: Source): string | null {
    const domain = domainOf(source.url);
    if (domain === null || this.#options.ownDomains.has(domain)) return null;
    return this.#options.setAside.has(identifier, source.key) ? null : domain;
  }
}
