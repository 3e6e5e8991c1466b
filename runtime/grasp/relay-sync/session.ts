/**
 * One relay: its connection, health and course. A slow one delays no other (L14): each session has a loop of its own, which asks the
 * relay for one thing at a time.
 * @module
 */
import type { Clock } from "../../platform.ts";
import type { Outcome } from "../answer.ts";
import type { NostrEvent } from "../events/event.ts";
import { EventRate, type EventRates } from "./event-rate.ts";
import type {
  AvoidReason,
  CloseReason,
  RelayHealth,
  RelayState,
  RelaySyncListener,
  RelayView,
} from "./events.ts";
import { CURSOR_MS, EVENTS_PER_MINUTE, FULL_MS, INFORMATION_MS } from "./figures.ts";
import { History } from "./history.ts";
import type { Holdings } from "./holdings.ts";
import { Intake } from "./intake.ts";
import { FIRST_LAYER, isEmpty, NO_TARGETS, newTargets, type Targets, targetFilters } from "./layers.ts";
import { Link } from "./link.ts";
import { Live } from "./live.ts";
import { subscriptionBound } from "./merging.ts";
import type { Cursor, Dialer, Memory, RelayInformation, RelaySyncParts, RelaySyncSettings } from "./ports.ts";
import { Progress } from "./progress.ts";
import type { RefusedIndex } from "./refused-index.ts";
import {
  avoid,
  type Health,
  healthOf,
  limited,
  lost,
  opened,
  settled,
  triedNow,
  UNTRIED,
} from "./relay-health.ts";
import { courseOf, resumed, sinceOf } from "./resuming.ts";

export interface SessionParts extends Pick<RelaySyncParts, "sha256" | "sign"> {
  readonly url: string;
  readonly isBootstrap: boolean;
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly nowSeconds: () => number;
  readonly settings: RelaySyncSettings;
  readonly memory: Pick<Memory, "putCursor">;
  readonly holdings: Pick<Holdings, "records" | "isHere">;
  readonly refused: Pick<RefusedIndex, "find" | "add" | "remove">;
  receive(event: NostrEvent): Promise<Outcome>;
  readonly emit: RelaySyncListener;
  /** A number from 0 to 1. */
  random(): number;
}

/** What NIP-11 says, once it is here. */
interface Information {
  known: RelayInformation | null;
  isHere: boolean;
}

