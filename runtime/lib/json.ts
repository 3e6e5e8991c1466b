/** A JSON object of which nothing more is known. */
export type JsonObject = Record<string, unknown>;

/** Whether a value parsed from JSON is an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Parses JSON from outside.
 * @param what it is, for the error
 * @throws {Error} if it is none. The error says nothing of the text: what `JSON.parse` throws quotes it, and so would a log.
 */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${what} is not JSON`);
  }
}
