/**
 * A reverse proxy over `fetch`, for hosts that have nothing else.
 * @module
 */
import { createLogOnce } from "../../../runtime/observe/log.ts";
import type { Tracer } from "../../../runtime/observe/tracer.ts";
import type { Clock, Fetch, Log } from "../../../runtime/platform.ts";
import type { FetchHandler } from "../../hosts/host.ts";
import { createRequestFilter, Fields, type IsOwnField, responseFields } from "./fields.ts";
import { enterTrace } from "./trace.ts";

/** Period in which a repeated failure is counted instead of logged, in milliseconds. */
const LOG_WINDOW_MS = 60_000;

/** The client of a request, for the `X-Forwarded-*` fields. */
export interface ForwardedClient {
  /** The client's address; `null` if unknown. */
  ip: string | null;
  /** The client's scheme; `null`: the scheme of the request's URL. */
  protocol: "http" | "https" | null;
}

/** Options of {@link proxyTo}. */
export interface ProxyOptions<Args extends unknown[]> {
  /** Scheme, host and port, for example `http://127.0.0.1:9000`. */
  origin: string;
  /** Must not decode bodies: they are forwarded as the origin encoded them. */
  fetch: Fetch;
  /** Timeout for the head of the response, in milliseconds. An upload that makes progress restarts it. */
  timeoutMs: number;
  /** Whether a field belongs to the service, so that a client cannot send it to the origin. @param name in lower case */
  isOwnField: IsOwnField;
  /** Reads the client of a request. */
  clientOf(request: Request, args: Args): ForwardedClient;
  clock: Clock;
  log: Log;
  /** Gives the request to the origin its place in the client's trace. */
  tracer: Tracer;
}

/**
 * Creates a handler that forwards requests to an origin. Bodies stream both ways. Redirects are forwarded, not followed. The
 * response is 502 if the origin cannot be reached, and 504 if it does not respond in time.
 *
 * @example
 * ```ts
 * edgeCookie(options)(proxyTo({ origin: "https://origin.example", … }));
 * ```
 */
export function proxyTo<Args extends unknown[]>(options: ProxyOptions<Args>): FetchHandler<Args> {
  const { origin, fetch, timeoutMs, clock, log, tracer } = options;
  const requestFields = createRequestFilter(options.isOwnField);
  const once = createLogOnce(log, clock, LOG_WINDOW_MS);

  return async (request, ...args) => {
    const refused = refusal(request);
    if (refused !== null) return plain(501, `${refused} is not passed on to the origin`);
    const passed = requestFields(fieldsOf(request.headers));
    const span = enterTrace(passed, tracer);
    const headers = headersOf(passed);
    describeClient(headers, request, options.clientOf(request, args));

    const upstream = new AbortController();
    const leave = () => upstream.abort(request.signal.reason);
    if (request.signal.aborted) leave();
    else request.signal.addEventListener("abort", leave, { once: true });

    const timeout = createTimeout(clock, timeoutMs, () => upstream.abort());
    try {
      const response = await fetch(origin + pathOf(request.url), {
        method: request.method,
        headers,
        body: timeout.watch(request.body),
        redirect: "manual",
        signal: upstream.signal,
        // Not in the DOM's types yet; without it a stream cannot be sent.
        ...({ duplex: "half" } as object),
      });
      span?.end(response.status);
      return new Response(response.body, {
        status: response.status,
        headers: headersOf(responseFields(fieldsOf(response.headers))),
      });
    } catch (error) {
      span?.end(null);
      // The client is gone and does not read this.
      if (request.signal.aborted) return plain(502, "the client went away");
      if (timeout.isOver()) {
        once.error("504", "the origin did not answer in time", { origin, timeoutMs });
        return plain(504, "the origin did not answer in time");
      }
      once.error("502", "the origin cannot be reached", { origin, error });
      return plain(502, "the origin cannot be reached");
    } finally {
      timeout.end();
      // A later disconnect cancels the body. Node never frees a request whose signal has a listener.
      request.signal.removeEventListener("abort", leave);
    }
  };
}

/** What a fetch cannot forward of a request; `null` if it can forward it. */
function refusal({ method, headers }: Request): string | null {
  if (/^(connect|trace|track)$/i.test(method)) return method;
  return /\bwebsocket\b/i.test(headers.get("upgrade") ?? "") ? "a WebSocket" : null;
}

/** A timeout that restarts with each request-body chunk. */
function createTimeout(clock: Clock, ms: number, onOver: () => void) {
  let state: "waiting" | "over" | "ended" = "waiting";
  const begin = () =>
    clock.after(ms, () => {
      state = "over";
      onOver();
    });
  let cancel = begin();
  return {
    isOver: () => state === "over",
    end() {
      cancel();
      if (state === "waiting") state = "ended";
    },
    watch(body: ReadableStream<Uint8Array<ArrayBuffer>> | null) {
      if (body === null) return null;
      const watched = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(chunk, controller) {
          controller.enqueue(chunk);
          if (state !== "waiting") return;
          cancel();
          cancel = begin();
        },
      });
      return body.pipeThrough(watched);
    },
  };
}

/** Adds the length of the body and the fields about the client. */
function describeClient(headers: Headers, request: Request, { ip, protocol }: ForwardedClient): void {
  // Without a body the origin would apply a length to what follows. With a body, the host frames it.
  const length = request.headers.get("content-length");
  if (request.body !== null && length !== null) headers.set("content-length", length);
  if (ip !== null) headers.set("x-forwarded-for", ip);
  headers.set("x-forwarded-host", request.headers.get("host") ?? new URL(request.url).host);
  headers.set("x-forwarded-proto", protocol ?? (request.url.startsWith("https:") ? "https" : "http"));
}

function fieldsOf(headers: Headers): Fields {
  const list: string[] = [];
  headers.forEach((value, name) => {
    list.push(name, value);
  });
  return new Fields(list);
}

function headersOf(list: readonly string[]): Headers {
  const headers = new Headers();
  for (let i = 0; i < list.length; i += 2) headers.append(list[i]!, list[i + 1]!);
  return headers;
}

/** The unchanged path and query. `URL` would read `//other.example/` as a host. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const path = start === -1 ? "/" : url.slice(start);
  const hash = path.indexOf("#");
  return hash === -1 ? path : path.slice(0, hash);
}

function plain(status: number, message: string): Response {
  return new Response(`${message}\n`, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
  });
}
