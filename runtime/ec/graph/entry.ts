/**
 * The value of one identity graph entry and every change to it, as pure functions.
 * @module
 */
import { parseJson } from "../../lib/json.ts";
import type { Json } from "../../platform.ts";
import type { Consent } from "../request/consent.ts";
import type { ConsentEvidence } from "../request/evidence.ts";

/** How long a live entry is kept after its last write: one year. */
export const ENTRY_TTL_SECONDS = 31_536_000;
/** How long a tombstone is kept: 24 hours. */
export const TOMBSTONE_TTL_SECONDS = 86_400;
/**
 * How long a deletion mark is kept: one hour. Every write of an id begins with a request, and the longest requests, a batch upload
 * on a slow store or a page of a slow origin, take minutes.
 */
export const DELETION_TTL_SECONDS = 3600;
/** A stored `lastSeen` younger than this is not written again. */
export const LAST_SEEN_DEBOUNCE_SECONDS = 300;

/** One partner's own id for the visitor, and when the partner gave it (seconds since the epoch). */
export interface PartnerId {
  uid: string;
  synced: number;
  /** The generation of the partner that gave it; left out for the first partner registered under its id. */
  generation?: number;
}

/** What the graph holds for one EC id. Times are whole seconds since the Unix epoch. Never an address. */
export interface GraphEntry {
  v: 1;
  created: number;
  lastSeen: number;
  /**
   * `ok: false` makes the entry a tombstone: consent was withdrawn at `updated`. `tcf` and `gpp` are hashes, the evidence of the
   * strings that the visitor sent.
   */
  consent: ConsentEvidence & { ok: boolean; updated: number };
  geo: { country: string | null; region?: string };
  ids: Record<string, PartnerId>;
  /**
   * Makes the entry a deletion mark: a tombstone that only holds when the id was deleted. Readers treat it as no entry, and
   * writes that were under way at the deletion find it and write nothing.
   */
  deleted?: true;
}

/** The part of an entry that can be read without decoding it. */
export interface EntryMetadata {
  ok: boolean;
  country: string | null;
  v: 1;
  /** It is a deletion mark. */
  deleted?: true;
}

/** Whole seconds of a time in milliseconds. */
export function toSeconds(nowMs: number): number {
  return Math.floor(nowMs / 1000);
}

/** The entry of a visitor who is seen for the first time now, with consent. */
export function newEntry(
  { country, region }: Pick<Consent, "country" | "region">,
  evidence: ConsentEvidence,
  nowSeconds: number,
): GraphEntry {
  return {
    v: 1,
    created: nowSeconds,
    lastSeen: nowSeconds,
    consent: { ...evidence, ok: true, updated: nowSeconds },
    geo: region === null ? { country } : { country, region },
    ids: {},
  };
}

/** The live entry of an id that a partner knows and the graph does not. */
export function minimalEntry(nowSeconds: number): GraphEntry {
  return {
    v: 1,
    created: nowSeconds,
    lastSeen: nowSeconds,
    consent: { ok: true, updated: nowSeconds },
    geo: { country: null },
    ids: {},
  };
}

/** The mark that replaces an entry, and keeps late writes from creating it again. */
export function deletionMark(nowSeconds: number): GraphEntry {
  return {
    ...minimalEntry(nowSeconds),
    consent: { ok: false, updated: nowSeconds },
    deleted: true,
  };
}

/**
 * How far ahead of now a stored time may be, in seconds: as far as a partner's clock may be ahead. A time further ahead was written
 * by a wrong clock, and is ignored.
 */
export const MAX_AHEAD_SECONDS = 3600;

/** Whether a stored time was written by a wrong clock. */
export function isFarAhead(storedSeconds: number, nowSeconds: number): boolean {
  return storedSeconds - nowSeconds > MAX_AHEAD_SECONDS;
}

/** Whether an entry must not be written to: consent was withdrawn, or the id was deleted. */
export function isTombstone(entry: GraphEntry): boolean {
  return !entry.consent.ok;
}

export function isDeletionMark(entry: GraphEntry): boolean {
  return entry.deleted === true;
}

/** A stored entry for readers: a deletion mark is no entry. */
export function unlessDeleted(stored: GraphEntry | null): GraphEntry | null {
  return stored !== null && isDeletionMark(stored) ? null : stored;
}

/** The generation of a partner, as a field for its ids. */
export function generationOf({ generation }: { generation?: number }): { generation?: number } {
  return generation === undefined ? {} : { generation };
}

