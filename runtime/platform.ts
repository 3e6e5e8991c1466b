/**
 * The ports: all that `runtime/` knows of the outside world. A host adapter supplies them; a test replaces them.
 * @module
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The entry of a key in a {@link Store}. */
export interface StoreEntry {
  value: string;
  /** A small value that can be read without decoding `value`. */
  metadata: Json;
  /** Opaque; changes with every write of the key. Pass it as `ifVersion`. */
  version: string;
}

/** Options of one {@link Store.put}. */
export interface PutOptions {
  /** Write only if the key has this version; `null`: only if the key is absent. Default: always write. */
  ifVersion?: string | null;
  /** Time until the entry expires, in seconds. Default: never. */
  ttlSeconds?: number;
  /** Default: `null`. */
  metadata?: Json;
}

/** `ok: false`: the key does not have the version `ifVersion`, because another writer changed it. */
export type PutResult = { ok: true; version: string } | { ok: false };

/** What {@link Store.update} writes. */
export interface Change extends Pick<PutOptions, "ttlSeconds" | "metadata"> {
  value: string;
}

/** One page of {@link Store.list}, with keys in ascending order of UTF-16 code units or in an order of the host. */
export interface ListPage {
  entries: { key: string; metadata: Json }[];
  /** Pass it to read the next page; `null`: this is the last page. */
  cursor: string | null;
}

/** What a store can promise. The contract suite checks it. */
export interface StoreTraits {
  /** Short name, for example `sqlite`. */
  name: string;
  /** A read that starts after the acknowledgement of a write sees the write, on every instance. */
  readAfterWrite: boolean;
  /** Entries outlive the process. */
  durable: boolean;
  /** Several processes can share it. */
  shared: boolean;
}

/**
 * Keys and values with versions. A put with `ifVersion` is atomic: of two racing writers exactly one wins. Every method rejects
 * if the host fails; a failure never looks like an absent key.
 */
export interface Store {
  readonly traits: StoreTraits;
  /** Synchronous if the store can; errors are then thrown, not rejected. */
  get(key: string): StoreEntry | null | Promise<StoreEntry | null>;
  put(key: string, value: string, options?: PutOptions): Promise<PutResult>;
  /**
   * Reads a key, decides and writes as one atomic step. Missing on stores that cannot: there, use `get` and `put` with
   * `ifVersion`.
   * @param decide returns what to write in place of the stored value (`null`: the key is absent), or `null` to write nothing.
   * Runs later and must be fast. If it throws, nothing is written and the update rejects.
   */
  update?(key: string, decide: (stored: string | null) => Change | null): Promise<void>;
  /** Removes the key. Removing an absent key is not an error. */
  delete(key: string): Promise<void>;
  /** Lists live keys that begin with `prefix`, at most `limit` per page. Default: 1000. */
  list(prefix: string, options?: { limit?: number; cursor?: string | null }): Promise<ListPage>;
  close(): Promise<void>;
}

/**
 * The origin of keys, which decides how a limiter with bounded memory counts them:
 * - `partners`: only registered partners create keys. Exact; without room, a take is refused.
 * - `visitors`: visitors with an id that the graph knows, or with one of their own address, create keys. Exact while there is
 *   room; without room several keys share a count, which admits too few rather than too many.
 * - `addresses`: any client creates keys. All keys share a fixed number of counts.
 */
export type RateFamily = "partners" | "visitors" | "addresses";

/** A limit, and the window that it applies to. */
export interface RateLimit {
  /** Maximum number of takes in a window. */
  limit: number;
  /** Length of the window, in milliseconds. */
  windowMs: number;
  /** Default: `partners`. */
  family?: RateFamily;
}

/** One of several keys in one call of {@link RateLimiter.takeEach}. */
export interface RateMember {
  /** Its name within the group. The same names occur in every group. */
  name: string;
  key: string;
  limit: number;
}

/** The state of one table of a limiter in memory. */
export interface TableView {
  /** Its name. */
  table: string;
  /** Number of keys, including expired ones whose entries are not reused yet. */
  keys: number;
  maxKeys: number;
  /** Number of takes that found no room. */
  refusedFull: number;
  /** Reserved memory, in bytes. The operating system allocates it as it is used. */
  bytes: number;
}

/** The answer to one {@link RateLimiter.take}. */
export interface TakeResult {
  admitted: boolean;
  /** Number of further takes that would be admitted now. */
  remaining: number;
  /** 0 if admitted; otherwise milliseconds until the same take would be admitted. */
  retryAfterMs: number;
}

/** Counts takes per key in an exact sliding window: it never admits more than `limit` in any `windowMs`. */
export interface RateLimiter {
  /** Whether the instances of a service share their counts. Default: false. */
  readonly shared?: boolean;
  take(key: string, rate: RateLimit): TakeResult | Promise<TakeResult>;
  /**
   * Takes once from each of several keys of family `visitors`, with the same results as one `take` for each. For keys that are
   * mostly taken from together, for example one per partner of one visitor: together they need the memory of one key. Never use
   * `take` for these keys. Missing: call `take` for each.
   */
  takeEach?(
    group: string,
    members: readonly RateMember[],
    windowMs: number,
  ): TakeResult[] | Promise<TakeResult[]>;
  /** The state of its tables, if it has any. */
  tables?(): TableView[];
  /** Calls `onFull` with the name of a table whenever a take finds no room in it. */
  watch?(onFull: (table: string) => void): void;
  close?(): Promise<void>;
}

/** The client, from sources that the operator trusts. */
export interface Client {
  /** IP address as text, not normalised; `null`: unknown. */
  ip: string | null;
  /** Country, ISO 3166-1 alpha-2, upper case; `null`: unknown. */
  country: string | null;
  /** Region, the second part of ISO 3166-2, upper case, for example `CA`; `null`: unknown. */
  region: string | null;
}

/** Work that outlives the response. */
export interface Background {
  waitUntil(work: Promise<unknown>): void;
}

/** Time. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds since a fixed moment, by a clock that is never set. Missing on hosts whose clock stops between requests. */
  monotonic?(): number;
  /** Calls `callback` once, after `delayMs` milliseconds. Returns a function that cancels the call. */
  after(delayMs: number, callback: () => void): () => void;
}

/** Cryptographically secure random bytes. */
export interface Random {
  fill(target: Uint8Array<ArrayBuffer>): void;
}

/** The network, as in the Fetch standard: the body of a response is decoded. */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** Fields of a log line. */
export type LogFields = Record<string, unknown>;

/** A structured log. The message is constant; the fields vary. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Labels of one time series. The registry bounds the number of series. */
export type Labels = Record<string, string>;

/** Counters, gauges and histograms, named as in the Prometheus text format. */
export interface Metrics {
  /** Adds `by` (default 1) to a counter. */
  count(name: string, labels?: Labels, by?: number): void;
  /** Sets a gauge. */
  gauge(name: string, value: number, labels?: Labels): void;
  /** Adds one observation to a histogram, in the unit at the end of the name. */
  observe(name: string, value: number, labels?: Labels): void;
}
