/**
 * The panels' event streams.
 * @module
 */
import type { Graph } from "../../../runtime/ec/graph/graph.ts";
import type { Gates } from "./gates.ts";
import type { Company } from "./partners/companies.ts";
import { type Snapshot, takeSnapshot } from "./snapshot.ts";
import type { Visitor, Visitors } from "./visitors.ts";

/** Interval of the heartbeat, in milliseconds, so that an idle stream is not taken for a dead one. */
const HEARTBEAT_MS = 5_000;
/** Interval of reading the partners' gates while a stream is open, in milliseconds. */
const POLL_MS = 250;

/** All open streams. */
export class Streams {
  readonly #visitors: Pick<Visitors, "recordWaits">;
  readonly #gates: Gates;
  readonly #companies: readonly Company[];
  readonly #open = new Set<Stream>();
  #polling: ReturnType<typeof setInterval> | null = null;
  /** The last state of the gates, as JSON. */
  #lastGates = "";

  constructor(visitors: Pick<Visitors, "recordWaits">, gates: Gates, companies: readonly Company[]) {
    this.#visitors = visitors;
    this.#gates = gates;
    this.#companies = companies;
  }

  /** Responds with a stream for one visitor at `place`. */
  open(visitor: Visitor, place: string, graph: Graph): Response {
    const snapshot = () => takeSnapshot(visitor, place, graph, this.#companies);
    const stream = new Stream(visitor, snapshot, () => this.#remove(stream));
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        stream.start(controller);
        this.#add(stream);
      },
      cancel: () => stream.end(),
    });
    return new Response(body, {
      headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" },
    });
  }

  /** Ends every stream. Otherwise a stopping server would wait for them without end. */
  close(): void {
    for (const stream of [...this.#open]) stream.close();
  }

  #add(stream: Stream): void {
    this.#poll();
    this.#open.add(stream);
    stream.send(this.#gatesEvent());
    this.#polling ??= setInterval(() => this.#poll(), POLL_MS);
  }

  #remove(stream: Stream): void {
    this.#open.delete(stream);
    if (this.#open.size > 0 || this.#polling === null) return;
    clearInterval(this.#polling);
    this.#polling = null;
  }

  /** Sends the gates if they have changed. */
  #poll(): void {
    const now = this.#gates.now();
    this.#visitors.recordWaits(now);
    const text = JSON.stringify(now);
    if (text === this.#lastGates) return;
    this.#lastGates = text;
    for (const stream of this.#open) stream.send(this.#gatesEvent());
  }

  #gatesEvent(): string {
    return `event: gates\ndata: ${this.#lastGates}\n\n`;
  }
}

/** The stream of one open page. It sends a snapshot at first and after every change. */
class Stream {
  readonly #visitor: Visitor;
  readonly #takeSnapshot: () => Promise<Snapshot>;
  readonly #onEnd: () => void;
  readonly #encoder = new TextEncoder();
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  /** Something has changed since the last snapshot began. */
  #isStale = false;
  #isTaking = false;

  constructor(visitor: Visitor, snapshot: () => Promise<Snapshot>, onEnd: () => void) {
    this.#visitor = visitor;
    this.#takeSnapshot = snapshot;
    this.#onEnd = onEnd;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    this.#heartbeat = setInterval(() => this.send(":\n\n"), HEARTBEAT_MS);
    this.#visitor.watchers.add(this.#update);
    void this.#update();
  }

  send(text: string): void {
    this.#controller?.enqueue(this.#encoder.encode(text));
  }

  /** Stops sending. Called when the browser has closed the stream. */
  end(): void {
    this.#controller = null;
    clearInterval(this.#heartbeat);
    this.#visitor.watchers.delete(this.#update);
    this.#onEnd();
  }

  /** Ends the stream from this side. */
  close(): void {
    const controller = this.#controller;
    this.end();
    controller?.close();
  }

  /** Sends a snapshot. Changes during a snapshot share the next one. */
  readonly #update = async (): Promise<void> => {
    this.#isStale = true;
    if (this.#isTaking) return;
    this.#isTaking = true;
    while (this.#isStale && this.#controller !== null) {
      this.#isStale = false;
      this.send(`data: ${JSON.stringify(await this.#takeSnapshot())}\n\n`);
    }
    this.#isTaking = false;
  };
}
