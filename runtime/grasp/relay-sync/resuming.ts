/**
 * What is asked for after a gap (L17, L27).
 * @module
 */
import type { Filter } from "../events/filter.ts";
import { KIND } from "../events/kinds.ts";
import { RESUME_BEFORE_SECONDS, RESUME_MS } from "./figures.ts";
import { ROOT_KINDS } from "./layers.ts";
import type { Cursor } from "./ports.ts";

/** Kinds that are reconciled whole after every gap: one of an early date may come late (L27). */
export const RECONCILED: ReadonlySet<number> = new Set([
  ...[KIND.deletion, KIND.vanish, KIND.announcement, KIND.state],
  ...ROOT_KINDS,
]);

/** `since`: everything else is asked for from this time on, in seconds. */
export type Course = { readonly kind: "fresh" } | { readonly kind: "resume"; readonly since: number };

/** Whether we resume or start fresh. @param nowMs milliseconds since the epoch */
export function courseOf(cursor: Pick<Cursor, "aliveAtMs" | "historyAtMs"> | null, nowMs: number): Course {
  if (cursor === null || cursor.aliveAtMs === null || cursor.historyAtMs === null) return { kind: "fresh" };
  if (nowMs - cursor.aliveAtMs >= RESUME_MS) return { kind: "fresh" };
  return { kind: "resume", since: sinceOf(cursor.aliveAtMs) };
}

/** From when on a gap is looked at again, in seconds. @param lostMs the moment of the loss */
export function sinceOf(lostMs: number): number {
  return Math.max(0, Math.floor(lostMs / 1000) - RESUME_BEFORE_SECONDS);
}

/** The filters of the history that a filter needs after a gap. */
export function resumed(filter: Filter, since: number): Filter[] {
  const { kinds } = filter;
  if (kinds === undefined)
    return [
      { ...filter, kinds: RECONCILED },
      { ...filter, since },
    ];
  const whole = new Set([...kinds].filter((kind) => RECONCILED.has(kind)));
  const rest = new Set([...kinds].filter((kind) => !RECONCILED.has(kind)));
  return [
    ...(whole.size === 0 ? [] : [{ ...filter, kinds: whole }]),
    ...(rest.size === 0 ? [] : [{ ...filter, kinds: rest, since }]),
  ];
}

/** Two halves of a filter by time, for a set that is too large (L8); `null`: it is a single second. */
export function halves(filter: Filter, nowSeconds: number): [Filter, Filter] | null {
  const from = filter.since ?? 0;
  const to = filter.until ?? nowSeconds;
  if (from >= to) return null;
  // What is older than Nostr is one half at first.
  const middle = from < FIRST_EVENTS && FIRST_EVENTS < to ? FIRST_EVENTS : Math.floor((from + to) / 2);
  return [
    { ...filter, until: middle },
    { ...filter, since: middle + 1 },
  ];
}

/** 1 January 2020, in seconds. */
const FIRST_EVENTS = 1_577_836_800;
