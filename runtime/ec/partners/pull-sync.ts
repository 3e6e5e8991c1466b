/**
 * Pull sync: asks partners for their ids of a visitor, after the response. It decides which partners are due and is the
 * context of the sync engine, which has the queue, the timers and the limits of each domain.
 * @module
 */
import type { HotPath } from "../../../wasm/hotpath.ts";
import { idFields, NO_IDS, type RequestIds } from "../../observe/trace-context.ts";
import type { Tracer } from "../../observe/tracer.ts";
import type { Clock, Fetch, LogFields, Metrics, Random, RateLimiter, TakeResult } from "../../platform.ts";
import { type DomainLimits, RateLimited, type Source, type SyncContext } from "../../sync/index.ts";
import { generationOf, toSeconds } from "../graph/entry.ts";
import type { Graph } from "../graph/graph.ts";
import { ecHash, shortId } from "../id.ts";
import { pullGroupKey, pullKey } from "../keys.ts";
import { allowsEcCreation, type Consent } from "../request/consent.ts";
import { consentParameters } from "../request/consent-parameters.ts";
import type { EcContext } from "../request/context.ts";
import { type Partner, pullUrlFault } from "./partner.ts";
import type { MayShare } from "./partner-consent.ts";
import { createPauses, PAUSE_MS, type Pauses } from "./pauses.ts";
import { dueInMs, isDue } from "./pull-due.ts";
import { createPullLimits } from "./pull-limits.ts";
import { requestPull } from "./pull-request.ts";
import { PullRuns, type Run } from "./pull-runs.ts";
import type { Registry } from "./registry.ts";

/** The engine's timeouts for pulls, in milliseconds: a pull is one short request. */
export const PULL_TIMEOUTS = { idleTimeoutMs: 5000, totalTimeoutMs: 5000, lookTimeoutMs: 5000 } as const;
const HOUR_MS = 3_600_000;
/** Longest consent parameters of a visitor, in characters. They wait in memory with the pulls; with longer ones no partner is asked. */
const MAX_CONSENT_LENGTH = 8192;

/** The consent parameters of a decision as a query text. */
function consentQuery(consent: Consent): string {
  return new URLSearchParams(consentParameters(consent)).toString();
}

/** An id on its way from a partner into the graph. */
export interface PulledId {
  partner: string;
  uid: string;
  /** Generation of the partner that was asked. */
  generation?: number;
}

/** What {@link PullSync} needs. */
export interface PullSyncParts {
  graph: Graph;
  registry: Pick<Registry, "isKnown" | "ready" | "get" | "pulling">;
  mayShare: MayShare;
  limiter: RateLimiter;
  /** Stores the pauses in rate-limit windows. */
  hotPath: Pick<HotPath, "take" | "peek" | "forget">;
  clock: Clock;
  /** The time of the hot path's windows, in milliseconds; runs expire by it. */
  time(): number;
  /** Maximum number of visitors whose pulls are remembered; beyond it the oldest is forgotten. */
  maxRuns: number;
  random: Random;
  fetch: Fetch;
  tracer: Tracer;
  allowInsecure: boolean;
  metrics: Metrics;
  log: {
    debug(message: string, fields?: LogFields): void;
    error(message: string, fields?: LogFields): void;
  };
}

/** Creates the pull sync of a service. */
export function createPullSync(parts: PullSyncParts): PullSync {
  return new PullSync(parts);
}

/** Pull sync, as the sync engine and the service see it. */
export class PullSync {
  /** What the sync engine calls. Identifiers are EC ids, needs are the partners that are due. */
  readonly context: SyncContext<Partner, PulledId>;
  /** The limits of a domain that partners are pulled from. */
  readonly limitsFor: (domain: string) => DomainLimits | undefined;
  /** Returns the number of visitors whose pulls are remembered. */
  readonly size = (): number => this.#runs.size;
  /** The ids of the request that began an id's pulls, which are under way or ended just now. */
  readonly idsOf = (id: string): RequestIds | undefined => this.#runs.idsOf(id);
  readonly #parts: PullSyncParts;
  readonly #runs: PullRuns;
  readonly #pauses: Pauses;

  constructor(parts: PullSyncParts) {
    const { hotPath, time, registry, maxRuns } = parts;
    this.#parts = parts;
    this.#runs = new PullRuns(time, maxRuns);
    // A change of the partners may make one due for any visitor.
    this.#pauses = createPauses(hotPath, { now: time }, () => registry.pulling());
    this.limitsFor = createPullLimits(() => registry.pulling());
    this.context = {
      neededItems: (id) => this.#duePartners(id),
      sources: async (_id, partners) => this.#sources(partners),
      fetch: async (id, { key }, partners, { signal }) => ({
        items: await this.#pull(id, partners, key, signal),
      }),
      process: (id, pulled) => this.#store(id, pulled),
    };
  }

