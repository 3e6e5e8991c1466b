/**
 * Configuration by environment variables: `MILLRACE_` and the field's path, as in `MILLRACE_LISTEN_PORT`.
 * @module
 */
import { nearest } from "../../runtime/lib/nearest.ts";
import { type Fault, fieldName } from "../../runtime/lib/schema.ts";
import { repeatedFields } from "./repeated-fields.ts";

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that are not fields. */
const OTHER_VARIABLES = ["MILLRACE_LOG", "MILLRACE_CONFIG"];

/** The part of a valibot schema that has a field's path and type. */
export interface SchemaShape {
  type: string;
  entries?: Record<string, SchemaShape>;
  wrapped?: SchemaShape;
}

/** One field of a schema. */
export interface Field {
  path: string[];
  type: string;
  nullable: boolean;
}

/** A configuration that contains the environment's values. */
export interface Overridden {
  value: unknown;
  faults: Fault[];
  /** The variable of each overridden field. */
  variables: Map<string, string>;
}

/**
 * Puts the values of `MILLRACE_…` variables into a configuration. A variable that names no field is a fault.
 * @param schemaOf makes the schema of the configuration, from which the fields and their types are read. Called if there is a variable.
 */
export function overrideByEnvironment(
  input: unknown,
  env: Environment,
  schemaOf: () => SchemaShape,
): Overridden {
  let known: Map<string, Field> | null = null;
  const faults: Fault[] = [];
  const variables = new Map<string, string>();
  let value = input;
  for (const [name, given] of Object.entries(env)) {
    if (given === undefined || !name.startsWith("MILLRACE_") || OTHER_VARIABLES.includes(name)) continue;
    known ??= new Map(fieldsOf(schemaOf()).map((field) => [variableOf(field.path), field]));
    const field = known.get(name);
    if (field !== undefined) {
      const found = typed(given, field);
      value = withValue(value, field.path, found);
      if (Array.isArray(found) && given.trim().startsWith("["))
        faults.push(...repetitionsIn(given, field, name));
      variables.set(fieldName(field.path), name);
    } else if (!isServiceLink(name, given)) {
      const near = nearest(name, [...known.keys(), ...OTHER_VARIABLES]);
      const expected =
        near === null ? "MILLRACE_ and the path of a field" : `a field's variable; did you mean ${near}?`;
      faults.push({ field: name, found: "no such variable", expected });
    }
  }
  return { value, faults, variables };
}

/** Fields that appear twice in a list's JSON. */
function repetitionsIn(json: string, { path }: Field, variable: string): Fault[] {
  return [...repeatedFields(json)].map((repeated) => ({
    field: `${fieldName([...path, ...repeated.path])} (from ${variable})`,
    found: "given twice",
    expected: "one value",
  }));
}

/** Whether Kubernetes sets the variable, in every container of a namespace with a service `millrace` or `millrace-…`. */
function isServiceLink(name: string, value: string): boolean {
  return /_SERVICE_(HOST|PORT)|_PORT_\d+_/.test(name) || /^(tcp|udp|sctp):\/\//.test(value);
}

/** The fields of a schema that are not objects. */
export function fieldsOf(schema: SchemaShape, path: string[] = []): Field[] {
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

/** A text as the field's type. A text that does not fit stays as it is, and the schema reports it. */
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

/** A copy of `target` with `value` at `path`. A value on the way that is not an object stays, and the schema reports it. */
function withValue(target: unknown, [key, ...rest]: string[], value: unknown): unknown {
  if (key === undefined) return value;
  if (target !== undefined && (typeof target !== "object" || target === null)) return target;
  const object = (target ?? {}) as Record<string, unknown>;
  return { ...object, [key]: withValue(object[key], rest, value) };
}
