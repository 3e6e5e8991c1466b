/**
 * Fetches objects that events need from other servers, with Git as the client (S11 to S23).
 * @module
 */
import { randomUUID } from "node:crypto";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { PackBounds, PackFault } from "../../../runtime/grasp/ports.ts";
import type {
  GitFetch,
  GitFetched,
  GitFetchRequest,
} from "../../../runtime/grasp/purgatory-sync/git-fetch.ts";
import { redirectTarget, type UrlRules } from "../../../runtime/grasp/purgatory-sync/urls.ts";
import { DAY_MS, type FetchVerdict, judgeFetch } from "../../../runtime/grasp/purgatory-sync/verdict.ts";
import type { Clock } from "../../../runtime/platform.ts";
import { type FetchCall, RateLimited, retryAfterMs, SourceUnusable } from "../../../runtime/sync/index.ts";
import type { DiskRepositories } from "../repositories.ts";
import { connectedIds, type ObjectPlace } from "./connected-ids.ts";
import { discardFolder } from "./discard.ts";
import { pinned, type Resolve } from "./fetch-address.ts";
import { type FetchPlace, type FetchRun, runFetch, runList } from "./fetch-run.ts";
import { type GitPool, PoolBusy } from "./pool.ts";
import { startGit } from "./process.ts";
import { quarantineEnv } from "./quarantine.ts";
import { type Excess, quarantineExcess, watchQuarantine } from "./quarantine-watch.ts";
import { createRepository, type DiskRepository } from "./repository.ts";

/** Bounds on what one fetch brings (S21, A41). */
const BOUNDS: PackBounds = { maxBytes: 4 * 1024 ** 3, maxObjects: 10_000_000 };
/** How often an id that the server lacks is taken out and the fetch is repeated (S12). */
const MAX_REPETITIONS = 3;
/** Rest of a domain while our own pool is busy, in milliseconds. */
const BUSY_MS = 5_000;
/** How often our own work on what came counts as progress, in milliseconds. */
const OWN_WORK_MS = 10_000;

/** What {@link gitFetch} needs. */
export interface GitFetchParts {
  readonly repositories: Pick<DiskRepositories, "open" | "pathOf">;
  /** Where quarantines are made. */
  readonly quarantines: string;
  /** An existing, empty folder. */
  readonly home: string;
  readonly pool: Pick<GitPool, "take">;
  readonly clock: Clock;
  readonly rules: UrlRules;
  readonly resolve: Resolve;
  readonly bounds?: PackBounds;
}

/** A failure of the server (S15). Its message says what it did, in our words. */
export class ServerFault extends Error {
  override readonly name = "ServerFault";
}

/** Fetches by system Git. */
export function gitFetch(parts: GitFetchParts): GitFetch {
  return async (request, call) => {
    const { owner, identifier, url } = request;
    const repository = parts.repositories.open(owner, identifier);
    const path = parts.repositories.pathOf(owner, identifier);
    if (repository === null || path === null) throw new SourceUnusable("there is no repository for it", null);
    const pin = await pinned(url, parts.resolve);
    const release = await slot(parts.pool, call.signal);
    const folder = join(parts.quarantines, randomUUID());
    try {
      const target = request.isRepair ? join(folder, "scratch.git") : path;
      await mkdir(join(folder, "pack"), { recursive: true });
      if (request.isRepair) await createRepository(target);
      const place: FetchPlace = {
        repository: target,
        home: parts.home,
        env: quarantineEnv(folder, request.isRepair ? null : path),
        pin,
        allowInsecure: parts.rules.allowInsecure,
        signal: call.signal,
        onProgress: call.onProgress,
      };
      return await new Session(parts, request, call, place, folder, repository).run();
    } finally {
      release();
      await discardFolder(folder);
    }
  };
}

async function slot(pool: Pick<GitPool, "take">, signal: AbortSignal): Promise<() => void> {
  try {
    return await pool.take("fetch", null, signal);
  } catch (error) {
    if (error instanceof PoolBusy) throw new RateLimited(BUSY_MS);
    throw error;
  }
}

