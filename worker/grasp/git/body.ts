/**
 * The body of a Git request: inflated, bounded in time and size, and read once from its start to its end.
 * @module
 */
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";

/** Largest inflated body of a request that came compressed, in bytes (G17). */
const MAX_INFLATED_BYTES = 32 * 1024 ** 2;

/** A request that cannot be served, with its status. */
export class BodyFault extends Error {
  override readonly name = "BodyFault";
  readonly status: 400 | 413 | 415;

  constructor(status: BodyFault["status"], message: string) {
    super(message);
    this.status = status;
  }
}

/** @throws {BodyFault} 415 for an encoding other than gzip. */
export function bodyOf(request: Request): AsyncIterable<Uint8Array> {
  const encoding = request.headers.get("content-encoding")?.toLowerCase() ?? "identity";
  const raw = chunksOf(request.body);
  if (encoding === "identity") return raw;
  if (encoding !== "gzip" && encoding !== "x-gzip") throw new BodyFault(415, "only gzip is understood");
  return inflated(raw);
}

async function* chunksOf(body: Request["body"]): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

async function* inflated(raw: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const source = Readable.from(raw, { objectMode: false });
  source.on("error", (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  let bytes = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > MAX_INFLATED_BYTES) throw new BodyFault(413, "the inflated body is too large");
      yield chunk;
    }
  } catch (error) {
    if (error instanceof BodyFault) throw error;
    throw new BodyFault(400, "the compressed body is broken");
  } finally {
    gunzip.destroy();
    source.destroy();
  }
}

/** Reads the beginning of a body, until it is enough. @returns what was read, and the rest */
export async function readStart<T>(
  body: AsyncIterable<Uint8Array>,
  read: (bytes: Uint8Array) => T | null,
): Promise<{ value: T | null; start: Uint8Array; rest: AsyncIterator<Uint8Array> }> {
  const rest = body[Symbol.asyncIterator]();
  let start: Uint8Array = new Uint8Array();
  for (;;) {
    const value = start.length === 0 ? null : read(start);
    if (value !== null) return { value, start, rest };
    const { value: chunk, done } = await rest.next();
    if (done) return { value: null, start, rest };
    start = Buffer.concat([start, chunk]);
  }
}
