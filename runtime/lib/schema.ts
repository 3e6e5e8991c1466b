/**
 * The pieces that schemas of outside data are made of, and the faults they find.
 * @module
 */
import * as v from "valibot";
import { nearest } from "./nearest.ts";

/** One thing that is wrong with data from outside. Never contains a secret. */
export interface Fault {
  /** Where, such as `partners[0].pullSyncUrl`; empty: the whole. */
  field: string;
  /** What stands there. */
  found: string;
  /** What ought to stand there, and how to get it right. */
  expected: string;
}

/** One line for people. */
export function describeFault({ field, found, expected }: Fault): string {
  return `${field === "" ? "" : `${field}: `}${found}; expected ${expected}`;
}

const UNKNOWN = "no such field";
const MISSING = "missing";

/** An object with these fields and no others. */
export function fields<Entries extends v.ObjectEntries>(entries: Entries) {
  return v.strictObject(entries, ({ expected, path }) => {
    if (expected === "Object") return "an object";
    const key = String(path?.at(-1)?.key);
    if (expected !== "never") return String(messageOf(entries[key]) ?? "a value");
    const names = Object.keys(entries);
    const near = nearest(key, names);
    return near === null ? `one of ${names.join(", ")}` : `one of its fields; did you mean "${near}"?`;
  });
}

function messageOf(schema: unknown): unknown {
  return (schema as { message?: unknown } | undefined)?.message;
}

/** A text that passes `test`. */
export function text(expected: string, test: (value: string) => boolean) {
  return v.pipe(v.string(expected), v.check(test, expected));
}

/** A whole number within bounds. */
export function whole(min: number, max: number, what = "a whole number") {
  const expected = `${what} from ${min} to ${max}`;
  return v.pipe(
    v.number(expected),
    v.check((value) => Number.isInteger(value) && value >= min && value <= max, expected),
    // For the JSON schema, which cannot read a check.
    v.metadata({ minimum: min, maximum: max }),
  );
}

/** `true` or `false`. */
export function flag() {
  return v.boolean("true or false");
}

/** The SHA-256 of a secret, as lower-case hex. */
export function secretHash() {
  const expected = "64 hex digits that `millrace hash` prints for a secret";
  const ofNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  return v.pipe(
    v.string(expected),
    v.toLowerCase(),
    v.check((value) => /^[0-9a-f]{64}$/.test(value) && value !== ofNothing, expected),
  );
}

/** A list without repetitions. */
export function listOf<Item extends v.GenericSchema<unknown, string>>(item: Item, what: string) {
  return v.pipe(
    v.array(item, `a list of ${what}`),
    v.check((items) => new Set(items).size === items.length, `a list of ${what}, none of them twice`),
  );
}

/** A host name or address as in a URL, without scheme, port and path; lower case, without the root's dot. */
export function hostName() {
  const expected = "a host name such as cdn.example.com, without scheme, port, path and wildcard";
  return v.pipe(v.string(expected), v.transform(plainHost), v.string(expected));
}

/** `URL.parse`, which some hosts do not have yet. */
export function parseUrl(given: string): URL | null {
  try {
    return new URL(given);
  } catch {
    return null;
  }
}

/** A name of labels (RFC 1123, section 2.1; some have underscores) or an address. A URL's host may have other characters. */
const HOST = /^(?=.{1,253}$)(?:[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*|\[[0-9a-f:.]+\])$/;

function plainHost(given: string): string | null {
  const url = parseUrl(`https://${given}/`);
  const isPlain = url !== null && url.port === "" && url.username === "" && !/[/?#@\\\s]|:\d+$/.test(given);
  const host = isPlain ? url.hostname.replace(/\.$/, "") : "";
  return HOST.test(host) ? host : null;
}

/** Fields whose values are never shown. A store's and a limiter's URL may hold a password. */
const SECRET_FIELDS = new Set([
  "passphrases",
  "apiKey",
  "apiKeyHash",
  "pullToken",
  "tokenHash",
  "store",
  "limiter",
]);

/**
 * What a failed parse found, without secrets.
 * @param isHidden further fields whose value must not be shown.
 */
export function faultsOf(
  issues: readonly v.BaseIssue<unknown>[],
  isHidden: (field: string) => boolean = () => false,
): Fault[] {
  return issues.map((issue) => {
    const keys = (issue.path ?? []).map((item) => item.key as string | number);
    const field = fieldName(keys);
    const hidden = keys.some((key) => SECRET_FIELDS.has(String(key))) || isHidden(field);
    return { field, found: foundBy(issue, hidden), expected: issue.message };
  });
}

/** `["partners", 0, "id"]` -> `partners[0].id`. */
export function fieldName(keys: readonly (string | number)[]): string {
  return keys.reduce<string>((name, key) => {
    if (typeof key === "number") return `${name}[${key}]`;
    return name === "" ? key : `${name}.${key}`;
  }, "");
}

function foundBy(issue: v.BaseIssue<unknown>, hidden: boolean): string {
  const last = issue.path?.at(-1);
  if (last?.origin === "key") return issue.expected === "never" ? UNKNOWN : MISSING;
  // A check across fields carries the whole object as its input; what stands in the field is in the path.
  const value = last === undefined ? issue.input : last.value;
  if (value === undefined) return MISSING;
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (hidden) return "a value that is not shown";
  if (typeof value !== "string") return String(value);
  if (issue.expected === "Object" || issue.expected === "Array") return "a text";
  return JSON.stringify(withoutCredentials(value.length > 80 ? `${value.slice(0, 80)}…` : value));
}

/** A URL without what a URL may carry secretly: user, password, query. Any other text as it is. */
function withoutCredentials(value: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return value;
  return value.replace(/\/\/[^/?#]*@/, "//…@").replace(/[?#].*$/s, "?…");
}
