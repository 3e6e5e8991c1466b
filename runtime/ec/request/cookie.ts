/**
 * Cookies: reading a few names from a request's header, and the two `Set-Cookie` values that the service writes.
 * @module
 */

/** The cookie that holds the EC id. */
export interface EcCookie {
  readonly name: string;
  /** The publisher's domain, with or without a leading dot. */
  readonly domain: string;
  /** How long browsers keep the cookie, in seconds. */
  readonly maxAgeSeconds: number;
}

/** The cookie's name if the configuration has none. */
export const DEFAULT_COOKIE_NAME = "ts-ec";

/** Maximum length of a `Cookie` header that is read, in characters, which are bytes in a header. */
const MAX_HEADER_LENGTH = 65_536;

const SPACE = 0x20;
const TAB = 0x09;
const QUOTE = 0x22;
const EQUALS = 0x3d;

/**
 * Every value of the named cookies in a `Cookie` header, in order of appearance, so that a malformed duplicate never hides a valid
 * one. Values are not decoded; only the double quotes that RFC 6265 allows around a value are removed. A pair without `=` has no
 * name and is skipped. Pairs beyond the first 64 KiB are not read.
 *
 * Reads the header once, copies only the values of the named cookies, and creates nothing for a header without them.
 *
 * @param names matched exactly, including case.
 * @returns the names that appear, each with its values.
 */
export function readCookies(
  header: string | null,
  names: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  if (header === null) return NONE;
  let found: Map<string, string[]> | null = null;
  const end = Math.min(header.length, MAX_HEADER_LENGTH);
  let stop: number;
  for (let at = 0; at < end; at = stop + 1) {
    stop = header.indexOf(";", at);
    if (stop === -1) stop = header.length;
    if (stop > end) break; // the limit cuts this pair

    const start = skipSpace(header, at, stop);
    const first = header.charCodeAt(start);
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      // The first letter rules out nearly every pair at a fraction of what startsWith costs.
      if (name.charCodeAt(0) !== first || !header.startsWith(name, start)) continue;
      const equals = skipSpace(header, start + name.length, stop);
      if (equals === stop || header.charCodeAt(equals) !== EQUALS) continue;
      const value = bareValue(header, equals + 1, stop);
      const values = found?.get(name);
      if (values !== undefined) values.push(value);
      else {
        found ??= new Map();
        found.set(name, [value]);
      }
      break;
    }
  }
  return found ?? NONE;
}

const NONE: ReadonlyMap<string, readonly string[]> = new Map();

/** The `Set-Cookie` value that sets the id. Page scripts may read it, so it is not HttpOnly. */
export function setCookieHeader(id: string, cookie: EcCookie): string {
  return `${cookie.name}=${id}; ${attributes(cookie)}; Max-Age=${cookie.maxAgeSeconds}`;
}

/** The `Set-Cookie` value that deletes the id. Browsers delete only a cookie with the same attributes. */
export function deleteCookieHeader(cookie: Pick<EcCookie, "name" | "domain">): string {
  return `${cookie.name}=; ${attributes(cookie)}; Max-Age=0`;
}

function attributes({ domain }: Pick<EcCookie, "domain">): string {
  return `Domain=.${domain.replace(/^\./, "")}; Path=/; Secure; SameSite=Lax`;
}

function isSpace(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** Index of the first non-space character at or after `at`; `stop` if there is none before it. */
function skipSpace(text: string, at: number, stop: number): number {
  let index = at;
  while (index < stop && isSpace(text.charCodeAt(index))) index++;
  return index;
}

/** The text between two indexes, without spaces around it and without its pair of double quotes. */
function bareValue(text: string, at: number, stop: number): string {
  let from = skipSpace(text, at, stop);
  let to = stop;
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--;
  const isQuoted = to - from >= 2 && text.charCodeAt(from) === QUOTE && text.charCodeAt(to - 1) === QUOTE;
  if (isQuoted) {
    from++;
    to--;
  }
  return text.slice(from, to);
}
