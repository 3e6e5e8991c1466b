/**
 * A relay that passes everything on to another one, and counts messages by their type.
 * @module
 */
import { WebSocket, WebSocketServer } from "ws";

export interface RelayTap {
  /** Messages by type: `> NEG-OPEN` went to the relay, `< NEG-MSG` came from it. */
  readonly counts: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** Listens on a port of 127.0.0.1. @param to the relay's URL */
export async function relayTap(port: number, to: string): Promise<RelayTap> {
  const counts = new Map<string, number>();
  const server = new WebSocketServer({ host: "127.0.0.1", port });
  await new Promise((resolve) => server.once("listening", resolve));
  server.on("connection", (client) => {
    const relay = new WebSocket(to);
    const opened = new Promise((resolve) => relay.once("open", resolve));
    const pass = (from: WebSocket, target: WebSocket, sign: string) =>
      from.on("message", async (data) => {
        const type = `${sign} ${(JSON.parse(String(data)) as unknown[])[0]}`;
        counts.set(type, (counts.get(type) ?? 0) + 1);
        await opened;
        target.send(String(data));
      });
    pass(client, relay, ">");
    pass(relay, client, "<");
    for (const [one, other] of [
      [client, relay],
      [relay, client],
    ] as const) {
      one.on("error", () => {});
      one.on("close", () => other.terminate());
    }
  });
  return {
    counts,
    async stop() {
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
