/**
 * The network as the service uses it, with word of every question to a partner.
 * @module
 */
import type { Clock, Fetch } from "../../../runtime/platform.ts";
import { ASKED_REST_MS, retryAfterMs } from "../../../runtime/sync/index.ts";
import type { Company } from "./partners/companies.ts";

/** One thing that happened to the pull of one partner's id. */
export interface PullEvent {
  partner: string;
  ecId: string;
  atMs: number;
  what:
    | { kind: "asked" }
    | { kind: "answered"; status: number; tookMs: number }
    | { kind: "slow down"; pauseMs: number }
    /** Nobody wants to know any more. */
    | { kind: "dropped" }
    | { kind: "failed" };
}

/** @param fetches pulls go through `partners`, everything else through `others`. */
export function watchedFetch(
  fetches: { partners: Fetch; others: Fetch },
  companies: readonly Company[],
  clock: Clock,
  tell: (event: PullEvent) => void,
): Fetch {
  const byUrl = new Map(companies.map(({ record }) => [record.pullSyncUrl, record.id]));

  return async (url, init) => {
    const { origin, pathname, searchParams } = new URL(url);
    const partner = byUrl.get(origin + pathname);
    if (partner === undefined) return fetches.others(url, init);
    const ecId = searchParams.get("ec_id") ?? "";
    const say = (what: PullEvent["what"]) => tell({ partner, ecId, atMs: clock.now(), what });
    const askedMs = clock.now();
    say({ kind: "asked" });
    try {
      const response = await fetches.partners(url, init);
      const { status } = response;
      if (status === 429) {
        const asked = retryAfterMs(response.headers.get("retry-after"), clock.now());
        say({ kind: "slow down", pauseMs: asked ?? ASKED_REST_MS });
      } else {
        say({ kind: "answered", status, tookMs: clock.now() - askedMs });
      }
      return response;
    } catch (error) {
      const isDropped = init?.signal?.aborted && init.signal.reason?.name === "AbortError";
      say({ kind: isDropped ? "dropped" : "failed" });
      throw error;
    }
  };
}