/** One fetch: as many runs of Git as S12 and S31 allow, then what counts of what came. */
class Session {
  readonly #parts: GitFetchParts;
  readonly #request: GitFetchRequest;
  readonly #call: FetchCall;
  readonly #place: FetchPlace;
  readonly #folder: string;
  readonly #repository: DiskRepository;
  #url: string;
  /** What the server gave, as far as Git has no doubt. */
  #arrived: readonly string[] = [];

  constructor(
    parts: GitFetchParts,
    request: GitFetchRequest,
    call: FetchCall,
    place: FetchPlace,
    folder: string,
    repository: DiskRepository,
  ) {
    this.#parts = parts;
    this.#request = request;
    this.#call = call;
    this.#place = place;
    this.#folder = folder;
    this.#repository = repository;
    this.#url = request.url;
  }

  async run(): Promise<GitFetched | null> {
    const failure = await this.#fetchAll();
    // A run that failed may have brought some of it (S13, S33).
    const counted = await this.#counted();
    if (counted === null && failure === null) return null;
    if (counted !== null && !(counted instanceof Error)) return counted;
    throw failure ?? counted;
  }

  /** Asks the server until nothing is left to ask. @returns why it failed; `null`: it did not */
  async #fetchAll(): Promise<Error | null> {
    let ids = [...this.#request.ids];
    let repetitions = 0;
    let wasRedirected = false;
    for (;;) {
      const verdict = await this.#fetchOnce(ids);
      switch (verdict.kind) {
        case "arrived":
          this.#arrived = ids;
          return null;
        case "tips_only":
          return null;
        case "refuses":
          return this.#fetchTips();
        case "lacks": {
          const left = ids.filter((id) => id !== verdict.id);
          if (left.length === ids.length) return new ServerFault("it lacks what it was not asked for");
          if (left.length === 0) return null;
          if (repetitions++ === MAX_REPETITIONS) return this.#fetchTips();
          if (!(await this.#call.anotherStart())) return null;
          ids = left;
          break;
        }
        case "redirect": {
          const to = redirectTarget(this.#url, verdict.location, this.#parts.rules);
          if (to === null || wasRedirected) return new SourceUnusable("it redirects elsewhere", null);
          wasRedirected = true;
          this.#url = to;
          if (!(await this.#call.anotherStart())) return null;
          break;
        }
        default:
          return this.#failure(verdict);
      }
    }
  }

  /** The server gives tips of refs only, or lacks many ids: its list of refs says which it has (S12). */
  async #fetchTips(): Promise<Error | null> {
    if (!(await this.#call.anotherStart())) return null;
    const { code, reply, stdout } = await runList(this.#url, this.#place).ended;
    const listed = judgeFetch(code, reply);
    if (listed.kind !== "arrived") return this.#failure(listed);
    const tips = new Set(stdout.split("\n").map((line) => line.slice(0, 40)));
    const ids = this.#request.ids.filter((id) => tips.has(id));
    if (ids.length === 0 || !(await this.#call.anotherStart())) return null;
    return this.#failure(await this.#fetchOnce(ids));
  }

  async #fetchOnce(ids: readonly string[]): Promise<FetchVerdict> {
    const bounds = this.#bounds;
    let excess: Excess | null = null;
    let run: FetchRun | null = null;
    const stop = watchQuarantine(this.#folder, bounds, this.#parts.clock, {
      onGrowth: () => this.#call.onProgress(),
      onExcess: (found) => {
        excess = found;
        run?.kill();
      },
    });
    try {
      run = runFetch(this.#url, ids, this.#place);
      const { code, reply } = await run.ended;
      stop();
      excess ??= await quarantineExcess(this.#folder, bounds);
      if (excess !== null) throw new SourceUnusable(EXCESS[excess], DAY_MS);
      return judgeFetch(code, reply);
    } finally {
      stop();
    }
  }

  /**
   * Keeps those of the ids that came with all that they need, and nothing else.
   * @returns `null`: nothing came; an error: what came does not count
   */
  async #counted(): Promise<GitFetched | Error | null> {
    if ((await readdir(join(this.#folder, "pack"))).every((name) => !name.endsWith(".idx"))) return null;
    const stopTelling = this.#tellOwnWork();
    try {
      const { home, repository, env, signal } = this.#place;
      const taken = await this.#taken();
      if (taken !== null) return taken;
      const place: ObjectPlace = { home, repository, env, signal, trustsRefs: !this.#request.isRepair };
      const ids = await connectedIds(this.#request.ids, place);
      if (ids.length === 0) return new SourceUnusable("it has tips without history", DAY_MS);
      const tips = ids.map((id) => ({ id, isBranch: false }));
      const received = await this.#repository.receive(this.#pack(ids), tips, this.#bounds);
      if ("fault" in received) return new SourceUnusable(FAULTS[received.fault.kind], DAY_MS);
      if (!signal.aborted) return { ids, quarantine: received.quarantine };
      await received.quarantine.discard();
      throw signal.reason;
    } finally {
      stopTelling();
    }
  }

  /** All that came, if that is exactly what the ids need; `null`: it has to be looked through. */
  async #taken(): Promise<GitFetched | null> {
    const ids = this.#arrived;
    // What a repair brings is not measured by the refs (S25).
    if (this.#request.isRepair || ids.length === 0) return null;
    const { signal } = this.#call;
    const quarantine = await this.#repository.take(this.#folder, ids, this.#bounds, signal).catch((error) => {
      throw signal.aborted ? signal.reason : error;
    });
    if (quarantine === null) return null;
    if (!signal.aborted) return { ids, quarantine };
    await quarantine.discard();
    throw signal.reason;
  }

  /** What the ids need and the repository's refs do not have. */
  async *#pack(ids: readonly string[]): AsyncGenerator<Uint8Array> {
    const have = this.#request.isRepair ? [] : new Set((await this.#repository.refs()).refs.values());
    const packing = startGit(
      ["pack-objects", "--stdout", "--revs", "--delta-base-offset", "-q"],
      this.#place,
    );
    packing.stdin.end([...ids, ...[...have].map((id) => `^${id}`)].map((line) => `${line}\n`).join(""));
    yield* packing.stdout;
    const code = await packing.finished;
    this.#call.signal.throwIfAborted();
    if (code !== 0) throw new Error(`git pack-objects ended with ${code}`);
  }

  #failure(verdict: FetchVerdict): Error | null {
    return failureOf(verdict, this.#parts.clock.now());
  }

  get #bounds(): PackBounds {
    return this.#parts.bounds ?? BOUNDS;
  }

  /** Our own work on a large pack is no silence of the server. @returns ends that */
  #tellOwnWork(): () => void {
    let cancel = () => {};
    const tell = () => {
      this.#call.onProgress();
      cancel = this.#parts.clock.after(OWN_WORK_MS, tell);
    };
    tell();
    return () => cancel();
  }
}

const EXCESS: Readonly<Record<Excess, string>> = {
  too_large: "it is too large",
  too_many_objects: "it has too many objects",
};

const FAULTS: Readonly<Record<PackFault["kind"], string>> = {
  ...EXCESS,
  broken: "its pack is broken",
  timeout: "its pack took too long",
  unavailable: "there was no room for its pack",
  fsck: "Git's check refused an object",
  missing_objects: "it has tips without history",
  not_a_commit: "a tip is no commit",
};

/** The engine's error for a verdict (S15, S32); `null`: it is no failure. */
function failureOf(verdict: FetchVerdict, nowMs: number): Error | null {
  switch (verdict.kind) {
    case "limited":
      return new RateLimited(retryAfterMs(verdict.retryAfter, nowMs));
    case "url":
      return new SourceUnusable(verdict.text, verdict.forMs);
    case "domain":
      return new ServerFault(verdict.text);
    default:
      return null;
  }
}
