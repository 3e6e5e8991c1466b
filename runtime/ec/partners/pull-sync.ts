/**
 * Pull sync: asks partners for their ids of a visitor, after the response. This is a context for the sync engine and
 * the decision which partners are due; queues, timers and throttles are the engine's.
 * @module
 */
import type { HotPath } from "../../../wasm/hotpath.ts";
import { boundedFetch } from "../../lib/bounded-fetch.ts";
import { isObject, parseJson } from "../../lib/json.ts";
import type { Clock, Fetch, LogFields, Metrics, Random, RateLimiter, TakeResult } from "../../platform.ts";
import type { SyncContext } from "../../sync/context.ts";
import { RateLimited, retryAfterMs } from "../../sync/rate-limited.ts";
import { type DomainLimits, EXPIRY_MS } from "../../sync/schedule.ts";
import { domainOf } from "../../sync/source.ts";
import {
  type GraphEntry,
  generationOf,
  isFarAhead,
  isTombstone,
  partnerIdIn,
  toSeconds,
} from "../graph/entry.ts";
import type { Graph } from "../graph/graph.ts";
import { ecHash, shortId } from "../id.ts";
import { pullGroupKey, pullKey } from "../keys.ts";
import { allowsEcCreation } from "../request/consent.ts";
import type { EcContext } from "../request/context.ts";
import { type Partner, pullUrlFault } from "./partner.ts";
import type { Registry } from "./registry.ts";
import { createRests, REST_MS } from "./rests.ts";
import { isUid } from "./uid.ts";

/** How long a partner may take, and how much it may say. */
export const PULL_BOUNDS = { timeoutMs: 5000, maxBytes: 65_536 };
const HOUR_MS = 3_600_000;

/** An id on its way from a partner into the graph. */
export interface PulledId {
  partner: string;
  uid: string;
  /** Of the partner that was asked. */
  generation?: number;
}

/**
 * Whether a partner is due: the graph has no id from it, or one that is at least `pullSyncTtlSeconds` old. Nobody is due
 * for a tombstone.
 */
export function isDue(partner: Partner, entry: GraphEntry | null, nowSeconds: number): boolean {
  if (!partner.pullSyncEnabled) return false;
  if (entry === null) return true;
  if (isTombstone(entry)) return false;
  const known = partnerIdIn(entry, partner);
  return known === undefined || !isFresh(known.synced, partner.pullSyncTtlSeconds, nowSeconds);
}

const isFresh = (synced: number, ttlSeconds: number, nowSeconds: number) =>
  nowSeconds - synced < ttlSeconds && !isFarAhead(synced, nowSeconds);

/** In how many milliseconds the first of some partners will be due that are not due now. */
function dueInMs(partners: readonly Partner[], entry: GraphEntry | null, nowSeconds: number): number {
  if (entry === null || isTombstone(entry)) return 0;
  const inSeconds = partners.map((partner) => {
    const known = partnerIdIn(entry, partner)?.synced ?? nowSeconds;
    return known + partner.pullSyncTtlSeconds - nowSeconds;
  });
  return Math.min(...inSeconds) * 1000;
}

/** The URL to pull from: the partner's own, its query parameters kept, with the visitor's id, hash and address. */
export function pullUrl(base: string, id: string, normalisedIp: string): string {
  const url = new URL(base);
  url.searchParams.set("ec_id", id);
  url.searchParams.set("ec_hash", ecHash(id));
  url.searchParams.set("ip", normalisedIp);
  url.hash = "";
  return url.href;
}

/**
 * What a partner's answer of status 200 says.
 * @returns its id for the visitor; `null`: it has none.
 * @throws {Error} if it says neither.
 */
export function readAnswer(body: string): string | null {
  const value = parseJson(body, "the partner's answer");
  if (isObject(value) && (value.uid === null || isUid(value.uid))) return value.uid;
  throw new Error('the partner\'s answer is neither {"uid": "…"} nor {"uid": null}');
}

/** How far the pull of one partner's id for one visitor has come. */
type Progress =
  /** Its part of the rate limit is being taken. */
  | "claimed"
  /** It may be asked. */
  | "waiting"
  | "asked";

/** One visitor's pulls. */
interface Run {
  ip: string;
  /** When it began, on the time of the windows. */
  beganMs: number;
  partners: Map<string, Progress>;
  /** The partners that were due when last looked at, by the sources under which the engine knows them. */
  due: Map<string, Partner>;
}

/** What pull sync is made of. */
export interface PullSyncParts {
  graph: Graph;
  registry: Pick<Registry, "isKnown" | "ready" | "get" | "pulling">;
  limiter: RateLimiter;
  /** Remembers for whom nobody can be asked. */
  hotPath: Pick<HotPath, "take" | "peek" | "forget">;
  clock: Clock;
  /** The time of the hot path's windows; by it runs expire, too. */
  time(): number;
  /** At most so many visitors' pulls are remembered; past it the oldest is forgotten. */
  maxRuns: number;
  random: Random;
  fetch: Fetch;
  allowInsecure: boolean;
  metrics: Metrics;
  log: {
    debug(message: string, fields?: LogFields): void;
    error(message: string, fields?: LogFields): void;
  };
}

