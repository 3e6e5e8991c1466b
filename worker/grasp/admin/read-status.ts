/**
 * Makes the status of the running service. It starts few Git processes, whatever waits, and waits for nothing that may hang.
 * @module
 */
import { tagValue } from "../../../runtime/grasp/events/event.ts";
import { KIND } from "../../../runtime/grasp/events/kinds.ts";
import { SLOT_LIMITS } from "../../../runtime/grasp/git/slots.ts";
import type { Grasp } from "../../../runtime/grasp/grasp.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { type Entry, identifiersOf, STORES } from "../../../runtime/grasp/purgatory/entry.ts";
import type { Asked } from "../../../runtime/grasp/purgatory-sync/history.ts";
import type { PurgatorySync } from "../../../runtime/grasp/purgatory-sync.ts";
import type { RelaySyncView, RelayView } from "../../../runtime/grasp/relay-sync/events.ts";
import type { Repairs } from "../../../runtime/grasp/repair.ts";
import { toHex } from "../../../runtime/lib/hex.ts";
import { settlesWithin } from "../../../runtime/lib/within.ts";
import type { Past, PastSample } from "../../admin/past.ts";
import { busiestDomains, usedMetrics } from "../../admin/status.ts";
import { missingIds } from "../git/connected-ids.ts";
import type { Parts } from "../start/parts.ts";
import { FIGURE_METRICS, figuresOf, type Measured } from "./figures.ts";
import { MissingObjects } from "./missing.ts";
import { Recent } from "./recent.ts";
import {
  GRASP,
  type GraspStatus,
  MAX_NEWEST,
  MAX_ROWS,
  type RelayStatus,
  type RelaysStatus,
  type RepositoryStatus,
  type WaitingStatus,
} from "./status.ts";

/** How long Git may look for missing objects before the status goes without, in milliseconds. */
const LOOK_MS = 1000;
/** Missing ids and asked servers of one entry. */
const MAX_OF_ENTRY = 5;

/** What {@link StatusReader} reads. */
export interface StatusSources {
  readonly parts: Pick<
    Parts,
    "settings" | "build" | "repositories" | "folders" | "store" | "pool" | "disk" | "nowMs" | "nowSeconds"
  > & {
    readonly host: Pick<Parts["host"], "clock" | "random">;
    readonly shared: Pick<Parts["shared"], "metrics">;
  };
  readonly core: {
    readonly grasp: Pick<Grasp, "purgatory" | "known" | "onHappening">;
    readonly relay: { readonly connections: number; readonly subscriptions: number };
  };
  readonly background: {
    readonly purgatorySync: {
      readonly sync: Pick<PurgatorySync, "inspect" | "asked" | "isQueued">;
      readonly repairs: Pick<Repairs, "counts" | "of">;
    };
    readonly relaySync: { view(): RelaySyncView } | null;
  };
  /** Sets the gauges that are sampled. */
  sample(): Promise<void>;
}

export class StatusReader {
  readonly #sources: StatusSources;
  readonly #missing: MissingObjects;
  readonly #recent: Recent;
  readonly #instance: string;
  readonly #startedMs: number;

