/**
 * One proxied request and its response.
 * @module
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Dispatcher } from "undici";
import { isPending } from "../../../runtime/lib/within.ts";
import type { Span } from "../../../runtime/observe/tracer.ts";
import type { Clock } from "../../../runtime/platform.ts";
import { currentIds, inRequest } from "../request-scope.ts";
import { CLIENT_CLOCKS } from "./clocks.ts";
import { Fields, lowerCase, responseFields } from "./fields.ts";
import { lingerAtEnd } from "./linger.ts";
import type { Origin } from "./origin.ts";
import type { ExchangeFault, Passage } from "./passage.ts";
import { type Framing, isIdempotent } from "./request-head.ts";
import { Upload } from "./upload.ts";

type Controller = Dispatcher.DispatchController;

/** The dependencies that all exchanges of a proxy share. */
export interface ExchangeParts {
  readonly origin: Origin;
  readonly clock: Clock;
  /** Timeout for the start of the origin's response, in milliseconds. */
  readonly timeoutMs: number;
  /** A monotonic time in milliseconds, updated at each check. */
  readonly ticks: { nowMs: number };
  /** The exchanges in progress. */
  readonly running: Set<Exchange>;
  /** Whether a field belongs to the service, so that an interim response must not carry it. @param name in lower case */
  isOwnField(name: string): boolean;
  /** Called once for a failed exchange. */
  onFault(fault: ExchangeFault, error: unknown): void;
}

/** The request to the origin. */
export interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  /** A flat list of names and values, without framing and `Host`. */
  readonly fields: string[];
  readonly framing: Framing;
  /** The client waits for `100 Continue` before it sends its body. */
  readonly expectsContinue: boolean;
  /** Ends with the origin's part; `null`: the request belongs to no trace. */
  readonly span: Span | null;
  /** Rewrites the response's `Location`; `null` keeps it. */
  readonly relocate: ((location: string) => string) | null;
}

/** Statuses whose responses never have a body. */
const isBodiless = (status: number) => status === 204 || status === 304;

