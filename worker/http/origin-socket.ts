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
