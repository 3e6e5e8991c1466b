/** A JSON object of which nothing more is known. */
export type JsonObject = Record<string, unknown>;

/** Whether a value parsed from JSON is an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
