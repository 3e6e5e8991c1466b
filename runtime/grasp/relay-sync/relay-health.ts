/**
 * How well a relay is, as values (L15, L17, L18): each function makes the next value. Times are milliseconds since the epoch.
 * @module
 */
import { doubling } from "../../lib/backoff.ts";
import type { AvoidReason, CloseReason, RelayHealth } from "./events.ts";
import { DEAD_MS, REST_MS, STABLE_MS } from "./figures.ts";
import type { RelaySyncSettings } from "./ports.ts";

export interface Health {
  /** Failures since the last stable connection. */
  readonly failures: number;
  /** The first failure since the last open connection; `null`: none. */
  readonly failingSinceMs: number | null;
  /** `null`: it is not open. */
  readonly openedAtMs: number | null;
  /** It is not tried before. */
  readonly retryAtMs: number;
  /** Nothing new is asked before: it asked for fewer requests (L16). */
  readonly restsUntilMs: number;
  readonly avoided: { readonly because: AvoidReason; readonly untilMs: number } | null;
}

type Figures = Pick<RelaySyncSettings, "baseBackoffMs" | "maxBackoffMs" | "avoidMs">;

export const UNTRIED: Health = {
  failures: 0,
  failingSinceMs: null,
  openedAtMs: null,
  retryAtMs: 0,
  restsUntilMs: 0,
  avoided: null,
};

/** A connection opened: it is neither dead nor without an address. Rest and backoff stay (L18). */
export function opened(health: Health, nowMs: number): Health {
  return { ...health, openedAtMs: nowMs, failingSinceMs: null, avoided: null };
}

/** A connection did not open, or ended. */
export function lost(
  health: Health,
  because: CloseReason | "memory",
  nowMs: number,
  figures: Figures,
): Health {
  const failures = isStable(health, nowMs) ? 1 : health.failures + 1;
  const failingSinceMs = health.failingSinceMs ?? nowMs;
  const isDead = nowMs - failingSinceMs >= DEAD_MS;
  const inMs = isDead ? DEAD_MS : doubling(failures, figures.baseBackoffMs, figures.maxBackoffMs);
  const next = {
    ...health,
    failures,
    failingSinceMs,
    openedAtMs: null,
    avoided: null,
    retryAtMs: nowMs + inMs,
  };
  const turnsAway = because === "dns" || because === "tls" || because === "protocol" || because === "address";
  return turnsAway ? avoid(next, because, nowMs, figures) : next;
}

/** It misbehaved, or cannot work: it is left alone for 12 h (L19). */
export function avoid(health: Health, because: AvoidReason, nowMs: number, { avoidMs }: Figures): Health {
  const untilMs = nowMs + avoidMs;
  const retryAtMs = Math.max(health.retryAtMs, untilMs);
  return { ...health, openedAtMs: null, retryAtMs, avoided: { because, untilMs } };
}

/** It asked for fewer requests. */
export function limited(health: Health, nowMs: number): Health {
  return { ...health, restsUntilMs: nowMs + REST_MS };
}

/** A stable connection clears the failures. */
export function settled(health: Health, nowMs: number): Health {
  return health.failures > 0 && isStable(health, nowMs) ? { ...health, failures: 0 } : health;
}

/** An operator asks for a try now (O14). */
export function triedNow(health: Health): Health {
  return { ...health, retryAtMs: 0, avoided: null };
}

export function healthOf(health: Health, nowMs: number): RelayHealth {
  const { failingSinceMs, restsUntilMs, failures, avoided } = health;
  if (failingSinceMs !== null && nowMs - failingSinceMs >= DEAD_MS) return "dead";
  if (restsUntilMs > nowMs) return "rate-limited";
  if (isStable(health, nowMs)) return "stable";
  return failures > 0 || avoided !== null ? "degraded" : "healthy";
}

function isStable({ openedAtMs }: Health, nowMs: number): boolean {
  return openedAtMs !== null && nowMs - openedAtMs >= STABLE_MS;
}
