/**
 * Changes to a socket to an origin that undici does not make itself.
 * @module
 */
import type { Socket } from "node:net";

type Done = (error?: Error | null) => void;

/** The internal methods of a stream that are wrapped here. */
interface Writing {
  _write(chunk: unknown, encoding: string, done: Done): void;
  _writev?(chunks: unknown, done: Done): void;
}

/** Bun closes a socket after a failed write, and discards unread input. */
const closesOnFailedWrite = "Bun" in globalThis;

/**
 * Makes a response readable although the origin has stopped reading the request. An origin may respond to an upload early and
 * close the connection (RFC 9112, section 9.3). The next write then fails, and a socket that fails loses the response. Here a
 * refused write counts as done; reading shows how the connection ended.
 */
export function readsDespiteFailedWrites(socket: Socket): void {
  const writing = socket as unknown as Writing;
  const write = writing._write;
  const writev = writing._writev;
  writing._write = (chunk, encoding, done) => {
    // The head of a request is a string. There is no response before it.
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

/** Writes after pending input was read, and not at all after the origin has ended its side. */
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

/** The start of a `100 Continue` (RFC 9110, section 15.2.1). */
const CONTINUE = Buffer.from("HTTP/1.1 100");
const END_OF_HEAD = Buffer.from("\r\n\r\n");

/**
 * Drops a `100 Continue` before a response. An origin may send it without being asked, and undici closes the connection then.
 * undici writes only the heads of requests as strings with a version, so input after such a string starts a response.
 */
export function dropsContinue(socket: Socket): void {
  const { write, read } = socket;
  let isAtHead = false;
  /** The start of a response that is too short to be recognised. */
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
