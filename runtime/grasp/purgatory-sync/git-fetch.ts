/**
 * The port by which purgatory sync fetches objects from other servers.
 * @module
 */
import type { FetchCall } from "../../sync/index.ts";
import type { Quarantine } from "../ports.ts";

/** What is asked of a server. */
export interface GitFetchRequest {
  /** The repository here that the objects are for. */
  readonly owner: string;
  readonly identifier: string;
  /** As `cloneUrl` writes it. */
  readonly url: string;
  /** 40 lower-case hex digits each (S4). */
  readonly ids: readonly string[];
  /** What the repository has is not trusted: everything is fetched, with all history (S25). */
  readonly isRepair: boolean;
}

/** What a server brought. */
export interface GitFetched {
  /** Those of the ids that are here now with all that they need (S13). */
  readonly ids: readonly string[];
  readonly quarantine: Quarantine;
}

/**
 * Fetches objects into a quarantine.
 * @returns `null`: nothing came that counts; nothing is left behind.
 * @throws {RateLimited} or {SourceUnusable}, as the engine's errors say. Any other error is the server's fault (S15). Nothing is
 *   left behind.
 */
export type GitFetch = (request: GitFetchRequest, call: FetchCall) => Promise<GitFetched | null>;
