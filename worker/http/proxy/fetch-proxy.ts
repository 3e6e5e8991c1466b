/**
 * The site behind millrace, where it is an origin server of its own.
 * @module
 */
import { createLogOnce } from "../../../runtime/observe/log.ts";
import type { Clock, Fetch, Log } from "../../../runtime/platform.ts";
import type { FetchHandler } from "../../hosts/host.ts";
import { Fields, requestFields, responseFields } from "./fields.ts";

/** How long the same cause of failure is only counted in the log, in milliseconds. */
const LOG_WINDOW_MS = 60_000;

/** What the origin is told of a client. */
export interface Told {
  /** Its address; `null`: not known. */
  ip: string | null;
  /** The scheme that it used; `null`: the one that we were asked by. */
  protocol: "http" | "https" | null;
}

/** What {@link proxyTo} needs. */
export interface ProxyOptions<Args extends unknown[]> {
  /** Scheme, host and port, such as `http://127.0.0.1:9000`. */
  origin: string;
  fetch: Fetch;
  /**
   * Whether `fetch` decodes compressed bodies, as the Fetch standard has it. The origin is then asked for plain ones.
   */
  fetchDecodes: boolean;
  /** How long the origin may be silent before the head of its response, in milliseconds; uploading is not silence. */
  timeoutMs: number;
  /** Who asks, as the origin is told. */
  told(request: Request, args: Args): Told;
  clock: Clock;
  log: Log;
}

/**
 * A handler that answers with what an origin server answers. Bodies stream both ways; redirects are passed on, not
 * followed; an origin that cannot be reached is a 502, one that does not answer in time a 504.
 *
 * @example
 * ```ts
 * edgeCookie(options)(proxyTo({ origin: "https://origin.example", … }));
 * ```
 */
export function proxyTo<Args extends unknown[]>(options: ProxyOptions<Args>): FetchHandler<Args> {
  const { origin, fetch, fetchDecodes, timeoutMs, clock, log } = options;
  const once = createLogOnce(log, clock, LOG_WINDOW_MS);

  return async (request, ...args) => {
    const refused = refusal(request);
    if (refused !== null) return plain(501, `${refused} is not passed on to the origin`);
    const headers = requestHeaders(request, options.told(request, args));
    if (fetchDecodes) headers.set("accept-encoding", "identity");

    const upstream = new AbortController();
    const leave = () => upstream.abort(request.signal.reason);
    if (request.signal.aborted) leave();
    else request.signal.addEventListener("abort", leave, { once: true });

    const patience = createPatience(clock, timeoutMs, () => upstream.abort());
    try {
      const response = await fetch(origin + pathOf(request.url), {
        method: request.method,
        headers,
        body: patience.watch(request.body),
        redirect: "manual",
        signal: upstream.signal,
        // Not in the DOM's types yet; without it a stream cannot be sent.
        ...({ duplex: "half" } as object),
      });
      return new Response(response.body, {
        status: response.status,
        headers: responseHeaders(response.headers, fetchDecodes),
      });
    } catch (error) {
      // Nobody is there to read the answer.
      if (request.signal.aborted) return plain(502, "the client went away");
      if (patience.isOver()) {
        once.error("504", "the origin did not answer in time", { origin, timeoutMs });
        return plain(504, "the origin did not answer in time");
      }
      once.error("502", "the origin cannot be reached", { origin, error });
      return plain(502, "the origin cannot be reached");
    } finally {
      patience.end();
      // From here on a client that goes away cancels the body. Node never frees a request whose signal is listened to.
      request.signal.removeEventListener("abort", leave);
    }
  };
}

/** What of a request no fetch can carry; `null`: nothing. */
function refusal({ method, headers }: Request): string | null {
  if (/^(connect|trace|track)$/i.test(method)) return method;
  return /\bwebsocket\b/i.test(headers.get("upgrade") ?? "") ? "a WebSocket" : null;
}

/** A timer that begins anew whenever a part of the request's body has passed. */
function createPatience(clock: Clock, ms: number, onOver: () => void) {
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

/** The client's headers that the origin gets, and what we say of the client. */
function requestHeaders(request: Request, { ip, protocol }: Told): Headers {
  const headers = headersOf(requestFields(fieldsOf(request.headers)));
  // Without a body a length would be taken for that of what follows; with one, the host frames it.
  const length = request.headers.get("content-length");
  if (request.body !== null && length !== null) headers.set("content-length", length);
  if (ip !== null) headers.set("x-forwarded-for", ip);
  headers.set("x-forwarded-host", request.headers.get("host") ?? new URL(request.url).host);
  headers.set("x-forwarded-proto", protocol ?? (request.url.startsWith("https:") ? "https" : "http"));
  return headers;
}

function responseHeaders(given: Headers, decoded: boolean): Headers {
  const headers = headersOf(responseFields(fieldsOf(given)));
  if (decoded && headers.has("content-encoding")) {
    headers.delete("content-encoding");
    headers.delete("content-length");
  }
  return headers;
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

/** Path and query as they came: not through `URL`, which would read `//other.example/` as a host. */
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
