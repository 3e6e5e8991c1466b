/**
 * A client of a Nostr relay over a real WebSocket.
 * @module
 */
import WebSocketFrom from "ws";
import type { NostrEvent } from "../../runtime/grasp/events/event.ts";

/** A connected client. */
export interface RelayClient {
  /** The first message that fits and was not taken yet; waits for it. @throws {Error} if the relay closes the connection before. */
  next(fits: (message: unknown[]) => boolean): Promise<unknown[]>;
  /** Every message that arrived and was not taken yet. */
  readonly messages: unknown[][];
  /** Sends a message as JSON. */
  say(...message: unknown[]): void;
  /** Sends an event and waits for its `OK`: `[accepted, text]`. */
  publish(event: NostrEvent): Promise<[boolean, string]>;
  /** The ids of stored events, in the relay's order. */
  query(...filters: object[]): Promise<string[]>;
  close(): void;
}

/**
 * @param url of the relay, with `http:` or `ws:`
 * @param from the client's address on loopback, such as `127.0.0.9`, for relays that limit what an address sends
 */
export async function connect(url: string, from?: string): Promise<RelayClient> {
  const address = url.replace(/^http/, "ws");
  const socket =
    from === undefined
      ? new WebSocket(address)
      : (new WebSocketFrom(address, { localAddress: from }) as unknown as WebSocket);
  const messages: unknown[][] = [];
  const waiting = new Set<() => void>();
  let closed = false;
  let isOurs = false;
  socket.onmessage = ({ data }) => {
    messages.push(JSON.parse(data as string));
    for (const wake of [...waiting]) wake();
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error(`Cannot connect to ${url}`));
  });
  socket.onclose = () => {
    closed = true;
    if (!isOurs) for (const wake of [...waiting]) wake();
  };
  let queries = 0;
  async function next(fits: (message: unknown[]) => boolean): Promise<unknown[]> {
    for (;;) {
      const at = messages.findIndex(fits);
      if (at !== -1) return messages.splice(at, 1)[0]!;
      if (closed && !isOurs) throw new Error("the relay closed the connection");
      await new Promise<void>((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          resolve();
        };
        waiting.add(wake);
      });
    }
  }
  const say = (...message: unknown[]) => socket.send(JSON.stringify(message));
  return {
    next,
    messages,
    say,
    async publish(event) {
      say("EVENT", event);
      const [, , ok, text] = await next(([type, id]) => type === "OK" && id === event.id);
      return [ok as boolean, text as string];
    },
    async query(...filters) {
      const name = `query ${queries++}`;
      const isOurs = (message: unknown[]) => message[1] === name;
      say("REQ", name, ...filters);
      await next(([type, id]) => type === "EOSE" && id === name);
      say("CLOSE", name);
      const found = messages.filter(isOurs).map(([, , event]) => (event as NostrEvent).id);
      messages.splice(0, messages.length, ...messages.filter((message) => !isOurs(message)));
      return found;
    },
    close() {
      isOurs = true;
      socket.close();
    },
  };
}
