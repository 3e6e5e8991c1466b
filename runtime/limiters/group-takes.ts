/**
 * One take from each of many keys that are mostly taken from together, in the memory of one key: "each of these was taken
 * from once" is remembered, not each take.
 *
 * Ten partners are asked for the id of one new visitor: ten limits, one take of each. As ten windows that is ten entries for
 * an hour. Which partners are asked together is nearly always the same set, so one window of the visitor and the set says as
 * much. A key's takes are those of its own window and those of the sets that it is in, and the limit holds for their sum.
 * @module
 */
import type { RateLimit, RateMember, TakeResult } from "../platform.ts";

/** How many different sets are remembered at once; takes of any other are counted key by key. */
const MOST_SETS = 8;
/** How many takes of one set are counted as such: so many are exact. */
const MOST_TAKES = 64;

/** A set of members that are taken from together. */
interface MemberSet {
  names: ReadonlySet<string>;
  /** What stands for it in keys; never used again for another. */
  number: number;
  /** After so long without a take none of its takes is in a window any more. */
  lastTakenMs: number;
  windowMs: number;
}

/** The windows that takes are counted in. */
export interface GroupTakesParts {
  time(): number;
  /** Takes in the window of a set. */
  countWhole(key: string, nowMs: number, windowMs: number): number;
  /** Takes in a member's own window. */
  countOne(key: string, nowMs: number, rate: RateLimit): number;
  /** Milliseconds until the oldest of so many takes leaves a window. */
  wait(key: string, nowMs: number, windowMs: number, takes: number): number;
  /** Takes of the window of a set; false: not counted. */
  takeWhole(key: string, nowMs: number, windowMs: number, limit: number): boolean;
  /** Takes of a member's own window; `already` of its takes are counted elsewhere. */
  takeOne(key: string, rate: RateLimit, already: number): TakeResult;
}

/** Takes once from each member of a group. Exact: each answer is the one that a window of the member's own would give. */
export function groupTakes(parts: GroupTakesParts) {
  const { time, countWhole, countOne, wait, takeWhole, takeOne } = parts;
  const sets = new Map<string, MemberSet>();
  let numbered = 0;

  const keyOf = (group: string, { number }: MemberSet) => `${group}|${number}`;

  /** The set of these members, known or new; `undefined`: as many others are in use as may be. */
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
    const set = { names: new Set(names), number: numbered++, lastTakenMs: nowMs, windowMs };
    sets.set(text, set);
    return set;
  }

  return (group: string, members: readonly RateMember[], windowMs: number): TakeResult[] => {
    const nowMs = time();
    /** The sets that hold takes of this group, by their keys. */
    const held = [...sets.values()].flatMap((set) => {
      // A clock that was ahead must not keep a set in use.
      set.lastTakenMs = Math.min(set.lastTakenMs, nowMs);
      const key = keyOf(group, set);
      const takes = countWhole(key, nowMs, windowMs);
      return takes === 0 ? [] : [{ key, takes, names: set.names }];
    });
    const seen = members.map((member) => {
      const inSets = held.filter(({ names }) => names.has(member.name));
      const takes = inSets.reduce((sum, set) => sum + set.takes, 0);
      const own = countOne(member.key, nowMs, { limit: member.limit, windowMs });
      return { member, inSets, takes, own, left: member.limit - takes - own };
    });
    const free = seen.filter(({ left }) => left >= 1).map(({ member }) => member);
    const set = free.length > 1 ? setOf(free, nowMs, windowMs) : undefined;
    const isWhole = set !== undefined && takeWhole(keyOf(group, set), nowMs, windowMs, MOST_TAKES);
    if (isWhole) {
      set.lastTakenMs = nowMs;
      set.windowMs = Math.max(set.windowMs, windowMs);
    }
    return seen.map(({ member: { key, limit }, inSets, takes, own, left }) => {
      if (left < 1) {
        const counts = own > 0 ? [...inSets, { key, takes: own }] : inSets;
        const waits = counts.map((counted) => wait(counted.key, nowMs, windowMs, counted.takes));
        return { admitted: false, remaining: 0, retryAfterMs: Math.min(windowMs, ...waits) };
      }
      if (isWhole) return { admitted: true, remaining: Math.ceil(left) - 1, retryAfterMs: 0 };
      return takeOne(key, { limit, windowMs }, takes);
    });
  };
}
