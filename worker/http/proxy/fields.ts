/**
 * Which header fields a proxy passes on, in both directions. A field list is flat, name and value in turn, as
 * `IncomingMessage.rawHeaders` has it: names keep their case, values their bytes, duplicates their order.
 * @module
 */

/** Fields of one connection, not of the message: RFC 9110, section 7.6.1, and those of older standards. */
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

/** Request fields that the proxy writes itself, or that say nothing true once it has framed the message again. */
const WRITTEN_BY_US = new Set(["host", "content-length", "expect", "forwarded", "x-real-ip"]);
const WRITTEN_PREFIXES = ["x-ts-", "x-forwarded-"];

/** `Connection` may not take these from a message: framing and routing do not belong to one connection. */
const NEVER_NOMINATED = new Set(["content-length", "host"]);

/** How many spellings of names are remembered. Others cost one conversion each time. */
const MAX_SPELLINGS = 2048;
const spellings = new Map<string, string>();

/** A field's name in lower case. Repeated spellings give the same string, so that comparing them is cheap. */
export function lowerCase(name: string): string {
  const known = spellings.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  if (spellings.size < MAX_SPELLINGS && name.length <= 64) spellings.set(name, lower);
  return lower;
}

/** The fields of a message, read by name. */
export class Fields {
  /** Flat, name and value in turn, as they came. */
  readonly list: readonly string[];
  /** The names in lower case. */
  readonly names: readonly string[];

  /** @param list flat, name and value in turn */
  constructor(list: readonly string[]) {
    this.list = list;
    const names: string[] = [];
    for (let i = 0; i < list.length; i += 2) names.push(lowerCase(list[i]!));
    this.names = names;
  }

  /**
   * The value of a field; several lines are joined as RFC 9110, section 5.3, and RFC 6265 (for `Cookie`) have it.
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

  /** How many lines a field has. */
  linesOf(name: string): number {
    let count = 0;
    for (const each of this.names) if (each === name) count++;
    return count;
  }
}

/**
 * The fields of a request that the origin gets: all but those of the connection and those that the proxy writes.
 * Names with other characters than letters, digits and hyphens are dropped, as nginx does: `X_Forwarded_For` reaches
 * many applications under the name of `X-Forwarded-For`.
 */
export function requestFields(fields: Fields): string[] {
  return passed(fields, isPassedToOrigin);
}

/** The fields of an answer that the client gets: all but those of the connection. */
export function responseFields(fields: Fields): string[] {
  return passed(fields, (name) => !HOP_BY_HOP.has(name));
}

function passed(fields: Fields, passes: (name: string) => boolean): string[] {
  const { names, list } = fields;
  const nominated = nominatedBy(fields);
  const kept: string[] = [];
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    if (passes(name) && !(nominated?.has(name) ?? false)) kept.push(list[2 * i]!, list[2 * i + 1]!);
  }
  return kept;
}

const passes = new Map<string, boolean>();

function isPassedToOrigin(name: string): boolean {
  const known = passes.get(name);
  if (known !== undefined) return known;
  const verdict =
    /^[a-z0-9-]+$/.test(name) &&
    !HOP_BY_HOP.has(name) &&
    !WRITTEN_BY_US.has(name) &&
    !WRITTEN_PREFIXES.some((prefix) => name.startsWith(prefix));
  if (passes.size < MAX_SPELLINGS && name.length <= 64) passes.set(name, verdict);
  return verdict;
}

/** The fields that a message's `Connection` names as its own; `null`: none. */
function nominatedBy(fields: Fields): ReadonlySet<string> | null {
  const value = fields.get("connection");
  // What nearly every message has.
  if (value === null || value === "keep-alive" || value === "close") return null;
  const names = value.split(",").map((option) => option.trim().toLowerCase());
  return new Set(names.filter((name) => name !== "" && !NEVER_NOMINATED.has(name)));
}
