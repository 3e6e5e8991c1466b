/**
 * The relay: connections, their subscriptions, and live events. Knows messages as texts and nothing of WebSockets.
 * @module
 */
import type { Answer } from "../answer.ts";
import { isHex64, type NostrEvent } from "../events/event.ts";
import type { Filter } from "../events/filter.ts";
import type { EventStore } from "../ports.ts";
import type { From } from "../purgatory/entry.ts";
import { Bucket, EVENT_BUCKET } from "./buckets.ts";
import { type RelayMessage, readMessage } from "./message.ts";
import { Subscriptions } from "./subscriptions.ts";

/** Largest number of subscriptions of one connection (table of limits). */
export const MAX_SUBSCRIPTIONS = 500;
/** Unsent bytes at which a connection is closed (R74). */
export const MAX_UNSENT_BYTES = 4 * 1024 ** 2;
/** Connections of one address, and in all (table of limits). */
export const MAX_CONNECTIONS = { address: 100, total: 10_000 } as const;
/** Buckets of addresses and authors that are kept. */
const MAX_BUCKETS = 100_000;

/** One connection, as the relay sees it. */
export interface Peer {
  readonly address: string | null;
  readonly bufferedBytes: number;
  send(text: string): void;
  close(code: number, reason: string): void;
}

/** What the relay needs. */
export interface RelayParts {
  readonly store: Pick<EventStore, "query" | "count">;
  submit(event: unknown, from: From): Promise<Answer>;
  /** Milliseconds since the epoch, by a clock that no correction turns back. */
  readonly nowMs: () => number;
}

/** One connection's state. */
class Connection {
  readonly peer: Peer;
  readonly events: Bucket;
  isOpen = true;

  constructor(peer: Peer, nowMs: number) {
    this.peer = peer;
    this.events = new Bucket(EVENT_BUCKET, nowMs);
  }

  /** Sends a message, unless too much waits to be sent: then the connection is closed, and no event is left out in silence (R74). */
  send(text: string): void {
    if (!this.isOpen) return;
    if (this.peer.bufferedBytes + text.length > MAX_UNSENT_BYTES) {
      this.isOpen = false;
      this.peer.close(1008, "too much is unsent");
      return;
    }
    this.peer.send(text);
  }
}

