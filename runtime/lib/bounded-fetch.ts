import type { Clock, Fetch } from "../platform.ts";
import { TimeoutError } from "./within.ts";

/** Limits of one request to another server. */
export interface Bounds {
  /** Timeout of the whole request, including the body, in milliseconds. */
  timeoutMs: number;
  /** Maximum size of the response body, in bytes. */
  maxBytes: number;
}

/**
 * A fetch with a timeout and a maximum response size, which follows no redirects. Reading the body fails after the timeout or
 * beyond the maximum size. Cancel a body that you do not read, or its timer keeps running.
 * @param init `signal` aborts the request.
 * @throws {TimeoutError} if no response begins in time.
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
  const timeout = new Promise<never>((_, reject) => {
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
  timeout.catch(() => {}); // not awaited after the last read of the body
  try {
    const started = fetch(url, { ...init, redirect: "manual", signal: abort.signal });
    const response = await Promise.race([started, timeout]);
    if (response.body === null) {
      stop();
      return response;
    }
    return new Response(boundedBody(response.body, maxBytes, timeout, stop), response);
  } catch (error) {
    stop();
    throw error;
  }
}

/** @param onEnd called when the body ends, fails or is cancelled */
function boundedBody(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  timeout: Promise<never>,
  onEnd: () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let left = maxBytes;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await Promise.race([reader.read(), timeout]);
        if (done) {
          onEnd();
          controller.close();
          return;
        }
        left -= value.byteLength;
        if (left < 0) throw new Error(`the response is longer than ${maxBytes} bytes`);
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
