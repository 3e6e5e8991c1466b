/**
 * One connection to another server's relay, with bounds on all that the other side may send or leave unread (L4, L19, T8). The
 * library `ws` does the same on Node, Bun and Deno.
 * @module
 */
import type { LookupFunction } from "node:net";
import type { WebSocket } from "ws";
import type { CloseReason } from "../../../runtime/grasp/relay-sync/events.ts";
import type { Connection, ConnectionListener, DialOptions } from "../../../runtime/grasp/relay-sync/ports.ts";
import type { Clock } from "../../../runtime/platform.ts";
import { reasonOfError, reasonOfStatus } from "./close-reason.ts";

/** Bytes that may wait to be sent before a connection is closed (R74). */
export const MAX_UNSENT_BYTES = 4 * 1024 ** 2;
/** How often a relay is asked for a sign of life, and how long it may be silent, in milliseconds (R4). */
const PING_MS = 30_000;
const SILENT_MS = 60_000;

/** What a connection needs. */
export interface ConnectionParts extends DialOptions {
  readonly url: string;
  readonly clock: Pick<Clock, "now" | "after">;
  readonly userAgent: string;
  /** Resolves the host and checks it. */
  lookup(): Promise<LookupFunction>;
}

export class RelaySocketClient implements Connection {
  readonly #parts: ConnectionParts;
  readonly #listener: ConnectionListener;
  #socket: WebSocket | null = null;
  #isOpen = false;
  #isOver = false;
  /** What went wrong first; `null`: nothing yet. */
  #reason: CloseReason | null = null;
  #heardMs = 0;
  #stopTimer: () => void;

  constructor(parts: ConnectionParts, listener: ConnectionListener) {
    this.#parts = parts;
    this.#listener = listener;
    // The library's own limit starts again with each byte.
    this.#stopTimer = parts.clock.after(parts.openMs, () => this.#fail("connection"));
    this.#connect().catch((error) => this.#fail(reasonOfError(error)));
  }

  get unsentBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  send(text: string): void {
    if (!this.#isOpen || this.#isOver) return;
    const socket = this.#socket!;
    if (socket.bufferedAmount + Buffer.byteLength(text) > MAX_UNSENT_BYTES) this.#fail("connection");
    else socket.send(text);
  }

  close(): void {
    if (this.#isOver) return;
    this.#end();
  }

  async #connect(): Promise<void> {
    const { url, maxMessageBytes, userAgent } = this.#parts;
    const lookup = await this.#parts.lookup();
    // Loaded by the first connection: a start has none.
    const { WebSocket } = await import("ws");
    if (this.#isOver) return;
    const socket = new WebSocket(url, {
      lookup,
      rejectUnauthorized: true,
      followRedirects: false,
      perMessageDeflate: false,
      maxPayload: maxMessageBytes,
      headers: { "user-agent": userAgent },
    });
    this.#socket = socket;
    socket.on("open", () => this.#opened());
    socket.on("message", (data: Buffer, isBinary: boolean) => this.#take(data, isBinary));
    socket.on("pong", () => this.#heard());
    socket.on("ping", () => this.#heard());
    socket.on("unexpected-response", (_request, { statusCode = 0 }) =>
      this.#fail(reasonOfStatus(statusCode)),
    );
    socket.on("error", (error) => {
      this.#reason ??= reasonOfError(error);
    });
    socket.on("close", () => this.#fail("connection"));
  }

  #opened(): void {
    if (this.#isOver) return;
    this.#isOpen = true;
    this.#stopTimer();
    this.#heard();
    this.#watch();
    this.#listener.onOpen();
  }

  #take(data: Buffer, isBinary: boolean): void {
    if (this.#isOver) return;
    this.#heard();
    // Nostr has texts only.
    if (isBinary) this.#fail("protocol");
    else this.#listener.onText(data.toString("utf8"));
  }

  #heard(): void {
    this.#heardMs = this.#parts.clock.now();
  }

  /** Asks for signs of life, and ends what is silent too long. */
  #watch(): void {
    const { clock } = this.#parts;
    this.#stopTimer = clock.after(PING_MS, () => {
      if (clock.now() - this.#heardMs >= SILENT_MS) {
        this.#fail("connection");
        return;
      }
      this.#socket!.ping();
      this.#watch();
    });
  }

  /** It is over, and not by our wish. */
  #fail(reason: CloseReason): void {
    if (this.#isOver) return;
    this.#reason ??= reason;
    this.#end();
    this.#listener.onClose(this.#reason);
  }

  #end(): void {
    this.#isOver = true;
    this.#stopTimer();
    // A farewell would wait for an answer.
    this.#socket?.terminate();
  }
}
