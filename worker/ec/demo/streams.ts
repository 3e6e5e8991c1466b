/**
 * The panels' event streams.
 * @module
 */
import type { Graph } from "../../../runtime/ec/graph/graph.ts";
import type { Gates } from "./gates.ts";
import type { Company } from "./partners/companies.ts";
import { takeSnapshot } from "./snapshot.ts";
import type { Visitor, Visitors } from "./visitors.ts";

/** Interval of the heartbeat, in milliseconds, so that an idle stream is not taken for a dead one. */
const HEARTBEAT_MS = 5_000;
/** Interval of reading the partners' gates while a stream is open, in milliseconds. */
const LOOK_MS = 250;

/** All open streams. */
export interface Streams {
  /** Responds with a stream for one visitor at `place`. */
  open(visitor: Visitor, place: string, graph: Graph): Response;
  /** Ends every stream. Otherwise a stopping server would wait for them without end. */
  close(): void;
}

/** The stream of one open page. */
interface Stream {
  send(text: string): void;
  close(): void;
}

export function createStreams(
  visitors: Pick<Visitors, "recordWaits">,
  gates: Gates,
  companies: readonly Company[],
): Streams {
  const streams = new Set<Stream>();
  let looking: ReturnType<typeof setInterval> | null = null;
  let lastGates = "";

  const gatesEvent = () => `event: gates\ndata: ${lastGates}\n\n`;

  /** Sends the gates if they have changed. */
  function look(): void {
    const now = gates.now();
    visitors.recordWaits(now);
    const text = JSON.stringify(now);
    if (text === lastGates) return;
    lastGates = text;
    for (const stream of streams) stream.send(gatesEvent());
  }

  function add(stream: Stream): void {
    look();
    streams.add(stream);
    stream.send(gatesEvent());
    looking ??= setInterval(look, LOOK_MS);
  }

  function remove(stream: Stream): void {
    streams.delete(stream);
    if (streams.size > 0 || looking === null) return;
    clearInterval(looking);
    looking = null;
  }

  return {
    /** Sends a snapshot now and after every change. Changes during a snapshot share the next one. */
    open(visitor, place, graph) {
      let end = () => {};
      const encoder = new TextEncoder();
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          let isStale = false;
          let isTaking = false;
          let isOpen = true;
          const send = (text: string) => {
            if (isOpen) controller.enqueue(encoder.encode(text));
          };
          const update = async () => {
            isStale = true;
            if (isTaking) return;
            isTaking = true;
            while (isStale && isOpen) {
              isStale = false;
              send(`data: ${JSON.stringify(await takeSnapshot(visitor, place, graph, companies))}\n\n`);
            }
            isTaking = false;
          };
          const heartbeat = setInterval(() => send(":\n\n"), HEARTBEAT_MS);
          end = () => {
            isOpen = false;
            clearInterval(heartbeat);
            visitor.watchers.delete(update);
            remove(stream);
          };
          const close = () => {
            end();
            controller.close();
          };
          const stream = { send, close };
          visitor.watchers.add(update);
          add(stream);
          update();
        },
        cancel: () => end(),
      });
      return new Response(body, {
        headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" },
      });
    },
    close() {
      for (const { close } of [...streams]) close();
    },
  };
}