/** Pull sync, as the sync engine and the service see it. */
export interface PullSync {
  /** What the engine asks and does; identifiers are EC ids, items are partners. */
  readonly context: SyncContext<string, PulledId>;
  /** Whether anybody could have to be asked for the visitor of an organic request; decided without waiting. */
  mayBegin(visit: EcContext): boolean;
  /**
   * Decides which partners the visitor of an organic request is due for, and takes their rate limits.
   * @returns whether any partner may be asked now.
   */
  begin(visit: EcContext): Promise<boolean>;
  /** Leaves an id to the engine, which asks by itself as soon as a domain has room: its next visits need not try. */
  leaveToEngine(id: string): void;
  /** Forgets what is still to be pulled for an id. */
  end(id: string): void;
  /** Forgets the pulls of an id that nobody is at. A rest that was found due goes on. */
  forget(id: string): void;
  /** How many visitors' pulls are remembered. */
  size(): number;
  /** What the partners of a domain agreed to bear; the least where several share it. */
  limitsFor(domain: string): DomainLimits | undefined;
}

/** Puts pull sync together. */
export function createPullSync(parts: PullSyncParts): PullSync {
  const { graph, registry, limiter, hotPath, clock, time, maxRuns, random, allowInsecure, metrics, log } =
    parts;
  const runs = new Map<string, Run>();
  const limits = limitsByDomain(registry.pulling);
  const nowSeconds = () => toSeconds(clock.now());
  const count = (partner: string, outcome: string) => metrics.count("pull_sync_total", { partner, outcome });

  // A change of a partner may make anybody due.
  const rests = createRests(hotPath, { now: time }, registry.pulling);

  /** The run of an id. Runs that the engine has given up by now are forgotten on the way. */
  function runOf(id: string, ip: string): Run {
    const beganMs = time();
    for (const [old, run] of runs) {
      if (beganMs - run.beganMs < EXPIRY_MS && runs.size < maxRuns) break;
      runs.delete(old);
    }
    let run = runs.get(id);
    if (run === undefined) {
      run = { ip, beganMs, partners: new Map(), due: new Map() };
      runs.set(id, run);
    }
    return run;
  }

  function leave(id: string, run: Run, partner: string): void {
    run.partners.delete(partner);
    if (run.partners.size === 0 && runs.get(id) === run) runs.delete(id);
    rests.end(id);
  }

  /** Takes one pull for each of these partners, out of what each allows for everybody behind the EC hash. */
  async function takeEach(
    id: string,
    partners: readonly Partner[],
  ): Promise<PromiseSettledResult<TakeResult>[]> {
    const hash = ecHash(id);
    const members = partners.map(({ id: name, pullSyncRateLimit: limit }) => ({
      name,
      key: pullKey(name, hash),
      limit,
    }));
    const taken =
      limiter.takeEach?.(pullGroupKey(hash), members, HOUR_MS) ??
      members.map(async ({ key, limit }) =>
        limiter.take(key, { limit, windowMs: HOUR_MS, family: "visitors" }),
      );
    return Promise.allSettled<TakeResult>(taken);
  }

  /**
   * Takes the rate limits of partners that are due.
   * @returns in how many milliseconds the first may be tried again that was refused.
   * @throws what the limiter throws.
   */
  async function claim(id: string, run: Run, partners: readonly Partner[]): Promise<number> {
    for (const { id: name } of partners) run.partners.set(name, "claimed");
    let againInMs = REST_MS;
    let failure: { error: unknown } | null = null;
    const results = partners.length === 0 ? [] : await takeEach(id, partners);
    results.forEach((result, i) => {
      const name = partners[i]!.id;
      if (result.status === "fulfilled" && result.value.admitted) {
        run.partners.set(name, "waiting");
        return;
      }
      leave(id, run, name);
      if (result.status === "rejected") {
        failure = { error: result.reason };
      } else {
        count(name, "rate_limited");
        againInMs = Math.min(againInMs, result.value.retryAfterMs);
      }
    });
    if (failure !== null) throw (failure as { error: unknown }).error;
    return againInMs;
  }

  /** Asks one partner. @returns its id for the visitor, `null` if it has none. @throws whatever else it answers. */
  async function ask(partner: Partner, id: string, ip: string, signal: AbortSignal): Promise<string | null> {
    const headers = { authorization: `Bearer ${partner.pullToken}`, accept: "application/json" };
    const url = pullUrl(partner.pullSyncUrl!, id, ip);
    const response = await boundedFetch(url, { headers, signal }, PULL_BOUNDS, parts);
    if (response.status === 200) return readAnswer(await response.text());
    response.body?.cancel().catch(() => {});
    if (response.status === 404) return null;
    if (response.status === 429) {
      throw new RateLimited(retryAfterMs(response.headers.get("retry-after"), clock.now()));
    }
    throw new Error(`the partner answered with status ${response.status}`);
  }

  async function pull(
    partner: Partner,
    id: string,
    ip: string,
    signal: AbortSignal,
  ): Promise<readonly PulledId[]> {
    const fault = pullUrlFault(partner.pullSyncUrl!, partner.pullSyncAllowedDomains, allowInsecure);
    if (fault !== null) {
      count(partner.id, "misconfigured");
      log.error("a partner's pull URL may not be called", { partner: partner.id, expected: fault });
      return [];
    }
    try {
      const uid = await ask(partner, id, ip, signal);
      count(partner.id, uid === null ? "none" : "obtained");
      if (uid !== null) return [{ partner: partner.id, uid, ...generationOf(partner) }];
      log.debug("a partner has no id for a visitor", { partner: partner.id, ec: shortId(id) });
      return [];
    } catch (error) {
      count(partner.id, error instanceof RateLimited ? "limited" : "failed");
      throw error;
    }
  }

  return {
    context: {
      hasPending: async (id) => runs.has(id),

      /** Looks again: consent may be withdrawn by now, an id may have come another way, a partner may be gone. */
      async neededItems(id) {
        const run = runs.get(id);
        if (run === undefined) return [];
        const entry = await graph.getOrMark(id);
        run.due = new Map();
        for (const [name, progress] of [...run.partners]) {
          if (progress !== "waiting") continue;
          const partner = registry.get(name);
          if (partner !== undefined && isDue(partner, entry, nowSeconds())) {
            run.due.set(sourceOf(partner), partner);
          } else {
            leave(id, run, name);
          }
        }
        return [...run.due.values()].map((partner) => partner.id);
      },

      /** From a changing start, so that where not all can be asked it is not always the same ones that are left out. */
      async sources(id) {
        const sources = [...(runs.get(id)?.due.keys() ?? [])];
        const chance = new Uint8Array(1);
        random.fill(chance);
        const start = chance[0]! % Math.max(1, sources.length);
        return [...sources.slice(start), ...sources.slice(0, start)];
      },

      async fetch(id, source, _items, signal) {
        const run = runs.get(id);
        const partner = run?.due.get(source);
        if (run === undefined || partner === undefined) return [];
        run.partners.set(partner.id, "asked");
        try {
          return await pull(partner, id, run.ip, signal);
        } finally {
          // However that ended, this run does not ask again.
          leave(id, run, partner.id);
        }
      },

      async process(id, pulled) {
        const synced = nowSeconds();
        // An entry that is gone by now was deleted, here or on another instance, and stays so.
        await graph.upsertKnown(
          id,
          pulled.map((given) => ({ ...given, synced })),
        );
      },
    },

    mayBegin: ({ consent, activeId, client }) =>
      (!registry.isKnown() || registry.pulling().length > 0) &&
      allowsEcCreation(consent) &&
      activeId !== null &&
      client.ip !== null &&
      !rests.has(activeId),

    async begin({ consent, activeId: id, client, ecGenerated }) {
      // Where an instance lives for one request, the partners are still being read.
      await registry.ready();
      const partners = registry.pulling();
      if (partners.length === 0 || !allowsEcCreation(consent) || id === null || client.ip === null)
        return false;
      const entry = await graph.getOrMark(id);
      // An unknown id may be forged. One that may be adopted is in the graph by now.
      if (entry === null && !ecGenerated) return false;
      const due = partners.filter((partner) => isDue(partner, entry, nowSeconds()));
      if (due.length === 0) {
        rests.begin(id, dueInMs(partners, entry, nowSeconds()));
        return false;
      }
      const run = runOf(id, client.ip);
      const anew = due.filter(({ id: name }) => !run.partners.has(name));
      const againInMs = await claim(id, run, anew);
      const progress = [...run.partners.values()];
      if (progress.includes("waiting")) return true;
      // All that are due have been asked, or may not be asked yet; what changes that ends the rest.
      if (!progress.includes("claimed")) rests.begin(id, againInMs);
      return false;
    },

    leaveToEngine: (id) => rests.begin(id, REST_MS),
    end(id) {
      runs.delete(id);
      rests.end(id);
    },
    forget: (id) => void runs.delete(id),
    size: () => runs.size,
    limitsFor: (domain) => limits().get(domain),
  };
}

/** A partner's pull URL, told apart from another partner's same one. The fragment stays here. */
function sourceOf(partner: Partner): string {
  const url = new URL(partner.pullSyncUrl!);
  url.hash = partner.id;
  return url.href;
}

/** The limits of every domain that is pulled from; worked out again only when a partner changes. */
function limitsByDomain(pulling: () => readonly Partner[]) {
  let of: readonly Partner[] | undefined;
  let byDomain = new Map<string, DomainLimits>();
  return () => {
    const partners = pulling();
    if (partners === of) return byDomain;
    of = partners;
    byDomain = new Map();
    for (const { pullSyncUrl, maxConcurrent, maxPerMinute } of partners) {
      const domain = domainOf(pullSyncUrl!);
      if (domain === null) continue;
      const least = byDomain.get(domain);
      byDomain.set(domain, {
        maxConcurrent: Math.min(maxConcurrent, least?.maxConcurrent ?? maxConcurrent),
        maxPerMinute: Math.min(maxPerMinute, least?.maxPerMinute ?? maxPerMinute),
      });
    }
    return byDomain;
  };
}
