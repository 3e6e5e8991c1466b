/**
 * Texts of a configuration that a host keeps in its secret store: `{"secret": "NAME"}`.
 * @module
 */

/** A text of the host's secret store, in place of a text of the configuration. */
export interface StoredSecret {
  secret: string;
}

/** A configuration in which any text may be a secret of the host's secret store. */
export type WithSecrets<T> = T extends string
  ? T | StoredSecret
  : T extends readonly (infer Item)[]
    ? WithSecrets<Item>[]
    : T extends object
      ? { [Key in keyof T]: WithSecrets<T[Key]> }
      : T;

/** Replaces each secret by a text. */
export function replaceSecrets<T>(value: WithSecrets<T>, textOf: (name: string) => string): T {
  return replace(value, textOf) as T;
}

function replace(value: unknown, textOf: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => replace(item, textOf));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  const [key, name] = entries[0] ?? [];
  if (entries.length === 1 && key === "secret" && typeof name === "string") return textOf(name);
  return Object.fromEntries(entries.map(([field, item]) => [field, replace(item, textOf)]));
}

/** The names of the secrets in a configuration. */
export function secretNames(value: unknown): string[] {
  const names = new Set<string>();
  replace(value, (name) => {
    names.add(name);
    return name;
  });
  return [...names];
}

/** Replaces texts at any depth of a value. */
export function replaceTexts<T>(value: T, texts: ReadonlyMap<string, string>): T {
  const map = (item: unknown): unknown => {
    if (typeof item === "string") return texts.get(item) ?? item;
    if (Array.isArray(item)) return item.map(map);
    if (typeof item !== "object" || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([key, each]) => [key, map(each)]));
  };
  return map(value) as T;
}

/** A placeholder of 64 hex digits for a secret, so that a configuration can be checked before its secrets are read. */
export function standIn(name: string): string {
  const digits = Array.from(name, (char) => char.codePointAt(0)!.toString(16)).join("");
  return digits.padEnd(64, "0").slice(-64);
}