  /** Whether a partner may be due for the visitor of an organic request; synchronous. */
  mayBegin(context: EcContext): boolean {
    const { consent, activeId, client } = context;
    const { registry } = this.#parts;
    return (
      (!registry.isKnown() || registry.pulling().length > 0) &&
      allowsEcCreation(consent) &&
      activeId !== null &&
      client.ip !== null &&
      (!this.#pauses.has(activeId) || this.#hasChangedConsent(activeId, consent))
    );
  }

  /**
   * Decides which partners are due for the visitor of an organic request, and takes their rate limits.
   * @param ids of the request; the pulls carry them. Default: none.
   * @returns whether a partner may be asked now.
   */
  async begin(context: EcContext, ids: RequestIds = NO_IDS): Promise<boolean> {
    const { consent, activeId: id, client, ecGenerated } = context;
    const { registry, graph, mayShare } = this.#parts;
    // On a host where an instance lives for one request, the partners are still being read.
    await registry.ready();
    const partners = registry.pulling();
    if (partners.length === 0 || !allowsEcCreation(consent) || id === null || client.ip === null)
      return false;
    const permitted = partners.filter((partner) => mayShare(partner, context));
    const parameters = consentQuery(consent);
    this.#restrict(id, permitted, parameters);
    if (permitted.length === 0 || parameters.length > MAX_CONSENT_LENGTH) return false;
    const entry = await graph.getOrMark(id);
    // An unknown id may be forged. One that may be adopted is in the graph by now.
    if (entry === null && !ecGenerated) return false;
    const nowSeconds = this.#nowSeconds();
    const due = permitted.filter((partner) => isDue(partner, entry, nowSeconds));
    if (due.length === 0) {
      this.#pauses.begin(id, dueInMs(permitted, entry, nowSeconds));
      return false;
    }
    const run = this.#runs.open(id, client.ip, parameters, ids);
    const added = due.filter((partner) => !run.partners.has(partner.id));
    const againInMs = await this.#claim(run, added);
    const progress = [...run.partners.values()];
    if (progress.includes("waiting")) return true;
    // All due partners have been asked, or may not be asked yet; a change of that ends the pause.
    if (!progress.includes("claimed")) this.#pauses.begin(id, againInMs);
    return false;
  }

  /** Leaves an id to the engine, which asks as soon as a domain has room: the visitor's next pages need not try. */
  leaveToEngine(id: string): void {
    this.#pauses.begin(id, PAUSE_MS);
  }

  /** Forgets the pulls of an id, and its pause. */
  end(id: string): void {
    this.#runs.forget(id);
    this.#pauses.end(id);
  }

  /** Forgets the pulls of an id that is not being worked on. Its pause stays. */
  forget(id: string): void {
    this.#runs.forget(id);
  }

  /** Whether pulls under way began with other consent than the visitor states now. */
  #hasChangedConsent(id: string, consent: Consent): boolean {
    const run = this.#runs.get(id);
    return run !== undefined && run.consent !== consentQuery(consent);
  }

