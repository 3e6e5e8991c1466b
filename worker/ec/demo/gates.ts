/**
 * The limits of each pulled partner and their current use, from the pulls and from the sync engine.
 * @module
 */
import type { Clock } from "../../../runtime/platform.ts";
import { domainOf, WINDOW_MS } from "../../../runtime/sync/index.ts";
import type { Services } from "../service.ts";
import type { Company } from "./partners/companies.ts";
import type { PullEvent } from "./watched-fetch.ts";

/** Why a partner cannot be requested now. */
export type Closed = "pause" | "window" | "rest";

/** The state of one partner's server, as the panel draws it. Times are milliseconds since the epoch. */
export interface Gate {
  partner: string;
  inFlight: number;
  maxConcurrent: number;
  /** Ids that wait for it. */
  waiting: number;
  maxPerMinute: number;
  /** The times of its requests within the last minute, ascending. */
  startsMs: readonly number[];
  /** `null` if it is open. */
  closed: { because: Closed; untilMs: number } | null;
}

/** The gates of all partners. */
export interface Gates {
  /** Records an event of a pull. */
  record(event: PullEvent): void;
  /** The current gates of the pulled partners. */
  now(): Gate[];
}

/** The end of a pause is rounded up to this, in milliseconds, so that a view changes only if the state changes. */
const REST_STEP_MS = 1000;

/** Creates the gates. @param inspect returns the state of the sync engine */
export function createGates(
  companies: readonly Company[],
  clock: Clock,
  inspect: Services["inspectSync"],
): Gates {
  const pulled = companies.filter(({ record }) => record.pullSyncEnabled).map(({ record }) => record);
  const starts = new Map(pulled.map(({ id }) => [id, [] as number[]]));
  const pausedUntil = new Map<string, number>();

  function closedNow(id: string, limit: number, opensInMs: number, nowMs: number): Gate["closed"] {
    const pause = pausedUntil.get(id) ?? 0;
    if (pause > nowMs) return { because: "pause", untilMs: pause };
    const leaving = starts.get(id)!.at(-limit);
    if (leaving !== undefined) return { because: "window", untilMs: leaving + WINDOW_MS };
    if (opensInMs === 0) return null;
    return { because: "rest", untilMs: Math.ceil((nowMs + opensInMs) / REST_STEP_MS) * REST_STEP_MS };
  }

  return {
    record({ partner, atMs, what }) {
      if (what.kind === "asked") starts.get(partner)?.push(atMs);
      if (what.kind === "slow down") pausedUntil.set(partner, atMs + what.pauseMs);
    },
    now() {
      const nowMs = clock.now();
      const { domains } = inspect();
      return pulled.map(({ id, pullSyncUrl, maxConcurrent = 0, maxPerMinute = 0 }) => {
        // The engine does not list an idle domain.
        const view = domains.find(({ domain }) => domain === domainOf(pullSyncUrl!));
        const recent = starts.get(id)!.filter((atMs) => nowMs - atMs < WINDOW_MS);
        starts.set(id, recent);
        return {
          partner: id,
          inFlight: view?.inFlight ?? 0,
          maxConcurrent,
          waiting: view?.waiting ?? 0,
          maxPerMinute,
          startsMs: recent,
          closed: closedNow(id, maxPerMinute, view?.opensInMs ?? 0, nowMs),
        };
      });
    },
  };
}
