/**
 * Building blocks for schemas of data from outside, and the faults that they find.
 * @module
 */
import * as v from "valibot";
import { nearest } from "./nearest.ts";

/** One fault of data from outside. Never contains a secret. */
export interface Fault {
  /** The field, such as `listen.port` or `items[0].url`; empty: the whole. */
  field: string;
  /** What the field holds. */
  found: string;
  /** What it must hold. */
  expected: string;
}

/** A fault as one line of text. */
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
  );
}

/** `true` or `false`. */
export function flag() {
  return v.boolean("true or false");
}

/** The SHA-256 of a secret, as lower-case hex. Itself a secret field. */
export function secretHash() {
  const expected = "64 hex digits that `millrace hash` prints for a secret";
  const ofNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  return secret(
    v.pipe(
      v.string(expected),
      v.toLowerCase(),
      v.check((value) => /^[0-9a-f]{64}$/.test(value) && value !== ofNothing, expected),
    ),
  );
}

/** A list of distinct items. */
export function listOf<Item extends v.GenericSchema<unknown, string>>(item: Item, what: string) {
  return v.pipe(
    v.array(item, `a list of ${what}`),
    v.check((items) => new Set(items).size === items.length, `a list of ${what}, none of them twice`),
  );
}

/** A host name or address as in a URL, without scheme, port and path. The result is lower case, without a trailing dot. */
export function hostName() {
  const expected = "a host name such as cdn.example.com, without scheme, port, path and wildcard";
  return v.pipe(v.string(expected), v.transform(plainHost), v.string(expected));
}

/** `URL.parse`, which some hosts lack. */
export function parseUrl(given: string): URL | null {
  try {
    return new URL(given);
  } catch {
    return null;
  }
}

/** A name of labels (RFC 1123, section 2.1, plus underscores) or an address. Hosts of URLs may have further characters. */
const HOST = /^(?=.{1,253}$)(?:[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*|\[[0-9a-f:.]+\])$/;

function plainHost(given: string): string | null {
  const url = parseUrl(`https://${given}/`);
  const isPlain = url !== null && url.port === "" && url.username === "" && !/[/?#@\\\s]|:\d+$/.test(given);
  const host = isPlain ? url.hostname.replace(/\.$/, "") : "";
  return HOST.test(host) ? host : null;
}

/** The parts of a valibot schema that are read here. */
interface SchemaShape {
  readonly type: string;
  readonly entries?: Readonly<Record<string, SchemaShape>>;
  readonly item?: SchemaShape;
  readonly wrapped?: SchemaShape;
}

/** Marks a field as secret: faults never show its value. */
export function secret<const Schema extends v.GenericSchema>(schema: Schema) {
  return v.pipe(schema, v.metadata({ isSecret: true }));
}

/** The fields of an object's schema that are marked as {@link secret}. */
export function secretFieldsOf({ entries = {} }: SchemaShape): string[] {
  return Object.keys(entries).filter((name) => leadsToSecret(entries[name], []));
}

/** Whether a schema, or one on the way to the field that these keys lead to, is marked as {@link secret}. */
function leadsToSecret(schema: SchemaShape | undefined, keys: readonly (string | number)[]): boolean {
  if (schema === undefined) return false;
  if (v.getMetadata(schema as v.GenericSchema).isSecret === true) return true;
  if (schema.wrapped !== undefined) return leadsToSecret(schema.wrapped, keys);
  const [key, ...rest] = keys;
  if (key === undefined) return false;
  return leadsToSecret(typeof key === "number" ? schema.item : schema.entries?.[key], rest);
}

/**
 * The faults that a failed parse found, without secrets.
 * @param schema what parsed the data: values of fields that it marks as {@link secret} are not shown.
 * @param isHidden further fields whose values must not be shown.
 */
export function faultsOf(
  issues: readonly v.BaseIssue<unknown>[],
  schema: SchemaShape,
  isHidden: (field: string) => boolean = () => false,
): Fault[] {
  return issues.map((issue) => {
    const keys = (issue.path ?? []).map((item) => item.key as string | number);
    const field = fieldName(keys);
    const hidden = leadsToSecret(schema, keys) || isHidden(field);
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
  // The input of a check across fields is the whole object; the value of the field is in the path.
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

/** Removes user, password and query from a URL, which may be secret. Leaves any other text unchanged. */
function withoutCredentials(value: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return value;
  return value.replace(/\/\/[^/?#]*@/, "//…@").replace(/[?#].*$/s, "?…");
}
