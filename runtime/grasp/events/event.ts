/**
 * Nostr events (NIP-01): their shape, the text that their id is the hash of, and the checks that need no signature.
 * @module
 */
import { isObject } from "../../lib/json.ts";

/** One tag: a name and its values. */
export type Tag = readonly string[];

/** A Nostr event. */
export interface NostrEvent {
  /** SHA-256 of {@link canonicalText}, 64 lower-case hex digits. */
  readonly id: string;
  /** The author's x-only public key, 64 lower-case hex digits. */
  readonly pubkey: string;
  /** Seconds since the epoch. */
  readonly created_at: number;
  /** 0 to 65535. */
  readonly kind: number;
  readonly tags: readonly Tag[];
  readonly content: string;
  /** Schnorr signature of the id, 128 lower-case hex digits. */
  readonly sig: string;
}

/** An event without its signature. */
export type UnsignedEvent = Omit<NostrEvent, "id" | "sig">;

/** Figures of R9 and of the table of limits. */
export interface EventLimits {
  /** Largest number of tags. Default: 10,240. */
  readonly maxTags: number;
  /** Largest content, in bytes of UTF-8. Default: 1 MiB. */
  readonly maxContentBytes: number;
  /** How far in the future an event may be dated, in seconds. Default: 1,800. */
  readonly maxAheadSeconds: number;
}

export const EVENT_LIMITS: EventLimits = {
  maxTags: 10_240,
  maxContentBytes: 1024 ** 2,
  maxAheadSeconds: 1800,
};

const MAX_KIND = 65_535;
const MAX_SECONDS = 2 ** 31;
const HEX_64 = /^[0-9a-f]{64}$/;
const HEX_128 = /^[0-9a-f]{128}$/;

/** Whether a text is 64 lower-case hex digits: an event id, or a public key. */
export function isHex64(text: string): boolean {
  return HEX_64.test(text);
}

/** What an event from outside is: the event as we write it, or what is wrong with it. */
export type ParsedEvent = { readonly event: NostrEvent } | { readonly fault: string };

/**
 * Reads an event's shape (R7, R9, R64): types, hex lengths, kind, time, sizes. Fields other than the seven are dropped. The id
 * and the signature are not verified.
 * @param value parsed from JSON.
 * @param nowSeconds the time of arrival, in seconds since the epoch.
 */
export function parseEvent(
  value: unknown,
  nowSeconds: number,
  limits: EventLimits = EVENT_LIMITS,
): ParsedEvent {
  if (!isObject(value)) return { fault: "an event is a JSON object" };
  const { id, pubkey, created_at: createdAt, kind, tags, content, sig } = value;
  if (typeof id !== "string" || !HEX_64.test(id)) return { fault: "id is not 64 lower-case hex digits" };
  if (typeof pubkey !== "string" || !HEX_64.test(pubkey)) {
    return { fault: "pubkey is not 64 lower-case hex digits" };
  }
  if (typeof sig !== "string" || !HEX_128.test(sig)) return { fault: "sig is not 128 lower-case hex digits" };
  if (!isWhole(kind, MAX_KIND)) return { fault: "kind is not an integer from 0 to 65535" };
  if (!isWhole(createdAt, MAX_SECONDS - 1))
    return { fault: "created_at is not a number of seconds below 2^31" };
  if (createdAt > nowSeconds + limits.maxAheadSeconds) {
    return { fault: "created_at is more than 30 minutes in the future" };
  }
  if (typeof content !== "string") return { fault: "content is not a text" };
  if (bytesOf(content) > limits.maxContentBytes) return { fault: "content is too long" };
  if (!Array.isArray(tags)) return { fault: "tags is not a list" };
  if (tags.length > limits.maxTags) return { fault: `there are more than ${limits.maxTags} tags` };
  if (!tags.every(isTag)) return { fault: "a tag is a list of texts" };
  // UTF-8 cannot hold a lone surrogate, so that such an event has no id (R63).
  if (!content.isWellFormed() || !tags.every((tag) => tag.every((item) => item.isWellFormed())))
    return { fault: "a text is not Unicode" };
  return { event: { id, pubkey, created_at: createdAt, kind, tags, content, sig } };
}

function isWhole(value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max;
}

function isTag(value: unknown): value is Tag {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string");
}

/** The length of a text in UTF-8, in bytes. */
function bytesOf(text: string): number {
  // A UTF-16 unit takes at most three bytes, so that a short text needs no encoder.
  return text.length * 3 <= 1024 ? text.length : new TextEncoder().encode(text).length;
}

/**
 * The text that an event's id is the SHA-256 of (R63). `JSON.stringify` escapes what NIP-01 says and no more, apart from lone
 * surrogates, which UTF-8 cannot hold.
 */
export function canonicalText({ pubkey, created_at, kind, tags, content }: UnsignedEvent): string {
  return JSON.stringify([0, pubkey, created_at, kind, tags, content]);
}

/** The date of an event, and what decides at equal dates. */
export type Dated = Pick<NostrEvent, "created_at" | "id">;

/** Which of two events of one address replaces the other (R54): the newer, at equal times the one with the smaller id. */
export function isNewer(a: Dated, b: Dated): boolean {
  return a.created_at !== b.created_at ? a.created_at > b.created_at : a.id < b.id;
}

/** The end of an event's life (NIP-40, R12), in seconds since the epoch; `null`: it has none. */
export function expiryOf(event: Pick<NostrEvent, "tags">): number | null {
  const value = tagValue(event, "expiration");
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null;
}

/** The first value of the first tag of this name. */
export function tagValue({ tags }: Pick<NostrEvent, "tags">, name: string): string | undefined {
  return tags.find((tag) => tag[0] === name)?.[1];
}

/** All values of all tags of this name, in order (R30: one tag with many values, or many tags). */
export function tagValues({ tags }: Pick<NostrEvent, "tags">, name: string): string[] {
  return tags.filter((tag) => tag[0] === name).flatMap((tag) => tag.slice(1));
}
