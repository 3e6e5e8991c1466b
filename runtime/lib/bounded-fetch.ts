import type { Clock, Fetch } from "../platform.ts";
import { TimeoutError } from "./within.ts";

/** How much one call to another server may take. */
export interface Bounds {
  /** For the whole call, the body included, in milliseconds. */
  timeoutMs: number;
  /** Of the answer's body. */
  maxBytes: number;
}

/**
 * A fetch that comes to an end and goes nowhere else: it follows no redirect, and its answer's body fails when it takes
 * too long or grows too large. A body that is not wanted must be cancelled, or it keeps its timer.
 * @param init its `signal` ends the call early.
 * @throws {TimeoutError} if no answer has begun in time.
 */
export async function boundedFetch(
  url: string,
  init: RequestInit,
  { timeoutMs, maxBytes }: Bounds,
  { fetch, clock }: { fetch: Fetch; clock: Clock },
): Promise<Response> {
  const abort = new AbortController();
  const { signal } = init;
  const onAbort = () => abort.abort(signal!.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort);
  let stop = () => {};
  const tooLate = new Promise<never>((_, reject) => {
    const cancel = clock.after(timeoutMs, () => {
      const error = new TimeoutError(timeoutMs);
      reject(error);
      abort.abort(error);
    });
    stop = () => {
      cancel();
      signal?.removeEventListener("abort", onAbort);
    };
  });
  tooLate.catch(() => {}); // nobody waits for it any more once the body is under way
  try {
    const answer = fetch(url, { ...init, redirect: "manual", signal: abort.signal });
    const response = await Promise.race([answer, tooLate]);
    if (response.body === null) {
      stop();
      return response;
    }
    return new Response(boundedBody(response.body, maxBytes, tooLate, stop), response);
  } catch (error) {
    stop();
    throw error;
  }
}

/** @param onEnd called once the body is over, whatever way */
function boundedBody(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  tooLate: Promise<never>,
  onEnd: () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let left = maxBytes;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await Promise.race([reader.read(), tooLate]);
        if (done) {
          onEnd();
          controller.close();
          return;
        }
        left -= value.byteLength;
        if (left < 0) throw new Error(`the answer is longer than ${maxBytes} bytes`);
        controller.enqueue(value);
      } catch (error) {
        onEnd();
        reader.cancel(error).catch(() => {});
        throw error;
      }
    },
    cancel(reason) {
      onEnd();
      return reader.cancel(reason);
    },
  });
}
