/**
 * The relay: connections, their queries, and live events. Knows messages as texts and nothing of WebSockets.
 * @module
 */
import type { Ourselves } from "../announcement.ts";
import type { Answer } from "../answer.ts";
import type { NostrEvent, ParsedEvent } from "../events/event.ts";
import { isHex64 } from "../events/event.ts";
import type { Filter } from "../events/filter.ts";
import type { Sender } from "../grasp.ts";
import type { EventStore } from "../ports.ts";
import { authFault } from "./auth.ts";
import { Buckets } from "./buckets.ts";
import { Connection, type Peer } from "./connection.ts";
import { RELAY_LIMITS, type RelayLimits } from "./limits.ts";
import { type ClientMessage, readMessage } from "./message.ts";
import type { Sha256 } from "./negentropy-records.ts";
import { Negotiations } from "./negotiations.ts";
import { Subscriptions } from "./subscriptions.ts";
import { type Progress, type Schedule, Turns } from "./turns.ts";

/** Characters that one turn of an answer sends, and unsent bytes at which the answer waits for the client. */
const PORTION = 256 * 1024;
const WAITING_BYTES = 1024 ** 2;
/** Pieces of work that a connection may wait for, beside its subscriptions. */
const MAX_WORK = 1000;

/** What the relay needs. */
export interface RelayParts extends Schedule {
  readonly store: Pick<EventStore, "texts" | "count" | "records">;
  readonly ourselves: Ourselves;
  submit(event: unknown, from: Sender): Promise<Answer>;
  /** Reads an event and checks its id and signature. */
  genuine(event: unknown): Promise<ParsedEvent>;
  /** Milliseconds since the epoch, by a clock that no correction turns back. */
  readonly nowMs: () => number;
  /** Seconds since the epoch, by the host's clock. */
  readonly nowSeconds: () => number;
  /** A random text. */
  makeChallenge(): string;
  readonly sha256: Sha256;
  readonly limits?: Partial<RelayLimits>;
}

export class Relay {
  readonly #parts: RelayParts;
  readonly #limits: RelayLimits;
  readonly #connections = new Map<Peer, Connection>();
  readonly #byAddress = new Map<string, number>();
  readonly #subscriptions = new Subscriptions<Connection>();
  readonly #turns: Turns<Connection>;
  readonly #negotiations: Negotiations<Connection>;
  /** Buckets of addresses and authors (R6). */
  readonly #buckets: Buckets;