export class Relay {
  readonly #parts: RelayParts;
  readonly #connections = new Map<Peer, Connection>();
  readonly #byAddress = new Map<string, number>();
  readonly #subscriptions = new Subscriptions<Connection>();
  /** Buckets of addresses and authors, by `address …` and `author …`. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /** A connection is open. One too many is closed with a reason (R5). */
  open(peer: Peer): void {
    const ofAddress = peer.address === null ? 0 : (this.#byAddress.get(peer.address) ?? 0);
    if (this.#connections.size >= MAX_CONNECTIONS.total || ofAddress >= MAX_CONNECTIONS.address) {
      peer.send(JSON.stringify(["NOTICE", "rate-limited: there are too many connections"]));
      peer.close(1013, "too many connections");
      return;
    }
    this.#connections.set(peer, new Connection(peer, this.#parts.nowMs()));
    if (peer.address !== null) this.#byAddress.set(peer.address, ofAddress + 1);
  }

  /** A connection is closed. */
  close(peer: Peer): void {
    const connection = this.#connections.get(peer);
    if (connection === undefined) return;
    connection.isOpen = false;
    this.#connections.delete(peer);
    this.#subscriptions.removeAll(connection);
    if (peer.address === null) return;
    const left = this.#byAddress.get(peer.address)! - 1;
    if (left === 0) this.#byAddress.delete(peer.address);
    else this.#byAddress.set(peer.address, left);
  }

  /** Closes every connection: the service ends (O21). */
  closeAll(): void {
    for (const peer of [...this.#connections.keys()]) {
      peer.close(1001, "the relay stops");
      this.close(peer);
    }
  }

  /** A message arrived. */
  async message(peer: Peer, text: string | Uint8Array): Promise<void> {
    const connection = this.#connections.get(peer);
    if (connection === undefined) return;
    const say = (message: RelayMessage) => connection.send(JSON.stringify(message));
    if (typeof text !== "string") return say(["NOTICE", "invalid: messages are texts"]);
    const read = readMessage(text);
    if ("refusal" in read) return say(read.refusal);
    const { message } = read;
    switch (message.type) {
      case "EVENT":
        return this.#event(message.event, connection, say);
      case "REQ":
        return this.#request(message, connection, say);
      case "COUNT":
        return say([
          "COUNT",
          message.subscription,
          { count: this.#parts.store.count(message.filters, this.#nowSeconds) },
        ]);
      case "CLOSE":
        this.#subscriptions.remove(connection, message.subscription);
        return;
      case "AUTH":
        return say(["NOTICE", "unsupported: authentication is not needed here"]);
      case "NEG-OPEN":
      case "NEG-MSG":
        return say(["NEG-ERR", message.subscription, "unsupported: negentropy is not served here yet"]);
      case "NEG-CLOSE":
        return;
    }
  }

  /** An event is served from now on: subscribers hear of it (R17, R24). */
  broadcast(event: NostrEvent): void {
    let json: string | null = null;
    for (const { subscriber, name } of this.#subscriptions.wanting(event)) {
      json ??= JSON.stringify(event);
      subscriber.send(`["EVENT",${JSON.stringify(name)},${json}]`);
    }
  }

  get #nowSeconds(): number {
    return Math.floor(this.#parts.nowMs() / 1000);
  }

  async #event(event: unknown, connection: Connection, say: (message: RelayMessage) => void): Promise<void> {
    const { address } = connection.peer;
    const { id, pubkey } = (event ?? {}) as { id?: unknown; pubkey?: unknown };
    const known = typeof id === "string" && isHex64(id) ? id : "";
    const author = typeof pubkey === "string" && isHex64(pubkey) ? pubkey : null;
    if (!this.#admits(connection, address, author)) {
      return say(["OK", known, false, "rate-limited: too many events; wait a minute"]);
    }
    const answer = await this.#parts.submit(event, { source: "direct", address });
    say(["OK", answer.id, answer.ok, answer.text]);
  }

  /** Whether the connection, its address and the author all have a permit (R6). */
  #admits(connection: Connection, address: string | null, author: string | null): boolean {
    const nowMs = this.#parts.nowMs();
    const buckets = [connection.events];
    if (address !== null) buckets.push(this.#bucket(`address ${address}`, nowMs));
    if (author !== null) buckets.push(this.#bucket(`author ${author}`, nowMs));
    return buckets.every((bucket) => bucket.take(nowMs));
  }

  #bucket(name: string, nowMs: number): Bucket {
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      if (this.#buckets.size >= MAX_BUCKETS) this.#tidyBuckets(nowMs);
      bucket = new Bucket(EVENT_BUCKET, nowMs);
      this.#buckets.set(name, bucket);
    }
    return bucket;
  }

  #tidyBuckets(nowMs: number): void {
    for (const [name, bucket] of this.#buckets) if (bucket.isFull(nowMs)) this.#buckets.delete(name);
    if (this.#buckets.size >= MAX_BUCKETS) this.#buckets.clear();
  }

  /** Stored events, then `EOSE`, then live ones; nothing waits in between, so that each event is sent once (R18). */
  #request(
    { subscription, filters }: { readonly subscription: string; readonly filters: readonly Filter[] },
    connection: Connection,
    say: (message: RelayMessage) => void,
  ): void {
    this.#subscriptions.remove(connection, subscription);
    if (this.#subscriptions.count(connection) >= MAX_SUBSCRIPTIONS) {
      say([
        "CLOSED",
        subscription,
        `rate-limited: a connection has at most ${MAX_SUBSCRIPTIONS} subscriptions`,
      ]);
      return;
    }
    const name = JSON.stringify(subscription);
    for (const event of this.#parts.store.query(filters, this.#nowSeconds)) {
      connection.send(`["EVENT",${name},${JSON.stringify(event)}]`);
    }
    say(["EOSE", subscription]);
    if (connection.isOpen) this.#subscriptions.add(connection, subscription, filters);
  }
}
