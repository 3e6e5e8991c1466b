/**
 * The ports: the only thing `runtime/` knows of the world. A host adapter supplies them, a test replaces them.
 * @module
 */

/** Anything JSON can carry. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What a {@link Store} holds under one key. */
export interface StoreEntry {
  value: string;
  /** Small facts that can be read without decoding the value. */
  metadata: Json;
  /** Opaque; changes with every write of the key. Hand it back as `ifVersion`. */
  version: string;
}

/** Conditions and extras of one {@link Store.put}. */
export interface PutOptions {
  /** Write only if the key still has this version; `null`: only if the key is absent. Left out: write always. */
  ifVersion?: string | null;
  /** The entry is gone this many seconds from now. Left out: it stays. */
  ttlSeconds?: number;
  metadata?: Json;
}

/** `ok: false` means that `ifVersion` did not hold: somebody else wrote in between. */
export type PutResult = { ok: true; version: string } | { ok: false };

/** What {@link Store.update} makes of what is stored. */
export interface Change extends Pick<PutOptions, "ttlSeconds" | "metadata"> {
  value: string;
}

/** One page of {@link Store.list}, keys in ascending order of their UTF-16 code units or the host's own order. */
export interface ListPage {
  entries: { key: string; metadata: Json }[];
  /** Hand it back to read on; `null`: there is no more. */
  cursor: string | null;
}

/** What a store's host can and cannot promise; the contract suite reads it. */
export interface StoreTraits {
  /** Its short name, such as `sqlite`. */
  name: string;
  /** A read that starts after a write was acknowledged sees it, from every instance. */
  readAfterWrite: boolean;
  /** Entries outlive the process. */
  durable: boolean;
  /** Several processes may share it. */
  shared: boolean;
}

/**
 * Keys and values with versions. A put with `ifVersion` is atomic: of two racing writers exactly one wins.
 * Every method rejects when the host fails; none hides a failure as an absence.
 */
export interface Store {
  readonly traits: StoreTraits;
  /** At once where the host can, so that who asks can answer at once, too; a failure is thrown then. */
  get(key: string): StoreEntry | null | Promise<StoreEntry | null>;
  put(key: string, value: string, options?: PutOptions): Promise<PutResult>;
  /**
   * Reads a key, decides and writes in one step that no other writer comes between. Left out where the host has no such
   * step: there it takes `get`, and `put` with `ifVersion`.
   * @param decide what to write in place of the stored value (`null`: there is none); `null`: nothing. Runs later, and
   * must be quick; where it throws, nothing is written and the update rejects.
   */
  update?(key: string, decide: (stored: string | null) => Change | null): Promise<void>;
  /** Removes the key; removing an absent key is no error. */
  delete(key: string): Promise<void>;
  /** Live keys that begin with `prefix`, at most `limit` (default 1000) a page. */
  list(prefix: string, options?: { limit?: number; cursor?: string | null }): Promise<ListPage>;
  close(): Promise<void>;
}

/**
 * Who can make keys of a kind, and so how a limiter whose memory is bounded keeps them:
 * - `partners`: only who is registered. Exact; a take without room is refused.
 * - `visitors`: who has an id that the graph knows, or one of the own address. Exact while there is room; without room
 *   several keys share a count, which admits too few rather than too many.
 * - `addresses`: anybody who can send from an address. Always a share of a fixed number of counts.
 */
export type RateFamily = "partners" | "visitors" | "addresses";

/** How much may pass in how long. */
export interface RateLimit {
  limit: number;
  windowMs: number;
  /** Left out: `partners`. */
  family?: RateFamily;
}

/** One of several keys that are taken from together; see {@link RateLimiter.takeEach}. */
export interface RateMember {
  /** Its name within the group, which is the same in every group. */
  name: string;
  key: string;
  limit: number;
}

/** One table of a limiter in memory. */
export interface TableView {
  /** What it holds. */
  table: string;
  /** Held now, expired ones that nobody needed the room of included. */
  keys: number;
  maxKeys: number;
  /** Takes that found no room so far. */
  refusedFull: number;
  /** Memory that was set aside for it, in bytes; the operating system gives it as it is used. */
  bytes: number;
}

/** The answer to one {@link RateLimiter.take}. */
export interface TakeResult {
  admitted: boolean;
  /** How many more would be admitted now. */
  remaining: number;
  /** 0 if admitted; else milliseconds until the same take would be. */
  retryAfterMs: number;
}

/** Counts takes per key in an exact sliding window: never more than `limit` in any `windowMs`. */
export interface RateLimiter {
  /** Instances of the service count together. Left out: each counts by itself. */
  readonly shared?: boolean;
  take(key: string, rate: RateLimit): TakeResult | Promise<TakeResult>;
  /**
   * Takes once from each of several keys of family `visitors`, the same answers as from as many `take`s. For keys that are
   * mostly taken from together, such as one for each partner of one visitor: they need no more memory than one key. Such a
   * key is never taken from in another way. Left out: ask `take` for each.
   */
  takeEach?(group: string, members: readonly RateMember[], windowMs: number): TakeResult[];
  /** Its tables, where it has any. */
  tables?(): TableView[];
  /** Has `told` called with a table's name whenever a take finds no room in it. */
  watch?(told: (table: string) => void): void;
  close?(): Promise<void>;
}

/** Who asks, from sources that the operator declared trustworthy. */
export interface Client {
  /** The address as text, not normalised; `null`: not known. */
  ip: string | null;
  /** ISO 3166-1 alpha-2, upper case; `null`: not known. */
  country: string | null;
  /** The second half of ISO 3166-2, upper case, such as `CA`; `null`: not known. */
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
  /** Milliseconds since any moment, by a clock that is never set. Left out where the host has none that runs all the time. */
  monotonic?(): number;
  /** Calls `callback` once, `delayMs` from now; the returned function cancels that. */
  after(delayMs: number, callback: () => void): () => void;
}

/** Randomness fit for secrets. */
export interface Random {
  fill(target: Uint8Array<ArrayBuffer>): void;
}

/** The network, as the Fetch standard has it: a body that was compressed on its way comes decoded. */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** Facts that go with a log line. */
export type LogFields = Record<string, unknown>;

/** Structured log: a constant message, what varies in the fields. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Labels of one time series; the registry bounds how many there are. */
export type Labels = Record<string, string>;

/** Counts, levels and distributions, by the names of the Prometheus text format. */
export interface Metrics {
  /** Adds `by` (default 1) to a counter. */
  count(name: string, labels?: Labels, by?: number): void;
  /** Sets a gauge. */
  gauge(name: string, value: number, labels?: Labels): void;
  /** Records one observation of a histogram, in the unit that the name ends in. */
  observe(name: string, value: number, labels?: Labels): void;
}
