/**
 * What differs between runtimes: one object for each runtime.
 * @module
 */
import type { LogLevel } from "../../runtime/observe/log.ts";
import type { Background, Clock, Fetch, Random, RateLimiter, Store } from "../../runtime/platform.ts";
import type { HotPath, HotPathOptions } from "../../wasm/hotpath.ts";
import type { TableSizes } from "./table-sizes.ts";

/** A Web-standard handler; `host` are the runtime's further arguments (`info`, `server`, `env, ctx`, …). */
export type FetchHandler<Args extends unknown[] = unknown[]> = (
  request: Request,
  ...host: Args
) => Response | Promise<Response>;

/** What a limiter in memory needs. */
export interface LimiterParts {
  readonly sizes: TableSizes;
  readonly clock: Clock;
  readonly random: Random;
}

/** One runtime, as services see it. */
export interface Host<Args extends unknown[] = unknown[]> {
  /** Its short name, such as `node`. */
  readonly name: string;
  /** Least severe level of the log, unless the configuration sets one. */
  readonly logLevel: LogLevel;
  /** Writes a line of the log, given without a line end. */
  writeLog(line: string): void;
  /** URL of the store if the configuration names none. */
  readonly defaultStore: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch: Fetch;
  /**
   * A fetch for URLs from partners. Refuses names that resolve to private addresses or to this machine.
   * @param allowLoopback allows this machine, for tests.
   */
  fetchPublic(allowLoopback: boolean): Fetch;
  /** Whether the process lives between requests, so that queued work may stay in memory. */
  readonly livesBetweenRequests: boolean;
  createHotPath(options: HotPathOptions): HotPath;
  /** What a store's URL must be on this host, if the host cannot open the given one; else `null`. Opens no connection. */
  storeFault(url: string): string | null;
  /** The same for a limiter's URL. */
  limiterFault(url: string): string | null;
  /**
   * Opens the store that a configuration's `store` names.
   * @throws {Error} listing the schemes of this host, if it has none for `url`.
   */
  openStore(url: string, args: Args): Store;
  /**
   * Opens the rate limiter that a configuration's `limiter` names.
   * @param given for a limiter in memory: table sizes and the clock.
   * @throws {Error} listing the limiters of this host, if it has none for `url`.
   */
  openLimiter(url: string, given: LimiterParts, args: Args): RateLimiter;
  /**
   * Told of bytes that passed through the process and are garbage now. Absent on hosts that collect them soon enough by
   * themselves.
   */
  passed?(bytes: number): void;
  /** The address of the connection's other end; `null`: the host does not tell it. */
  address(request: Request, args: Args): string | null;
  /**
   * Whether a domain is a public suffix, for which browsers keep no cookie. Absent on hosts where the list would make the
   * bundle too large.
   */
  isPublicSuffix?(domain: string): Promise<boolean>;
  /** Runs work that outlives the response. */
  background(args: Args): Background;
}
