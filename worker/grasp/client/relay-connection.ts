/**
 * A connection to a Nostr relay as a client has it (NIP-01).
 * @module
 */
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";

/** How long the relay may take for one answer, in milliseconds. */
const ANSWER_MS = 20_000;

/** A filter of NIP-01, as it is sent. */
export type ClientFilter = Readonly<Record<string, readonly (string | number)[] | number>>;

/** The relay's answer to an event. */
export interface Ok {
  readonly ok: boolean;
  /** With a prefix such as `purgatory:` or `restricted:`; may be empty. */
  readonly text: string;
}

/** An open connection. */
export class RelayConnection {
  readonly url: string;
  readonly #socket: WebSocket;
  /** Take a message, and say whether it was theirs. */
  readonly #takers = new Set<(message: unknown[]) => boolean>();
  readonly #onClose = new Set<(reason: Error) => void>();
  #subscriptions = 0;

  private constructor(url: string, socket: WebSocket) {
    this.url = url;
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#take(String(data));
    socket.onclose = () => {
      const reason = new Error(`${url} closed the connection`);
      for (const end of [...this.#onClose]) end(reason);
    };
  }

  /**
   * Connects.
   * @param url with `ws:` or `wss:`
   * @throws if nothing answers as a WebSocket within 20 s.
   */
  static async open(url: string): Promise<RelayConnection> {
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      const fail = () => reject(new Error(`no relay answers at ${url}`));
      const timer = setTimeout(fail, ANSWER_MS);
      socket.onopen = () => {
        clearTimeout(timer);
        resolve();
      };
      socket.onerror = () => {
        clearTimeout(timer);
        fail();
      };
    });
    socket.onerror = () => {};
    return new RelayConnection(url, socket);
  }

  /** Sends an event and waits for its `OK`. @throws if none comes within 20 s. */
  async publish(event: NostrEvent): Promise<Ok> {
    const answer = this.#answer<Ok>(([type, id, ok, text]) =>
      type === "OK" && id === event.id ? { ok: ok === true, text: String(text ?? "") } : null,
    );
    this.#send("EVENT", event);
    return answer;
  }

  /** The stored events that match a filter. @throws if the relay refuses, or does not end within 20 s. */
  async query(filter: ClientFilter): Promise<NostrEvent[]> {
    const name = `query-${this.#subscriptions++}`;
    const found: NostrEvent[] = [];
    const refusal = await this.#answer<string>(
      ([type, id, value]) => {
        if (id !== name) return null;
        if (type === "EVENT") found.push(value as NostrEvent);
        if (type === "EOSE") return "";
        return type === "CLOSED" ? String(value || "closed") : null;
      },
      () => this.#send("REQ", name, filter),
    );
    if (refusal !== "") throw new Error(`${this.url} refuses a query: ${refusal}`);
    this.#send("CLOSE", name);
    return found;
  }

  /** Calls a listener for each event that matches, stored or new, until the connection closes. */
  async subscribe(filter: ClientFilter, onEvent: (event: NostrEvent) => void): Promise<void> {
    const name = `live-${this.#subscriptions++}`;
    this.#takers.add(([type, id, event]) => {
      if (id !== name || type !== "EVENT") return false;
      onEvent(event as NostrEvent);
      return true;
    });
    await this.#answer(
      ([type, id]) => (type === "EOSE" && id === name ? true : null),
      () => this.#send("REQ", name, filter),
    );
  }

  close(): void {
    this.#socket.close();
  }

  #send(...message: unknown[]): void {
    this.#socket.send(JSON.stringify(message));
  }

  #take(data: string): void {
    let message: unknown;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (!Array.isArray(message)) return;
    for (const taker of [...this.#takers]) if (taker(message)) return;
  }

  /** Waits for the message that `read` makes a value of. */
  #answer<T>(read: (message: unknown[]) => T | null, send?: () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.#takers.delete(taker);
        this.#onClose.delete(fail);
      };
      const fail = (reason: Error) => {
        done();
        reject(reason);
      };
      const timer = setTimeout(() => fail(new Error(`${this.url} does not answer`)), ANSWER_MS);
      const taker = (message: unknown[]) => {
        const value = read(message);
        if (value === null) return false;
        done();
        resolve(value);
        return true;
      };
      this.#takers.add(taker);
      this.#onClose.add(fail);
      send?.();
    });
  }
}
