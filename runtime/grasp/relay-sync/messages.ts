/**
 * Messages between a client and a relay (NIP-01, 42, 77), from the client's side.
 * @module
 */
import { fromHex } from "../../lib/hex.ts";
import { isObject, type JsonObject, jsonDepth, MAX_JSON_DEPTH, parseJson } from "../../lib/json.ts";
import type { Filter } from "../events/filter.ts";

/** A message of a relay that can be read. */
export type FromRelay =
  | { readonly type: "EVENT"; readonly subscription: string; readonly event: JsonObject }
  | { readonly type: "EOSE"; readonly subscription: string }
  | { readonly type: "CLOSED" | "NEG-ERR"; readonly subscription: string; readonly text: string }
  | { readonly type: "NEG-MSG"; readonly subscription: string; readonly message: Uint8Array }
  | { readonly type: "NOTICE"; readonly text: string }
  | { readonly type: "AUTH"; readonly challenge: string }
  | { readonly type: "OK"; readonly id: string; readonly ok: boolean; readonly text: string };

/** Longest challenge that is signed, in characters. */
const MAX_CHALLENGE = 1024;

/** Reads a message; `null`: it is none that we know. */
export function readFromRelay(text: string): FromRelay | null {
  // Deep nesting costs the parser stack (O32).
  if (jsonDepth(text) > MAX_JSON_DEPTH) return null;
  let value: unknown;
  try {
    value = parseJson(text, "the message");
  } catch {
    return null;
  }
  if (!Array.isArray(value)) return null;
  const [type, second, third, fourth] = value as unknown[];
  if (typeof second !== "string") return null;
  switch (type) {
    case "EVENT":
      return isObject(third) ? { type, subscription: second, event: third } : null;
    case "EOSE":
      return { type, subscription: second };
    case "CLOSED":
    case "NEG-ERR":
      return { type, subscription: second, text: textOf(third) };
    case "NEG-MSG": {
      const message = typeof third === "string" ? bytesOf(third) : null;
      return message === null ? null : { type, subscription: second, message };
    }
    case "NOTICE":
      return { type, text: second };
    case "AUTH":
      return second.length <= MAX_CHALLENGE ? { type, challenge: second } : null;
    case "OK":
      return { type, id: second, ok: third === true, text: textOf(fourth) };
    default:
      return null;
  }
}

/** A filter as it is sent. */
export function filterJson(filter: Filter): Record<string, unknown> {
  const { ids, authors, kinds, since, until, limit, tags } = filter;
  const json: Record<string, unknown> = {};
  if (ids !== undefined) json.ids = [...ids];
  if (authors !== undefined) json.authors = [...authors];
  if (kinds !== undefined) json.kinds = [...kinds];
  for (const [letter, values] of tags) json[`#${letter}`] = [...values];
  if (since !== undefined) json.since = since;
  if (until !== undefined) json.until = until;
  if (limit !== undefined) json.limit = limit;
  return json;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function bytesOf(hex: string): Uint8Array | null {
  return hex.length % 2 === 0 && /^[0-9a-f]*$/i.test(hex) ? fromHex(hex) : null;
}
