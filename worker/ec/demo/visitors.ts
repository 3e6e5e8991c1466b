/**
 * The visitors of the demonstration: their last events, their pulls, and the steps that they have done. Kept in memory.
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

/** The session cookie that identifies a visitor. */
export const SESSION_COOKIE = "demo-session";

const MAX_VISITORS = 200;
const MAX_HAPPENINGS = 40;
const SESSION = /^[0-9a-f]{32}$/;

/** A step in the life of an id, as the panel lists them. */
export type Step = "visit" | "accept" | "return" | "partners" | "play" | "withdraw" | "again";

/** One browser. */
export interface Visitor {
  readonly session: string;
  /** Newest first. Their numbers are consecutive, from 1. */
  happenings: (Happening & { number: number })[];
  pulls: Pulls;
  steps: Set<Step>;
  /** The context of the last request. */
  context: EcContext | null;
  /** The id in the cookie now. */
  id: string | null;
  withdrawnId: string | null;
  /** The store's last known entry for `id`; `undefined` before the first read. */
  entry: GraphEntry | null | undefined;
  /** Called after every change of the fields above or of the graph's entry for one of the ids. */
  watchers: Set<() => void>;
}

/** The visitors of one demonstration. */
export interface Visitors {
  /** The visitor of a request; `null` without a session cookie. */
  of(headers: Headers): Visitor | null;
  /** Creates a visitor. */
  welcome(): Visitor;
  /** Records one answered request. */
  remember(visitor: Visitor, context: EcContext, happening: Happening, isPage: boolean): void;
  /** Resets a visitor. */
  forget(visitor: Visitor): void;
  /** Records reads and writes of the store. */
  readonly store: StoreWatcher;
  /** Records an event of a pull. */
  pulled(event: PullEvent): void;
  /** Adds a line for partners that visitors with an open panel wait for. */
  recordWaits(gates: readonly Gate[]): void;
}

export function createVisitors(random: Random, clock: Clock, companies: readonly Company[]): Visitors {
  const known = new Map<string, Visitor>();
  const names = new Map(companies.map(({ record }) => [record.id, record.name]));
  const nameOf = (partner: string) => names.get(partner) ?? partner;
  const pulled = companies.filter(({ record }) => record.pullSyncEnabled).map(({ record }) => record.id);

  function add(session: string): Visitor {
    const oldest = known.keys().next();
    if (known.size >= MAX_VISITORS && !oldest.done) known.delete(oldest.value);
    const visitor = { session, ...emptyState(), watchers: new Set<() => void>() };
    known.set(session, visitor);
    return visitor;
  }

  const notifyWatchers = (visitor: Visitor) => {
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
      // The session may be from before a restart of the server.
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
      notifyWatchers(visitor);
    },
    forget(visitor) {
      Object.assign(visitor, emptyState());
      notifyWatchers(visitor);
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
          if (isUnder(visitor.id) || isUnder(visitor.withdrawnId)) notifyWatchers(visitor);
        }
      },
    },
    pulled(event) {
      for (const visitor of known.values()) {
        if (visitor.id !== event.ecId && visitor.withdrawnId !== event.ecId) continue;
        visitor.pulls = withEvent(visitor.pulls, event, nameOf(event.partner));
        notifyWatchers(visitor);
      }
    },
    recordWaits(gates) {
      for (const visitor of known.values()) {
        const { entry, watchers } = visitor;
        if (watchers.size === 0 || entry === undefined) continue;
        const due = pulled.filter((partner) => entry?.ids[partner] === undefined);
        const pulls = withWaits(visitor.pulls, due, gates, nameOf, clock.now());
        if (pulls === visitor.pulls) continue;
        visitor.pulls = pulls;
        notifyWatchers(visitor);
      }
    },
  };
}

function emptyState(): Omit<Visitor, "session" | "watchers"> {
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

/** The id in the cookie after a request. */
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