  /** Gives up the pulls that wait for partners which the visitor's newest consent does not permit. */
  #restrict(id: string, permitted: readonly Partner[], parameters: string): void {
    const run = this.#runs.get(id);
    if (run === undefined) return;
    run.consent = parameters;
    const names = new Set(permitted.map(({ id: name }) => name));
    for (const [name, progress] of [...run.partners]) {
      if (progress === "waiting" && !names.has(name)) this.#leave(run, name);
    }
  }

  /** The partners to ask now. Looks again: since the visit consent may be withdrawn, an id stored, a partner removed. */
  async #duePartners(id: string): Promise<Partner[]> {
    const { graph, registry } = this.#parts;
    const run = this.#runs.get(id);
    if (run === undefined) return [];
    const entry = await graph.getOrMark(id);
    const due: Partner[] = [];
    for (const [name, progress] of [...run.partners]) {
      if (progress !== "waiting") continue;
      const partner = registry.get(name);
      if (partner !== undefined && isDue(partner, entry, this.#nowSeconds())) due.push(partner);
      else this.#leave(run, name);
    }
    return due;
  }

  /** One source for each partner, from a random start: where not all can be asked, not always the same are left out. */
  #sources(partners: readonly Partner[]): Source[] {
    const sources = partners.map(({ id, pullSyncUrl }) => ({ url: pullSyncUrl!, key: id }));
    const chance = new Uint8Array(1);
    this.#parts.random.fill(chance);
    const start = chance[0]! % Math.max(1, sources.length);
    return [...sources.slice(start), ...sources.slice(0, start)];
  }

  /** Asks one of the partners that were due. @returns its id for the visitor; nothing if it has none. */
  async #pull(
    id: string,
    partners: readonly Partner[],
    key: string,
    signal: AbortSignal,
  ): Promise<PulledId[]> {
    const { allowInsecure, log } = this.#parts;
    const run = this.#runs.get(id);
    const partner = partners.find((candidate) => candidate.id === key);
    if (partner === undefined || run?.partners.get(key) !== "waiting") return [];
    run.partners.set(key, "asked");
    const { ip, consent, ids } = run;
    const fault = pullUrlFault(partner.pullSyncUrl!, partner.pullSyncAllowedDomains, allowInsecure);
    let outcome = fault === null ? "failed" : "misconfigured";
    try {
      if (fault !== null) {
        log.error("a partner's pull URL may not be called", {
          ...idFields(ids),
          partner: key,
          expected: fault,
        });
        return [];
      }
      const uid = await requestPull({ partner, id, ip, consent, ids, signal }, this.#parts);
      outcome = uid === null ? "none" : "obtained";
      if (uid !== null) return [{ partner: key, uid, ...generationOf(partner) }];
      log.debug("a partner has no id for a visitor", { ...idFields(ids), partner: key, ec: shortId(id) });
      return [];
    } catch (error) {
      if (error instanceof RateLimited) outcome = "limited";
      throw error;
    } finally {
      this.#count(key, outcome);
      // However the pull ended, this run does not ask again.
      this.#leave(run, key);
    }
  }

  /** An entry that is gone by now was deleted, here or on another instance, and is not created again. */
  async #store(id: string, pulled: readonly PulledId[]): Promise<void> {
    const synced = this.#nowSeconds();
    await this.#parts.graph.upsertKnown(
      id,
      pulled.map((given) => ({ ...given, synced })),
    );
  }

  /**
   * Takes the rate limits of partners that are due.
   * @returns milliseconds until the first refused partner may be tried again.
   * @throws what the limiter throws.
   */
  async #claim(run: Run, partners: readonly Partner[]): Promise<number> {
    for (const { id: name } of partners) run.partners.set(name, "claimed");
    let againInMs = PAUSE_MS;
    const failures: unknown[] = [];
    const results = partners.length === 0 ? [] : await this.#takeEach(run.id, partners);
    results.forEach((result, i) => {
      const name = partners[i]!.id;
      if (result.status === "fulfilled" && result.value.admitted) {
        run.partners.set(name, "waiting");
        return;
      }
      this.#leave(run, name);
      if (result.status === "rejected") {
        failures.push(result.reason);
      } else {
        this.#count(name, "rate_limited");
        againInMs = Math.min(againInMs, result.value.retryAfterMs);
      }
    });
    if (failures.length > 0) throw failures.at(-1);
    return againInMs;
  }

  /** Takes one pull for each of these partners, from what each allows for all visitors behind the EC hash. */
  #takeEach(id: string, partners: readonly Partner[]): Promise<PromiseSettledResult<TakeResult>[]> {
    const { limiter } = this.#parts;
    const hash = ecHash(id);
    const members = partners.map(({ id: name, pullSyncRateLimit: limit }) => ({
      name,
      key: pullKey(name, hash),
      limit,
    }));
    const taken = limiter.takeEach?.(pullGroupKey(hash), members, HOUR_MS);
    return Promise.allSettled<TakeResult>(
      members.map(async ({ key, limit }, i) =>
        taken === undefined
          ? limiter.take(key, { limit, windowMs: HOUR_MS, family: "visitors" })
          : (await taken)[i]!,
      ),
    );
  }

  /** A partner is done for this run. A change of what is under way ends the pause. */
  #leave(run: Run, partner: string): void {
    this.#runs.leave(run, partner);
    this.#pauses.end(run.id);
  }

  #nowSeconds(): number {
    return toSeconds(this.#parts.clock.now());
  }

  #count(partner: string, outcome: string): void {
    this.#parts.metrics.count("millrace_pull_sync_total", { partner, outcome });
  }
}
