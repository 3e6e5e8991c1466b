/**
 * Role tags of an announcement (A12): `["M" | "m" | "o", <key>, <time>…]`.
 * @module
 */
import type { NostrEvent } from "./events/event.ts";
import { readKey } from "./npub.ts";

/** One role tag. */
export interface Role {
  /** `M`: lead maintainer, `m`: maintainer, `o`: moderator, who is never in the set. */
  readonly kind: "M" | "m" | "o";
  readonly key: string;
  readonly isActive: boolean;
}

/** The role tags of an announcement; `null`: it has none. Entries without a key or with an unknown text are void. */
export function readRoles({ tags }: Pick<NostrEvent, "tags">): Role[] | null {
  const entries = tags.filter(([name]) => name === "M" || name === "m" || name === "o");
  if (entries.length === 0) return null;
  return entries.flatMap(([kind, text, ...times]): Role[] => {
    const key = readKey(text);
    const isActive = activity(times);
    return key === null || isActive === null ? [] : [{ kind: kind as Role["kind"], key, isActive }];
  });
}

/** Whether a role is active: start and end alternate. `null`: a text is no time. */
function activity(times: readonly string[]): boolean | null {
  // `defer` in the place of an end leaves the end open.
  const isDeferred = times.length > 0 && times.length % 2 === 0 && times.at(-1) === "defer";
  const known = isDeferred ? times.slice(0, -1) : times;
  if (!known.every((time) => /^\d{1,10}$/.test(time))) return null;
  return known.length === 0 || known.length % 2 === 1;
}

/** Whether a role lets its key maintain. */
export function maintains({ kind, isActive }: Role): boolean {
  return isActive && kind !== "o";
}
