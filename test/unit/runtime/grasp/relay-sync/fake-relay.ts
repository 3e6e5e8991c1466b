/**
 * A relay as a model: it stores, answers, negotiates and sends live events, with a delay on a clock of the test. What a test wants
 * otherwise it intercepts.
 * @module
 */
import { createHash } from "node:crypto";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import { type Filter, matches, readFilter } from "../../../../../runtime/grasp/events/filter.ts";
import { Negentropy } from "../../../../../runtime/grasp/relay/negentropy.ts";
import { NegentropyRecords } from "../../../../../runtime/grasp/relay/negentropy-records.ts";
import type { CloseReason } from "../../../../../runtime/grasp/relay-sync/events.ts";
import type {
  Connection,
  ConnectionListener,
  RelayInformation,
} from "../../../../../runtime/grasp/relay-sync/ports.ts";
import type { Clock } from "../../../../../runtime/platform.ts";

/** A message of a client, parsed. */
export type ClientText = [type: string, ...rest: unknown[]];

/** Takes a message in place of the relay. @returns whether it did */
export type Intercept = (message: ClientText, peer: FakePeer) => boolean;

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

export class FakeRelay {
  readonly url: string;
  readonly events = new Map<string, NostrEvent>();
  readonly peers = new Set<FakePeer>();
  information: RelayInformation | null = null;
  latencyMs = 10;
  /** Largest page, whatever is asked for. */
  maxLimit = 500;
  /** Subscriptions at most; more are closed with a text, and are a fault of the test. */
  maxSubscriptions = 69;
  /** Records of one negotiation. */
  maxRecords = 10_000;
  /** `null`: connections open. */
  refuses: CloseReason | null = null;
  intercept: Intercept = () => false;
  /** Everything that clients sent. */
  readonly received: ClientText[] = [];
  connections = 0;
  /** Most subscriptions that were open at once. */
  mostOpen = 0;
  readonly #clock: Clock;

  constructor(url: string, clock: Clock) {
    this.url = url;
    this.#clock = clock;
  }

  get nowSeconds(): number {
    return Math.floor(this.#clock.now() / 1000);
  }

  dial(listener: ConnectionListener): Connection {
    const peer = new FakePeer(this, this.#clock, listener);
    this.#clock.after(this.latencyMs, () => peer.begin());
    return peer;
  }

  /** Stores events without telling anybody. */
  add(...events: readonly NostrEvent[]): void {
    for (const event of events) this.events.set(event.id, event);
  }

  /** Stores an event and sends it to live subscriptions. */
  publish(...events: readonly NostrEvent[]): void {
    for (const event of events) {
      this.add(event);
      for (const peer of this.peers) peer.broadcast(event);
    }
  }

  /** Ends all connections. */
  drop(because: CloseReason = "connection"): void {
    for (const peer of [...this.peers]) peer.end(because);
  }

  /** Messages of a type. */
  count(type: string): number {
    return this.received.filter(([name]) => name === type).length;
  }

  /** Stored events of a filter, newest first. */
  stored(filter: Filter): NostrEvent[] {
    const found = [...this.events.values()].filter((event) => matches(filter, event));
    found.sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1));
    return found.slice(0, Math.min(filter.limit ?? this.maxLimit, this.maxLimit));
  }
}

/** One connection, from the relay's side. */
export class FakePeer implements Connection {
  readonly unsentBytes = 0;
  readonly relay: FakeRelay;
  readonly open = new Map<string, readonly Filter[]>();
  readonly negotiations = new Map<string, Negentropy>();
  readonly #clock: Clock;
  readonly #listener: ConnectionListener;
  #isOver = false;

  constructor(relay: FakeRelay, clock: Clock, listener: ConnectionListener) {
    this.relay = relay;
    this.#clock = clock;
    this.#listener = listener;
  }

  begin(): void {
    if (this.#isOver) return;
    if (this.relay.refuses !== null) {
      this.end(this.relay.refuses);
      return;
    }
    this.relay.connections++;
    this.relay.peers.add(this);
    this.#listener.onOpen();
  }

  send(text: string): void {
    const message = JSON.parse(text) as ClientText;
    this.#later(() => {
      this.relay.received.push(message);
      if (!this.relay.intercept(message, this)) this.answer(message);
    });
  }

  close(): void {
    this.#isOver = true;
    this.relay.peers.delete(this);
  }

  end(because: CloseReason): void {
    if (this.#isOver) return;
    this.close();
    this.#listener.onClose(because);
  }

  /** Sends messages to the client. */
  tell(...messages: readonly unknown[][]): void {
    this.#later(() => {
      for (const message of messages) if (!this.#isOver) this.#listener.onText(JSON.stringify(message));
    });
  }

  broadcast(event: NostrEvent): void {
    for (const [name, filters] of this.open)
      if (filters.some((filter) => matches(filter, event))) this.tell(["EVENT", name, event]);
  }

  /** What an honest relay answers. */
  answer([type, name, ...rest]: ClientText): void {
    const id = name as string;
    const filters = (type === "REQ" ? rest : rest.slice(0, 1)).flatMap((one) => {
      const read = typeof one === "object" ? readFilter(one) : { fault: "" };
      return "filter" in read ? [read.filter] : [];
    });
    if (type === "REQ") this.#request(id, filters);
    else if (type === "CLOSE") this.open.delete(id);
    else if (type === "NEG-OPEN") this.#negotiate(id, filters[0]!, rest[1] as string);
    else if (type === "NEG-MSG") this.#step(id, rest[0] as string);
    else if (type === "NEG-CLOSE") this.negotiations.delete(id);
  }

  #request(id: string, filters: readonly Filter[]): void {
    if (this.open.size >= this.relay.maxSubscriptions && !this.open.has(id)) {
      this.tell(["CLOSED", id, "error: too many subscriptions"]);
      return;
    }
    this.open.set(id, filters);
    this.relay.mostOpen = Math.max(this.relay.mostOpen, this.open.size);
    const found = new Map(filters.flatMap((one) => this.relay.stored(one)).map((event) => [event.id, event]));
    this.tell(...[...found.values()].map((event) => ["EVENT", id, event]), ["EOSE", id]);
  }

  #negotiate(id: string, filter: Filter, message: string): void {
    const events = [...this.relay.events.values()].filter((event) => matches(filter, event));
    if (events.length > this.relay.maxRecords) {
      this.tell(["NEG-ERR", id, "blocked: too many query results"]);
      return;
    }
    const times = Uint32Array.from(events, ({ created_at }) => created_at);
    const ids = Buffer.from(events.map((event) => event.id).join(""), "hex");
    const records = new NegentropyRecords({ times, ids: new Uint8Array(ids) }, sha256);
    this.negotiations.set(id, new Negentropy(records, false));
    this.#step(id, message);
  }

  #step(id: string, message: string): void {
    const negotiation = this.negotiations.get(id);
    if (negotiation === undefined) this.tell(["NEG-ERR", id, "closed: unknown"]);
    else {
      const { reply } = negotiation.step(new Uint8Array(Buffer.from(message, "hex")));
      this.tell(["NEG-MSG", id, Buffer.from(reply!).toString("hex")]);
    }
  }

  #later(work: () => void): void {
    this.#clock.after(this.relay.latencyMs, () => {
      if (!this.#isOver) work();
    });
  }
}
