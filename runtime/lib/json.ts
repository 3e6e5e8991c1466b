/** A JSON object with unknown fields. */
export type JsonObject = Record<string, unknown>;

/** Whether a value parsed from JSON is an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Parses JSON from outside.
 * @param what name of the text, for the error
 * @throws {Error} if the text is not JSON. The error quotes nothing of it, unlike that of `JSON.parse`, because errors are logged.
 */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${what} is not JSON`);
  }
}
