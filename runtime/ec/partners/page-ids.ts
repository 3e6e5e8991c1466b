/**
 * Ids of partners that a page's Prebid.js found, on their way from its cookies into the graph, after the response.
 * @module
 */
import type { HotPath } from "../../../wasm/hotpath.ts";
import type { Metrics } from "../../platform.ts";
import { generationOf, isTombstone, partnerIdIn, toSeconds } from "../graph/entry.ts";
import type { Graph, Upsert } from "../graph/graph.ts";
import { eidsByKey, eidsKey } from "../keys.ts";
import type { EcContext } from "../request/context.ts";
import { type EidCookies, readEidCookies } from "../request/eid-cookies.ts";
import type { Partner } from "./partner.ts";
import type { MayShare } from "./partner-consent.ts";
import type { Registry } from "./registry.ts";
import { isUid } from "./uid.ts";

/** How long the same cookies of a visitor are not read again, in milliseconds. */
const WINDOW_MS = 3_600_000;
/** Maximum number of cookies with other values that are read from one address in {@link WINDOW_MS}. */
export const EID_COOKIES_PER_ADDRESS = 3000;

/** What {@link PageIds} needs. */
export interface PageIdsDependencies {
  readonly graph: Pick<Graph, "getOrMark" | "upsertKnown">;
  readonly registry: Pick<Registry, "isKnown" | "ready" | "bySource" | "hasSources">;
  readonly mayShare: MayShare;
  /** Remembers which cookies were read. */
  readonly hotPath: Pick<HotPath, "take" | "peek">;
  readonly metrics: Pick<Metrics, "count">;
  /** The time of the hot path's windows, in milliseconds. */
  time(): number;
}

/** Takes partners' ids from pages. */
export class PageIds {
  readonly #dependencies: PageIdsDependencies;

  constructor(dependencies: PageIdsDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Whether the cookies of a visit are read: they have not been read for this visitor within an hour, and the address has not sent too
   * many. Decided without the store.
   */
  isNew({ activeId, client, eidCookies }: EcContext): boolean {
    if (!eidCookies || activeId === null) return false;
    const { hotPath, registry, time } = this.#dependencies;
    if (registry.isKnown() && !registry.hasSources()) return false;
    const nowMs = time();
    const key = eidsKey(activeId, eidCookies);
    return (
      hotPath.peek(key, nowMs, WINDOW_MS, 1).admitted &&
      hotPath.take(eidsByKey(client.ip), nowMs, WINDOW_MS, EID_COOKIES_PER_ADDRESS).admitted &&
      hotPath.take(key, nowMs, WINDOW_MS, 1).admitted
    );
  }

  /**
   * Writes the ids whose sources are partners' and that the graph does not have. An EC id that the graph does not know gets none: it may
   * be forged.
   * @throws if the store fails.
   */
  async take(context: EcContext): Promise<void> {
    const { graph, registry, metrics } = this.#dependencies;
    // On a host where an instance lives for one request, the partners are still being read.
    await registry.ready();
    const found = this.#matches(context.eidCookies!, context);
    if (found.length === 0) return;
    const id = context.activeId!;
    const entry = await graph.getOrMark(id);
    if (entry === null || isTombstone(entry)) return;
    const synced = toSeconds(context.nowMs);
    const changed: Upsert[] = [];
    for (const { partner, uid } of found) {
      const isKnown = partnerIdIn(entry, partner)?.uid === uid;
      metrics.count("millrace_ec_page_ids_total", {
        partner: partner.id,
        outcome: isKnown ? "known" : "written",
      });
      if (!isKnown) changed.push({ partner: partner.id, uid, synced, ...generationOf(partner) });
    }
    if (changed.length > 0) await graph.upsertKnown(id, changed);
  }

  /** The first valid id of each partner that may have one, in order of appearance. */
  #matches(cookies: EidCookies, context: EcContext): { partner: Partner; uid: string }[] {
    const { registry, mayShare, metrics } = this.#dependencies;
    const judged = new Set<string>();
    const permitted: { partner: Partner; uid: string }[] = [];
    for (const { source, uid } of readEidCookies(cookies)) {
      // The first valid id counts, for each partner of its source.
      if (judged.has(source) || !isUid(uid)) continue;
      judged.add(source);
      for (const partner of registry.bySource(source)) {
        if (mayShare(partner, context)) permitted.push({ partner, uid });
        else metrics.count("millrace_ec_page_ids_total", { partner: partner.id, outcome: "denied" });
      }
    }
    return permitted;
  }
}
