import type { Outcome } from "./events.ts";
import {
  ASKED_REST_MS,
  FAILURES_TO_REST,
  MAX_ASKED_REST_MS,
  MIN_ASKED_REST_MS,
  REMEMBER_MS,
  restMs,
} from "./schedule.ts";

/**
 * Whether a domain answers, by how its fetches ended. After failures in a row the domain rests; after a rest it is on
 * probation: one fetch at a time, the probe, shows whether it is well again. Times are milliseconds on the engine's clock.
 * @typeParam P what holds room for one fetch.
 */
export class Health<P> {
  /** Failures in a row. */
  failures = 0;
  /** Rests in a row; above 0 the domain is on probation. */
  rests = 0;
  /** The fetch that tests the domain while it is on probation; `null`: none. */
  probe: P | null = null;
  /** End of the rest because of failures. */
  restsUntil = 0;
  /** End of the rest that the server asked for. */
  askedUntil = 0;
  /** The later of the two: when the domain may be asked again. */
  wakesAt = 0;

  /** Continues the rests of a snapshot. */
  restore(rests: number, restsUntil: number, askedUntil: number): void {
    this.rests = rests;
    this.restsUntil = restsUntil;
    this.askedUntil = askedUntil;
    this.wakesAt = Math.max(restsUntil, askedUntil);
  }

  /**
   * Records how a fetch ended. A success restores normal operation; failures in a row, or a failed probe, lead to a rest; a
   * request for fewer requests leads to the rest that it asks for.
   * @param outcome `null`: nothing was fetched.
   * @param retryAfterMs how long the server asked for, if it did.
   * @returns length of the rest that starts now, in milliseconds; 0: none.
   */
  recordOutcome(permit: P, outcome: Outcome | null, retryAfterMs: number | null, now: number): number {
    const wasProbe = this.probe === permit;
    if (wasProbe) this.probe = null;
    let ms = 0;
    switch (outcome) {
      case "obtained":
      case "empty":
        this.failures = 0;
        this.rests = 0;
        this.restsUntil = 0;
        break;
      case "limited":
        ms = Math.min(Math.max(retryAfterMs ?? ASKED_REST_MS, MIN_ASKED_REST_MS), MAX_ASKED_REST_MS);
        this.askedUntil = Math.max(this.askedUntil, now + ms);
        break;
      case "failed":
      case "timeout":
        // Fetches that started before the rest end during it; they tell nothing new.
        if (this.rests > 0 && !wasProbe) break;
        if (++this.failures < FAILURES_TO_REST && this.rests === 0) break;
        ms = restMs(++this.rests);
        this.restsUntil = now + ms;
        break;
      default:
    }
    this.wakesAt = Math.max(this.askedUntil, this.restsUntil);
    return ms;
  }

  /**
   * Until when an idle domain's state must be kept.
   * @param opensAt when the domain may be asked again.
   * @param settledAt when its last fetch ended.
   */
  rememberUntil(opensAt: number, settledAt: number): number {
    return this.failures > 0 || this.rests > 0 ? Math.max(opensAt, settledAt) + REMEMBER_MS : opensAt;
  }
}
