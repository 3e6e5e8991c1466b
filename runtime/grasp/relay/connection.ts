/**
 * One connection of the relay: what it sends, what it proved, and how much it may.
 * @module
 */
import { Bucket } from "./buckets.ts";
import type { RelayLimits } from "./limits.ts";
import type { RelayMessage } from "./message.ts";

/** One client, as the relay sees it. */
export interface Peer {
  readonly address: string | null;
  /** Bytes that are handed over and not yet written to the connection. */
  readonly bufferedBytes: number;
  send(text: string): void;
  /** Sends texts with one write. */
  sendAll(texts: readonly string[]): void;
  ping(): void;
  close(code: number, reason: string): void;
}

/** Longest text, in characters, whose bytes are not counted exactly while little is unsent. */
const BYTES_A_CHARACTER = 3;
const encoder = new TextEncoder();

export class Connection {
  readonly peer: Peer;
  readonly events: Bucket;
  /** The keys that it proved to have (R70). */
  readonly keys = new Set<string>();
  /** What `AUTH` must sign; `null`: it has not been told yet. */
  challenge: string | null = null;
  isOpen = true;
  /** How long a ping has no answer, in milliseconds; `null`: none is under way. */
  unansweredMs: number | null = null;
  sincePingMs = 0;
  readonly #limits: RelayLimits;
  /** Live events that came while stored ones are sent, by subscription. */
  readonly #held = new Map<string, string[]>();
  #heldLength = 0;

  constructor(peer: Peer, limits: RelayLimits, nowMs: number) {
    this.peer = peer;
    this.#limits = limits;
    this.events = new Bucket(limits.events, nowMs);
  }

  say(message: RelayMessage): void {
    this.send(JSON.stringify(message));
  }

  /** Sends a text, unless too much is unsent: then the connection is closed, and no event is left out in silence (R74). */
  send(text: string): void {
    if (!this.isOpen) return;
    const room = this.#limits.unsentBytes - this.peer.bufferedBytes;
    const isTooMuch = text.length * BYTES_A_CHARACTER > room && encoder.encode(text).length > room;
    if (isTooMuch) this.#closeForUnsent();
    else this.peer.send(text);
  }

  /** Sends texts as {@link Connection.send} does, with one write if there is room for all. */
  sendAll(texts: readonly string[]): void {
    if (!this.isOpen || texts.length === 0) return;
    const room = this.#limits.unsentBytes - this.peer.bufferedBytes;
    const length = texts.reduce((sum, text) => sum + text.length, 0);
    if (length * BYTES_A_CHARACTER <= room) this.peer.sendAll(texts);
    else for (const text of texts) this.send(text);
  }

  /** Holds live events of a subscription until {@link Connection.release}, so that they follow the stored ones (R17, R18). */
  hold(subscription: string): void {
    if (!this.#held.has(subscription)) this.#held.set(subscription, []);
  }

  /** Sends a live event, or holds it. */
  live(subscription: string, text: string): void {
    const held = this.#held.get(subscription);
    if (held === undefined) {
      this.send(text);
      return;
    }
    held.push(text);
    this.#heldLength += text.length;
    if (this.#heldLength > this.#limits.unsentBytes) this.#closeForUnsent();
  }

  /** Sends what is held of a subscription, and holds no more. */
  release(subscription: string): void {
    const held = this.#held.get(subscription);
    if (held === undefined) return;
    this.forget(subscription);
    this.sendAll(held);
  }

  /** Drops what is held of a subscription: it ended. */
  forget(subscription: string): void {
    const held = this.#held.get(subscription);
    if (held === undefined) return;
    for (const text of held) this.#heldLength -= text.length;
    this.#held.delete(subscription);
  }

  #closeForUnsent(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.peer.close(1008, "too much is unsent");
  }
}