/**
 * A partner's id in an entry.
 * @param partner an id that an earlier partner under the same partner id gave does not count.
 */
export function partnerIdIn(
  entry: GraphEntry,
  { id, generation }: { id: string; generation?: number },
): PartnerId | undefined {
  const known = Object.hasOwn(entry.ids, id) ? entry.ids[id] : undefined;
  return known?.generation === generation ? known : undefined;
}

/** The entry that `createOrRevive` writes; `null`: the stored one stays. */
export function createdOrRevived(stored: GraphEntry | null, fresh: GraphEntry): GraphEntry | null {
  if (stored === null) return fresh;
  if (isDeletionMark(stored)) return null;
  const { updated } = stored.consent;
  return isTombstone(stored) && (updated < fresh.created || isFarAhead(updated, fresh.created))
    ? fresh
    : null;
}

/** A stored entry with the `lastSeen` and consent of a visit; `null`: no write is due. */
export function seen(
  stored: GraphEntry | null,
  nowSeconds: number,
  evidence: ConsentEvidence,
): GraphEntry | null {
  if (stored === null || isTombstone(stored)) return null;
  const { lastSeen } = stored;
  if (nowSeconds - lastSeen <= LAST_SEEN_DEBOUNCE_SECONDS && !isFarAhead(lastSeen, nowSeconds)) return null;
  return { ...stored, lastSeen: nowSeconds, consent: { ...evidence, ok: true, updated: nowSeconds } };
}

/** The tombstone that replaces an entry; `null`: there is one already, which is neither extended nor rewritten. */
export function tombstoned(stored: GraphEntry | null, nowSeconds: number): GraphEntry | null {
  if (stored !== null && isTombstone(stored)) return null;
  const base = stored ?? minimalEntry(nowSeconds);
  return { ...base, consent: { ok: false, updated: nowSeconds }, ids: {} };
}

/** The result for one partner's id. */
export type UpsertOutcome = "written" | "fresh" | "tombstoned" | "deleted";

/**
 * A live entry with a partner's id merged in. `fresh`: the stored id is not older and stays; `tombstoned`: consent was withdrawn and
 * nothing is kept; `deleted`: the id was deleted and nothing is kept.
 */
export function withPartnerId(
  stored: GraphEntry | null,
  partner: string,
  id: PartnerId,
  nowSeconds: number,
): { outcome: UpsertOutcome; entry: GraphEntry | null } {
  if (stored !== null && isTombstone(stored)) {
    return { outcome: isDeletionMark(stored) ? "deleted" : "tombstoned", entry: null };
  }
  const base = stored ?? minimalEntry(nowSeconds);
  const known = partnerIdIn(base, { ...id, id: partner });
  const isFresh = known !== undefined && known.synced >= id.synced && !isFarAhead(known.synced, nowSeconds);
  if (isFresh) return { outcome: "fresh", entry: null };
  return { outcome: "written", entry: { ...base, ids: { ...base.ids, [partner]: id } } };
}

/** An entry without a partner's id; `null`: it has none. */
export function withoutPartnerId(
  stored: GraphEntry | null,
  partner: { id: string; generation?: number },
): GraphEntry | null {
  if (stored === null || partnerIdIn(stored, partner) === undefined) return null;
  const { [partner.id]: _, ...ids } = stored.ids;
  return { ...stored, ids };
}

/** The metadata to store with an entry. */
export function metadataOf(entry: GraphEntry): { [key in keyof EntryMetadata]: Json } {
  const facts = { ok: entry.consent.ok, country: entry.geo.country, v: 1 } as const;
  return isDeletionMark(entry) ? { ...facts, deleted: true } : facts;
}

/** How long the store keeps this entry, in seconds. */
export function ttlOf(entry: GraphEntry): number {
  if (isDeletionMark(entry)) return DELETION_TTL_SECONDS;
  return isTombstone(entry) ? TOMBSTONE_TTL_SECONDS : ENTRY_TTL_SECONDS;
}

/**
 * Reads an entry as stored.
 * @throws {Error} if it is not of version 1: an unknown version is never overwritten; readers answer degraded.
 */
export function decodeEntry(text: string): GraphEntry {
  const value = parseJson(text, "a graph entry") as GraphEntry | null;
  if (value?.v !== 1) throw new Error(`a graph entry has version ${versionOf(value)}, expected 1`);
  return value;
}

/** The version for an error message: a number, or `unknown`. */
function versionOf(value: { v: unknown } | null): string {
  return typeof value?.v === "number" ? String(value.v) : "unknown";
}
