/**
 * Takes once from each of several keys that are mostly taken from together, in the memory of one key: it stores "one take from
 * each key of this set", not every take.
 *
 * Example: ten partners are asked for the id of a new visitor, which takes once from ten limits. Ten windows would be ten entries
 * for an hour. The set of partners is nearly always the same, so one window per visitor and set is enough. The takes of a key are
 * those of its own window and of the sets that contain it; the limit holds for their sum.
 * @module
 */
import type { RateLimit, RateMember, TakeResult } from "../platform.ts";

/** Maximum number of sets. Takes of further sets are counted key by key. */
const MOST_SETS = 8;
/** Maximum number of takes in the window of a set: up to here windows are exact. */
const MOST_TAKES = 64;

/** A set of members that are taken from together. */
interface MemberSet {
  names: ReadonlySet<string>;
  /** Its number in keys. Never reused for another set. */
  number: number;
  lastTakenMs: number;
  /** Longest window of its takes. After this time without a take, no window contains any of them. */
  windowMs: number;
}

/** The windows in which takes are counted. */
export interface GroupWindows {
  time(): number;
  /** Number of takes in the window of a set. */
  countSet(key: string, nowMs: number, windowMs: number): number;
  /** Number of takes in the own window of a member. */
  countMember(key: string, nowMs: number, rate: RateLimit): number;
  /** Milliseconds until the oldest of `takes` takes leaves a window. */
  wait(key: string, nowMs: number, windowMs: number, takes: number): number;
  /** Takes from the window of a set. @returns false if it was not counted */
  takeSet(key: string, nowMs: number, windowMs: number, limit: number): boolean;
  /** Takes from the own window of a member. @param already takes of the member that are counted elsewhere */
  takeMember(key: string, rate: RateLimit, already: number): TakeResult;
}

/** Creates the function that takes once from each member of a group. Exact: results are those of separate windows. */
export function groupTakes(windows: GroupWindows) {
  const { time, countSet, countMember, wait, takeSet, takeMember } = windows;
  const sets = new Map<string, MemberSet>();
  let nextNumber = 0;

  const keyOf = (group: string, { number }: MemberSet) => `${group}|${number}`;

  /** The set of these members, created if needed; `undefined` if the maximum number of other sets is in use. */
  function setOf(members: readonly RateMember[], nowMs: number, windowMs: number): MemberSet | undefined {
    const names = members.map(({ name }) => name).sort();
    const text = names.join(" ");
    const known = sets.get(text);
    if (known !== undefined) return known;
    if (sets.size >= MOST_SETS) {
      for (const [name, { lastTakenMs, windowMs }] of sets) {
        if (nowMs - lastTakenMs >= windowMs) sets.delete(name);
      }
      if (sets.size >= MOST_SETS) return undefined;
    }
    const set = { names: new Set(names), number: nextNumber++, lastTakenMs: nowMs, windowMs };
    sets.set(text, set);
    return set;
  }

  return (group: string, members: readonly RateMember[], windowMs: number): TakeResult[] => {
    const nowMs = time();
    /** The sets with takes of this group. */
    const usedSets = [...sets.values()].flatMap((set) => {
      // A clock that was ahead must not keep a set in use.
      set.lastTakenMs = Math.min(set.lastTakenMs, nowMs);
      const key = keyOf(group, set);
      const takes = countSet(key, nowMs, windowMs);
      return takes === 0 ? [] : [{ key, takes, names: set.names }];
    });
    const states = members.map((member) => {
      const inSets = usedSets.filter(({ names }) => names.has(member.name));
      const takes = inSets.reduce((sum, set) => sum + set.takes, 0);
      const own = countMember(member.key, nowMs, { limit: member.limit, windowMs });
      return { member, inSets, takes, own, left: member.limit - takes - own };
    });
    const free = states.filter(({ left }) => left >= 1).map(({ member }) => member);
    const set = free.length > 1 ? setOf(free, nowMs, windowMs) : undefined;
    const isWhole = set !== undefined && takeSet(keyOf(group, set), nowMs, windowMs, MOST_TAKES);
    if (isWhole) {
      set.lastTakenMs = nowMs;
      set.windowMs = Math.max(set.windowMs, windowMs);
    }
    return states.map(({ member: { key, limit }, inSets, takes, own, left }) => {
      if (left < 1) {
        const counts = own > 0 ? [...inSets, { key, takes: own }] : inSets;
        const waits = counts.map((counted) => wait(counted.key, nowMs, windowMs, counted.takes));
        return { admitted: false, remaining: 0, retryAfterMs: Math.min(windowMs, ...waits) };
      }
      if (isWhole) return { admitted: true, remaining: Math.ceil(left) - 1, retryAfterMs: 0 };
      return takeMember(key, { limit, windowMs }, takes);
    });
  };
}
