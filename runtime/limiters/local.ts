/**
 * Rate limits in a fixed amount of this process's memory: exact windows for keys that only known parties can create, shared counts
 * for all other keys.
 * @module
 */
import { type HotPath, windowTime } from "../../wasm/hotpath.ts";
import type { Clock, RateFamily, RateLimit, RateLimiter, TableView, TakeResult } from "../platform.ts";
import { groupTakes } from "./group-takes.ts";

/** One table of windows. */
export type Windows = Pick<HotPath, "take" | "peek" | "count" | "hash64" | "stats">;

/** The tables of a local limiter. Each property is read when its table is first needed. */
export interface LocalTables {
  partners: Windows;
  visitors: Windows;
  /** Counts that several keys share. */
  shared: Windows;
}

/** Part of the shared counts that the keys of one rate use: there is room for eight rates. */
const SHARE = 1 / 8;

/**
 * Counts in tables of windows, for this process alone. Memory never grows, and no live take is ever dropped. The family of a rate
 * decides what a full table does (see `RateFamily`).
 *
 * @param tables one table for all families, or one for each, so that no family takes the room of another.
 * @example
 * const limiter = localLimiter(hotPath, clock);
 * limiter.take("partner:ssp_x", { limit: 30, windowMs: 60_000 }); // { admitted: true, remaining: 29, retryAfterMs: 0 }
 */
export function localLimiter(
  tables: Windows | LocalTables,
  clock: Pick<Clock, "now" | "monotonic">,
): RateLimiter {
  const { partners, visitors, shared }: LocalTables =
    "visitors" in tables ? tables : { partners: tables, visitors: tables, shared: tables };
  const time = windowTime(clock);
  const full = { partners: 0, visitors: 0, addresses: 0 };
  let onFull: (table: string) => void = () => {};
  /** Until this time (by `time`), shared counts may contain takes of visitors. */
  let sharesUntil = Number.NEGATIVE_INFINITY;
  let buckets = 0n;

  /** The name of the shared count for a key of this rate. */
  function shareOf(key: string, { limit, windowMs }: RateLimit): string {
    buckets ||= BigInt(Math.max(1, Math.floor(shared.stats().maxKeys * SHARE)));
    return `${limit}/${windowMs}:${shared.hash64(key) % buckets}`;
  }

  function noteFull(family: RateFamily): void {
    full[family]++;
    onFull(family);
  }

  /** Whether a take was refused for lack of room: the key has fewer takes than its limit. */
  const lackedRoom = (windows: Windows, key: string, nowMs: number, limit: number, windowMs: number) =>
    limit >= 1 && windows.count(key, nowMs, windowMs) < Math.floor(limit);

  function takeIn(windows: Windows, family: RateFamily, key: string, { limit, windowMs }: RateLimit) {
    const nowMs = time();
    const taken = windows.take(key, nowMs, windowMs, limit);
    if (!taken.admitted && lackedRoom(windows, key, nowMs, limit, windowMs)) noteFull(family);
    return taken;
  }

  /** Number of takes in the shared count of a visitor's key. */
  const inShare = (key: string, nowMs: number, rate: RateLimit) =>
    nowMs < sharesUntil ? shared.count(shareOf(key, rate), nowMs, rate.windowMs) : 0;

  /**
   * Takes from the visitors' table or, if that has no room, from a shared count. The takes in both count.
   * @param already takes of the key that are counted elsewhere.
   */
  function takeOfVisitor(key: string, rate: RateLimit, already = 0): TakeResult {
    const { limit, windowMs } = rate;
    const nowMs = time();
    // A clock that was ahead must not extend this time.
    if (sharesUntil > nowMs + windowMs) sharesUntil = nowMs + windowMs;
    const elsewhere = already + inShare(key, nowMs, rate);
    const taken = visitors.take(key, nowMs, windowMs, limit - elsewhere);
    if (taken.admitted || !lackedRoom(visitors, key, nowMs, limit - elsewhere, windowMs)) return taken;
    noteFull("visitors");
    sharesUntil = nowMs + windowMs;
    const own = already + visitors.count(key, nowMs, windowMs);
    return shared.take(shareOf(key, rate), nowMs, windowMs, limit - own);
  }

  const takeEach = groupTakes({
    time,
    countSet: (key, nowMs, windowMs) => visitors.count(key, nowMs, windowMs),
    countMember: (key, nowMs, rate) => visitors.count(key, nowMs, rate.windowMs) + inShare(key, nowMs, rate),
    wait: (key, nowMs, windowMs, takes) => visitors.peek(key, nowMs, windowMs, takes).retryAfterMs,
    takeSet: (key, nowMs, windowMs, limit) => visitors.take(key, nowMs, windowMs, limit).admitted,
    takeMember: takeOfVisitor,
  });

  function viewOf(table: string, windows: Windows, refusedFull: number): TableView {
    const { keys, maxKeys, bytes } = windows.stats();
    return { table, keys, maxKeys, refusedFull, bytes };
  }

  return {
    take(key, rate) {
      switch (rate.family ?? "partners") {
        case "partners":
          return takeIn(partners, "partners", key, rate);
        case "visitors":
          return takeOfVisitor(key, rate);
        case "addresses":
          return takeIn(shared, "addresses", shareOf(key, rate), rate);
      }
    },
    takeEach: (group, members, windowMs) => takeEach(group, members, windowMs),
    tables() {
      if (visitors === shared) return [];
      return [
        viewOf("partners", partners, full.partners),
        viewOf("visitors", visitors, full.visitors),
        viewOf("addresses", shared, full.addresses),
      ];
    },
    watch(listener) {
      onFull = listener;
    },
  };
}
