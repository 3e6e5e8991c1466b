/**
 * The head of an HTTP/1 request, judged before anything is passed on: its target, its host, and how its body is framed
 * (RFC 9112).
 * @module
 */
import type { Fields } from "./fields.ts";

/** A request that is not passed on: the status to answer with, and why. */
export interface Refusal {
  status: 400 | 405 | 501;
  message: string;
}

/** How a request's body is delimited. */
export type Framing = { kind: "none" } | { kind: "length"; length: number } | { kind: "chunked" };

/** What was asked for. */
export interface Target {
  /** Path and query as they were sent; `*` for `OPTIONS *`. */
  path: string;
  /** Host and port that the client meant; `null`: HTTP/1.0 without one. */
  host: string | null;
}

/** A request's head that may be answered. */
export interface RequestHead extends Target {
  readonly fields: Fields;
  readonly framing: Framing;
}

/** Reads the head of a request: its target, and how its body is framed. */
export function readHead(line: RequestLine, fields: Fields): RequestHead | Refusal {
  const target = readTarget(line, fields);
  if ("status" in target) return target;
  const framing = readFraming(line, fields);
  return "status" in framing ? framing : { ...target, fields, framing };
}

/** As much of a request as is judged here. */
export interface RequestLine {
  method: string;
  /** The request target as it was sent. */
  url: string;
  /** Such as `1.1`. */
  httpVersion: string;
}

/** `reg-name`, an IPv4 address or a bracketed IPv6 address, and a port. No user: that would be another's name. */
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/is;

/**
 * Reads the request target and the host (RFC 9112, sections 3.2 and 3.3). Of an absolute target the host counts, whatever
 * `Host` says.
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
 * Reads how the body is framed (RFC 9112, section 6). Anything that two readers could understand differently is refused:
 * that is how requests are smuggled.
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

/** Methods that no proxy of ours passes on: a tunnel, and requests that echo a visitor's cookies. */
const NOT_PASSED = new Set(["CONNECT", "TRACE", "TRACK"]);

/** Why a method is not passed on; `null`: it is. */
export function methodRefusal(method: string): Refusal | null {
  return NOT_PASSED.has(method) ? { status: 501, message: `${method} is not passed on to the origin` } : null;
}

/** Methods that may be sent again where nothing is known of the first attempt (RFC 9110, section 9.2.2). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND", "REPORT", "SEARCH"]);

/** Whether a method is idempotent. An unknown one is not. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}
