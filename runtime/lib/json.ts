import type { Json } from "../platform.ts";

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

/** A copy of a value as JSON has it: without fields that are `undefined`, and without methods. */
export function jsonCopy(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

/** Deepest nesting of JSON from outside that is parsed. */
export const MAX_JSON_DEPTH = 32;

/** The deepest nesting of brackets outside of texts. */
export function jsonDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isText = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isText) {
      if (code === 0x5c) at++;
      else if (code === 0x22) isText = false;
    } else if (code === 0x22) isText = true;
    else if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x5d || code === 0x7d) depth--;
  }
  return deepest;
}
