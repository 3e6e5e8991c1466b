/**
 * Live subscriptions, indexed so that a new event costs what it matches and not how many subscriptions there are (R18).
 * @module
 */
import type { NostrEvent } from "../events/event.ts";
import { type Filter, matches, matchesNothing } from "../events/filter.ts";

/** One filter of one subscription. */
interface Entry<Subscriber> {
  readonly subscriber: Subscriber;
  readonly name: string;
  readonly filter: Filter;
  /** The index keys under which it is found. */
  readonly keys: readonly string[];
}

/** Subscriptions of all connections. */
export class Subscriptions<Subscriber> {
  /** Entries by what they name: an id, an author, a tag's value or a kind. */
  readonly #index = new Map<string, Set<Entry<Subscriber>>>();
  readonly #bySubscriber = new Map<Subscriber, Map<string, Entry<Subscriber>[]>>();

  #size = 0;

  /** The number of all subscriptions. */
  get size(): number {
    return this.#size;
  }

  /** The number of a subscriber's subscriptions. */
  count(subscriber: Subscriber): number {
    return this.#bySubscriber.get(subscriber)?.size ?? 0;
  }

  /** Adds a subscription. One of the same name is replaced. */
  add(subscriber: Subscriber, name: string, filters: readonly Filter[]): void {
    this.remove(subscriber, name);
    const entries = filters
      .filter((filter) => !matchesNothing(filter))
      .map((filter) => ({ subscriber, name, filter, keys: keysOf(filter) }));
    for (const entry of entries) {
      for (const key of entry.keys) {
        const found = this.#index.get(key);
        if (found === undefined) this.#index.set(key, new Set([entry]));
        else found.add(entry);
      }
    }
    const own = this.#bySubscriber.get(subscriber) ?? new Map<string, Entry<Subscriber>[]>();
    own.set(name, entries);
    this.#size++;
    this.#bySubscriber.set(subscriber, own);
  }

  /** Removes a subscription. @returns whether there was one */
  remove(subscriber: Subscriber, name: string): boolean {
    const own = this.#bySubscriber.get(subscriber);
    const entries = own?.get(name);
    if (entries === undefined) return false;
    for (const entry of entries) this.#unlink(entry);
    own!.delete(name);
    this.#size--;
    if (own!.size === 0) this.#bySubscriber.delete(subscriber);
    return true;
  }

  /** Removes all subscriptions of a subscriber. */
  removeAll(subscriber: Subscriber): void {
    for (const name of [...(this.#bySubscriber.get(subscriber)?.keys() ?? [])]) this.remove(subscriber, name);
  }

  /** The subscriptions that want an event, each once. */
  *wanting(event: NostrEvent): Generator<{ subscriber: Subscriber; name: string }> {
    const told = new Map<Subscriber, Set<string>>();
    for (const key of keysFor(event)) {
      for (const { subscriber, name, filter } of this.#index.get(key) ?? []) {
        if (told.get(subscriber)?.has(name) || !matches(filter, event)) continue;
        const names = told.get(subscriber);
        if (names === undefined) told.set(subscriber, new Set([name]));
        else names.add(name);
        yield { subscriber, name };
      }
    }
  }

  #unlink(entry: Entry<Subscriber>): void {
    for (const key of entry.keys) {
      const found = this.#index.get(key);
      found?.delete(entry);
      if (found?.size === 0) this.#index.delete(key);
    }
  }
}

/** Finds every filter that names neither id, tag, author nor kind. */
const ANY = "any";

/** Largest number of keys for which a filter's kinds are part of the keys. */
const MAX_KEYS = 64;

/** The keys of the list of a filter that fits the fewest events: ids, then tags, authors, kinds; with its kinds, if they are few. */
function keysOf({ ids, authors, kinds, tags }: Filter): string[] {
  if (ids !== undefined) return [...ids].map((id) => `i${id}`);
  let fewest: [string, ReadonlySet<string>] | null = null;
  for (const tag of tags) if (fewest === null || tag[1].size < fewest[1].size) fewest = tag;
  const list = fewest === null ? authors : fewest[1];
  if (list === undefined) return kinds === undefined ? [ANY] : [...kinds].map((kind) => `k${kind}`);
  const letter = fewest === null ? "a" : `#${fewest[0]}`;
  const ofKinds: readonly (number | string)[] =
    kinds !== undefined && kinds.size * list.size <= MAX_KEYS ? [...kinds] : [""];
  return ofKinds.flatMap((kind) => [...list].map((value) => `${letter}${kind}:${value}`));
}

/** The keys under which filters for an event can be found. */
function* keysFor({ id, pubkey, kind, tags }: NostrEvent): Generator<string> {
  yield `i${id}`;
  yield `a:${pubkey}`;
  yield `a${kind}:${pubkey}`;
  yield `k${kind}`;
  yield ANY;
  const seen = new Set<string>();
  for (const [name, value] of tags) {
    if (name === undefined || name.length !== 1 || value === undefined) continue;
    const key = `#${name}:${value}`;
    if (seen.has(key)) continue;
    seen.add(key);
    yield key;
    yield `#${name}${kind}:${value}`;
  }
}
