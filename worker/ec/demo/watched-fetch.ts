/**
 * A fetch that reports every pull of a partner.
 * @module
 */
import type { Clock, Fetch } from "../../../runtime/platform.ts";
import { ASKED_REST_MS, retryAfterMs } from "../../../runtime/sync/index.ts";
import type { Company } from "./partners/companies.ts";

/** An event of one pull. */
export interface PullEvent {
  partner: string;
  ecId: string;
  atMs: number;
  what:
    | { kind: "asked" }
    | { kind: "answered"; status: number; tookMs: number }
    | { kind: "slow down"; pauseMs: number }
    /** The pull was cancelled. */
    | { kind: "dropped" }
    | { kind: "failed" };
}

/** Wraps a fetch. @param fetches `partners` is used for pulls, `others` for everything else */
export function watchedFetch(
  fetches: { partners: Fetch; others: Fetch },
  companies: readonly Company[],
  clock: Clock,
  report: (event: PullEvent) => void,
): Fetch {
  const byUrl = new Map(companies.map(({ record }) => [record.pullSyncUrl, record.id]));

  return async (url, init) => {
    const { origin, pathname, searchParams } = new URL(url);
    const partner = byUrl.get(origin + pathname);
    if (partner === undefined) return fetches.others(url, init);
    const ecId = searchParams.get("ec_id") ?? "";
    const say = (what: PullEvent["what"]) => report({ partner, ecId, atMs: clock.now(), what });
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
