/**
 * The visitors of the demonstration: their last events, their pulls, and the steps that they have done. Kept in memory.
 * @module
 */

import { decodeEntry, type GraphEntry, unlessDeleted } from "../../../runtime/ec/graph/entry.ts";
import { keyOf } from "../../../runtime/ec/graph/entry-writer.ts";
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
export class Visitors {
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #known = new Map<string, Visitor>();
  readonly #names: ReadonlyMap<string, string>;
  /** The ids of the partners that are pulled. */
  readonly #pulled: readonly string[];
  /** Records reads and writes of the store. */
  readonly store: StoreWatcher = {
    read: (key, value) => this.#read(key, value),
    written: (key, value) => this.#written(key, value),
  };

  constructor(random: Random, clock: Clock, companies: readonly Company[]) {
    this.#random = random;
    this.#clock = clock;
    this.#names = new Map(companies.map(({ record }) => [record.id, record.name]));
    this.#pulled = companies.filter(({ record }) => record.pullSyncEnabled).map(({ record }) => record.id);
  }

  /** The visitor of a request; `null` without a session cookie. */
  of(headers: Headers): Visitor | null {
    const session = readCookies(headers.get("cookie"), [SESSION_COOKIE]).get(SESSION_COOKIE)?.[0];
    if (session === undefined || !SESSION.test(session)) return null;
    // The session may be from before a restart of the server.
    return this.#known.get(session) ?? this.#add(session);
  }

  /** Creates a visitor. */
  welcome(): Visitor {
    const bytes = new Uint8Array(16);
    this.#random.fill(bytes);
    return this.#add(toHex(bytes));
  }

  /** Records one answered request. */
  remember(visitor: Visitor, context: EcContext, happening: Happening, isPage: boolean): void {
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
  }

  /** Resets a visitor. */
  forget(visitor: Visitor): void {
    Object.assign(visitor, emptyState());
    notifyWatchers(visitor);
  }

  /** Records an event of a pull. */
  recordPull(event: PullEvent): void {
    for (const visitor of this.#known.values()) {
      if (visitor.id !== event.ecId && visitor.withdrawnId !== event.ecId) continue;
      visitor.pulls = withEvent(visitor.pulls, event, this.#nameOf(event.partner));
      notifyWatchers(visitor);
    }
  }

  /** Adds a line for partners that visitors with an open panel wait for. */
  recordWaits(gates: readonly Gate[]): void {
    for (const visitor of this.#known.values()) {
      const { entry, watchers } = visitor;
      if (watchers.size === 0 || entry === undefined) continue;
      const due = this.#pulled.filter((partner) => entry?.ids[partner] === undefined);
      const pulls = withWaits(visitor.pulls, due, gates, this.#nameOf, this.#clock.now());
      if (pulls === visitor.pulls) continue;
      visitor.pulls = pulls;
      notifyWatchers(visitor);
    }
  }

  readonly #nameOf = (partner: string): string => this.#names.get(partner) ?? partner;

  #add(session: string): Visitor {
    const oldest = this.#known.keys().next();
    if (this.#known.size >= MAX_VISITORS && !oldest.done) this.#known.delete(oldest.value);
    const visitor = { session, ...emptyState(), watchers: new Set<() => void>() };
    this.#known.set(session, visitor);
    return visitor;
  }

  #read(key: string, value: string | null): void {
    for (const visitor of this.#known.values()) {
      if (visitor.entry !== undefined || visitor.id === null || keyOf(visitor.id) !== key) continue;
      this.#setEntry(visitor, entryIn(value));
    }
  }

  #written(key: string, value: string | null): void {
    for (const visitor of this.#known.values()) {
      const isUnder = (id: string | null) => id !== null && keyOf(id) === key;
      if (isUnder(visitor.id)) {
        const entry = entryIn(value);
        const before = visitor.entry ?? null;
        visitor.pulls = withWritten(visitor.pulls, before, entry, this.#nameOf, this.#clock.now());
        this.#setEntry(visitor, entry);
      }
      if (isUnder(visitor.id) || isUnder(visitor.withdrawnId)) notifyWatchers(visitor);
    }
  }

  #setEntry(visitor: Visitor, entry: GraphEntry | null): void {
    visitor.entry = entry;
    const has = (partner: string) => entry?.ids[partner] !== undefined;
    if (this.#pulled.length > 0 && this.#pulled.every(has)) visitor.steps.add("partners");
    if (has(PLAYED.id)) visitor.steps.add("play");
  }
}

function notifyWatchers({ watchers }: Visitor): void {
  for (const watcher of watchers) watcher();
}

/** The entry in a value of the store; `null` if there is none. */
function entryIn(value: string | null): GraphEntry | null {
  return value === null ? null : unlessDeleted(decodeEntry(value));
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
