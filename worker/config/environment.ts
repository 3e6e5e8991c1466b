/**
 * Configuration by environment variables: `MILLRACE_` and the field's path, as in `MILLRACE_LISTEN_PORT`.
 * @module
 */
import { nearest } from "../../runtime/lib/nearest.ts";
import { type Fault, fieldName } from "../../runtime/lib/schema.ts";
import { repeatedFields } from "./repeated-fields.ts";

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that are no field. */
const OTHERS = ["MILLRACE_LOG", "MILLRACE_CONFIG"];

/** As much of a valibot schema as tells a field's place and type. */
interface SchemaShape {
  type: string;
  entries?: Record<string, SchemaShape>;
  wrapped?: SchemaShape;
}

interface Field {
  path: string[];
  type: string;
  nullable: boolean;
}

/** A configuration with the environment's values in it. */
export interface Overridden {
  value: unknown;
  faults: Fault[];
  /** The variable that each overridden field has its value from. */
  variables: Map<string, string>;
}

/**
 * Puts the values of `MILLRACE_…` variables into a configuration. A variable that names no field is a fault.
 * @param schema of the configuration; it says which fields there are and how a text becomes their type.
 */
export function overrideByEnvironment(input: unknown, env: Environment, schema: SchemaShape): Overridden {
  const known = new Map(fieldsOf(schema, []).map((field) => [variableOf(field.path), field]));
  const faults: Fault[] = [];
  const variables = new Map<string, string>();
  let value = input;
  for (const [name, given] of Object.entries(env)) {
    if (given === undefined || !name.startsWith("MILLRACE_") || OTHERS.includes(name)) continue;
    const field = known.get(name);
    if (field !== undefined) {
      const found = typed(given, field);
      value = withValue(value, field.path, found);
      if (Array.isArray(found) && given.trim().startsWith("["))
        faults.push(...repetitionsIn(given, field, name));
      variables.set(fieldName(field.path), name);
    } else if (!isServiceLink(name, given)) {
      const near = nearest(name, [...known.keys(), ...OTHERS]);
      const expected =
        near === null ? "MILLRACE_ and the path of a field" : `a field's variable; did you mean ${near}?`;
      faults.push({ field: name, found: "no such variable", expected });
    }
  }
  return { value, faults, variables };
}

/** Fields that stand twice in a list's JSON. */
function repetitionsIn(json: string, { path }: Field, variable: string): Fault[] {
  return [...repeatedFields(json)].map((repeated) => ({
    field: `${fieldName([...path, ...repeated.path])} (from ${variable})`,
    found: "given twice",
    expected: "one value",
  }));
}

/** What Kubernetes sets for a service called `millrace` or `millrace-…`, in every container of its namespace. */
function isServiceLink(name: string, value: string): boolean {
  return /_SERVICE_(HOST|PORT)|_PORT_\d+_/.test(name) || /^(tcp|udp|sctp):\/\//.test(value);
}

function fieldsOf(schema: SchemaShape, path: string[]): Field[] {
  let bare = schema;
  while (bare.wrapped !== undefined) bare = bare.wrapped;
  if (bare.entries === undefined) return [{ path, type: bare.type, nullable: schema.type === "nullish" }];
  return Object.entries(bare.entries).flatMap(([key, entry]) => fieldsOf(entry, [...path, key]));
}

/** `["consent", "assumeCountry"]` -> `MILLRACE_CONSENT_ASSUME_COUNTRY`. */
export function variableOf(path: readonly string[]): string {
  const snake = path.map((key) => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase());
  return `MILLRACE_${snake.join("_")}`;
}

/** A text as the field's type, or as it is where it does not fit: the schema then says what is wrong. */
function typed(given: string, { type, nullable }: Field): unknown {
  if (nullable && (given === "" || given === "null")) return null;
  if (type === "boolean") return given === "true" ? true : given === "false" ? false : given;
  if (type === "number") return /^-?\d+(\.\d+)?$/.test(given) ? Number(given) : given;
  if (type === "union" && /^\d+$/.test(given)) return Number(given);
  if (type !== "array" && type !== "union") return given;
  if (given.trim() === "") return [];
  if (!given.trim().startsWith("[")) return given.split(",").map((item) => item.trim());
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}

/** A copy of `target` with `value` at `path`. What is in the way and no object stays: the schema complains of it. */
function withValue(target: unknown, [key, ...rest]: string[], value: unknown): unknown {
  if (key === undefined) return value;
  if (target !== undefined && (typeof target !== "object" || target === null)) return target;
  const object = (target ?? {}) as Record<string, unknown>;
  return { ...object, [key]: withValue(object[key], rest, value) };
}
