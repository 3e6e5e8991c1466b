/**
 * Relay sync (GRASP-02): brings events from the relays that accepted announcements list. It listens to what happens in GRASP, decides
 * which relays are open, and gives each a session.
 * @module
 */
import type { Outcome } from "../answer.ts";
import { type NostrEvent, tagValue, tagValues } from "../events/event.ts";
import { KIND } from "../events/kinds.ts";
import type { GraspHappening } from "../happenings.ts";
import type { UrlRules } from "../purgatory-sync/urls.ts";
import type { RelaySyncView } from "./events.ts";
import { DIALS_A_TICK, GATHER_MS, TICK_MS } from "./figures.ts";
import { Holdings } from "./holdings.ts";
import type { Cursor, RefusedRow, RelaySyncParts } from "./ports.ts";
import { RefusedIndex } from "./refused-index.ts";
import { relayUrl } from "./relay-url.ts";
import { chooseRelays } from "./relays.ts";
import { RelaySession } from "./session.ts";
import { TargetIndex } from "./target-index.ts";

/** Events from other servers have no client's address. */
const FROM_SYNC = { source: "sync", address: null } as const;
const REPOSITORY = `${KIND.announcement}:`;

export class RelaySync {
  readonly #parts: RelaySyncParts;
  readonly #rules: UrlRules;
  readonly #refused: RefusedIndex;
  readonly #holdings: Holdings;
  readonly #targets: TargetIndex;
  readonly #sessions = new Map<string, RelaySession>();
  readonly #cursors = new Map<string, Cursor>();
  /** Sessions that are being stopped, and events that are being judged again. */
  readonly #ending = new Set<Promise<unknown>>();
  /** Identifiers whose announcements changed. */
  readonly #changed = new Set<string>();
  #cancelGathering: (() => void) | null = null;
  #cancelTick = () => {};
  #stopListening = () => {};
  #isStopped = false;

  constructor(parts: RelaySyncParts) {
    const { grasp, store, memory, settings, clock } = parts;
    const { known, purgatory } = grasp;
    this.#parts = parts;
    this.#rules = { ownHosts: known.ourselves.hosts, allowInsecure: settings.allowInsecure };
    this.#refused = new RefusedIndex({ memory, settings, nowMs: () => clock.now() });
    const nowSeconds = () => this.#nowSeconds();
    this.#holdings = new Holdings({ store, purgatory, refused: this.#refused, nowSeconds });
    this.#targets = new TargetIndex({ known, store, nowSeconds });
    for (const cursor of memory.cursors()) this.#cursors.set(cursor.url, cursor);
  }

