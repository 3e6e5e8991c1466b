/**
 * What a connection to an origin needs beyond what undici expects of a socket.
 * @module
 */
import type { Socket } from "node:net";

type Done = (error?: Error | null) => void;

/** As much of a stream's inside as is wrapped here. */
interface Writing {
  _write(chunk: unknown, encoding: string, done: Done): void;
  _writev?(chunks: unknown, done: Done): void;
}

/** Bun closes a socket as soon as a write is refused, with what could still be read from it. */
const closesOnFailedWrite = "Bun" in globalThis;

/**
 * Lets an answer that has arrived be read although the origin takes no more of the request. An origin may answer an upload
 * before it has all of it and close (RFC 9112, section 9.3): writing on then fails, and a socket that ends with that
 * failure loses the answer. Here a write that the origin refuses counts as done; reading tells how the connection ended.
 */
export function readsDespiteFailedWrites(socket: Socket): void {
  const writing = socket as unknown as Writing;
  const write = writing._write;
  const writev = writing._writev;
  writing._write = (chunk, encoding, done) => {
    // The head of a request is a text: nothing has been answered before it.
    const isBody = typeof chunk !== "string" && encoding === "buffer";
    const run = () => write.call(socket, chunk, encoding, unlessRefused(done));
    if (closesOnFailedWrite && isBody) setImmediate(unlessEnded(socket, run, done));
    else run();
  };
  if (!writev) return;
  writing._writev = (chunks, done) => {
    const run = () => writev.call(socket, chunks, unlessRefused(done));
    if (closesOnFailedWrite) setImmediate(unlessEnded(socket, run, done));
    else run();
  };
}

/** Writes after what has arrived was read, and no more once the origin has ended its side. */
function unlessEnded(socket: Socket, write: () => void, done: Done): () => void {
  return () => (socket.destroyed || socket.readableEnded ? done() : write());
}

function unlessRefused(done: Done): Done {
  return (error) => done(isRefusal(error) ? null : error);
}

function isRefusal(error: Error | null | undefined): boolean {
  const code = (error as NodeJS.ErrnoException | null | undefined)?.code;
  return code === "EPIPE" || code === "ECONNRESET";
}

/** How a `100 Continue` begins (RFC 9110, section 15.2.1). */
const CONTINUE = Buffer.from("HTTP/1.1 100");
const END_OF_HEAD = Buffer.from("\r\n\r\n");

/**
 * Drops `100 Continue` where an answer begins. An origin may send it though nobody expects it, and undici ends the connection
 * then. Heads of requests are the only texts with a version that undici writes: what is read after one begins an answer.
 */
export function dropsContinue(socket: Socket): void {
  const { write, read } = socket;
  let isAtHead = false;
  /** The beginning of an answer of which more is needed to tell what it is. */
  let held: Buffer | null = null;
  socket.write = ((chunk: unknown, ...rest: [never]) => {
    if (typeof chunk === "string" && chunk.includes(" HTTP/1.1\r\n")) isAtHead = true;
    return write.call(socket, chunk as string, ...rest);
  }) as Socket["write"];
  socket.read = (size) => {
    const chunk = read.call(socket, size) as Buffer | null;
    if (!isAtHead || chunk === null) return chunk;
    let bytes: Buffer = held === null ? chunk : Buffer.concat([held, chunk]);
    held = null;
    while (bytes.length > 0) {
      const known = Math.min(bytes.length, CONTINUE.length);
      if (bytes.compare(CONTINUE, 0, known, 0, known) !== 0) break;
      const end = bytes.indexOf(END_OF_HEAD);
      if (end === -1) {
        held = bytes;
        return null;
      }
      bytes = bytes.subarray(end + END_OF_HEAD.length);
    }
    if (bytes.length === 0) return null;
    isAtHead = false;
    return bytes;
  };
}
