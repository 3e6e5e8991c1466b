/**
 * The body of an answer as its client reads it: bounded in silence and time, and broken off where it cannot be completed
 * (G19, G20, G36).
 * @module
 */
import { IDLE_MS } from "./body.ts";
import { SilenceWatch, type WatchClock } from "./silence.ts";

/** Longest time of a read, in milliseconds (G20). */
export const READ_MS = 60 * 60_000;

/** Where bytes come from. */
export interface Source {
  /** The next bytes; `null`: the end. @throws if they cannot be completed */
  next(): Promise<Uint8Array | null>;
  /** No more bytes are wanted. */
  close(): void;
}

/**
 * @param first bytes that were read from the source already.
 * @param breakOff ends the client's connection without the end of the answer.
 */
export function clientStream(
  first: Uint8Array,
  source: Source,
  parts: {
    readonly clock: WatchClock;
    breakOff(): void;
    /** Told of the size of each piece when the client has taken it. */
    readonly passed?: ((bytes: number) => void) | undefined;
  },
): ReadableStream<Uint8Array> {
  const { clock, breakOff, passed } = parts;
  let taken = 0;
  let pending: Uint8Array | null = first;
  let stopTotal = () => {};
  let isOver = false;
  let fail = (_error: Error) => {};
  const silence = new SilenceWatch(clock, () => fail(new Error("a client reads nothing")));
  const over = () => {
    isOver = true;
    silence.stop();
    stopTotal();
    source.close();
  };
  const abort = (controller: ReadableStreamDefaultController, error: unknown) => {
    if (isOver) return;
    over();
    breakOff();
    controller.error(error);
  };
  return new ReadableStream({
    start(controller) {
      fail = (error) => abort(controller, error);
      stopTotal = clock.after(READ_MS, () => fail(new Error("a read took too long")));
    },
    async pull(controller) {
      silence.came();
      passed?.(taken);
      try {
        const chunk: Uint8Array | null = pending ?? (await source.next());
        pending = null;
        if (isOver) return;
        if (chunk === null) {
          over();
          controller.close();
          return;
        }
        // Until the client takes it.
        silence.begin(IDLE_MS);
        taken = chunk.length;
        controller.enqueue(chunk);
      } catch (error) {
        abort(controller, error);
      }
    },
    cancel: () => {
      if (!isOver) over();
    },
  });
}
