/**
 * Content codings (RFC 9110, section 8.4), decoded in bounded memory.
 * @module
 */
import type { Fetch } from "../../runtime/platform.ts";

/** A supported coding. */
export type Coding = "gzip" | "deflate";

/** Supported codings: none on hosts without `DecompressionStream`. */
const CODINGS: readonly string[] = typeof DecompressionStream === "function" ? ["gzip", "deflate"] : [];

/** The supported codings as the value of `Accept-Encoding`. */
export const ACCEPT_ENCODING = CODINGS.join(", ") || "identity";

/** Number of coded bytes decoded in one step. Deflate expands a byte to at most 1032, so a step yields at most 4 MiB. */
const STEP_BYTES = 4096;
/**
 * Maximum surplus of coded over decoded bytes. A body with a larger surplus decodes to nothing and is refused. Hosts read
 * far less ahead: Node reads 64 steps.
 */
const MAX_SURPLUS_BYTES = 1_048_576;

/**
 * Reads `Content-Encoding`. Names are case-insensitive, `x-gzip` is `gzip`, `identity` is no coding.
 * @returns the coding; `identity` if there is none; `null` if it is not supported. Two stacked codings are not supported.
 */
export function codingOf(contentEncoding: string | null): Coding | "identity" | null {
  const names = (contentEncoding ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity");
  if (names.length === 0) return "identity";
  const name = names[0] === "x-gzip" ? "gzip" : names[0]!;
  return names.length === 1 && CODINGS.includes(name) ? (name as Coding) : null;
}

/** Whether bytes start with the two bytes of every gzip member (RFC 1952, section 2.3.1). JSON never does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Decodes a body while it is read; reads nothing ahead. An empty body stays empty. The stream fails with a `TypeError` if the
 * body has another coding, is truncated, or keeps coming without decoding to anything.
 */
export function decoded(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  coding: Coding,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  let rest = new Uint8Array();
  let surplus = 0;
  let output: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;

  /** Reads until `rest` has this many bytes, or the body ends. */
  async function fill(count: number): Promise<void> {
    while (rest.byteLength < count) {
      const { done, value } = await reader.read();
      if (done) return;
      rest = joined(rest, value);
    }
  }

  const steps = () =>
    new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        async pull(controller) {
          await fill(1);
          const step = rest.subarray(0, STEP_BYTES);
          rest = rest.subarray(step.byteLength);
          surplus += step.byteLength;
          if (surplus > MAX_SURPLUS_BYTES) {
            const error = new TypeError("the coded body decodes to nothing");
            reader.cancel(error).catch(() => {});
            throw error;
          }
          if (step.byteLength === 0) controller.close();
          else controller.enqueue(step);
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );

  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        if (output === undefined) {
          await fill(2);
          if (rest.byteLength === 0) return controller.close();
          output = steps()
            .pipeThrough(new DecompressionStream(formatOf(rest, coding)))
            .getReader();
        }
        const { done, value } = await output.read();
        if (done) return controller.close();
        surplus -= value.byteLength;
        controller.enqueue(value);
      },
      cancel(reason) {
        output?.cancel(reason).catch(() => {});
        // Node passes the cancellation on with a delay, so the source is cancelled here, too.
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

function joined(first: Uint8Array<ArrayBuffer>, second: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (first.byteLength === 0) return second;
  const both = new Uint8Array(first.byteLength + second.byteLength);
  both.set(first);
  both.set(second, first.byteLength);
  return both;
}

/** Some senders omit the zlib header of `deflate` (RFC 9110, section 8.4.1.2; the header: RFC 1950, section 2.2). */
function formatOf([first = 0, second = 0]: Uint8Array, coding: Coding): "gzip" | "deflate" | "deflate-raw" {
  const isZlib = (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0;
  return coding === "deflate" && !isZlib ? "deflate-raw" : coding;
}

/**
 * A fetch that decodes bodies, as the Fetch standard requires, on top of one that does not. It sends `Accept-Encoding`. If a
 * response has another coding, a success fails and any other response loses its body.
 * @param alreadyDecoded codings that the given fetch decodes itself although the response's headers still name them
 */
export function decodingFetch(fetch: Fetch, alreadyDecoded: readonly string[] = []): Fetch {
  return async (url, init = {}) => {
    const asked = new Headers(init.headers);
    if (!asked.has("accept-encoding")) asked.set("accept-encoding", ACCEPT_ENCODING);
    const response = await fetch(url, { ...init, headers: asked });
    const contentEncoding = response.headers.get("content-encoding");
    const coding = codingOf(contentEncoding);
    if (coding === "identity" || response.body === null) return response;
    if (alreadyDecoded.includes(contentEncoding!.trim().toLowerCase())) return response;

    const headers = new Headers(response.headers);
    headers.delete("content-encoding");
    headers.delete("content-length");
    const { status, statusText, body } = response;
    if (coding !== null) return new Response(decoded(body, coding), { status, statusText, headers });
    body.cancel().catch(() => {});
    if (response.ok) {
      const name = JSON.stringify(contentEncoding!.slice(0, 40));
      throw new Error(`the answer has the content coding ${name}; only ${ACCEPT_ENCODING} was asked for`);
    }
    return new Response(null, { status, statusText, headers });
  };
}
