/**
 * Texts that a configuration keeps elsewhere: `{"file": "path"}` and `{"env": "NAME"}`.
 * @module
 */
import { type Fault, fieldName } from "../../runtime/lib/schema.ts";
import type { Environment } from "./environment.ts";

/** Reads a text file. @throws {Error} saying why it cannot be read. */
export type ReadFile = (path: string) => string;

/** A configuration whose texts are resolved. */
export interface Resolved {
  value: unknown;
  faults: Fault[];
  /** The fields that refer to a file or variable, resolved or not. Their values must not be shown. */
  fields: Set<string>;
}

/**
 * Replaces every `{"file": …}` and `{"env": …}` by the text that it names. A line end at the end of a file is not part of the
 * text.
 */
export function resolveSecrets(input: unknown, env: Environment, readFile: ReadFile | undefined): Resolved {
  const faults: Fault[] = [];
  const resolvedFields = new Set<string>();

  function read(kind: "file" | "env", name: string, field: string): string | undefined {
    resolvedFields.add(field);
    const found = `{"${kind}": ${JSON.stringify(name)}}`;
    if (kind === "env") {
      const value = env[name];
      if (value === undefined)
        faults.push({ field, found, expected: `the environment variable ${name} to be set` });
      return value;
    }
    if (readFile === undefined) {
      faults.push({ field, found, expected: "the secret itself, because this host has no files" });
      return undefined;
    }
    try {
      return readFile(name).replace(/\r?\n$/, "");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      faults.push({ field, found, expected: `a file that can be read (${reason})` });
      return undefined;
    }
  }

  function resolve(value: unknown, keys: (string | number)[]): unknown {
    if (Array.isArray(value)) return value.map((item, index) => resolve(item, [...keys, index]));
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value);
    const [kind, name] = entries[0] ?? [];
    if (entries.length === 1 && (kind === "file" || kind === "env") && typeof name === "string") {
      return read(kind, name, fieldName(keys));
    }
    return Object.fromEntries(entries.map(([key, item]) => [key, resolve(item, [...keys, key])]));
  }

  return { value: resolve(input, []), faults, fields: resolvedFields };
}
