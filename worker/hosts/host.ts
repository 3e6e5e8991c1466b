/**
 * What differs between runtimes, as one small object that each file in `worker/entries/` supplies.
 * @module
 */
import type { LogLevel } from "../../runtime/observe/log.ts";
import type { Background, Clock, Fetch, Random, RateLimiter, Store } from "../../runtime/platform.ts";
import type { HotPath, HotPathOptions } from "../../wasm/hotpath.ts";
import type { TableSizes } from "./table-sizes.ts";

/** A Web-standard handler; `host` is whatever else the runtime hands to it (`info`, `server`, `env, ctx`, …). */
export type FetchHandler<Args extends unknown[] = unknown[]> = (
  request: Request,
  ...host: Args
) => Response | Promise<Response>;

/** What a limiter in memory is made of. */
export interface LimiterParts {
  readonly sizes: TableSizes;
  readonly clock: Clock;
  readonly random: Random;
}

/** One runtime, as the service sees it. */
export interface Host<Args extends unknown[] = unknown[]> {
  /** Its short name, such as `node`. */
  readonly name: string;
  /** The least severe level that the log shows unless the options bring a log. */
  readonly logLevel: LogLevel;
  /** Where the log's lines go, without a line end. */
  writeLog(line: string): void;
  /** The store when the configuration names none. */
  readonly defaultStore: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch: Fetch;
  /**
   * A fetch for URLs that partners gave: refuses names that resolve to private addresses or this machine.
   * @param allowLoopback lets it reach this machine, for trying things out.
   */
  fetchPublic(allowLoopback: boolean): Fetch;
  /** True where the process lives on between requests, so that waiting work may stay in memory. */
  readonly livesBetweenRequests: boolean;
  createHotPath(options: HotPathOptions): HotPath;
  /** What a store's URL must be on this host, if it is one that the host cannot open; else `null`. */
  storeFault(url: string): string | null;
  /** The same for a limiter's URL. */
  limiterFault(url: string): string | null;
  /**
   * Opens the store that a configuration's `store` names.
   * @throws {Error} naming the schemes that this host has, if it has none for `url`.
   */
  openStore(url: string, args: Args): Store;
  /**
   * Opens the rate limiter that a configuration's `limiter` names.
   * @param given for a limiter in memory: how large its tables are, and by which clock it counts.
   * @throws {Error} naming the limiters that this host has, if it has none for `url`.
   */
  openLimiter(url: string, given: LimiterParts, args: Args): RateLimiter;
  /** The peer's address as the socket has it; `null` where the host does not tell. */
  address(request: Request, args: Args): string | null;
  /**
   * Whether a domain is a public suffix, for which browsers keep no cookie. Left out on hosts whose bundles the list would
   * make too large.
   */
  isPublicSuffix?(domain: string): Promise<boolean>;
  /** Where work that outlives the response goes. */
  background(args: Args): Background;
}
