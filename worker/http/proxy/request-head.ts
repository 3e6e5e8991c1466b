/**
 * Validates the head of an HTTP/1 request before it is forwarded: its target, its host, and the framing of its body
 * (RFC 9112).
 * @module
 */
import type { Fields } from "./fields.ts";

/** A refused request: the status of the response, and the reason. */
export interface Refusal {
  status: 400 | 405 | 501;
  message: string;
}

/** How a request's body is delimited. */
export type Framing = { kind: "none" } | { kind: "length"; length: number } | { kind: "chunked" };

/** The requested resource. */
export interface Target {
  /** The unchanged path and query; `*` for `OPTIONS *`. */
  path: string;
  /** The requested host and port; `null` for HTTP/1.0 without one. */
  host: string | null;
}

/** A valid head of a request. */
export interface RequestHead extends Target {
  readonly fields: Fields;
  readonly framing: Framing;
}

/** Reads the head of a request: its target, and the framing of its body. */
export function readHead(line: RequestLine, fields: Fields): RequestHead | Refusal {
  const target = readTarget(line, fields);
  if ("status" in target) return target;
  const framing = readFraming(line, fields);
  return "status" in framing ? framing : { ...target, fields, framing };
}

/** The validated parts of a request line. */
export interface RequestLine {
  method: string;
  /** The unchanged request target. */
  url: string;
  /** For example `1.1`. */
  httpVersion: string;
}

/** `reg-name`, an IPv4 address or a bracketed IPv6 address, and a port. A user name is not allowed. */
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/is;

/**
 * Reads the request target and the host (RFC 9112, sections 3.2 and 3.3). The host of an absolute target takes precedence over
 * `Host`.
 */
export function readTarget({ method, url, httpVersion }: RequestLine, fields: Fields): Target | Refusal {
  const hosts = fields.linesOf("host");
  if (hosts > 1) return bad("the request has more than one Host");
  if (hosts === 0 && httpVersion !== "1.0") return bad("the request has no Host");
  const named = hosts === 0 ? null : fields.get("host");
  if (named !== null && !HOST.test(named)) return bad("the request's Host is not a host");
  if (url.includes("#")) return bad("the request target has a fragment");
  if (url.startsWith("/")) return { path: url, host: named };
  if (url === "*") return method === "OPTIONS" ? { path: url, host: named } : bad("only OPTIONS asks for *");
  const absolute = ABSOLUTE.exec(url);
  if (absolute === null) return bad("the request target is neither a path nor a URL");
  const [, host, rest] = absolute as unknown as [string, string, string];
  if (!HOST.test(host)) return bad("the request target's host is not a host");
  return { path: rest.startsWith("/") ? rest : `/${rest}`, host };
}

/**
 * Reads the framing of the body (RFC 9112, section 6). Ambiguous framing is refused, since it allows request smuggling.
 */
export function readFraming({ httpVersion }: RequestLine, fields: Fields): Framing | Refusal {
  const coding = fields.get("transfer-encoding");
  const length = fields.get("content-length");
  if (coding !== null) {
    if (httpVersion === "1.0") return bad("HTTP/1.0 has no Transfer-Encoding");
    if (length !== null) return bad("the request has both Content-Length and Transfer-Encoding");
    if (coding.toLowerCase() === "chunked") return { kind: "chunked" };
    return { status: 501, message: "the only transfer coding that is understood is chunked" };
  }
  if (length === null) return { kind: "none" };
  if (!/^\d{1,15}$/.test(length)) return bad("the request's Content-Length is not one number");
  return Number(length) === 0 ? { kind: "none" } : { kind: "length", length: Number(length) };
}

function bad(message: string): Refusal {
  return { status: 400, message };
}

/** Methods that are not forwarded: tunnels, and requests whose response echoes cookies. */
const NOT_PASSED = new Set(["CONNECT", "TRACE", "TRACK"]);

/** Why a method is not forwarded; `null` if it is. */
export function methodRefusal(method: string): Refusal | null {
  return NOT_PASSED.has(method) ? { status: 501, message: `${method} is not passed on to the origin` } : null;
}

/** Methods that may be retried after an attempt with an unknown result (RFC 9110, section 9.2.2). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND", "REPORT", "SEARCH"]);

/** Whether a method is idempotent. Unknown methods are not. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}
