/**
 * How much may wait (P5, P6).
 * @module
 */
import type { Entry } from "./entry.ts";

/** Bounds of one store. */
export interface StoreBounds {
  readonly total: number;
  readonly author: number;
  readonly identifier: number;
  /** Direct entries of one address that arrived in the last 30 minutes. */
  readonly address: number;
}

export const BOUNDS: Readonly<Record<"announcement" | "state" | "pr", StoreBounds>> = {
  announcement: { total: 10_000, author: 100, identifier: 50, address: 300 },
  state: { total: 50_000, author: 400, identifier: 200, address: 1000 },
  pr: { total: 50_000, author: 200, identifier: 500, address: 500 },
};

/** Bounds on unclaimed uploads (A34). */
export const PLACEHOLDER_BOUNDS = { repository: 100, address: 20, bytes: 10 * 1024 ** 3 } as const;

/** The newest states of an author and identifier that are kept (P5). */
export const STATES_PER_AUTHOR = 8;

/** All stores together, in bytes of JSON (P6). */
export const MAX_BYTES = 256 * 1024 ** 2;

/** How long an arrival counts against its address, in milliseconds (P6). */
export const ADDRESS_WINDOW_MS = 30 * 60_000;

/** Which bound keeps an entry out. */
export type BoundName = "total" | "author" | "identifier" | "address" | "bytes" | "repository";

/** Counts entries by what bounds look at. */
export class Occupancy {
  readonly #counts = new Map<string, number>();
  readonly #arrivals = new Arrivals();
  readonly #now: () => number;
  #bytes = 0;
  #uploadBytes = 0;

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The bytes that all entries take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The bytes on the disk of all uploads whose events are not known (A34). */
  get uploadBytes(): number {
    return this.#uploadBytes;
  }

  /** The number of entries of a store. */
  size(store: Entry["store"]): number {
    return this.#of(`${store} total`);
  }

  /** The number of an author's announcements that wait. */
  announcementsOf(author: string): number {
    return this.#of(`announcement author ${author}`);
  }

  /** Whether an event of an author waits. */
  hasOf(author: string): boolean {
    return (["announcement", "state", "pr"] as const).some(
      (store) => this.#of(`${store} author ${author}`) > 0,
    );
  }

  add(entry: Entry): void {
    this.#change(entry, 1);
  }

  remove(entry: Entry): void {
    this.#change(entry, -1);
  }

  /** An entry arrived, as opposed to one that is changed or restored: it counts against its address. */
  arrived(entry: Entry): void {
    const { address } = keysOf(entry);
    if (address !== null && entry.store !== "placeholder") this.#arrivals.add(address, this.#now());
  }

  /** The bound that has no room for an entry; `null`: there is room. */
  full(entry: Entry): BoundName | null {
    if (this.#bytes + bytesOf(entry) > MAX_BYTES) return "bytes";
    const keys = keysOf(entry);
    if (entry.store === "placeholder") {
      if (this.#of(keys.identifier[0]!) >= PLACEHOLDER_BOUNDS.repository) return "repository";
      if (this.#uploadBytes + entry.bytes > PLACEHOLDER_BOUNDS.bytes) return "total";
      return keys.address !== null && this.#of(keys.address) >= PLACEHOLDER_BOUNDS.address ? "address" : null;
    }
    const bounds = BOUNDS[entry.store];
    if (this.#of(keys.total) >= bounds.total) return "total";
    if (keys.author !== null && this.#of(keys.author) >= bounds.author) return "author";
    if (keys.identifier.some((key) => this.#of(key) >= bounds.identifier)) return "identifier";
    if (keys.address === null) return null;
    return this.#arrivals.count(keys.address, this.#now()) >= bounds.address ? "address" : null;
  }

  #of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  #change(entry: Entry, by: 1 | -1): void {
    this.#bytes += by * bytesOf(entry);
    if (entry.store === "placeholder") this.#uploadBytes += by * entry.bytes;
    const { total, author, identifier, address } = keysOf(entry);
    const counted =
      entry.store === "placeholder" ? [total, address, ...identifier] : [total, author, ...identifier];
    for (const key of counted) {
      if (key === null) continue;
      const count = this.#of(key) + by;
      if (count === 0) this.#counts.delete(key);
      else this.#counts.set(key, count);
    }
  }
}

/** Arrivals of the last half hour, by address. */
class Arrivals {
  /** Times by address, the earliest first. Addresses in the order of their last arrival. */
  readonly #times = new Map<string, number[]>();

  add(address: string, nowMs: number): void {
    const times = [...this.#recent(address, nowMs), nowMs];
    this.#times.delete(address);
    this.#times.set(address, times);
    for (const [other, last] of this.#times) {
      if (last.at(-1)! > nowMs - ADDRESS_WINDOW_MS) break;
      this.#times.delete(other);
    }
  }

  count(address: string, nowMs: number): number {
    return this.#recent(address, nowMs).length;
  }

  #recent(address: string, nowMs: number): number[] {
    const times = this.#times.get(address) ?? [];
    const first = times.findIndex((ms) => ms > nowMs - ADDRESS_WINDOW_MS);
    return first === -1 ? [] : times.slice(first);
  }
}

function keysOf(entry: Entry) {
  const { store, address } = entry;
  const named =
    entry.store === "placeholder"
      ? [entry.repository]
      : entry.store === "pr"
        ? entry.identifiers
        : [entry.identifier];
  return {
    total: `${store} total`,
    author: entry.store === "placeholder" ? null : `${store} author ${entry.event.pubkey}`,
    identifier: named.map((one) => `${store} identifier ${one}`),
    address: address === null ? null : `${store} address ${address}`,
  };
}

const sizes = new WeakMap<object, number>();

function bytesOf(entry: Entry): number {
  if (entry.store === "placeholder") return 200;
  let bytes = sizes.get(entry.event);
  if (bytes === undefined) {
    bytes = JSON.stringify(entry.event).length;
    sizes.set(entry.event, bytes);
  }
  return bytes;
}
