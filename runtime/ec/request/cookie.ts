/**
 * Cookies, as far as the service needs them: reading a few names out of a request's header, and the two `Set-Cookie`
 * values that it writes.
 * @module
 */

/** The cookie that holds the EC id. */
export const EC_COOKIE = "ts-ec";

/** As much of a `Cookie` header as is read, in characters, which in a header are bytes. */
const MAX_HEADER_LENGTH = 65_536;

const SPACE = 0x20;
const TAB = 0x09;
const QUOTE = 0x22;
const EQUALS = 0x3d;

/**
 * Every value of the named cookies in a `Cookie` header, in order of appearance, so that a malformed duplicate never
 * hides a sound one. Values are not decoded; only the double quotes that RFC 6265 allows around a value are taken off.
 * A pair without `=` has no name and is skipped. Only pairs that lie in the first 64 KiB are read.
 *
 * One pass over the header; what is not asked for is never copied.
 *
 * @param names matched exactly, including case
 * @returns the names that appear at all, each with its values
 */
export function readCookies(header: string | null, names: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  if (header === null) return found;
  const end = Math.min(header.length, MAX_HEADER_LENGTH);
  let stop: number;
  for (let at = 0; at < end; at = stop + 1) {
    stop = header.indexOf(";", at);
    if (stop === -1) stop = header.length;
    if (stop > end) break; // the limit cuts this pair: half a value is none

    const start = skipSpace(header, at, stop);
    const first = header.charCodeAt(start);
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      // The first letter rules out nearly every pair at a fraction of what startsWith costs.
      if (name.charCodeAt(0) !== first || !header.startsWith(name, start)) continue;
      const equals = skipSpace(header, start + name.length, stop);
      if (equals === stop || header.charCodeAt(equals) !== EQUALS) continue;
      const value = bareValue(header, equals + 1, stop);
      const values = found.get(name);
      if (values === undefined) found.set(name, [value]);
      else values.push(value);
      break;
    }
  }
  return found;
}

/** The `Set-Cookie` value that gives a visitor this id for a year; page scripts may read it, so it is not HttpOnly. */
export function setCookieHeader(id: string, domain: string): string {
  return `${EC_COOKIE}=${id}; ${attributes(domain)}; Max-Age=31536000`;
}

/** The `Set-Cookie` value that takes the id away: browsers delete only what has the same attributes. */
export function deleteCookieHeader(domain: string): string {
  return `${EC_COOKIE}=; ${attributes(domain)}; Max-Age=0`;
}

/** @param domain the publisher's, with or without a leading dot */
function attributes(domain: string): string {
  return `Domain=.${domain.replace(/^\./, "")}; Path=/; Secure; SameSite=Lax`;
}

function isSpace(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** The first place from `at` that holds no blank; `stop` if there is none before it. */
function skipSpace(text: string, at: number, stop: number): number {
  let place = at;
  while (place < stop && isSpace(text.charCodeAt(place))) place++;
  return place;
}

/** What stands between two places, without blanks around it and without its pair of double quotes. */
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
