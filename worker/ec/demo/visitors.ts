/**
 * Who looks at the demonstration, and what it remembers of them while it runs: their last happenings, the pulls for them
 * and which steps they have done.
 * @module
 */

import { decodeEntry, type GraphEntry, unlessDeleted } from "../../../runtime/ec/graph/entry.ts";
import { keyOf } from "../../../runtime/ec/graph/graph.ts";
import { allowsEcCreation } from "../../../runtime/ec/request/consent.ts";
import type { EcContext } from "../../../runtime/ec/request/context.ts";
import { readCookies } from "../../../runtime/ec/request/cookie.ts";
import { toHex } from "../../../runtime/lib/hex.ts";
import type { Clock, Random } from "../../../runtime/platform.ts";
import type { Gate } from "./gates.ts";
import { type Company, PLAYED } from "./partners/companies.ts";
import { afterVisit, NO_PULLS, type Pulls, withEvent, withWaits, withWritten } from "./pulls.ts";
import type { Happening } from "./story.ts";
import type { PullEvent } from "./watched-fetch.ts";
import type { StoreWatcher } from "./watched-store.ts";

/** The cookie by which the panel knows whose requests are whose; gone with the browser's session. */
export const SESSION_COOKIE = "demo-session";

const MAX_VISITORS = 200;
const MAX_HAPPENINGS = 40;
const SESSION = /^[0-9a-f]{32}$/;

/** The life of an id, as the panel's list has it. */
export type Step = "visit" | "accept" | "return" | "partners" | "play" | "withdraw" | "again";

/** One browser. */
export interface Visitor {
  readonly session: string;
  /** Newest first; their numbers count up from 1. */
  happenings: (Happening & { number: number })[];
  pulls: Pulls;
  steps: Set<Step>;
  /** As the last request was read. */
  context: EcContext | null;
  /** What the cookie holds now. */
  id: string | null;
  withdrawnId: string | null;
  /** What the store was last seen to hold for `id`; `undefined`: nobody has looked yet. */
  entry: GraphEntry | null | undefined;
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
  /** Tells whoever looks at an id what the store has under its key. */
  readonly store: StoreWatcher;
  /** Tells whoever it concerns what became of a question to a partner. */
  pulled(event: PullEvent): void;
  /** Tells those who look on which partners they have to wait for. */
  tellWaits(gates: readonly Gate[]): void;
}

export function createVisitors(random: Random, clock: Clock, companies: readonly Company[]): Visitors {
  const known = new Map<string, Visitor>();
  const names = new Map(companies.map(({ record }) => [record.id, record.name]));
  const nameOf = (partner: string) => names.get(partner) ?? partner;
  const pulled = companies.filter(({ record }) => record.pullSyncEnabled).map(({ record }) => record.id);

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

  function sawEntry(visitor: Visitor, entry: GraphEntry | null): void {
    visitor.entry = entry;
    const has = (partner: string) => entry?.ids[partner] !== undefined;
    if (pulled.length > 0 && pulled.every(has)) visitor.steps.add("partners");
    if (has(PLAYED.id)) visitor.steps.add("play");
  }

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
      return add(toHex(bytes));
    },
    remember(visitor, context, happening, isPage) {
      const { kind, route } = happening;
      const number = (visitor.happenings[0]?.number ?? 0) + 1;
      visitor.happenings = [{ ...happening, number }, ...visitor.happenings].slice(0, MAX_HAPPENINGS);
      visitor.context = context;
      const id = idAfter(context, kind);
      if (id !== visitor.id) visitor.entry = undefined;
      visitor.id = id;
      if (kind === "withdrawal") visitor.withdrawnId = context.cookieId ?? visitor.withdrawnId;
      if (route === "organic" || id === null) visitor.pulls = afterVisit(visitor.pulls, id !== null);
      for (const step of stepsDone(happening, isPage)) visitor.steps.add(step);
      tellWatchers(visitor);
    },
    forget(visitor) {
      Object.assign(visitor, nothing());
      tellWatchers(visitor);
    },
    store: {
      read(key, value) {
        for (const visitor of known.values()) {
          if (visitor.entry !== undefined || visitor.id === null || keyOf(visitor.id) !== key) continue;
          sawEntry(visitor, value === null ? null : unlessDeleted(decodeEntry(value)));
        }
      },
      written(key, value) {
        for (const visitor of known.values()) {
          const isUnder = (id: string | null) => id !== null && keyOf(id) === key;
          if (isUnder(visitor.id)) {
            const entry = value === null ? null : unlessDeleted(decodeEntry(value));
            visitor.pulls = withWritten(visitor.pulls, visitor.entry ?? null, entry, nameOf, clock.now());
            sawEntry(visitor, entry);
          }
          if (isUnder(visitor.id) || isUnder(visitor.withdrawnId)) tellWatchers(visitor);
        }
      },
    },
    pulled(event) {
      for (const visitor of known.values()) {
        if (visitor.id !== event.ecId && visitor.withdrawnId !== event.ecId) continue;
        visitor.pulls = withEvent(visitor.pulls, event, nameOf(event.partner));
        tellWatchers(visitor);
      }
    },
    tellWaits(gates) {
      for (const visitor of known.values()) {
        const { entry, watchers } = visitor;
        if (watchers.size === 0 || entry === undefined) continue;
        const due = pulled.filter((partner) => entry?.ids[partner] === undefined);
        const pulls = withWaits(visitor.pulls, due, gates, nameOf, clock.now());
        if (pulls === visitor.pulls) continue;
        visitor.pulls = pulls;
        tellWatchers(visitor);
      }
    },
  };
}

function nothing(): Omit<Visitor, "session" | "watchers"> {
  return {
    happenings: [],
    pulls: NO_PULLS,
    steps: new Set(),
    context: null,
    id: null,
    withdrawnId: null,
    entry: undefined,
  };
}

/** What the cookie holds after a request. */
function idAfter({ consent, activeId, cookieId }: EcContext, kind: Happening["kind"]): string | null {
  if (kind === "erasure") return null;
  if (allowsEcCreation(consent)) return activeId;
  return kind === "spared" ? cookieId : null;
}

function stepsDone({ kind, route }: Happening, isPage: boolean): Step[] {
  const isVisit = isPage && route === "organic";
  const done: Step[] = isVisit ? ["visit"] : [];
  if (kind === "new") done.push("accept");
  if (kind === "again") done.push("accept", "again");
  if (kind === "returning" && isVisit) done.push("return");
  if (kind === "withdrawal") done.push("withdraw");
  return done;
}
