/**
 * A registered partner's record in the store: its text, a change of some fields, and which of its keys has a hash.
 * @module
 */
import type { HotPath } from "../../../wasm/hotpath.ts";
import { type JsonObject, parseJson } from "../../lib/json.ts";
import type { Partner, WhichKey } from "./partner.ts";

/**
 * A stored record with the given fields in place of its own. A new key ends every old one: the old key may have leaked.
 * @param keepsKey the key that a new one replaces becomes the previous key.
 */
export function withChanges(stored: Partner, input: JsonObject, keepsKey: boolean): JsonObject {
  const { apiKeyHash, previousApiKeyHash, ...rest } = stored;
  const isNew = input.apiKey !== undefined || input.apiKeyHash !== undefined;
  if (isNew) return { ...rest, ...(keepsKey ? { previousApiKeyHash: apiKeyHash } : {}), ...input };
  const previous = input.previousApiKey === undefined ? { previousApiKeyHash } : {};
  return { ...rest, apiKeyHash, ...previous, ...input };
}

/** The text that the store keeps. */
export function encodeRecord(partner: Partner): string {
  return JSON.stringify({ v: 1, ...partner });
}

/** @throws {Error} if the record is not one of version 1. */
export function decodeRecord(text: string): Partner {
  const { v, ...partner } = parseJson(text, "a partner's record") as Partner & { v: unknown };
  if (v !== 1) throw new Error("a partner's record is of another version than 1");
  // Records from before there were two keys lack the second.
  return { ...partner, previousApiKeyHash: partner.previousApiKeyHash ?? null };
}

/** Which of a partner's keys has a hash; `null`: neither. Each comparison takes constant time. */
export function keyWithHash(
  hotPath: Pick<HotPath, "equal">,
  partner: Partner,
  keyHash: string,
): WhichKey | null {
  if (isSameHash(hotPath, partner.apiKeyHash, keyHash)) return "current";
  return isSameHash(hotPath, partner.previousApiKeyHash, keyHash) ? "previous" : null;
}

function isSameHash({ equal }: Pick<HotPath, "equal">, ours: string | null, given: string): boolean {
  const encoder = new TextEncoder();
  return ours !== null && equal(encoder.encode(ours), encoder.encode(given));
}
