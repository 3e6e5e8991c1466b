/**
 * The value of one identity graph entry and every change to it, as pure functions.
 * @module
 */
import type { Json } from "../platform.ts";
import type { Consent } from "./consent.ts";

/** How long a live entry is kept after its last write: one year. */
export const ENTRY_TTL_SECONDS = 31_536_000;
/** How long a tombstone stands: 24 hours. */
export const TOMBSTONE_TTL_SECONDS = 86_400;
/** A stored `lastSeen` younger than this is not written again. */
export const LAST_SEEN_DEBOUNCE_SECONDS = 300;

/** One partner's own id for the visitor, and when the partner gave it (seconds since the epoch). */
export interface PartnerId {
  uid: string;
  synced: number;
}

/** What the graph holds for one EC id. Times are whole seconds since the Unix epoch. Never an address. */
export interface GraphEntry {
  v: 1;
  created: number;
  lastSeen: number;
  /** `ok: false` makes the entry a tombstone: consent was withdrawn at `updated`. */
  consent: { tcf?: string; gpp?: string; ok: boolean; updated: number };
  geo: { country: string | null; region?: string };
  ids: Record<string, PartnerId>;
}

/** What can be read of an entry without decoding it. */
export interface EntryMetadata {
  ok: boolean;
  country: string | null;
  v: 1;
}

/** Whole seconds of a time in milliseconds. */
export function toSeconds(nowMs: number): number {
  return Math.floor(nowMs / 1000);
}

/** The entry of a visitor seen now for the first time, consent given. */
export function newEntry(consent: Consent, nowSeconds: number): GraphEntry {
  const { country, region } = consent;
  return {
    v: 1,
    created: nowSeconds,
    lastSeen: nowSeconds,
    consent: consentRecord(consent, nowSeconds),
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

/** The part of a consent that the graph keeps: the strings as the visitor sent them. */
function consentRecord(consent: Consent, nowSeconds: number): GraphEntry["consent"] {
  const { tcf, gpp } = consent.signals;
  return {
    ...(tcf === null ? {} : { tcf }),
    ...(gpp === null ? {} : { gpp }),
    ok: true,
    updated: nowSeconds,
  };
}

export function isTombstone(entry: GraphEntry): boolean {
  return !entry.consent.ok;
}

/** What `createOrRevive` makes of what is stored; `null`: leave it as it is. */
export function createdOrRevived(stored: GraphEntry | null, fresh: GraphEntry): GraphEntry | null {
  if (stored === null) return fresh;
  return isTombstone(stored) && stored.consent.updated < fresh.created ? fresh : null;
}

/** A stored entry with `lastSeen` (and the consent that came with the visit) brought up to date; `null`: no write is due. */
export function seen(stored: GraphEntry | null, nowSeconds: number, consent: Consent): GraphEntry | null {
  if (stored === null || isTombstone(stored)) return null;
  if (nowSeconds - stored.lastSeen <= LAST_SEEN_DEBOUNCE_SECONDS) return null;
  return { ...stored, lastSeen: nowSeconds, consent: consentRecord(consent, nowSeconds) };
}

/** The tombstone that takes an entry's place; `null`: one stands already and is neither extended nor rewritten. */
export function tombstoned(stored: GraphEntry | null, nowSeconds: number): GraphEntry | null {
  if (stored !== null && isTombstone(stored)) return null;
  const base = stored ?? minimalEntry(nowSeconds);
  return { ...base, consent: { ok: false, updated: nowSeconds }, ids: {} };
}

/** What became of one partner's id. */
export type UpsertOutcome = "written" | "fresh" | "tombstoned";

/**
 * A live entry with a partner's id merged in. `fresh`: what is stored is not older and stays; `tombstoned`: consent
 * was withdrawn and nothing is kept.
 */
export function withPartnerId(
  stored: GraphEntry | null,
  partner: string,
  id: PartnerId,
  nowSeconds: number,
): { outcome: UpsertOutcome; entry: GraphEntry | null } {
  if (stored !== null && isTombstone(stored)) return { outcome: "tombstoned", entry: null };
  const base = stored ?? minimalEntry(nowSeconds);
  const known = Object.hasOwn(base.ids, partner) ? base.ids[partner] : undefined;
  if (known !== undefined && known.synced >= id.synced) return { outcome: "fresh", entry: null };
  return { outcome: "written", entry: { ...base, ids: { ...base.ids, [partner]: id } } };
}

/** The metadata to store beside an entry. */
export function metadataOf(entry: GraphEntry): { [key in keyof EntryMetadata]: Json } {
  return { ok: entry.consent.ok, country: entry.geo.country, v: 1 };
}

/** How long the store keeps this entry, in seconds. */
export function ttlOf(entry: GraphEntry): number {
  return isTombstone(entry) ? TOMBSTONE_TTL_SECONDS : ENTRY_TTL_SECONDS;
}

/**
 * Reads an entry as stored.
 * @throws {Error} if it is not one of version 1: better to answer degraded than to overwrite what we do not understand.
 */
export function decodeEntry(text: string): GraphEntry {
  const value = JSON.parse(text) as GraphEntry;
  if (value?.v !== 1) throw new Error(`a graph entry has version ${String(value?.v)}, expected 1`);
  return value;
}
