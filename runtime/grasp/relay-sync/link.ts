/**
 * One connection to a relay, as a client has it: subscriptions, pages, negotiations and the proof of our key. Everything that the
 * relay sends is held against what was asked for (L19, L29); every wait ends (L11).
 * @module
 */
import { toHex } from "../../lib/hex.ts";
import type { Clock } from "../../platform.ts";
import { type NostrEvent, parseEvent } from "../events/event.ts";
import { type Filter, matches } from "../events/filter.ts";
import { KIND } from "../events/kinds.ts";
import type { TimedIds } from "../ports.ts";
import { Negentropy, NegentropyFault } from "../relay/negentropy.ts";
import { NegentropyRecords } from "../relay/negentropy-records.ts";
import { isRateLimit } from "./complaints.ts";
import { type EventRates, isFlood } from "./event-rate.ts";
import type { AvoidReason, CloseReason } from "./events.ts";
import {
  CHALLENGE_MS,
  EOSE_MS,
  FIRST_NEGENTROPY_MS,
  MAX_CLOSED_NAMES,
  MAX_HELD_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_ROUNDS,
  MAX_STRIKES,
  MAX_UNSENT_BYTES,
  NEGENTROPY_FRAME_BYTES,
  NEGENTROPY_MS,
  OPEN_MS,
} from "./figures.ts";
import { type FromRelay, filterJson, readFromRelay } from "./messages.ts";
import type { Connection, Dialer, RelaySyncParts } from "./ports.ts";

/** How a page ended. */
export interface Page {
  /** `full`: what came takes too much memory already, and the relay was told to stop. `lost`: the connection is over. */
  readonly end: "eose" | "closed" | "timeout" | "full" | "lost";
  /** The relay's reason, where it closed the page. */
  readonly text: string;
  /** Events that were asked for. The caller releases their bytes when they are applied. */
  readonly events: readonly NostrEvent[];
  readonly bytes: number;
}

/** How a negotiation ended. */
export type Negotiated =
  /** Ids that the relay has and we lack. */
  | { readonly end: "done"; readonly need: readonly string[] }
  /** The relay, or the answer, is too large for one negotiation (L8). */
  | { readonly end: "too-many" }
  /** The relay does not know NIP-77 (L30). */
  | { readonly end: "unsupported" }
  | { readonly end: "failed"; readonly text: string }
  | { readonly end: "lost" };

export interface LinkListener {
  onOpen(): void;
  /** A live event that was asked for. The listener releases its bytes. */
  onLive(event: NostrEvent, bytes: number): void;
  /** The relay closed a live subscription. */
  onLiveClosed(name: string, text: string): void;
  /** The relay asks for fewer requests. */
  onLimited(): void;
  onMisbehaviour(because: AvoidReason): void;
  /** Called once, unless we close it. */
  onEnd(because: CloseReason | "memory"): void;
}

interface LinkParts extends Pick<RelaySyncParts, "sha256" | "sign"> {
  readonly url: string;
  readonly dialer: Pick<Dialer, "dial">;
  readonly clock: Clock;
  readonly nowSeconds: () => number;
  readonly rates: EventRates;
}

/** A subscription that is open, or was. */
interface Subscription {
  readonly filters: readonly Filter[];
  readonly isLive: boolean;
  /** Events that it may still bring because we asked for that many. */
  left: number;
  /** Takes its events while a page is collected; `null`: it is live. */
  readonly take: ((event: NostrEvent, bytes: number) => void) | null;
}

/** Somebody waits for one of the relay's messages. `null`: the connection is over. */
type Waiter = (message: FromRelay | null) => void;

const ANSWER_MS = EOSE_MS;
/** Ids of one negotiation that are kept: 8 MiB. */
const MAX_NEED = 65_536;
const TOO_MANY = /^blocked:|too many|too big|too large|too_big/i;

