/**
 * What each partner that is asked bears, and how much of that is taken: counted here, and asked of the sync engine.
 * @module
 */
import type { Clock } from "../../../runtime/platform.ts";
import { domainOf, WINDOW_MS } from "../../../runtime/sync/index.ts";
import type { Services } from "../service.ts";
import type { Company } from "./partners/companies.ts";
import type { PullEvent } from "./watched-fetch.ts";

/** Why nobody may be sent to a partner. */
export type Closed = "pause" | "window" | "rest";

/** One partner's server, as the panel draws it. Times are milliseconds since the epoch. */
export interface Gate {
  partner: string;
  inFlight: number;
  maxConcurrent: number;
  /** Ids that wait in line for it. */
  waiting: number;
  maxPerMinute: number;
  /** When it was asked within the last minute, in ascending order. */
  startsMs: readonly number[];
  /** `null`: open, as far as time decides it. */
  closed: { because: Closed; untilMs: number } | null;
}

/** What is remembered of the partners' servers. */
export interface Gates {
  saw(event: PullEvent): void;
  /** How things stand; only partners that are asked have a gate. */
  now(): Gate[];
}

/** The end of a rest is told in steps of this, so that a view changes only when something has, in milliseconds. */
const REST_STEP_MS = 1000;

/** @param inspect what the sync engine is doing. */
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
    saw({ partner, atMs, what }) {
      if (what.kind === "asked") starts.get(partner)?.push(atMs);
      if (what.kind === "slow down") pausedUntil.set(partner, atMs + what.pauseMs);
    },
    now() {
      const nowMs = clock.now();
      const { domains } = inspect();
      return pulled.map(({ id, pullSyncUrl, maxConcurrent = 0, maxPerMinute = 0 }) => {
        // The engine forgets a domain at which nothing goes on.
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
