import { valueWithin } from "../lib/within.ts";
import type { Clock } from "../platform.ts";
import type { SyncContext } from "./context.ts";
import type { Slot } from "./domain.ts";
import type { Lease } from "./lease.ts";
import { domainOf } from "./source.ts";
import type { Throttle } from "./throttle.ts";

/** What one look at an identifier found. */
export interface Wanted<Need> {
  items: readonly Need[];
  sources: readonly string[];
}

/** A source, with the room to fetch from it. */
export interface Choice<Need> {
  kind: "source";
  source: string;
  items: readonly Need[];
  slot: Slot;
}

/** What to do next for an identifier. */
export type Next<Need> =
  | Choice<Need>
  /** Nothing is pending or needed. `arrivals`: how many events had arrived when that was asked. */
  | { kind: "done"; arrivals: number }
  /** Every untried source is at one of these domains, which have no room. */
  | { kind: "none"; closed: ReadonlySet<string> }
  /** It is not ours to work on: another instance does, or it is not wanted any more. */
  | { kind: "not ours" };

/** What a {@link Chooser} needs. */
export interface ChooserOptions<Need, Item> {
  context: SyncContext<Need, Item>;
  /** Measures the patience with the context. */
  clock: Clock;
  throttle: Throttle;
  lease: Lease | null;
  /** Domains that are never asked. */
  ownDomains: ReadonlySet<string>;
  /** How long the context may take to say what is needed. */
  timeoutMs: number;
  /** How many events have arrived for an identifier. */
  arrivals: (identifier: string) => number;
}

/** Chooses the next source: looks what is needed, who may have it, and who of them has room. */
export class Chooser<Need, Item> {
  readonly #options: ChooserOptions<Need, Item>;

  constructor(options: ChooserOptions<Need, Item>) {
    this.#options = options;
  }

  /**
   * For the main path: an untried source whose domain has room, which is taken in the same breath.
   * @param refused domains that are known to have none.
   * @param isWanted whether to go on with the identifier.
   * @throws what the context throws, and if it takes too long. So do the others.
   */
  async next(
    identifier: string,
    tried: ReadonlySet<string>,
    refused: ReadonlySet<string>,
    isWanted: () => boolean,
  ): Promise<Next<Need>> {
    const found = await this.#found(identifier, isWanted);
    if ("kind" in found) return found;
    const closed = new Set<string>();
    for (const source of found.sources) {
      const domain = tried.has(source) ? null : this.#askable(source);
      if (domain === null || closed.has(domain)) continue;
      const slot = refused.has(domain) ? null : this.#options.throttle.reserve(domain, identifier);
      if (slot !== null) return { kind: "source", source, items: found.items, slot };
      closed.add(domain);
    }
    return { kind: "none", closed };
  }

  /** For the domain path: an untried source of the domain whose room is held already. */
  async nextOf(slot: Slot, tried: ReadonlySet<string>, isWanted: () => boolean): Promise<Next<Need>> {
    const found = await this.#found(slot.subject.identifier, isWanted);
    if ("kind" in found) return found;
    const source = this.firstOf(slot.domain.name, found.sources, tried);
    if (source === undefined) return { kind: "none", closed: new Set() };
    return { kind: "source", source, items: found.items, slot };
  }

  /** What is needed and who may have it; `null` if nothing is pending or needed. */
  look(identifier: string): Promise<Wanted<Need> | null | "not ours"> {
    return valueWithin(this.#ask(identifier), this.#options.timeoutMs, this.#options.clock);
  }

  /** The first untried source of a domain. */
  firstOf(domain: string, sources: readonly string[], tried: ReadonlySet<string>): string | undefined {
    return sources.find((source) => !tried.has(source) && this.#askable(source) === domain);
  }

  /** A look whose answer is still good when it comes, or why there is nothing to choose. */
  async #found(
    identifier: string,
    isWanted: () => boolean,
  ): Promise<Wanted<Need> | Exclude<Next<Need>, Choice<Need>>> {
    if (!isWanted()) return { kind: "not ours" };
    const arrivals = this.#options.arrivals(identifier);
    const wanted = await this.look(identifier);
    if (!isWanted() || wanted === "not ours") return { kind: "not ours" };
    return wanted ?? { kind: "done", arrivals };
  }

  async #ask(identifier: string): Promise<Wanted<Need> | null | "not ours"> {
    const { context, lease } = this.#options;
    if (lease !== null && !(await lease.hold(identifier))) return "not ours";
    if (!(await context.hasPending(identifier))) return null;
    const items = await context.neededItems(identifier);
    if (items.length === 0) return null;
    return { items, sources: await context.sources(identifier) };
  }

  /** The domain of a source, unless it cannot be asked: it has none, or is ourselves. */
  #askable(source: string): string | null {
    const domain = domainOf(source);
    return domain === null || this.#options.ownDomains.has(domain) ? null : domain;
  }
}
