/**
 * Streams that are quiet for longer than the clocks of runtimes and balancers, through `millrace serve` on Node, Bun and Deno at
 * the same time: an event stream and a WebSocket that say nothing for some minutes, and a kept connection that is used again
 * after 65 s. Argument: the minutes of quiet; without it, six. Ends with 1 if any of them was cut.
 * @module
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { answersOf, open } from "../support/raw-http.ts";
import { serveSite } from "../support/site-server.ts";
import { type ProcessRuntime, runtimes } from "../support/spawn.ts";

const minutes = Number(process.argv[2] ?? 6);
if (!(minutes > 0)) {
  console.error("quiet: the argument is a number of minutes");
  process.exit(2);
}
const quietMs = minutes * 60_000;
const KEPT_MS = Math.min(65_000, quietMs);
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const site = createServer({ keepAliveTimeout: 0 }, (request, response) => {
  if (request.url !== "/events") return void response.end("page");
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write("data: first\n\n");
  setTimeout(() => response.end("data: late\n\n"), quietMs);
});
site.on("upgrade", (_request, socket) => {
  socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  socket.on("data", (part: Buffer) => socket.write(part));
  socket.on("end", () => socket.end()).on("error", () => {});
});
site.listen(0, "127.0.0.1");
await once(site, "listening");
const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;

/** What was cut on one runtime. */
async function faultsOn(runtime: ProcessRuntime): Promise<string[]> {
  const server = await serveSite(runtime, origin);
  const where = { host: "127.0.0.1", port: server.port };
  const socketTo = () => {
    const socket = open(where);
    socket.setTimeout(0);
    return socket;
  };
  async function events() {
    const socket = socketTo();
    socket.write("GET /events HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n");
    return (await answersOf(socket).next()).body.includes("data: late");
  }
  async function webSocket() {
    const socket = socketTo();
    socket.write("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    const answers = answersOf(socket);
    await answers.next();
    await wait(quietMs);
    socket.write("still here");
    const echo = await answers.bytes(10);
    socket.destroy();
    return echo === "still here";
  }
  async function keptConnection() {
    const socket = socketTo();
    const answers = answersOf(socket);
    const ask = "GET /page HTTP/1.1\r\nHost: site.example\r\n\r\n";
    socket.write(ask);
    await answers.next();
    await wait(KEPT_MS);
    socket.write(ask);
    const { body } = await answers.next();
    socket.destroy();
    return body === "page";
  }
  const results = await Promise.allSettled([events(), webSocket(), keptConnection()]);
  await server.stop();
  const names = ["an event stream", "a WebSocket", "a kept connection"];
  return names.filter(
    (_, i) => results[i]!.status === "rejected" || !(results[i] as { value: boolean }).value,
  );
}

const names = Object.keys(runtimes) as ProcessRuntime[];
const faults = await Promise.all(names.map(faultsOn));
for (const [i, cut] of faults.entries()) {
  console.log(
    `${names[i]}: ${cut.length === 0 ? `quiet for ${minutes} minutes, nothing was cut` : `cut: ${cut.join(", ")}`}`,
  );
}
process.exit(faults.some((cut) => cut.length > 0) ? 1 : 0);
