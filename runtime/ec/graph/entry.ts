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
/** How long a tombstone stands: 24 hours. */
export const TOMBSTONE_TTL_SECONDS = 86_400;
/**
 * How long a deletion mark stands: one hour. Whatever writes an id began with a request, and the longest of them, a batch
 * upload on a slow store or a page of a slow origin, takes minutes.
 */
export const DELETION_TTL_SECONDS = 3600;
/** A stored `lastSeen` younger than this is not written again. */
export const LAST_SEEN_DEBOUNCE_SECONDS = 300;

/** One partner's own id for the visitor, and when the partner gave it (seconds since the epoch). */
export interface PartnerId {
  uid: string;
  synced: number;
  /** Of the partner that gave it; left out for the first one registered under its id. */
  generation?: number;
}

/** What the graph holds for one EC id. Times are whole seconds since the Unix epoch. Never an address. */
export interface GraphEntry {
  v: 1;
  created: number;
  lastSeen: number;
  /**
   * `ok: false` makes the entry a tombstone: consent was withdrawn at `updated`. `tcf` and `gpp` are hashes, the evidence of
   * which strings the visitor sent; entries of earlier versions have the strings themselves.
   */
  consent: ConsentEvidence & { ok: boolean; updated: number };
  geo: { country: string | null; region?: string };
  ids: Record<string, PartnerId>;
  /**
   * Makes the entry a deletion mark, a tombstone that says nothing but when the id was deleted: for readers it is no entry
   * at all, and writes that were under way then find it and write nothing.
   */
  deleted?: true;
}

/** What can be read of an entry without decoding it. */
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

/** The entry of a visitor seen now for the first time, consent given. */
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

/** The live entry for an id that a partner knows and the graph does not. */
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

/** The mark that takes the place of an entry, and of whatever would have come to be one. */
export function deletionMark(nowSeconds: number): GraphEntry {
  return {
    ...minimalEntry(nowSeconds),
    consent: { ok: false, updated: nowSeconds },
    deleted: true,
  };
}

/**
 * How far ahead of now a stored time may be, in seconds: as far as a partner's clock may be. Further ahead, the clock that
 * wrote it was wrong, and the time holds nothing up.
 */
export const MAX_AHEAD_SECONDS = 3600;

/** Whether a stored time was written by a clock that was wrong. */
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

/** What is stored, as readers see it: a deletion mark is nothing. */
export function unlessDeleted(stored: GraphEntry | null): GraphEntry | null {
  return stored !== null && isDeletionMark(stored) ? null : stored;
}

/** The part of a partner's ids that tells whose they are. */
export function generationOf({ generation }: { generation?: number }): { generation?: number } {
  return generation === undefined ? {} : { generation };
}

/**
 * A partner's id in an entry.
 * @param partner only what this very partner gave counts, not what another gave that had its id before
 */
export function partnerIdIn(
  entry: GraphEntry,
  { id, generation }: { id: string; generation?: number },
): PartnerId | undefined {
  const known = Object.hasOwn(entry.ids, id) ? entry.ids[id] : undefined;
  return known?.generation === generation ? known : undefined;
}

/** What `createOrRevive` makes of what is stored; `null`: leave it as it is. */
export function createdOrRevived(stored: GraphEntry | null, fresh: GraphEntry): GraphEntry | null {
  if (stored === null) return fresh;
  if (isDeletionMark(stored)) return null;
  const { updated } = stored.consent;
  return isTombstone(stored) && (updated < fresh.created || isFarAhead(updated, fresh.created))
    ? fresh
    : null;
}

/** A stored entry with `lastSeen` (and the consent that came with the visit) brought up to date; `null`: no write is due. */
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

/** The tombstone that takes an entry's place; `null`: one stands already and is neither extended nor rewritten. */
export function tombstoned(stored: GraphEntry | null, nowSeconds: number): GraphEntry | null {
  if (stored !== null && isTombstone(stored)) return null;
  const base = stored ?? minimalEntry(nowSeconds);
  return { ...base, consent: { ok: false, updated: nowSeconds }, ids: {} };
}

/** What became of one partner's id. */
export type UpsertOutcome = "written" | "fresh" | "tombstoned" | "deleted";

/**
 * A live entry with a partner's id merged in. `fresh`: what is stored is not older and stays; `tombstoned`: consent
 * was withdrawn and nothing is kept; `deleted`: the same, since the id was deleted.
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

/** The metadata to store beside an entry. */
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
 * @throws {Error} if it is not one of version 1: better to answer degraded than to overwrite what we do not understand.
 */
export function decodeEntry(text: string): GraphEntry {
  const value = parseJson(text, "a graph entry") as GraphEntry | null;
  if (value?.v !== 1) throw new Error(`a graph entry has version ${versionOf(value)}, expected 1`);
  return value;
}

/** For an error: a number, and of anything else only that it is none. */
function versionOf(value: { v: unknown } | null): string {
  return typeof value?.v === "number" ? String(value.v) : "unknown";
}
