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
const NEVER_NOMINATED = new Set(["content-length", "content-type", "cookie", "host", "set-cookie"]);

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
  readonly #list: readonly string[];

  /** @param list flat, name and value in turn */
  constructor(list: readonly string[]) {
    this.#list = list;
  }

  /**
   * The value of a field; several lines are joined as RFC 9110, section 5.3, and RFC 6265 (for `Cookie`) have it.
   * @param name in lower case
   * @returns `null` if the field is absent
   */
  get(name: string): string | null {
    const list = this.#list;
    let value: string | null = null;
    for (let i = 0; i < list.length; i += 2) {
      if (lowerCase(list[i]!) !== name) continue;
      value = value === null ? list[i + 1]! : `${value}${name === "cookie" ? "; " : ", "}${list[i + 1]!}`;
    }
    return value;
  }

  /** How many lines a field has. */
  linesOf(name: string): number {
    let count = 0;
    for (let i = 0; i < this.#list.length; i += 2) if (lowerCase(this.#list[i]!) === name) count++;
    return count;
  }
}

/**
 * The fields of a request that the origin gets: all but those of the connection and those that the proxy writes.
 * Names with other characters than letters, digits and hyphens are dropped, as nginx does: `X_Forwarded_For` reaches
 * many applications under the name of `X-Forwarded-For`.
 */
export function requestFields(list: readonly string[]): string[] {
  const nominated = nominatedBy(list);
  const passed: string[] = [];
  for (let i = 0; i < list.length; i += 2) {
    const name = lowerCase(list[i]!);
    if (isPassedToOrigin(name) && !(nominated?.has(name) ?? false)) passed.push(list[i]!, list[i + 1]!);
  }
  return passed;
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

/** The fields of an answer that the client gets: all but those of the connection. */
export function responseFields(list: readonly string[]): string[] {
  const nominated = nominatedBy(list);
  const passed: string[] = [];
  for (let i = 0; i < list.length; i += 2) {
    const name = lowerCase(list[i]!);
    if (!HOP_BY_HOP.has(name) && !(nominated?.has(name) ?? false)) passed.push(list[i]!, list[i + 1]!);
  }
  return passed;
}

/** The fields that a message's `Connection` names as its own; `null`: none. */
function nominatedBy(list: readonly string[]): ReadonlySet<string> | null {
  let names: Set<string> | null = null;
  for (let i = 0; i < list.length; i += 2) {
    if (lowerCase(list[i]!) !== "connection") continue;
    const value = list[i + 1]!;
    // What nearly every client sends.
    if (value === "keep-alive" || value === "close") continue;
    for (const option of value.split(",")) {
      const name = option.trim().toLowerCase();
      if (name === "" || NEVER_NOMINATED.has(name)) continue;
      names ??= new Set();
      names.add(name);
    }
  }
  return names;
}
