/**
 * The body of a Git request: inflated, bounded in time and size, and read once from its start to its end.
 * @module
 */
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { ChunkReader } from "../../http/request-chunks.ts";
import { SilenceWatch, type WatchClock } from "./silence.ts";

/** Largest inflated body of a request that came compressed, in bytes, and as a multiple of the compressed one (G17). */
const MAX_INFLATED_BYTES = 32 * 1024 ** 2;
const MAX_RATIO = 50;
/** Up to this size the ratio is free, in bytes: 200,000 wants of one id (G15) compress by more than 100. */
const FREE_INFLATED_BYTES = 12 * 1024 ** 2;
/** Longest silence of a client, in milliseconds (G20). */
export const IDLE_MS = 60_000;

/** A request that cannot be served, with its status. */
export class BodyFault extends Error {
  override readonly name = "BodyFault";
  readonly status: 400 | 408 | 413 | 415;

  constructor(status: BodyFault["status"], message: string) {
    super(message);
    this.status = status;
  }
}

/** A body, read by one reader. */
export class RequestBody {
  /** Longest silence before the next byte, in milliseconds. */
  idleMs = IDLE_MS;
  readonly #clock: WatchClock;
  readonly #silence: SilenceWatch;
  readonly #raw: ChunkReader | null;
  readonly #chunks: AsyncGenerator<Uint8Array>;
  /** Ends a read that waits. */
  #fail: (fault: BodyFault) => void = () => {};
  #fault: BodyFault | null = null;
  #markEnd: () => void = () => {};
  /** Resolves when the client has sent all of it. */
  readonly ended = new Promise<void>((resolve) => {
    this.#markEnd = resolve;
  });

  /**
   * @param raw reads the request's body. Default: its stream
   * @throws {BodyFault} 415 for an encoding other than gzip.
   */
  constructor(request: Request, clock: WatchClock, raw?: () => ChunkReader) {
    this.#clock = clock;
    this.#silence = new SilenceWatch(clock, () =>
      this.#end(new BodyFault(408, "the request was silent for too long")),
    );
    const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
    if (!["identity", "gzip", "x-gzip"].includes(encoding))
      throw new BodyFault(415, "only gzip is understood");
    this.#raw = raw?.() ?? request.body?.getReader() ?? null;
    const chunks = this.#rawChunks();
    this.#chunks = encoding === "identity" ? chunks : inflated(chunks);
  }

  /** Why reading failed; `null`: it did not. */
  get fault(): BodyFault | null {
    return this.#fault;
  }

  /** The next bytes; `null`: the end. @throws {BodyFault} */
  async next(): Promise<Uint8Array | null> {
    try {
      const { value, done } = await this.#chunks.next();
      return done ? null : value;
    } catch (error) {
      this.#fault ??= error instanceof BodyFault ? error : new BodyFault(400, "the request breaks off");
      throw this.#fault;
    }
  }

  /** What is left, for one consumer. A consumer that stops early does not end the body. */
  async *rest(): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.next(); chunk !== null; chunk = await this.next()) yield chunk;
  }

  /** Fails the body after some time. @returns lifts the limit */
  limit(ms: number, text: string): () => void {
    return this.#clock.after(ms, () => this.#end(new BodyFault(408, text)));
  }

  #end(fault: BodyFault): void {
    this.#fault ??= fault;
    this.#fail(this.#fault);
  }

  async *#rawChunks(): AsyncGenerator<Uint8Array> {
    const raw = this.#raw;
    try {
      for (let chunk = await this.#read(raw); chunk !== null; chunk = await this.#read(raw)) yield chunk;
    } finally {
      this.#silence.stop();
    }
    this.#markEnd();
  }

  #read(raw: ChunkReader | null): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== null) return reject(this.#fault);
      if (raw === null) return resolve(null);
      this.#fail = reject;
      this.#silence.begin(this.idleMs);
      raw.read().then(({ value, done }) => {
        this.#silence.came();
        resolve(done || value === undefined ? null : value);
      }, reject);
    });
  }
}

async function* inflated(raw: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  let compressed = 0;
  async function* counted() {
    for await (const chunk of raw) {
      compressed += chunk.length;
      yield chunk;
    }
  }
  let sourceFault: unknown = null;
  const source = Readable.from(counted(), { objectMode: false });
  source.on("error", (error) => {
    sourceFault = error;
    gunzip.destroy(error);
  });
  source.pipe(gunzip);
  let bytes = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > MAX_INFLATED_BYTES || bytes > Math.max(FREE_INFLATED_BYTES, MAX_RATIO * compressed))
        throw new BodyFault(413, "the inflated body is too large");
      yield chunk;
    }
  } catch (error) {
    if (error instanceof BodyFault) throw error;
    if (sourceFault instanceof BodyFault) throw sourceFault;
    throw new BodyFault(400, "the compressed body is broken");
  } finally {
    gunzip.destroy();
    source.destroy();
  }
}

/**
 * Reads a body as far as it fits.
 * @returns all of it; `isWhole: false`: there is more
 */
export async function readSmall(
  body: RequestBody,
  maxBytes: number,
): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let chunk = await body.next(); chunk !== null; chunk = await body.next()) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxBytes) return { bytes: Buffer.concat(chunks), isWhole: false };
  }
  return { bytes: Buffer.concat(chunks), isWhole: true };
}

/** How long a text may take, in milliseconds. */
const TEXT_MS = 10_000;

/**
 * Reads a body as text.
 * @throws {BodyFault} 413 if it is longer than `maxBytes`, 408 if it takes too long.
 */
export async function readText(request: Request, maxBytes: number, clock: WatchClock): Promise<string> {
  const body = new RequestBody(request, clock);
  const lift = body.limit(TEXT_MS, "the question took too long");
  try {
    const { bytes, isWhole } = await readSmall(body, maxBytes);
    if (!isWhole) throw new BodyFault(413, `a question has at most ${maxBytes} bytes`);
    return bytes.toString("utf8");
  } finally {
    lift();
  }
}
