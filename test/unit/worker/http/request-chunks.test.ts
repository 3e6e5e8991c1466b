import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { RequestChunks } from "../../../../worker/http/request-chunks.ts";

const MIB = 1024 ** 2;
let close = () => {};
afterEach(() => close());

/** A request of `length` bytes as the server has it, and its client's connection, on which only the head was sent. */
async function request(
  length: number,
): Promise<{ incoming: IncomingMessage; outgoing: ServerResponse; client: Socket }> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  client.on("error", () => {});
  close = () => {
    client.destroy();
    server.close();
  };
  client.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n\r\n`);
  const [incoming, outgoing] = (await once(server, "request")) as [IncomingMessage, ServerResponse];
  return { incoming, outgoing, client };
}

test("all bytes come in their order, each chunk in memory of its own (V8)", async () => {
  const { incoming, client } = await request(MIB);
  const sent = Buffer.from(Array.from({ length: MIB }, (_, n) => n % 251));
  client.write(sent);
  const chunks = new RequestChunks(incoming);
  const got: Uint8Array[] = [];
  for (let part = await chunks.read(); !part.done; part = await chunks.read()) got.push(part.value!);
  expect(Buffer.concat(got).equals(sent)).toBe(true);
  // Most are freed as soon as they were written: those that are no part of more.
  const whole = got.filter(({ buffer, byteLength }) => buffer.byteLength === byteLength);
  expect(whole.length).toBeGreaterThan(got.length / 2);
});

test("a client waits for a reader that does not read (G19)", async () => {
  const { incoming, client } = await request(64 * MIB);
  const chunks = new RequestChunks(incoming);
  await Promise.all([chunks.read(), client.write(Buffer.alloc(64 * MIB))]);
  // As far as the system's buffers of the connection reach.
  let before = -1;
  while (before !== client.bytesWritten - client.writableLength) {
    before = client.bytesWritten - client.writableLength;
    await sleep(50);
  }
  expect(client.writableLength).toBeGreaterThan(32 * MIB);
});

test("a body that breaks off is a fault after what came of it (T63)", async () => {
  const { incoming, client } = await request(10);
  const chunks = new RequestChunks(incoming);
  client.write("abc");
  expect(Buffer.from((await chunks.read()).value!).toString()).toBe("abc");
  client.destroy();
  await expect(chunks.read()).rejects.toThrow();
  await expect(chunks.read()).rejects.toThrow();
});

test("after a stop the rest is for others, and a read that waits ends (A40)", async () => {
  const { incoming, client } = await request(3);
  const chunks = new RequestChunks(incoming);
  const late = chunks.read().catch((error: Error) => error);
  chunks.stop();
  expect(await late).toBeInstanceOf(Error);
  const rest = once(incoming, "data");
  incoming.resume();
  client.write("abc");
  expect(String((await rest)[0])).toBe("abc");
});
