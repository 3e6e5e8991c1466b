/** The stop of the HTTP server, on this runtime. */
import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { serveHttp } from "../../../../worker/http/server.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const BYTES = 16 * 1024 ** 2;

test("a response that was begun is finished while the server stops, although its end is written", async () => {
  const handler = async () => new Response(new Uint8Array(BYTES));
  const server = await serveHttp([{ handler }], { host: "127.0.0.1", port: 0 }, silent);
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");
  const [first] = (await once(socket, "data")) as [Buffer];
  // The client takes no more until the server looked for idle connections.
  socket.pause();
  const closed = server.close(20_000);
  await new Promise((resolve) => setTimeout(resolve, 200));
  let bytes = first.length;
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const gone = once(socket, "close");
  socket.resume();
  await gone;
  await closed;
  expect(bytes).toBeGreaterThanOrEqual(BYTES);
});
