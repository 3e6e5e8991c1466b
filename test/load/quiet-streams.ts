/**
 * Streams that are idle for longer than the timeouts of runtimes and load balancers, through `millrace serve` on Node, Bun
 * and Deno at the same time: an event stream and a WebSocket without data for some minutes, and a kept connection that is
 * used again after 65 s. Writes test/results/quiet.json. The exit code is 1 if one of them was cut.
 * @module
 */
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { provenanceHere } from "../bench/provenance.ts";
import { answersOf, open } from "../support/raw-http.ts";
import { serveSite } from "../support/site-server.ts";
import { type ProcessRuntime, root, runtimes } from "../support/spawn.ts";
import { readToolOptions } from "../support/tool-options.ts";

const {
  values: { minutes },
} = readToolOptions({
  name: "quiet",
  summary: "Checks that no runtime cuts a stream, a WebSocket or a kept connection that is idle for minutes.",
  options: { minutes: { default: 6, summary: "duration of the silence" } },
});
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

/** The streams that one runtime cut. */
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
    `${names[i]}: ${cut.length === 0 ? `idle for ${minutes} minutes, nothing was cut` : `cut: ${cut.join(", ")}`}`,
  );
}
const results = {
  provenance: provenanceHere(),
  minutes,
  cut: Object.fromEntries(names.map((name, i) => [name, faults[i]])),
};
mkdirSync(join(root, "test/results"), { recursive: true });
writeFileSync(join(root, "test/results/quiet.json"), `${JSON.stringify(results, null, 2)}\n`);
process.exit(faults.some((cut) => cut.length > 0) ? 1 : 0);
