import type { Fetch } from "../../../runtime/platform.ts";

/**
 * A fetch whose response bodies can be cancelled at any time. StarlingMonkey, the engine of Fastly Compute and of
 * componentized JavaScript, ends the whole instance when an empty body is cancelled during a read.
 */
export function cancellable(fetch: Fetch): Fetch {
  return async (url, init) => {
    const response = await fetch(url, init);
    return response.body === null ? response : new Response(patient(response.body), response);
  };
}

/** The same body, but cancelling waits for a read in progress, and a body that has ended is not cancelled. */
function patient(body: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  let reading: Promise<{ done: boolean }> = Promise.resolve({ done: false });
  let isCancelled = false;
  return new ReadableStream(
    {
      async pull(controller) {
        const read = reader.read();
        reading = read;
        const { done, value } = await read;
        // A closed stream that is closed again ends the instance, too.
        if (isCancelled) return;
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel(reason) {
        isCancelled = true;
        reading.then(({ done }) => (done ? undefined : reader.cancel(reason))).catch(() => {});
      },
    },
    // No read before one is asked for: a body without a reader has no read in progress.
    { highWaterMark: 0 },
  );
}