  constructor(parts: RelayParts) {
    this.#parts = parts;
    this.#limits = { ...RELAY_LIMITS, ...parts.limits };
    this.#turns = new Turns(parts);
    this.#negotiations = new Negotiations({ ...parts, limits: this.#limits });
    this.#buckets = new Buckets(this.#limits.events);
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /** The number of addresses with open connections. */
  get addresses(): number {
    return this.#byAddress.size;
  }

  /** The number of open subscriptions. */
  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  /** The number of addresses that have unusually many connections. */
  get reportedAddresses(): number {
    return [...this.#byAddress.values()].filter((count) => count >= this.#limits.reportedConnections).length;
  }

  /** A connection is open. One too many is closed with a reason (R5). */
  open(peer: Peer): void {
    const ofAddress = peer.address === null ? 0 : (this.#byAddress.get(peer.address) ?? 0);
    const { connections, connectionsPerAddress } = this.#limits;
    if (this.#connections.size >= connections || ofAddress >= connectionsPerAddress) {
      peer.send(JSON.stringify(["NOTICE", "rate-limited: there are too many connections"]));
      peer.close(1013, "too many connections");
      return;
    }
    this.#connections.set(peer, new Connection(peer, this.#limits, this.#parts.nowMs()));
    if (peer.address !== null) this.#byAddress.set(peer.address, ofAddress + 1);
  }

  /** A connection is closed. */
  close(peer: Peer): void {
    const connection = this.#connections.get(peer);
    if (connection === undefined) return;
    connection.isOpen = false;
    this.#connections.delete(peer);
    this.#subscriptions.removeAll(connection);
    this.#turns.dropAll(connection);
    this.#negotiations.closeAll(connection);
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

  /** The peer answered a ping. */
  pong(peer: Peer): void {
    const connection = this.#connections.get(peer);
    if (connection !== undefined) connection.unansweredMs = null;
  }

  /**
   * Time passes: silent connections and negotiations end. The caller gives the interval of its timer and not what the clock says,
   * so that time in which our own event loop stood still does not count (R73).
   */
  tick(ms: number): void {
    for (const { connection, message } of this.#negotiations.tick(ms)) connection.say(message);
    for (const [peer, connection] of [...this.#connections]) {
      if (connection.unansweredMs !== null) connection.unansweredMs += ms;
      connection.sincePingMs += ms;
      if ((connection.unansweredMs ?? 0) >= this.#limits.unansweredMs) {
        peer.close(1008, "a ping had no answer");
        this.close(peer);
      } else if (connection.sincePingMs >= this.#limits.pingMs) {
        connection.sincePingMs = 0;
        connection.unansweredMs ??= 0;
        peer.ping();
      }
    }
  }

  /** A message arrived. */
  message(peer: Peer, text: string | Uint8Array): Promise<void> | void {
    const connection = this.#connections.get(peer);
    if (!connection?.isOpen) return;
    connection.unansweredMs = null;
    if (typeof text !== "string") return connection.say(["NOTICE", "invalid: messages are texts"]);
    const read = readMessage(text);
    if ("refusal" in read) return connection.say(read.refusal);
    const { message } = read;
    switch (message.type) {
      case "EVENT":
        return this.#event(message.event, connection);
      case "AUTH":
        return this.#authenticate(message.event, connection);
      case "CLOSE":
        return this.#end(connection, message.subscription);
      case "NEG-CLOSE":
        return this.#negotiations.close(connection, message.subscription);
      default:
        return this.#query(message, connection);
    }
  }

  /** An event is served from now on: subscribers hear of it (R17, R24). */
  broadcast(event: NostrEvent): void {
    let json: string | null = null;
    // Many clients use the same name, and then they get the same text.
    let last = { name: "", text: "" };
    for (const { subscriber, name } of this.#subscriptions.wanting(event)) {
      json ??= JSON.stringify(event);
      if (last.name !== name) last = { name, text: `["EVENT",${JSON.stringify(name)},${json}]` };
      subscriber.live(name, last.text);
    }
  }

  async #event(event: unknown, connection: Connection): Promise<void> {
    const { address } = connection.peer;
    const { id, pubkey } = (event ?? {}) as { id?: unknown; pubkey?: unknown };
    const author = typeof pubkey === "string" && isHex64(pubkey) ? pubkey : null;
    if (!this.#admits(connection, author)) {
      const known = typeof id === "string" ? id : "";
      return connection.say(["OK", known, false, "rate-limited: too many events; wait a minute"]);
    }
    const answer = await this.#parts.submit(event, { source: "direct", address, keys: connection.keys });
    if (answer.text.startsWith("auth-required:")) this.#challenge(connection);
    connection.say(["OK", answer.id, answer.ok, answer.text]);
  }

  /** Whether the connection, its address and the author all have a permit (R6). */
  #admits(connection: Connection, author: string | null): boolean {
    const nowMs = this.#parts.nowMs();
    const { address } = connection.peer;
    return (
      connection.events.take(nowMs) &&
      (address === null || this.#buckets.take(`address ${address}`, nowMs)) &&
      (author === null || this.#buckets.take(`author ${author}`, nowMs))
    );
  }

  /** A challenge is sent with the first `auth-required:` (R13). */
  #challenge(connection: Connection): void {
    if (connection.challenge !== null) return;
    connection.challenge = this.#parts.makeChallenge();
    connection.say(["AUTH", connection.challenge]);
  }

  /** Every `AUTH` is checked and answered; it is never stored or passed on (R13, R70). */
  async #authenticate(event: unknown, connection: Connection): Promise<void> {
    const { id } = event as { id?: unknown };
    const answer = (ok: boolean, text: string) =>
      connection.say(["OK", typeof id === "string" ? id : "", ok, text]);
    if (!this.#admits(connection, null)) return answer(false, "rate-limited: too many events; wait a minute");
    const read = await this.#parts.genuine(event);
    if ("fault" in read) return answer(false, `invalid: ${read.fault}`);
    const { challenge } = connection;
    const { ourselves } = this.#parts;
    const fault = authFault(read.event, { challenge, ourselves, nowSeconds: this.#parts.nowSeconds() });
    if (fault !== null) return answer(false, `invalid: ${fault}`);
    const { pubkey } = read.event;
    if (!connection.keys.has(pubkey) && connection.keys.size >= this.#limits.keys)
      return answer(false, `restricted: a connection has at most ${this.#limits.keys} keys`);
    connection.keys.add(pubkey);
    answer(true, "");
  }

  /** Ends a subscription: nothing of it is sent any more (R65). */
  #end(connection: Connection, subscription: string): void {
    this.#subscriptions.remove(connection, subscription);
    this.#turns.drop(connection, subscription);
    connection.forget(subscription);
  }

  /** A query waits for its turn. A `REQ` replaces one of the same id (R17). */
  #query(
    message: Exclude<ClientMessage, { type: "EVENT" | "AUTH" | "CLOSE" | "NEG-CLOSE" }>,
    connection: Connection,
  ): void {
    const { type, subscription } = message;
    if (type === "REQ") this.#end(connection, subscription);
    const waiting = this.#turns.count(connection);
    const { subscriptions } = this.#limits;
    const isFull = type === "REQ" && this.#subscriptions.count(connection) + waiting >= subscriptions;
    if (isFull || waiting >= MAX_WORK) {
      const text = isFull
        ? `rate-limited: a connection has at most ${subscriptions} subscriptions`
        : "rate-limited: too many queries wait";
      connection.say([type.startsWith("NEG") ? "NEG-ERR" : "CLOSED", subscription, text] as const);
      return;
    }
    let turn: () => Progress;
    switch (message.type) {
      case "REQ":
        turn = this.#request(subscription, message.filters, connection);
        break;
      case "COUNT":
        turn = once(() => {
          const count = this.#parts.store.count(message.filters, this.#parts.nowSeconds());
          connection.say(["COUNT", subscription, { count }]);
        });
        break;
      case "NEG-OPEN": {
        const { filter, message: first } = message;
        turn = once(() =>
          connection.say(
            this.#negotiations.open(connection, subscription, filter, first, this.#parts.nowSeconds()),
          ),
        );
        break;
      }
      case "NEG-MSG":
        turn = once(() => connection.say(this.#negotiations.step(connection, subscription, message.message)));
    }
    this.#turns.add(connection, { subscription: type === "REQ" ? subscription : null, turn });
  }

  /**
   * Stored events, then `EOSE`, then live ones. The subscription is open from the moment at which the stored events are looked up,
   * and what is served meanwhile is held, so that each event is sent once (R18).
   */
  #request(subscription: string, filters: readonly Filter[], connection: Connection): () => Progress {
    const name = JSON.stringify(subscription);
    const before = `["EVENT",${name},`;
    let texts: Iterator<string, void> | null = null;
    const goesOn = (progress: Progress) => {
      connection.hold(subscription);
      return progress;
    };
    return () => {
      if (texts === null) {
        texts = this.#parts.store.texts(filters, this.#parts.nowSeconds());
        this.#subscriptions.add(connection, subscription, filters);
      }
      if (!connection.isOpen) return "done";
      if (connection.peer.bufferedBytes > WAITING_BYTES) return goesOn("waits");
      const portion: string[] = [];
      for (let length = 0; length < PORTION; ) {
        const next = texts.next();
        if (next.done) {
          portion.push(`["EOSE",${name}]`);
          connection.sendAll(portion);
          connection.release(subscription);
          return "done";
        }
        portion.push(`${before}${next.value}]`);
        length += next.value.length;
      }
      connection.sendAll(portion);
      return goesOn("more");
    };
  }
}

/** Work that one turn does. */
function once(work: () => void): () => Progress {
  return () => {
    work();
    return "done";
  };
}
