/**
 * The pages' event streams: a snapshot at first and after every change.
 * @module
 */
import type { Snapshot } from "./snapshot.ts";
import type { Story } from "./story.ts";

/** Interval of the heartbeat, in milliseconds, so that an idle stream is not taken for a dead one. */
const HEARTBEAT_MS = 5_000;

/** All open streams. */
export class Streams {
  readonly #open = new Set<() => void>();

  /** @param current gives the session's story, which may be another one after a change */
  open(current: () => Promise<Story>): Response {
    const encoder = new TextEncoder();
    let stop = () => {};
    const body = new ReadableStream<Uint8Array>({
      start: async (controller) => {
        const send = (text: string) => controller.enqueue(encoder.encode(text));
        let story: Story | null = null;
        let isOpen = true;
        const update = async () => {
          const now = await current();
          if (!isOpen) return now.watchers.delete(update);
          story = now;
          send(`data: ${JSON.stringify(now.snapshot() satisfies Snapshot)}\n\n`);
        };
        const heartbeat = setInterval(() => send(":\n\n"), HEARTBEAT_MS);
        const end = () => {
          if (!isOpen) return;
          isOpen = false;
          clearInterval(heartbeat);
          story?.watchers.delete(update);
          this.#open.delete(close);
        };
        const close = () => {
          end();
          controller.close();
        };
        stop = end;
        this.#open.add(close);
        (await current()).watchers.add(update);
        await update();
      },
      cancel: () => stop(),
    });
    return new Response(body, {
      headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" },
    });
  }

  /** Ends every stream. Otherwise a stopping server would wait for them without end. */
  close(): void {
    for (const close of [...this.#open]) close();
  }
}