export class Link {
  /** Bytes of messages that are not applied yet. */
  #held = 0;
  #names = 0;
  #strikes = 0;
  #isOver = false;
  /** It answered a negotiation on this connection (L30). */
  #knowsNegentropy = false;
  #challenge: string | null = null;
  #proof: Promise<boolean> | null = null;
  readonly #parts: LinkParts;
  readonly #listener: LinkListener;
  readonly #connection: Connection;
  readonly #subscriptions = new Map<string, Subscription>();
  /** Those that ended, the oldest first: their events may still come. */
  readonly #closed = new Map<string, readonly Filter[]>();
  readonly #waiters = new Set<Waiter>();
  readonly #sleepers = new Set<() => void>();

  constructor(parts: LinkParts, listener: LinkListener) {
    this.#parts = parts;
    this.#listener = listener;
    const options = { maxMessageBytes: MAX_MESSAGE_BYTES, openMs: OPEN_MS };
    this.#connection = parts.dialer.dial(parts.url, options, {
      onOpen: () => {
        if (!this.#isOver) listener.onOpen();
      },
      onText: (text) => this.#take(text),
      onClose: (reason) => this.#end(reason),
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Open subscriptions, live ones and pages. */
  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  /** Opens a live subscription (L7). @returns its name, and a promise of whether the relay has it: without an answer it has */
  live(filters: readonly Filter[]): { readonly name: string; readonly isOpen: Promise<boolean> } {
    const name = this.#name("live");
    this.#subscriptions.set(name, { filters, isLive: true, left: 0, take: null });
    const isOpen = this.#answer(ANSWER_MS, (message) => {
      if (message.type === "EOSE" && message.subscription === name) return true;
      return message.type === "CLOSED" && message.subscription === name ? false : undefined;
    }).then((answer) => answer !== false && !this.#isOver);
    this.#send(["REQ", name, ...filters.map((filter) => ({ ...filterJson(filter), limit: 0 }))]);
    return { name, isOpen };
  }

  /** Closes a subscription. */
  unsubscribe(name: string): void {
    if (this.#forget(name)) this.#send(["CLOSE", name]);
  }

  /** Asks for stored events, and collects them until `EOSE` (L11). @param limit largest number of events */
  async page(filters: readonly Filter[], limit: number): Promise<Page> {
    const name = this.#name("page");
    const events = new Map<string, NostrEvent>();
    let bytes = 0;
    let end: "full" | "eose" | null = null;
    const take = (event: NostrEvent, size: number) => {
      bytes += size;
      events.set(event.id, event);
      // A relay that knows no limit goes on: this is a page too.
      if (this.#held > MAX_HELD_BYTES.page) end = "full";
      else if (events.size > limit) end = "eose";
      if (end !== null) this.unsubscribe(name);
    };
    this.#subscriptions.set(name, { filters, isLive: false, left: limit, take });
    const answer = this.#answer(ANSWER_MS, (message): Pick<Page, "end" | "text"> | undefined => {
      if (end !== null) return { end, text: "" };
      if (!("subscription" in message) || message.subscription !== name) return undefined;
      if (message.type === "EOSE") return { end: "eose", text: "" };
      return message.type === "CLOSED" ? { end: "closed", text: message.text } : undefined;
    });
    this.#send(["REQ", name, ...filters.map((filter) => ({ ...filterJson(filter), limit }))]);
    const ended: Pick<Page, "end" | "text"> = (await answer) ?? { end: "timeout", text: "" };
    if (this.#isOver) return { end: "lost", text: "", events: [], bytes: 0 };
    if (ended.end === "closed") this.#forget(name);
    else this.unsubscribe(name);
    return { ...ended, events: [...events.values()], bytes };
  }

  /** Finds what the relay has and we lack (L8, L26). @param records what we have of the filter */
  async negotiate(filter: Filter, records: TimedIds): Promise<Negotiated> {
    const name = this.#name("neg");
    const own = new Negentropy(
      new NegentropyRecords(records, this.#parts.sha256),
      true,
      NEGENTROPY_FRAME_BYTES,
    );
    const need = new Set<string>();
    let message: Uint8Array = own.open();
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const isFirst = !this.#knowsNegentropy;
      const answer = this.#negotiation(name, isFirst);
      if (round === 0) this.#send(["NEG-OPEN", name, filterJson(filter), toHex(message)]);
      else this.#send(["NEG-MSG", name, toHex(message)]);
      const got = await answer;
      if (this.#isOver) return { end: "lost" };
      if (got === undefined || !("message" in got)) {
        if (got === undefined) this.#send(["NEG-CLOSE", name]);
        if (isFirst && got?.type !== "NEG-ERR") return { end: "unsupported" };
        const text = got !== undefined && "text" in got ? got.text : "no answer";
        return got?.type === "NEG-ERR" && TOO_MANY.test(text) ? { end: "too-many" } : { end: "failed", text };
      }
      this.#knowsNegentropy = true;
      const step = stepOf(own, got.message);
      if (step === null) break;
      for (const id of step.need) need.add(id);
      if (step.reply === null || need.size > MAX_NEED) {
        this.#send(["NEG-CLOSE", name]);
        return step.reply === null ? { end: "done", need: [...need] } : { end: "too-many" };
      }
      message = step.reply;
    }
    this.#send(["NEG-CLOSE", name]);
    return { end: "failed", text: "the negotiation makes no sense" };
  }

  /** Proves the relay key (NIP-42, L4). @returns whether the relay took the proof */
  authenticate(): Promise<boolean> {
    this.#proof ??= this.#prove();
    return this.#proof;
  }

  /** Bytes of events that are applied. */
  release(bytes: number): void {
    this.#held -= bytes;
  }

  /** Counts a forged event (L19). */
  strike(because: AvoidReason): void {
    if (!this.#isOver && ++this.#strikes >= MAX_STRIKES) this.#misbehaved(because);
  }

  /** Waits, at most until {@link wake} and as long as the connection lives. */
  sleep(ms: number): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return new Promise((resolve) => {
      const rise = () => {
        cancel();
        this.#sleepers.delete(rise);
        resolve();
      };
      const cancel = this.#parts.clock.after(ms, rise);
      this.#sleepers.add(rise);
    });
  }

  /** Ends every {@link sleep}. */
  wake(): void {
    for (const rise of [...this.#sleepers]) rise();
  }

  /** Ends the connection. The listener is not told. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#connection.close();
    this.#subscriptions.clear();
    for (const waiter of [...this.#waiters]) waiter(null);
    this.wake();
  }

  #end(because: CloseReason | "memory"): void {
    if (this.#isOver) return;
    this.close();
    this.#listener.onEnd(because);
  }

  #misbehaved(because: AvoidReason): void {
    this.close();
    this.#listener.onMisbehaviour(because);
  }

  #take(text: string): void {
    if (this.#isOver) return;
    const message = readFromRelay(text);
    if (message === null) return;
    if (message.type === "EVENT") this.#takeEvent(message, text.length);
    else if (message.type === "AUTH") this.#challenge = message.challenge;
    else if (asksForLess(message)) this.#listener.onLimited();
    if (this.#isOver) return;
    const closed = message.type === "CLOSED" ? this.#subscriptions.get(message.subscription) : undefined;
    for (const waiter of [...this.#waiters]) waiter(message);
    if (message.type !== "CLOSED" || !closed?.isLive) return;
    this.#forget(message.subscription);
    this.#listener.onLiveClosed(message.subscription, message.text);
  }

  #takeEvent({ subscription, event: value }: Extract<FromRelay, { type: "EVENT" }>, bytes: number): void {
    const { rates, clock, nowSeconds } = this.#parts;
    const open = this.#subscriptions.get(subscription);
    if (isFlood(rates, open, clock.now())) {
      this.#misbehaved("flood");
      return;
    }
    const filters = open?.filters ?? this.#closed.get(subscription) ?? [];
    const parsed = parseEvent(value, nowSeconds());
    // One of another shape, or of the future, is no event for us; it says nothing of the relay's will.
    if ("fault" in parsed) return;
    if (!filters.some((filter) => matches(filter, parsed.event))) {
      this.strike("not-asked-for");
      return;
    }
    if (open === undefined) return;
    this.#held += bytes;
    if (this.#held > MAX_HELD_BYTES.relay) this.#end("memory");
    else if (open.take !== null) open.take(parsed.event, bytes);
    else this.#listener.onLive(parsed.event, bytes);
  }

  /** Waits for an answer to one message of a negotiation. `undefined`: none came. */
  #negotiation(name: string, isFirst: boolean) {
    type Answer = Extract<FromRelay, { type: "NEG-MSG" | "NEG-ERR" | "CLOSED" | "NOTICE" }>;
    return this.#answer(isFirst ? FIRST_NEGENTROPY_MS : NEGENTROPY_MS, (message): Answer | undefined => {
      if (message.type === "NOTICE") return isFirst ? message : undefined;
      if (message.type !== "NEG-MSG" && message.type !== "NEG-ERR" && message.type !== "CLOSED")
        return undefined;
      // A relay that knows no NIP-77 may close what it calls by another name.
      const isOurs = message.subscription === name;
      const isForeign = message.type === "CLOSED" && !this.#subscriptions.has(message.subscription);
      return isOurs || (isFirst && isForeign) ? message : undefined;
    });
  }

  async #prove(): Promise<boolean> {
    const { sign, url, nowSeconds } = this.#parts;
    if (this.#challenge === null)
      await this.#answer(CHALLENGE_MS, ({ type }) => (type === "AUTH" ? true : undefined));
    if (this.#challenge === null || this.#isOver) return false;
    const tags = [
      ["relay", url],
      ["challenge", this.#challenge],
    ];
    const event = await sign({ kind: KIND.auth, created_at: nowSeconds(), tags, content: "" });
    if (this.#isOver) return false;
    const answer = this.#answer(ANSWER_MS, (message) =>
      message.type === "OK" && message.id === event.id ? { ok: message.ok } : undefined,
    );
    this.#send(["AUTH", event]);
    return (await answer)?.ok === true;
  }

  /** Waits for the message that `read` makes a value of. `undefined`: none came in time, or the connection is over. */
  #answer<T>(ms: number, read: (message: FromRelay) => T | undefined): Promise<T | undefined> {
    if (this.#isOver) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const finish = (value: T | undefined) => {
        cancel();
        this.#waiters.delete(waiter);
        resolve(value);
      };
      const waiter: Waiter = (message) => {
        const value = message === null ? undefined : read(message);
        if (message === null || value !== undefined) finish(value);
      };
      const cancel = this.#parts.clock.after(ms, () => finish(undefined));
      this.#waiters.add(waiter);
    });
  }

  #send(message: readonly unknown[]): void {
    if (this.#isOver) return;
    if (this.#connection.unsentBytes > MAX_UNSENT_BYTES) this.#end("connection");
    else this.#connection.send(JSON.stringify(message));
  }

  /** @returns whether it was open */
  #forget(name: string): boolean {
    const subscription = this.#subscriptions.get(name);
    if (subscription === undefined) return false;
    this.#subscriptions.delete(name);
    this.#closed.set(name, subscription.filters);
    if (this.#closed.size > MAX_CLOSED_NAMES) this.#closed.delete(this.#closed.keys().next().value!);
    return true;
  }

  #name(what: string): string {
    return `${what}-${this.#names++}`;
  }
}

/** A negotiation that is refused for its size is no rate limit. */
function asksForLess(message: FromRelay): boolean {
  if (message.type === "NEG-ERR") return message.text.startsWith("rate-limited:");
  return (message.type === "NOTICE" || message.type === "CLOSED") && isRateLimit(message.text);
}

/** `null`: the message cannot be read. */
function stepOf(own: Negentropy, message: Uint8Array) {
  try {
    return own.step(message);
  } catch (error) {
    if (error instanceof NegentropyFault) return null;
    throw error;
  }
}
