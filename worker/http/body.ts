/**
 * Size-limited request bodies.
 *
 * Not hono's `bodyLimit`: it counts the bytes on the wire only, so a small gzip body could decode to gigabytes.
 * @module
 */
import { ACCEPT_ENCODING, codingOf, decoded, isGzip } from "./codings.ts";
import { hasModestShape } from "./json-shape.ts";
import { problem } from "./problem.ts";
import { atOnce, type InTurn } from "./turns.ts";

const MALFORMED = "the body must be JSON in UTF-8, of no more than 50,000 values nested 64 deep";
/** Bodies longer than this, in bytes, are parsed one at a time. */
const LONG = 65_536;

/** Why a body cannot be used. */
export type BodyFault = "too_large" | "malformed" | "unsupported_encoding";

/** The JSON value of a body and its text, or the fault. */
export type JsonBody = { value: unknown; text: string } | { fault: BodyFault };

/** Options of {@link readJson}. */
export interface ReadOptions {
  /** Decode a body that starts like gzip even without `Content-Encoding`. Default: false. */
  sniffGzip?: boolean;
  /** Schedules the parsing of a long body. Default: at once. */
  inTurn?: InTurn;
}

/**
 * Reads a body as JSON in UTF-8 and decodes its `Content-Encoding`. Reading stops at the limit even if `Content-Length` is
 * missing or wrong. A body with too many values or too much nesting counts as malformed and is not parsed.
 * @param maxBytes maximum length, both encoded and decoded
 */
export async function readJson(
  request: Request,
  maxBytes: number,
  { sniffGzip = false, inTurn = atOnce }: ReadOptions = {},
): Promise<JsonBody> {
  const declared = codingOf(request.headers.get("content-encoding"));
  if (declared === null) return { fault: "unsupported_encoding" };
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) return { fault: "too_large" };
  const sent = await readBytes(request.body, maxBytes);
  if (sent === null) return { fault: "too_large" };
  const coding = declared === "identity" && sniffGzip && isGzip(sent) ? codingOf("gzip") : declared;
  if (coding === null) return { fault: "unsupported_encoding" };
  try {
    const bytes =
      coding === "identity" ? sent : await readBytes(decoded(new Response(sent).body!, coding), maxBytes);
    if (bytes === null) return { fault: "too_large" };
    return bytes.length > LONG ? await inTurn(() => parse(bytes)) : parse(bytes);
  } catch {
    return { fault: "malformed" };
  }
}

/** @throws {Error} if the bytes are not JSON, or have too many values or too much nesting. */
function parse(bytes: Uint8Array): JsonBody {
  if (!hasModestShape(bytes)) throw new Error("too many values, or nested too deeply");
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  return { value: JSON.parse(text), text };
}

/** @returns `null` if the body is longer than `maxBytes` */
async function readBytes(
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.byteLength;
    if (length > maxBytes) {
      // Not awaited: the response does not have to wait for the sender.
      reader.cancel().catch(() => {});
      return null;
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

/** The parts of a response that refuses a body. */
export interface Refusal {
  status: 400 | 413 | 415;
  body: { error: string; message: string };
  headers: Record<string, string>;
}

/** The response to a faulty body. 415 lists the supported encodings (RFC 9110, section 15.5.16). */
export function bodyRefusal(fault: BodyFault, maxBytes: number): Refusal {
  switch (fault) {
    case "too_large":
      return { status: 413, body: problem("body_too_large", `send at most ${maxBytes} bytes`), headers: {} };
    case "malformed":
      return { status: 400, body: problem("invalid_json", MALFORMED), headers: {} };
    case "unsupported_encoding": {
      const message = `the body's Content-Encoding is not understood; send it plain or as one of: ${ACCEPT_ENCODING}`;
      return {
        status: 415,
        body: problem("unsupported_encoding", message),
        headers: { "accept-encoding": ACCEPT_ENCODING },
      };
    }
  }
}
