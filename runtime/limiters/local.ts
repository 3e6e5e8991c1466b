/**
 * Rate limits in this process's memory, which has a fixed size: exact windows for keys that only somebody known can make,
 * shared counts for the others.
 * @module
 */
import { type HotPath, windowTime } from "../../wasm/hotpath.ts";
import type { Clock, RateFamily, RateLimit, RateLimiter, TableView, TakeResult } from "../platform.ts";
import { groupTakes } from "./group-takes.ts";

/** One table of windows. */
export type Windows = Pick<HotPath, "take" | "peek" | "count" | "hash64" | "stats">;

/** The tables of a local limiter. Each is asked for when it is first needed, and then kept. */
export interface LocalTables {
  partners: Windows;
  visitors: Windows;
  /** For counts that several keys share. */
  shared: Windows;
}

/** Of a table of shared counts, the part that keys of one rate are spread over: there is room for eight rates. */
const SHARE = 1 / 8;

/**
 * Counts in tables of windows, for this process alone. Memory never grows, and no key that counts is ever forgotten; what
 * happens in a full table is the rate's family's (see `RateFamily`).
 *
 * @param tables one table, or one for each purpose: then no family takes another's room.
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
  let told: (table: string) => void = () => {};
  /** Until then some of the visitors' takes may be among the shared counts, on the windows' time. */
  let sharesUntil = Number.NEGATIVE_INFINITY;
  /** The name of the count that a key of this rate shares. */
  let buckets = 0n;
  function shareOf(key: string, { limit, windowMs }: RateLimit): string {
    buckets ||= BigInt(Math.max(1, Math.floor(shared.stats().maxKeys * SHARE)));
    return `${limit}/${windowMs}:${shared.hash64(key) % buckets}`;
  }

  function foundFull(family: RateFamily): void {
    full[family]++;
    told(family);
  }

  /** Whether a refusal was for want of room: the key holds fewer takes than it may. */
  const wantedRoom = (windows: Windows, key: string, nowMs: number, limit: number, windowMs: number) =>
    limit >= 1 && windows.count(key, nowMs, windowMs) < Math.floor(limit);

  function takeIn(windows: Windows, family: RateFamily, key: string, { limit, windowMs }: RateLimit) {
    const nowMs = time();
    const taken = windows.take(key, nowMs, windowMs, limit);
    if (!taken.admitted && wantedRoom(windows, key, nowMs, limit, windowMs)) foundFull(family);
    return taken;
  }

  /** Takes in the count that a visitor's key shares, if any can be there. */
  const inShare = (key: string, nowMs: number, rate: RateLimit) =>
    nowMs < sharesUntil ? shared.count(shareOf(key, rate), nowMs, rate.windowMs) : 0;

  /**
   * Takes in the visitors' table, or, where that has no room, in a count that the key shares with others. What the key has
   * in either counts.
   * @param already takes of the key that are counted elsewhere.
   */
  function takeOfVisitor(key: string, rate: RateLimit, already = 0): TakeResult {
    const { limit, windowMs } = rate;
    const nowMs = time();
    // A clock that was ahead must not keep us looking there.
    if (sharesUntil > nowMs + windowMs) sharesUntil = nowMs + windowMs;
    const elsewhere = already + inShare(key, nowMs, rate);
    const taken = visitors.take(key, nowMs, windowMs, limit - elsewhere);
    if (taken.admitted || !wantedRoom(visitors, key, nowMs, limit - elsewhere, windowMs)) return taken;
    foundFull("visitors");
    sharesUntil = nowMs + windowMs;
    const own = already + visitors.count(key, nowMs, windowMs);
    return shared.take(shareOf(key, rate), nowMs, windowMs, limit - own);
  }

  const takeEach = groupTakes({
    time,
    countWhole: (key, nowMs, windowMs) => visitors.count(key, nowMs, windowMs),
    countOne: (key, nowMs, rate) => visitors.count(key, nowMs, rate.windowMs) + inShare(key, nowMs, rate),
    wait: (key, nowMs, windowMs, takes) => visitors.peek(key, nowMs, windowMs, takes).retryAfterMs,
    takeWhole: (key, nowMs, windowMs, limit) => visitors.take(key, nowMs, windowMs, limit).admitted,
    takeOne: takeOfVisitor,
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
    watch(tell) {
      told = tell;
    },
  };
}