  constructor(sources: StatusSources) {
    const { parts, core } = sources;
    const { nowMs, repositories, folders, pool, host } = parts;
    this.#sources = sources;
    this.#startedMs = nowMs();
    const name = new Uint8Array(4);
    host.random.fill(name);
    this.#instance = toHex(name);
    this.#recent = new Recent(nowMs);
    core.grasp.onHappening(this.#recent.listen);
    this.#missing = new MissingObjects({
      grasp: core.grasp,
      nowMs,
      lacking: (owner, identifier, ids) =>
        missingIds(repositories.pathOf(owner, identifier), ids, { home: folders.home, pool }),
    });
  }

  /** The status now. @param maxEntries of purgatory */
  async read(maxEntries = MAX_ROWS): Promise<GraspStatus> {
    const { parts, core, background, sample } = this.#sources;
    const { host, settings, build, disk, pool, nowMs } = parts;
    const { purgatory } = core.grasp;
    const entries = purgatory.all();
    const shown = entries.slice(0, maxEntries);
    await settlesWithin(this.#missing.look(shown), LOOK_MS, host.clock);
    await sample();
    const { count, bytes } = disk.totals(0);
    const { queued, domains } = background.purgatorySync.sync.inspect();
    const { checked, repaired, incomplete, oldestMs } = background.purgatorySync.repairs.counts();
    const measured = this.#measured();
    return {
      service: GRASP,
      instance: this.#instance,
      started_ms: this.#startedMs,
      now_ms: nowMs(),
      lives_between_requests: true,
      metrics: measured.metrics,
      domain: settings.current.domain,
      build,
      connections: core.relay.connections,
      subscriptions: core.relay.subscriptions,
      purgatory: {
        ...measured.purgatory,
        oldest_ms: entries[0]?.arrivedMs ?? null,
        entries: shown.map((entry) => this.#waiting(entry)),
        entries_left_out: entries.length - shown.length,
      },
      sync: { queued, ...busiestDomains(domains, MAX_ROWS) },
      relays: background.relaySync === null ? null : relaysOf(background.relaySync.view()),
      repositories: {
        count,
        bytes,
        newest: this.#newest(),
        repair: { checked, repaired, incomplete, oldest_ms: oldestMs },
      },
      free_bytes: await disk.free().catch(() => null),
      git: {
        limit: SLOT_LIMITS.all,
        ...measured.git,
        refused: pool.counts().refused,
      },
      recent: this.#recent.list(),
    };
  }

  /** The figures that the page follows over time. Reads memory only. */
  sample(): PastSample {
    return { at_ms: this.#sources.parts.nowMs(), ...figuresOf(this.#measured(FIGURE_METRICS)), store: {} };
  }

  /** What the server kept for the page. */
  past(samples: readonly PastSample[]): Past {
    return { instance: this.#instance, now_ms: this.#sources.parts.nowMs(), samples };
  }

  #measured(names?: readonly string[]): Measured {
    const { parts, core } = this.#sources;
    const { metrics } = parts.shared;
    const { purgatory } = core.grasp;
    const { used, waiting } = parts.pool.counts();
    const shares = Object.keys(used) as (keyof typeof used)[];
    return {
      metrics: usedMetrics(names === undefined ? metrics.snapshot() : metrics.read(names)),
      purgatory: {
        counts: Object.fromEntries(
          STORES.map((store) => [store, purgatory.size(store)]),
        ) as GraspStatus["purgatory"]["counts"],
      },
      git: { shares: shares.map((share) => ({ share, running: used[share], waiting: waiting[share] })) },
    };
  }

  #waiting(entry: Entry): WaitingStatus {
    const { sync } = this.#sources.background.purgatorySync;
    const identifiers = identifiersOf(entry);
    const missing = this.#missing.of(entry);
    const asked = identifiers.flatMap((name) => sync.asked(name)).sort((a, b) => b.startedMs - a.startedMs);
    return {
      store: entry.store,
      id: entry.store === "placeholder" ? entry.id : entry.event.id,
      identifiers: [...identifiers],
      author: entry.store === "placeholder" ? null : toNpub(entry.event.pubkey),
      since_ms: entry.arrivedMs,
      until_ms: entry.deadlineMs,
      source: entry.source,
      is_soft_expired: entry.store === "announcement" && entry.isSoftExpired,
      is_queued: identifiers.some((name) => sync.isQueued(name)),
      named: this.#missing.named(entry).length,
      missing: missing?.length ?? null,
      missing_ids: missing?.slice(0, MAX_OF_ENTRY) ?? [],
      asked: asked.slice(0, MAX_OF_ENTRY).map(askedOf),
      asked_left_out: Math.max(0, asked.length - MAX_OF_ENTRY),
    };
  }

  /** The repositories whose announcements are newest. */
  #newest(): RepositoryStatus[] {
    const { parts, background } = this.#sources;
    const { store, disk, nowSeconds } = parts;
    const filter = { tags: new Map(), kinds: new Set<number>([KIND.announcement]), limit: MAX_NEWEST };
    return store
      .query([filter], nowSeconds())
      .slice(0, MAX_NEWEST)
      .map((event) => {
        const identifier = tagValue(event, "d") ?? "";
        return {
          owner: toNpub(event.pubkey),
          identifier,
          name: tagValue(event, "name") ?? null,
          announced_ms: event.created_at * 1000,
          bytes: disk.bytesOfRepository(event.pubkey, identifier),
          repair: background.purgatorySync.repairs.of(event.pubkey, identifier)?.status ?? null,
        };
      });
  }
}

function askedOf({ url, startedMs, outcome, answer, items, times }: Asked) {
  return { url, at_ms: startedMs, outcome, answer, objects: items, times };
}

/** Troubled relays first: an operator looks for them. */
const TROUBLE: readonly RelayView["state"][] = [
  "avoided",
  "disconnected",
  "connected-history-failed",
  "connecting",
  "syncing",
  "connected",
];

function relaysOf({ relays, refusedHot, refusedCold }: RelaySyncView): RelaysStatus {
  const sorted = [...relays].sort(
    (a, b) => TROUBLE.indexOf(a.state) - TROUBLE.indexOf(b.state) || b.identifiers - a.identifiers,
  );
  return {
    tracked: relays.length,
    connected: relays.filter(({ retryAtMs }) => retryAtMs === null).length,
    list: sorted.slice(0, MAX_ROWS).map(relayOf),
    list_left_out: Math.max(0, relays.length - MAX_ROWS),
    refused_hot: refusedHot,
    refused_cold: refusedCold,
  };
}

function relayOf(view: RelayView): RelayStatus {
  return {
    url: view.url,
    is_bootstrap: view.isBootstrap,
    state: view.state,
    health: view.health,
    retry_at_ms: view.retryAtMs,
    failures: view.failures,
    avoided_because: view.avoidedBecause,
    history_at_ms: view.historyAtMs,
    pending: view.pending,
    subscriptions: view.subscriptions,
    identifiers: view.identifiers,
  };
}
