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

/**
 * Lets an answer that has arrived be read although the origin takes no more of the request. An origin may answer an upload
 * before it has all of it and close (RFC 9112, section 9.3): writing on then fails, and a socket that ends with that
 * failure loses the answer. Here a write that the origin refuses counts as done; reading tells how the connection ended.
 */
export function readsDespiteFailedWrites(socket: Socket): void {
  const writing = socket as unknown as Writing;
  const write = writing._write;
  const writev = writing._writev;
  writing._write = (chunk, encoding, done) => write.call(socket, chunk, encoding, unlessRefused(done));
  if (writev) writing._writev = (chunks, done) => writev.call(socket, chunks, unlessRefused(done));
}

function unlessRefused(done: Done): Done {
  return (error) => done(isRefusal(error) ? null : error);
}

function isRefusal(error: Error | null | undefined): boolean {
  const code = (error as NodeJS.ErrnoException | null | undefined)?.code;
  return code === "EPIPE" || code === "ECONNRESET";
}
