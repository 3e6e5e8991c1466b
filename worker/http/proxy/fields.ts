/**
 * The header fields that a proxy forwards in both directions. A field list is a flat list of names and values, like
 * `IncomingMessage.rawHeaders`: names keep their case, values their bytes, duplicates their order.
 *
 * Not `hono/proxy`: it removes `Content-Encoding` from bodies that stay encoded, and keeps `Proxy-Connection` and
 * `HTTP2-Settings`.
 * @module
 */

/** Hop-by-hop fields: RFC 9110, section 7.6.1, and those of older standards. */
const HOP_BY_HOP = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Request fields that the proxy writes itself, or that are wrong after it has framed the message again. */
const WRITTEN_BY_PROXY = new Set(["host", "content-length", "expect", "forwarded", "x-real-ip"]);
const FORWARDED_PREFIX = "x-forwarded-";

/** `Connection` cannot remove these: framing and routing do not belong to one connection. */
const NEVER_NOMINATED = new Set(["content-length", "host"]);

/** Maximum number of cached names. Other names are converted each time. */
const MAX_SPELLINGS = 2048;
const spellings = new Map<string, string>();

/** A field's name in lower case. Cached names return the same string, which makes comparisons cheap. */
export function lowerCase(name: string): string {
  const known = spellings.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  if (spellings.size < MAX_SPELLINGS && name.length <= 64) spellings.set(name, lower);
  return lower;
}

/** The fields of a message, with access by name. */
export class Fields {
  /** The unchanged flat list of names and values. */
  readonly list: readonly string[];
  /** The names in lower case. */
  readonly names: readonly string[];

  /** @param list a flat list of names and values */
  constructor(list: readonly string[]) {
    this.list = list;
    const names: string[] = [];
    for (let i = 0; i < list.length; i += 2) names.push(lowerCase(list[i]!));
    this.names = names;
  }

  /**
   * The value of a field. Several lines are joined according to RFC 9110, section 5.3, and RFC 6265 for `Cookie`.
   * @param name in lower case
   * @returns `null` if the field is absent
   */
  get(name: string): string | null {
    const { names, list } = this;
    let value: string | null = null;
    for (let i = 0; i < names.length; i++) {
      if (names[i] !== name) continue;
      const line = list[2 * i + 1]!;
      value = value === null ? line : `${value}${name === "cookie" ? "; " : ", "}${line}`;
    }
    return value;
  }

  /** The number of lines of a field. */
  linesOf(name: string): number {
    let count = 0;
    for (const each of this.names) if (each === name) count++;
    return count;
  }
}

/** Whether a field belongs to the service. @param name in lower case */
export type IsOwnField = (name: string) => boolean;

/**
 * Creates a function that returns the fields of a request for the origin: all but the hop-by-hop fields, those that the proxy
 * writes, and the service's own. Names with other characters than letters, digits and hyphens are dropped, like nginx does:
 * many applications read `X_Forwarded_For` as `X-Forwarded-For`.
 */
export function createRequestFilter(isOwnField: IsOwnField): (fields: Fields) => string[] {
  const verdicts = new Map<string, boolean>();
  function passes(name: string): boolean {
    const known = verdicts.get(name);
    if (known !== undefined) return known;
    const verdict =
      /^[a-z0-9-]+$/.test(name) &&
      !HOP_BY_HOP.has(name) &&
      !WRITTEN_BY_PROXY.has(name) &&
      !name.startsWith(FORWARDED_PREFIX) &&
      !isOwnField(name);
    if (verdicts.size < MAX_SPELLINGS && name.length <= 64) verdicts.set(name, verdict);
    return verdict;
  }
  return (fields) => filtered(fields, passes);
}

/** The fields of a response for the client: all but the hop-by-hop fields. */
export function responseFields(fields: Fields): string[] {
  return filtered(fields, (name) => !HOP_BY_HOP.has(name));
}

function filtered(fields: Fields, passes: (name: string) => boolean): string[] {
  const { names, list } = fields;
  const nominated = nominatedBy(fields);
  const kept: string[] = [];
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    if (passes(name) && !(nominated?.has(name) ?? false)) kept.push(list[2 * i]!, list[2 * i + 1]!);
  }
  return kept;
}

/** The fields that `Connection` declares hop-by-hop; `null` if there are none. */
function nominatedBy(fields: Fields): ReadonlySet<string> | null {
  const value = fields.get("connection");
  // The values of nearly every message.
  if (value === null || value === "keep-alive" || value === "close") return null;
  const names = value.split(",").map((option) => option.trim().toLowerCase());
  return new Set(names.filter((name) => name !== "" && !NEVER_NOMINATED.has(name)));
}
