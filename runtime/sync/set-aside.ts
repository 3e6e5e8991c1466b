import type { Clock } from "../platform.ts";
import { MAX_SET_ASIDE } from "./schedule.ts";
import { HeapItem, TimeHeap } from "./time-heap.ts";

/** One source that is not asked for one identifier. */
class Aside extends HeapItem {
  readonly identifier: string;
  readonly key: string;
  /** Milliseconds on the engine's clock; infinite: until the identifier's next fresh start. */
  readonly until: number;

  constructor(identifier: string, key: string, until: number) {
    super();
    this.identifier = identifier;
    this.key = key;
    this.until = until;
  }
}

/** The sources that are set aside. Bounded: beyond the bound, the one that would end first is forgotten. */
export class SetAside {
  readonly #byIdentifier = new Map<string, Map<string, Aside>>();
  readonly #byEnd = new TimeHeap<Aside>();
  readonly #clock: Pick<Clock, "now">;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  has(identifier: string, key: string): boolean {
    const aside = this.#byIdentifier.get(identifier)?.get(key);
    return aside !== undefined && aside.until > this.#clock.now();
  }

  /** @param forMs `null`: until {@link freshStart}. */
  add(identifier: string, key: string, forMs: number | null): void {
    const now = this.#clock.now();
    const old = this.#byIdentifier.get(identifier)?.get(key);
    if (old !== undefined) this.#remove(old);
    for (let due = this.#byEnd.peekDue(now); due !== undefined; due = this.#byEnd.peekDue(now))
      this.#remove(due);
    if (this.#byEnd.size >= MAX_SET_ASIDE) this.#remove(this.#byEnd.peek()!);
    const aside = new Aside(identifier, key, forMs === null ? Number.POSITIVE_INFINITY : now + forMs);
    const sources = this.#byIdentifier.get(identifier) ?? new Map<string, Aside>();
    this.#byIdentifier.set(identifier, sources.set(key, aside));
    this.#byEnd.set(aside, aside.until);
  }

  /** Ends what was set aside until the identifier's next fresh start. */
  freshStart(identifier: string): void {
    for (const aside of [...(this.#byIdentifier.get(identifier)?.values() ?? [])]) {
      if (aside.until === Number.POSITIVE_INFINITY) this.#remove(aside);
    }
  }

  /** Forgets an identifier. */
  forget(identifier: string): void {
    for (const aside of [...(this.#byIdentifier.get(identifier)?.values() ?? [])]) this.#remove(aside);
  }

  #remove(aside: Aside): void {
    const { identifier, key } = aside;
    this.#byEnd.remove(aside);
    const sources = this.#byIdentifier.get(identifier)!;
    sources.delete(key);
    if (sources.size === 0) this.#byIdentifier.delete(identifier);
  }
}
