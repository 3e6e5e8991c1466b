/**
 * Another server's relay in the process of a test: it has events, and lies, limits or asks for keys as the test wishes.
 * @module
 */
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { NostrEvent } from "../../runtime/grasp/events/event.ts";
import { type Filter, matches, readFilter } from "../../runtime/grasp/events/filter.ts";

/** A message that a client sent, and the connection that it came on. */
export interface Asked {
  readonly connection: WebSocket;
  readonly message: readonly unknown[];
  /** Sends a message on the connection. */
  say(...message: unknown[]): void;
  /** Answers a `REQ` as an honest relay does. */
  serve(): void;
}

export interface FakeRelay {
  /** Its address, such as `ws://127.0.0.1:40123`. */
  readonly url: string;
  /** What it stores. */
  readonly events: NostrEvent[];
  /** Every message that came, in order. */
  readonly asked: readonly (readonly unknown[])[];
  /** Connections so far. */
  readonly connections: number;
  /** Sends an event to every connection, for each of its open subscriptions that matches. */
  publish(event: NostrEvent): void;
  stop(): Promise<void>;
}

/** What a relay does. Default: it serves what it stores, and knows no NIP-77. */
export interface Behaviour {
  /** Called with each connection. @returns `false`: no messages of it are answered */
  connected?(connection: WebSocket, number: number): boolean;
  /** Answers a message. */
  answer?(asked: Asked): void;
}

export async function fakeRelay(
  events: readonly NostrEvent[] = [],
  behaviour: Behaviour = {},
): Promise<FakeRelay> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await new Promise((resolve) => server.once("listening", resolve));
  const stored = [...events];
  const all: (readonly unknown[])[] = [];
  const open = new Map<WebSocket, Map<string, readonly Filter[]>>();
  let connections = 0;

  server.on("connection", (connection) => {
    connection.on("error", () => {});
    const subscriptions = new Map<string, readonly Filter[]>();
    open.set(connection, subscriptions);
    connection.on("close", () => open.delete(connection));
    connections++;
    if (behaviour.connected?.(connection, connections) === false) return;
    const say = (...message: unknown[]) => connection.send(JSON.stringify(message));
    connection.on("message", (data) => {
      const message = JSON.parse(String(data)) as readonly unknown[];
      all.push(message);
      const asked: Asked = {
        connection,
        message,
        say,
        serve: () => serve(message, stored, subscriptions, say),
      };
      if (behaviour.answer === undefined) asked.serve();
      else behaviour.answer(asked);
    });
  });

  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    events: stored,
    asked: all,
    get connections() {
      return connections;
    },
    publish(event) {
      stored.push(event);
      for (const [connection, subscriptions] of open) {
        for (const [name, filters] of subscriptions) {
          if (filters.some((filter) => matches(filter, event)))
            connection.send(JSON.stringify(["EVENT", name, event]));
        }
      }
    },
    async stop() {
      for (const connection of open.keys()) connection.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a relay of NIP-01 answers. */
function serve(
  [type, name, ...given]: readonly unknown[],
  events: readonly NostrEvent[],
  subscriptions: Map<string, readonly Filter[]>,
  say: (...message: unknown[]) => void,
): void {
  if (type === "CLOSE") subscriptions.delete(name as string);
  if (type === "NEG-OPEN") say("NOTICE", "unknown message NEG-OPEN");
  if (type !== "REQ") return;
  const filters = given.map((one) => {
    const read = readFilter(one);
    if ("fault" in read) throw new Error(read.fault);
    return read.filter;
  });
  subscriptions.set(name as string, filters);
  const sent = new Set<string>();
  for (const filter of filters) {
    const found = events
      .filter((event) => matches(filter, event))
      .sort((a, b) => b.created_at - a.created_at)
      .slice(0, filter.limit ?? 500);
    for (const event of found) if (!sent.has(event.id)) say("EVENT", name, event);
    for (const { id } of found) sent.add(id);
  }
  say("EOSE", name);
}