  /** Builds the targets from the database and connects (L12). */
  async start(): Promise<void> {
    const { grasp, clock } = this.#parts;
    this.#stopListening = grasp.onHappening(this.#hear);
    await this.#targets.load(() => new Promise((resolve) => clock.after(0, resolve)));
    if (this.#isStopped) return;
    this.#follow();
    this.#tick();
  }

  /** Closes all connections, ends all work, and keeps what is remembered (L25). */
  async stop(): Promise<void> {
    // What was gathered is told to the sessions, so that the next process knows that it is new.
    if (this.#cancelGathering !== null) this.#follow();
    this.#isStopped = true;
    this.#stopListening();
    this.#cancelTick();
    this.#cancelGathering?.();
    this.#cancelGathering = null;
    await Promise.all([...this.#sessions.values()].map((session) => session.stop()));
    await Promise.all(this.#ending);
    await this.#parts.memory.flush();
  }

  /** The state of every relay, for metrics and the operator's page. */
  view(): RelaySyncView {
    return {
      relays: [...this.#sessions.values()].map((session) => session.view()),
      refusedHot: this.#refused.hot,
      refusedCold: this.#refused.cold,
    };
  }

  /**
   * Reconciles now, as an operator may wish (O14). A relay that rests after failures is tried at once.
   * @param what a relay's URL, or an identifier
   * @returns the relays that are asked
   */
  syncNow(what: string): string[] {
    const judged = relayUrl(what, this.#rules);
    const asked = [...this.#sessions.values()].filter(
      (session) => session.has(what) || ("url" in judged && session.url === judged.url),
    );
    for (const session of asked) session.startWhole();
    return asked.map(({ url }) => url);
  }

  readonly #hear = (happening: GraspHappening): void => {
    switch (happening.kind) {
      case "waits":
      case "left":
      case "revived":
      case "soft-expired":
        if (happening.entry.store === "announcement") this.#announced(happening.entry.identifier);
        break;
      case "repository-created":
      case "repository-deleted":
        this.#announced(happening.identifier);
        break;
      case "served":
        this.#served(happening.event);
        break;
      default:
    }
  };

  #served(event: NostrEvent): void {
    if (event.kind === KIND.announcement) this.#announced(tagValue(event, "d") ?? "");
    else if (event.kind === KIND.deletion) {
      for (const address of tagValues(event, "a"))
        if (address.startsWith(REPOSITORY)) this.#announced(address.split(":").slice(2).join(":"));
      // What it names by id may be an announcement too.
      for (const identifier of this.#targets.identifiersOf(event.pubkey)) this.#announced(identifier);
    } else if (event.kind === KIND.vanish) {
      for (const identifier of this.#targets.identifiersOf(event.pubkey)) this.#announced(identifier);
    } else if (this.#targets.addRoot(event)) this.#gather();
  }

  /** Announcements of an identifier came, changed or went. */
  #announced(identifier: string): void {
    this.#changed.add(identifier);
    this.#gather();
    if (this.#refused.hasOf(identifier)) this.#keep(this.#judgeAgain(identifier));
  }

  /** Changes are gathered, so that a burst is one change (L12, T61). */
  #gather(): void {
    if (this.#isStopped) return;
    this.#cancelGathering ??= this.#parts.clock.after(GATHER_MS, () => {
      this.#cancelGathering = null;
      this.#follow();
    });
  }

  /** Opens, closes and tells sessions as the announcements are now. */
  #follow(): void {
    const { settings, memory, onEvent } = this.#parts;
    for (const identifier of this.#changed) this.#targets.refresh(identifier);
    this.#changed.clear();
    const { relays } = chooseRelays(this.#targets.announced(), settings.bootstrap, this.#rules);
    for (const [url, session] of this.#sessions) {
      if (relays.has(url)) continue;
      this.#sessions.delete(url);
      this.#cursors.delete(url);
      // Its last cursor is written by the stop.
      this.#keep(session.stop().then(() => memory.removeCursor(url)));
      onEvent({ kind: "untracked", relay: url });
    }
    for (const [url, identifiers] of relays) {
      const targets = this.#targets.targetsOf(identifiers);
      const session = this.#sessions.get(url);
      if (session !== undefined) session.setTargets(targets, identifiers);
      else this.#track(url, targets, identifiers);
    }
  }

  #track(url: string, ...what: Parameters<RelaySession["setTargets"]>): void {
    const { settings, random, onEvent } = this.#parts;
    const isBootstrap = settings.bootstrap.some((text) => {
      const judged = relayUrl(text, this.#rules);
      return "url" in judged && judged.url === url;
    });
    const session = new RelaySession(
      {
        ...this.#parts,
        ...{ url, isBootstrap, refused: this.#refused, holdings: this.#holdings, emit: onEvent },
        nowSeconds: () => this.#nowSeconds(),
        receive: (event) => this.#receive(event),
        random() {
          const bytes = new Uint8Array(4);
          random.fill(bytes);
          return new DataView(bytes.buffer).getUint32(0) / 2 ** 32;
        },
      },
      ...what,
      this.#cursors.get(url) ?? null,
    );
    this.#sessions.set(url, session);
    onEvent({ kind: "tracked", relay: url });
  }

  #tick(): void {
    this.#cancelTick = this.#parts.clock.after(TICK_MS, () => this.#tick());
    this.#refused.sweep();
    let room = DIALS_A_TICK;
    for (const session of this.#sessions.values()) {
      session.tick();
      if (room === 0 || !session.isDue) continue;
      room--;
      session.dial();
    }
  }

  async #receive(event: NostrEvent): Promise<Outcome> {
    return (await this.#parts.grasp.receive(event, FROM_SYNC)).outcome;
  }

  /** Refused events of those whom a maintainer set has now: hot ones are judged at once, cold ones are fetched (L24). */
  async #judgeAgain(identifier: string): Promise<void> {
    // The change is told of under a lock, and before all of it is visible.
    await Promise.resolve();
    if (this.#isStopped) return;
    const authors = new Set<string>();
    for (const set of this.#parts.grasp.known.sets(identifier).values())
      for (const key of set) authors.add(key);
    const rows = this.#refused.take(identifier, authors);
    if (rows.length === 0) return;
    const now = this.#parts.clock.now();
    const [hot, cold]: [RefusedRow[], RefusedRow[]] = [[], []];
    for (const row of rows) (row.hot !== null && row.hot.untilMs > now ? hot : cold).push(row);
    this.#parts.onEvent({ kind: "judged-again", identifier, hot: hot.length, cold: cold.length });
    for (const [relay, ofRelay] of Map.groupBy(cold, (row) => row.relay)) {
      const ids = ofRelay.map(({ id }) => id);
      // Without its relay, another one of the identifier may have them; else the next reconciliation brings them.
      if (this.#sessions.get(relay)?.bring(ids)) continue;
      for (const session of this.#sessions.values()) if (session.has(identifier)) session.bring(ids);
    }
    for (const { hot: kept, relay } of hot) {
      if (this.#isStopped) return;
      const { mayTurn } = await this.#receive(kept!.event);
      if (mayTurn) this.#refused.add(kept!.event, identifier, relay);
    }
  }

  /** {@link stop} waits for it. */
  #keep(work: Promise<unknown>): void {
    const kept = work
      .catch((error) => this.#parts.onEvent({ kind: "failed", relay: "", error }))
      .finally(() => this.#ending.delete(kept));
    this.#ending.add(kept);
  }

  #nowSeconds(): number {
    return Math.floor(this.#parts.clock.now() / 1000);
  }
}