export class RelaySession {
  readonly url: string;
  readonly #parts: SessionParts;
  readonly #rates: EventRates = {
    unasked: new EventRate(EVENTS_PER_MINUTE.unasked),
    asked: new EventRate(EVENTS_PER_MINUTE.asked),
  };
  readonly #history: History;
  readonly #live: Live;
  readonly #intake: Intake;
  #health: Health = UNTRIED;
  readonly #progress: Progress;
  #link: Link | null = null;
  #isOpen = false;
  #identifiers: ReadonlySet<string> = new Set();
  #wanted: Targets;
  /** Whether the targets changed since live subscriptions were looked at. */
  #isExtended = false;
  /** Targets whose history is complete. */
  #complete: Targets;
  #historyFailed = false;
  #fullAtMs = Infinity;
  #told: { state: RelayState; health: RelayHealth } | null = null;
  #loop: Promise<void> = Promise.resolve();

  constructor(
    parts: SessionParts,
    targets: Targets,
    identifiers: ReadonlySet<string>,
    cursor: Cursor | null,
  ) {
    this.#parts = parts;
    this.url = parts.url;
    this.#wanted = targets;
    this.#identifiers = identifiers;
    this.#progress = new Progress(parts, cursor);
    this.#complete = this.#progress.wholeAtMs === null ? NO_TARGETS : targets;
    const common = { ...parts, relay: parts.url };
    this.#intake = new Intake({ ...common, onForged: () => this.#link?.strike("invalid-signature") });
    this.#history = new History({
      ...common,
      rate: this.#rates.asked,
      apply: (events) => this.#intake.apply(events),
    });
    this.#live = new Live(common);
  }

  /** Whether it could be dialled now. */
  get isDue(): boolean {
    return this.#link === null && this.#health.retryAtMs <= this.#now();
  }

  /** Whether an announcement of an identifier lists it. */
  has(identifier: string): boolean {
    return this.#identifiers.has(identifier);
  }

  /** What it is asked for from now on (L12). */
  setTargets(targets: Targets, identifiers: ReadonlySet<string>): void {
    this.#wanted = targets;
    this.#isExtended = true;
    this.#identifiers = identifiers;
    this.#link?.wake();
  }

  /** Opens the connection. */
  dial(): void {
    const { url, dialer, emit } = this.#parts;
    emit({ kind: "attempt", relay: url });
    const information: Information = { known: null, isHere: false };
    dialer
      .information(url)
      .catch(() => null)
      .then((known) => {
        Object.assign(information, { known, isHere: true });
        link.wake();
      });
    const link: Link = new Link(
      { ...this.#parts, rates: this.#rates },
      {
        onOpen: () => {
          this.#loop = this.#loop.then(() => this.#run(link, information));
        },
        onLive: (event, bytes) => {
          void this.#intake.apply([event]).then(() => link.release(bytes));
        },
        onLiveClosed: (name, text) => void this.#live.onClosed(link, name, text).then(() => link.wake()),
        onLimited: () => {
          this.#health = limited(this.#health, this.#now());
          emit({ kind: "rate-limited", relay: url, untilMs: this.#health.restsUntilMs });
        },
        onMisbehaviour: (because) => this.#turnAway(because),
        onEnd: (because) => this.#ended(because),
      },
    );
    this.#link = link;
    this.#tell();
  }

  /** Called every two seconds. */
  tick(): void {
    const now = this.#now();
    this.#health = settled(this.#health, now);
    if (this.#isOpen) {
      if (now >= this.#fullAtMs && this.#history.pending === 0) this.startWhole();
      if (this.#isCaughtUp && now - this.#progress.savedAtMs >= CURSOR_MS) this.#progress.save();
    }
    this.#tell();
  }

  /** Asks for everything again: once a day, or because an operator wishes it (O14). */
  startWhole(): void {
    this.#health = triedNow(this.#health);
    if (!this.#isOpen) return;
    this.#history.abandoned = 0;
    this.#progress.begin("whole");
    this.#history.add([...FIRST_LAYER, ...targetFilters(this.#live.covered)]);
    this.#link?.wake();
  }

  /** Fetches events by their ids, if it is connected (L24). @returns whether it is */
  bring(ids: readonly string[]): boolean {
    if (!this.#isOpen) return false;
    this.#history.bring(ids);
    this.#link?.wake();
    return true;
  }

  /** Ends the connection and all work, and remembers how far it is (L25). */
  async stop(): Promise<void> {
    const wasOpen = this.#isOpen;
    if (this.#isCaughtUp) this.#progress.save();
    const known = this.#isOpen ? this.#live.covered : this.#complete;
    // The next process does not know that these are new.
    if (!isEmpty(newTargets(this.#wanted, known))) this.#progress.makeIncomplete();
    if (this.#link !== null) this.#parts.emit(this.#closedEvent(null, wasOpen, null));
    this.#forgetLink();
    await Promise.all([this.#intake.stop(), this.#loop]);
  }

  view(): RelayView {
    return {
      url: this.url,
      isBootstrap: this.#parts.isBootstrap,
      state: this.#state(),
      health: healthOf(this.#health, this.#now()),
      usesNegentropy: this.#isOpen ? this.#history.usesNegentropy : null,
      subscriptions: this.#link?.subscriptions ?? 0,
      pending: this.#history.pending,
      retryAtMs: this.#link === null ? this.#health.retryAtMs : null,
      failures: this.#health.failures,
      avoidedBecause: this.#state() === "avoided" ? (this.#health.avoided?.because ?? null) : null,
      historyAtMs: this.#progress.wholeAtMs,
      identifiers: this.#identifiers.size,
    };
  }

  /** Whether what comes live is all that is missing. */
  get #isCaughtUp(): boolean {
    const isBehind =
      this.#progress.runs.has("gap") ||
      this.#progress.runs.has("new") ||
      this.#progress.cursor.historyAtMs === null;
    return this.#isOpen && !isBehind && !this.#historyFailed && this.#live.isWhole;
  }

  /** The course of one connection (L7): live first, then history, then whatever comes up. */
  async #run(link: Link, information: Information): Promise<void> {
    try {
      this.#health = opened(this.#health, this.#now());
      this.#parts.emit({ kind: "opened", relay: this.url });
      const untilMs = this.#now() + INFORMATION_MS;
      while (!information.isHere && this.#now() < untilMs && !link.isOver)
        await link.sleep(untilMs - this.#now());
      while (this.#restMs > 0 && !link.isOver) await link.sleep(this.#restMs);
      if (link.isOver) return;
      this.#open(link, information.known);
      while (!link.isOver) await this.#next(link);
    } catch (error) {
      this.#parts.emit({ kind: "failed", relay: this.url, error });
      if (link.isOver) return;
      link.close();
      this.#ended("connection");
    }
  }

  #open(link: Link, known: RelayInformation | null): void {
    const { settings, emit } = this.#parts;
    this.#isOpen = true;
    this.#historyFailed = false;
    const isUnknown = known?.supportedNips?.includes(77) === false;
    if (isUnknown && settings.negentropy)
      emit({ kind: "no-negentropy", relay: this.url, because: "information" });
    this.#history.begin(settings.negentropy && !isUnknown, known?.maxLimit ?? null);
    this.#isExtended = false;
    this.#live.begin(link, this.#wanted, subscriptionBound(known?.maxSubscriptions ?? null));
    const course = courseOf(this.#progress.cursor, this.#now());
    if (course.kind === "fresh") {
      // Until this history is complete, a gap cannot be resumed.
      this.#progress.makeIncomplete();
      this.#progress.begin("whole");
      this.#history.add([...FIRST_LAYER, ...targetFilters(this.#wanted)]);
    } else {
      this.#progress.begin("gap");
      const old = [...FIRST_LAYER, ...targetFilters(this.#wanted)];
      this.#history.add(old.flatMap((filter) => resumed(filter, course.since)));
      // What was announced meanwhile has no history yet.
      this.#addNew(targetFilters(newTargets(this.#wanted, this.#complete)));
    }
    this.#tell();
  }

  /** One step: live subscriptions first, then history; nothing while the relay rests (L16). */
  async #next(link: Link): Promise<void> {
    if (this.#restMs > 0) {
      await link.sleep(this.#restMs);
      return;
    }
    this.#live.askAgain(link);
    for (const { filters, fromMs } of this.#live.takeGaps()) {
      this.#progress.begin("gap");
      this.#history.add(filters.flatMap((filter) => resumed(filter, sinceOf(fromMs))));
    }
    if (this.#isExtended) {
      this.#isExtended = false;
      const filters = await this.#live.extend(link, this.#wanted);
      if (!link.isOver) this.#addNew(filters);
      return;
    }
    const wait = this.#history.waitMs();
    if (wait === 0) {
      await this.#history.step(link);
      if (!link.isOver && this.#history.pending === 0) this.#drained();
      this.#tell();
      return;
    }
    await link.sleep(Math.min(wait ?? Infinity, this.#live.waitMs() ?? Infinity, CURSOR_MS));
  }

  /** Time until something new may be asked (L16). */
  get #restMs(): number {
    return this.#health.restsUntilMs - this.#now();
  }

  /** The history of new targets; until it is here a gap cannot be resumed. */
  #addNew(filters: Parameters<History["add"]>[0]): void {
    if (filters.length === 0) return;
    this.#progress.begin("new");
    this.#history.add(filters);
    this.#progress.makeIncomplete();
  }

  /** Everything that was to come is here, or given up. */
  #drained(): void {
    const complete = this.#history.abandoned === 0;
    const { emit, random } = this.#parts;
    const now = this.#now();
    const isWhole = this.#progress.runs.has("whole");
    if (isWhole) {
      this.#fullAtMs = now + FULL_MS.least + random() * (FULL_MS.most - FULL_MS.least);
      this.#historyFailed = !complete;
      if (complete) this.#progress.wholeAtMs = now;
    } else if (!complete) this.#historyFailed = true;
    if (this.#progress.runs.size > 0)
      emit({ kind: "history", relay: this.url, complete, tookMs: now - this.#progress.runBeganMs });
    this.#progress.runs.clear();
    if (this.#fullAtMs === Infinity) this.#fullAtMs = (this.#progress.wholeAtMs ?? now) + FULL_MS.least;
    if (this.#historyFailed) return;
    this.#complete = this.#live.covered;
    this.#progress.saveHistory();
  }

  #ended(because: CloseReason | "memory"): void {
    const wasOpen = this.#isOpen;
    if (this.#isCaughtUp) this.#progress.save();
    this.#health = lost(this.#health, because, this.#now(), this.#parts.settings);
    this.#forgetLink();
    this.#parts.emit(this.#closedEvent(because, wasOpen, this.#health.retryAtMs - this.#now()));
    const { avoided } = this.#health;
    if (avoided !== null) this.#parts.emit({ kind: "avoided", relay: this.url, ...avoided });
    this.#tell();
  }

  /** It lies or floods: it is left alone for 12 h (L19). */
  #turnAway(because: AvoidReason): void {
    const wasOpen = this.#isOpen;
    const now = this.#now();
    this.#health = avoid(this.#health, because, now, this.#parts.settings);
    this.#forgetLink();
    this.#parts.emit(this.#closedEvent(null, wasOpen, this.#health.retryAtMs - now));
    const { untilMs } = this.#health.avoided!;
    this.#parts.emit({ kind: "avoided", relay: this.url, because, untilMs });
    this.#tell();
  }

  #forgetLink(): void {
    this.#link?.close();
    this.#link = null;
    this.#isOpen = false;
    this.#fullAtMs = Infinity;
    this.#progress.runs.clear();
    this.#history.clear();
    this.#live.clear();
  }

  #closedEvent(because: CloseReason | "memory" | null, wasOpen: boolean, retryInMs: number | null) {
    return { kind: "closed" as const, relay: this.url, because, wasOpen, retryInMs };
  }

  #state(): RelayState {
    if (this.#link === null) return this.#health.avoided === null ? "disconnected" : "avoided";
    if (!this.#isOpen) return "connecting";
    if (this.#history.pending > 0) return "syncing";
    return this.#historyFailed ? "connected-history-failed" : "connected";
  }

  /** Tells of a change of state or health. */
  #tell(): void {
    const state = this.#state();
    const health = healthOf(this.#health, this.#now());
    if (this.#told?.state === state && this.#told.health === health) return;
    this.#told = { state, health };
    this.#parts.emit({ kind: "state", relay: this.url, state, health });
  }

  #now(): number {
    return this.#parts.clock.now();
  }
}