/** Forwards one request, and the response back. It closes both connections when either closes. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #parts: ExchangeParts;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #outgoing: Outgoing;
  #passage: Passage;
  readonly #upload: Upload | null;
  /** Its events come from connections that other requests may have begun. */
  readonly #ids = currentIds();
  #controller: Controller | null = null;
  #isRetried = false;
  /** The service knows how the request ended. */
  #isPassageOver = false;
  /** The origin's final response has started. */
  #isAnswered = false;
  /** The status of the origin's response; `null`: there is none yet. */
  #status: number | null = null;
  /** The head of the response waits for the service. */
  #waitsForHead = false;
  /** The origin's response ended while its head waited. */
  #isEndedEarly = false;
  #isOver = false;
  /** The origin's side has ended. */
  #isOriginDone = false;
  /** Remaining bytes of the response's body; `null` if the length is unknown. */
  #left: number | null = null;
  /** The time of the last progress by the client or the origin. */
  #progressMs: number;
  #hasBodyBegun = false;
  /** Since when the client reads nothing of the response; `null` while it reads. */
  #blockedMs: number | null = null;

  constructor(
    parts: ExchangeParts,
    request: IncomingMessage,
    response: ServerResponse,
    outgoing: Outgoing,
    passage: Passage,
  ) {
    this.#parts = parts;
    this.#request = request;
    this.#response = response;
    this.#outgoing = outgoing;
    this.#passage = passage;
    this.#progressMs = parts.ticks.nowMs;
    this.#upload =
      outgoing.framing.kind === "none"
        ? null
        : new Upload(
            request,
            () => {
              this.#progressMs = parts.ticks.nowMs;
            },
            outgoing.expectsContinue ? () => response.writeContinue() : null,
          );
  }

  /** Sends the request. */
  start(): void {
    this.#parts.running.add(this);
    this.#response.on("close", () => {
      if (!this.#response.writableFinished) this.#fail("client_left", null);
      this.#finish();
    });
    this.#send();
  }

  #send(): void {
    const { method, path, host, fields, framing } = this.#outgoing;
    const headers = ["host", host, ...fields];
    // undici frames a body without a length in chunks.
    if (framing.kind === "length") headers.push("content-length", String(framing.length));
    try {
      this.#parts.origin.dispatch({ method, path, headers, body: this.#upload }, this);
    } catch (error) {
      this.onResponseError(null, error as Error);
    }
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(OVER);
  }

  onResponseStart(controller: Controller, status: number, _headers: unknown, message?: string): void {
    const raw = rawFields(controller);
    if (status < 200) {
      this.#interim(status, raw);
      return;
    }
    this.#isAnswered = true;
    this.#status = status;
    const fields = responseFields(raw);
    if (this.#outgoing.relocate !== null) relocate(fields, this.#outgoing.relocate);
    this.#isPassageOver = true;
    const changed = inRequest(this.#ids, () => this.#passage.answered(status, fields));
    if (!isPending(changed)) {
      this.#writeHead(status, message, changed);
      return;
    }
    controller.pause();
    this.#waitsForHead = true;
    changed.then(
      (list) => {
        this.#waitsForHead = false;
        if (this.#isOver) return;
        this.#writeHead(status, message, list);
        if (this.#isEndedEarly) this.#endAnswer();
        else controller.resume();
      },
      (error) => controller.abort(error),
    );
  }

  onResponseData(controller: Controller, part: Buffer): void {
    const response = this.#response;
    this.#hasBodyBegun = true;
    if (this.#left !== null) this.#left -= part.length;
    if (this.#left === 0) return void this.#endAnswer(part);
    if (response.write(part)) return;
    controller.pause();
    this.#blockedMs = this.#parts.ticks.nowMs;
    response.once("drain", () => {
      this.#blockedMs = null;
      controller.resume();
    });
  }

  onResponseEnd(): void {
    this.#isOriginDone = true;
    if (this.#waitsForHead) this.#isEndedEarly = true;
    else this.#endAnswer();
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    this.#isOriginDone = true;
    if (this.#isOver) return;
    if (this.#isAnswered) {
      this.#fail("broken_off", error);
      this.#cutOff();
    } else if (this.#mayRetry(error)) {
      this.#isRetried = true;
      this.#isOriginDone = false;
      this.#send();
    } else {
      this.#refuse(502, "the origin cannot be reached", "unreachable", error);
    }
  }

  /** Ends the exchange if one of its timeouts has expired. */
  check(): void {
    const idleMs = this.#parts.ticks.nowMs - this.#progressMs;
    const waitsForClient = this.#upload?.waitsForClient ?? false;
    if (this.#isAnswered) {
      const isBlocked =
        this.#blockedMs !== null && this.#parts.ticks.nowMs - this.#blockedMs > CLIENT_CLOCKS.downloadIdleMs;
      const isStalled = waitsForClient && idleMs > CLIENT_CLOCKS.uploadIdleMs;
      if (!isBlocked && !isStalled) return;
      this.#fail(isBlocked ? "download_stalled" : "upload_stalled", null);
      this.#cutOff();
    } else if (waitsForClient) {
      if (idleMs <= CLIENT_CLOCKS.uploadIdleMs) return;
      this.#refuse(408, "the rest of the request did not come in time", "upload_stalled", null);
    } else if (idleMs > this.#parts.timeoutMs) {
      this.#refuse(504, "the origin did not answer in time", "timeout", null);
    }
  }

  /** Ends both connections. */
  #cutOff(): void {
    this.#finish();
    this.#response.destroy();
  }

  #mayRetry(error: Error): boolean {
    return (
      !this.#isRetried &&
      this.#upload === null &&
      isIdempotent(this.#outgoing.method) &&
      /^(?:UND_ERR_SOCKET|ECONNRESET|EPIPE)$/.test((error as NodeJS.ErrnoException).code ?? "")
    );
  }

  /** Forwards an interim response (RFC 9110, section 15.2) to clients that support them. */
  #interim(status: number, raw: Fields): void {
    const { socket, headersSent } = this.#response;
    // Without a socket, responses to earlier requests on this connection are still being sent.
    if (headersSent || socket === null || this.#request.httpVersion === "1.0") return;
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Interim"}\r\n`;
    const fields = responseFields(raw);
    for (let i = 0; i < fields.length; i += 2) {
      const name = lowerCase(fields[i]!);
      if (name === "set-cookie" || this.#parts.isOwnField(name)) continue;
      head += `${fields[i]}: ${fields[i + 1]}\r\n`;
    }
    socket.write(`${head}\r\n`, "latin1");
  }

  #writeHead(status: number, message: string | undefined, fields: readonly string[]): void {
    const list = [...fields];
    let length: number | null = null;
    for (let i = list.length - 2; i >= 0; i -= 2) {
      if (lowerCase(list[i]!) !== "content-length") continue;
      // RFC 9110, section 8.6: a 204 has none.
      if (status === 204) list.splice(i, 2);
      else length = Number(list[i + 1]);
    }
    const hasBody = this.#outgoing.method !== "HEAD" && !isBodiless(status);
    this.#left = hasBody ? length : null;
    if (this.#upload?.isComplete === false) {
      list.push("connection", "close");
      lingerAtEnd(this.#request, CLIENT_CLOCKS.lingerMs);
    }
    try {
      if (message && /^[\t\x20-\x7e\x80-\xff]+$/.test(message))
        this.#response.writeHead(status, message, list);
      else this.#response.writeHead(status, list);
    } catch (error) {
      // The origin sent a field that cannot be forwarded.
      this.#isAnswered = false;
      this.#refuse(502, "the origin's answer cannot be passed on", "unreachable", error);
      return;
    }
    // The first part of the body usually follows at once; the head is then sent with it.
    if (hasBody) queueMicrotask(this.#flushHead);
  }

  /** Sends the head if the body has not started yet. */
  readonly #flushHead = (): void => {
    if (!this.#hasBodyBegun && !this.#isOver) this.#response.flushHeaders();
  };

  #endAnswer(part?: Buffer): void {
    this.#hasBodyBegun = true;
    if (this.#response.writableEnded) return;
    // The last part is sent together with the end.
    if (part === undefined) this.#response.end();
    else this.#response.end(part);
  }

  /** Responds instead of the origin. */
  #refuse(status: number, message: string, fault: ExchangeFault, error: unknown): void {
    this.#fail(fault, error);
    this.#leaveOrigin();
    const response = this.#response;
    if (response.headersSent || response.destroyed) return void response.destroy();
    const body = Buffer.from(`${message}\n`);
    const fields = [
      ...["content-type", "text/plain; charset=utf-8", "cache-control", "no-store"],
      ...["content-length", String(body.length)],
    ];
    const send = (list: readonly string[]) => {
      if (response.destroyed) return;
      const isUnread = this.#upload?.isComplete === false;
      if (isUnread) lingerAtEnd(this.#request, CLIENT_CLOCKS.lingerMs);
      response.writeHead(status, isUnread ? [...list, "connection", "close"] : [...list]);
      response.end(this.#outgoing.method === "HEAD" ? undefined : body);
    };
    if (this.#isPassageOver) {
      send(this.#passage.replaced(fields));
      return;
    }
    this.#isPassageOver = true;
    const changed = inRequest(this.#ids, () => this.#passage.answered(status, fields));
    if (isPending(changed)) changed.then(send, () => send(fields));
    else send(changed);
  }

  #fail(fault: ExchangeFault, error: unknown): void {
    if (!this.#isOver) inRequest(this.#ids, () => this.#parts.onFault(fault, error));
  }

  /** Releases what the exchange holds. */
  #finish(): void {
    if (!this.#isPassageOver) {
      this.#isPassageOver = true;
      this.#passage.abandoned();
    }
    this.#parts.running.delete(this);
    this.#outgoing.span?.end(this.#status);
    this.#leaveOrigin();
    this.#upload?.destroy();
    // Bun's request of the client lives on until a full collection, and this exchange with it.
    this.#controller = null;
    this.#outgoing = NOTHING_OUTGOING;
    this.#passage = NO_PASSAGE;
  }

  /** Ends the origin's side if it has not ended. */
  #leaveOrigin(): void {
    this.#isOver = true;
    if (this.#isOriginDone) return;
    this.#isOriginDone = true;
    this.#controller?.abort(OVER);
  }
}

/** In place of what an exchange that is over held. */
const NOTHING_OUTGOING: Outgoing = {
  ...{ method: "GET", path: "/", host: "", fields: [], framing: { kind: "none" } },
  ...{ expectsContinue: false, span: null, relocate: null },
};
const NO_PASSAGE: Passage = {
  answered: (_status, fields) => fields,
  replaced: (fields) => fields,
  abandoned() {},
};

/** One shared error: creating one for each request would cost more than the rest of its end. */
const OVER = new Error("the exchange is over");

/** The unchanged fields of a response, one character for each byte. */
export function rawFields({ rawHeaders }: Controller): Fields {
  return new Fields((rawHeaders as readonly Buffer[]).map((bytes) => bytes.toString("latin1")));
}

function relocate(fields: string[], change: (location: string) => string): void {
  for (let i = 0; i < fields.length; i += 2) {
    if (lowerCase(fields[i]!) === "location") fields[i + 1] = change(fields[i + 1]!);
  }
}
