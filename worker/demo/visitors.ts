/**
 * Who looks at the demonstration, and what it remembers of them while it runs: their last happenings and which steps
 * they have done.
 * @module
 */
import { allowsEcCreation } from "../../runtime/ec/consent.ts";
import type { EcContext } from "../../runtime/ec/context.ts";
import { readCookies } from "../../runtime/ec/cookie.ts";
import { keyOf } from "../../runtime/ec/graph.ts";
import type { Random } from "../../runtime/platform.ts";
import type { Happening } from "./story.ts";

/** The cookie by which the panel knows whose requests are whose; gone with the browser's session. */
export const SESSION_COOKIE = "demo-session";

const MAX_VISITORS = 200;
const MAX_HAPPENINGS = 40;
const SESSION = /^[0-9a-f]{32}$/;

/** The life of an id, as the panel's list has it. */
export const STEPS = ["visit", "accept", "return", "withdraw", "again"] as const;
export type Step = (typeof STEPS)[number];

/** One browser. */
export interface Visitor {
  readonly session: string;
  /** Newest first; their numbers count up from 1. */
  happenings: (Happening & { number: number })[];
  steps: Set<Step>;
  /** As the last request was read. */
  context: EcContext | null;
  /** What the cookie holds now. */
  id: string | null;
  withdrawnId: string | null;
  /** Told whenever something above, or the graph's entry for one of the ids, has changed. */
  watchers: Set<() => void>;
}

/** The visitors of one demonstration. */
export interface Visitors {
  /** The visitor who sent this request, if their browser has been here. */
  of(headers: Headers): Visitor | null;
  /** A visitor never seen before. */
  welcome(): Visitor;
  /** Takes one answered request into account. */
  remember(visitor: Visitor, context: EcContext, happening: Happening, isPage: boolean): void;
  /** Starts a visitor's story over. */
  forget(visitor: Visitor): void;
  /** Tells whoever looks at an id that what the store has under this key was written. */
  entryChanged(key: string): void;
}

export function createVisitors(random: Random): Visitors {
  const known = new Map<string, Visitor>();

  function add(session: string): Visitor {
    const oldest = known.keys().next();
    if (known.size >= MAX_VISITORS && !oldest.done) known.delete(oldest.value);
    const visitor = { session, ...nothing(), watchers: new Set<() => void>() };
    known.set(session, visitor);
    return visitor;
  }

  const tellWatchers = (visitor: Visitor) => {
    for (const watcher of visitor.watchers) watcher();
  };

  return {
    of(headers) {
      const session = readCookies(headers.get("cookie"), [SESSION_COOKIE]).get(SESSION_COOKIE)?.[0];
      if (session === undefined || !SESSION.test(session)) return null;
      // A browser may outlive the server that welcomed it.
      return known.get(session) ?? add(session);
    },
    welcome() {
      const bytes = new Uint8Array(16);
      random.fill(bytes);
      return add(Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""));
    },
    remember(visitor, context, happening, isPage) {
      const { kind } = happening;
      const number = (visitor.happenings[0]?.number ?? 0) + 1;
      visitor.happenings = [{ ...happening, number }, ...visitor.happenings].slice(0, MAX_HAPPENINGS);
      visitor.context = context;
      visitor.id = allowsEcCreation(context.consent)
        ? context.activeId
        : kind === "spared"
          ? context.cookieId
          : null;
      if (kind === "withdrawal") visitor.withdrawnId = context.cookieId ?? visitor.withdrawnId;
      for (const step of stepsDone(kind, isPage)) visitor.steps.add(step);
      tellWatchers(visitor);
    },
    forget(visitor) {
      Object.assign(visitor, nothing());
      tellWatchers(visitor);
    },
    entryChanged(key) {
      for (const visitor of known.values()) {
        const ids = [visitor.id, visitor.withdrawnId];
        if (ids.some((id) => id !== null && keyOf(id) === key)) tellWatchers(visitor);
      }
    },
  };
}

function nothing(): Omit<Visitor, "session" | "watchers"> {
  return { happenings: [], steps: new Set(), context: null, id: null, withdrawnId: null };
}

function stepsDone(kind: Happening["kind"], isPage: boolean): Step[] {
  const done: Step[] = isPage ? ["visit"] : [];
  if (kind === "new") done.push("accept");
  if (kind === "again") done.push("accept", "again");
  if (kind === "returning" && isPage) done.push("return");
  if (kind === "withdrawal") done.push("withdraw");
  return done;
}
