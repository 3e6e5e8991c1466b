/**
 * Forwards WebSockets to the origin (RFC 6455 over RFC 9110, section 7.8). After the origin has switched protocols, the two
 * connections are joined.
 * @module
 */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Dispatcher } from "undici";
import type { Span } from "../../../runtime/observe/tracer.ts";
import type { Clock } from "../../../runtime/platform.ts";
import { currentIds, inRequest } from "../request-scope.ts";
import { noteStatus } from "../socket-status.ts";
import { CLIENT_CLOCKS } from "./clocks.ts";
import { type ExchangeParts, rawFields } from "./exchange.ts";
import { responseFields } from "./fields.ts";
import { refuseOnSocket } from "./refuse.ts";

type Controller = Dispatcher.DispatchController;

/** The request to the origin. */
interface Outgoing {
  path: string;
  host: string;
  /** A flat list of names and values, without hop-by-hop fields. */
  fields: string[];
  /** Ends with the origin's answer; `null`: the request belongs to no trace. */
  span: Span | null;
}

/**
 * Forwards an upgrade. If the origin responds without switching protocols, its response is forwarded and the connection ends.
 * @param head bytes that followed the request
 */
export function passUpgrade(parts: ExchangeParts, outgoing: Outgoing, client: Socket, head: Buffer): void {
  const passage = new UpgradePassage(parts, outgoing.span, client, head);
  const { path, host, fields } = outgoing;
  try {
    parts.origin.dispatch(
      { method: "GET", path, headers: ["host", host, ...fields], upgrade: "websocket" },
      passage,
    );
  } catch (error) {
    passage.onResponseError(null, error as Error);
  }
}

class UpgradePassage implements Dispatcher.DispatchHandler {
  readonly #parts: ExchangeParts;
  readonly #span: Span | null;
  /** Its events come from connections that other requests may have begun. */
  readonly #ids = currentIds();
  readonly #client: Socket;
  readonly #head: Buffer;
  readonly #cancelTimeout: () => void;
  #controller: Controller | null = null;
  #isAnswered = false;

  constructor(parts: ExchangeParts, span: Span | null, client: Socket, head: Buffer) {
    this.#parts = parts;
    this.#span = span;
    this.#client = client;
    this.#head = head;
    this.#cancelTimeout = parts.clock.after(parts.timeoutMs, () => {
      this.#refuse(504, "the origin did not answer in time", "timeout", null);
    });
    client.on("error", () => {}).on("close", this.#leave);
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#client.destroyed) controller.abort(new Error("the client went away"));
  }

  onRequestUpgrade(controller: Controller, status: number, _headers: unknown, origin: Duplex): void {
    this.#begin(status);
    this.#client.off("close", this.#leave);
    const fields = rawFields(controller);
    this.#client.write(
      headOf(status, [...responseFields(fields), "connection", "Upgrade", "upgrade", "websocket"]),
      "latin1",
    );
    if (this.#head.length > 0) origin.write(this.#head);
    join(this.#client, origin, this.#parts.clock);
  }

  onResponseStart(controller: Controller, status: number): void {
    if (status < 200) return;
    this.#begin(status);
    const fields = responseFields(rawFields(controller));
    this.#client.write(headOf(status, [...fields, "connection", "close"]), "latin1");
  }

  onResponseData(controller: Controller, part: Buffer): void {
    if (this.#client.write(part)) return;
    controller.pause();
    this.#client.once("drain", () => controller.resume());
  }

  onResponseEnd(): void {
    this.#client.end();
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    if (this.#isAnswered) this.#client.destroy();
    else this.#refuse(502, "the origin cannot be reached", "unreachable", error);
  }

  /** @param status of the origin's answer; `null`: there is none. */
  #begin(status: number | null): void {
    this.#isAnswered = true;
    if (status !== null) noteStatus(this.#client, status);
    this.#span?.end(status);
    this.#cancelTimeout();
  }

  #refuse(status: 502 | 504, message: string, fault: "unreachable" | "timeout", error: unknown): void {
    if (this.#isAnswered || this.#client.destroyed) return;
    this.#begin(null);
    inRequest(this.#ids, () => this.#parts.onFault(fault, error));
    refuseOnSocket(this.#client, { status, message });
    this.#leave();
  }

  readonly #leave = (): void => {
    this.#cancelTimeout();
    this.#span?.end(null);
    this.#controller?.abort(new Error("the client's side is over"));
  };
}

/**
 * Joins two connections. When one ends, the other ends after it has sent its pending data. If they do not close, both are
 * closed after a timeout.
 */
function join(one: Duplex, other: Duplex, clock: Clock): void {
  let cancel: (() => void) | null = null;
  const closeBoth = () => {
    one.destroy();
    other.destroy();
  };
  for (const [from, to] of [[one, other] as const, [other, one] as const]) {
    const over = () => {
      to.end();
      cancel ??= clock.after(CLIENT_CLOCKS.lingerMs, closeBoth);
      if (one.destroyed && other.destroyed) cancel();
    };
    from.pipe(to, { end: false });
    from.on("error", () => {});
    from.on("end", over).on("close", over);
  }
}

function headOf(status: number, fields: readonly string[]): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
  for (let i = 0; i < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return `${head}\r\n`;
}
