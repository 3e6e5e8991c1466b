/**
 * Answers of Git's smart HTTP: their headers, and errors (G9, G24).
 * @module
 */
import { errorBody, oneLine } from "../../../runtime/grasp/git/report.ts";
import { BodyFault } from "./body.ts";
import { PoolBusy } from "./pool.ts";

/** What follows `application/x-git-`. */
type Kind =
  | "upload-pack-advertisement"
  | "upload-pack-result"
  | "receive-pack-advertisement"
  | "receive-pack-result";

/** When a client that found no free slot may come again, in seconds. */
const RETRY_SECONDS = 10;

const NEVER_STORED = {
  "cache-control": "no-cache, max-age=0, must-revalidate",
  pragma: "no-cache",
  expires: "Fri, 01 Jan 1980 00:00:00 GMT",
  // A proxy must pass on what it gets, when it gets it (G41).
  "x-accel-buffering": "no",
};

/** An answer whose length is known has it in its head (G44). @param bytes of a stream; `null`: they are not known */
export function gitAnswer(
  kind: Kind,
  body: Uint8Array | ReadableStream<Uint8Array>,
  bytes: number | null = body instanceof Uint8Array ? body.length : null,
): Response {
  const length: Record<string, string> = bytes === null ? {} : { "content-length": String(bytes) };
  return new Response(body as Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>, {
    headers: { "content-type": `application/x-git-${kind}`, ...length, ...NEVER_STORED },
  });
}

/** A fault that the protocol has a place for: 200, and `ERR` (G24). */
export function gitError(kind: Kind, text: string): Response {
  return gitAnswer(kind, errorBody(text));
}

/** A plain answer: one line of text. */
export function textAnswer(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(`${oneLine(message)}\n`, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", ...headers },
  });
}

/** The answer to a failure before the first byte of a body; `null`: it is our own fault. */
export function faultAnswer(error: unknown): Response | null {
  if (error instanceof BodyFault) return textAnswer(error.status, error.message);
  if (error instanceof PoolBusy)
    return textAnswer(503, "the server is busy; try again", { "retry-after": String(RETRY_SECONDS) });
  return null;
}
