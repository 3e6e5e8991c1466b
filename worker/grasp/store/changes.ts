/**
 * Changes of the database inside a transaction: replacement, deletion and vanishing (R54 to R62, R71).
 * @module
 */
import type { StatementSync } from "node:sqlite";
import { expiryOf, isNewer, type NostrEvent, tagValue } from "../../../runtime/grasp/events/event.ts";
import { isAddressable, isReplaceable, KIND } from "../../../runtime/grasp/events/kinds.ts";
import type { Remembered, Saved, StoreChanges } from "../../../runtime/grasp/ports.ts";
import { bytesOfHex } from "./queries.ts";

type Prepare = (sql: string) => StatementSync;

/** What is looked at of a stored event. */
interface Known {
  readonly row: number;
  readonly json: string;
}

/** The changes that a transaction can make. */
export function changesOn(prepare: Prepare): StoreChanges {
  return {
    save: (event, nowSeconds) => save(prepare, event, nowSeconds),
    remove(id, remember, untilSeconds) {
      prepare("DELETE FROM event WHERE id = ?").run(bytesOfHex(id));
      if (remember !== null) rememberId(prepare, id, remember, untilSeconds);
    },
    journalPut(key, entry) {
      prepare("INSERT OR REPLACE INTO journal (key, entry) VALUES (?, ?)").run(key, JSON.stringify(entry));
    },
    journalRemove(key) {
      prepare("DELETE FROM journal WHERE key = ?").run(key);
    },
    rememberExpired: (id, untilSeconds) => rememberId(prepare, id, "expired", untilSeconds),
    beginIntent(plan) {
      const { lastInsertRowid } = prepare("INSERT INTO intent (plan) VALUES (?)").run(JSON.stringify(plan));
      return Number(lastInsertRowid);
    },
    endIntent(id) {
      prepare("DELETE FROM intent WHERE id = ?").run(id);
    },
  };
}

function save(prepare: Prepare, event: NostrEvent, nowSeconds: number): Saved {
  const id = bytesOfHex(event.id);
  if (prepare("SELECT 1 FROM event WHERE id = ?").get(id) !== undefined) return { outcome: "duplicate" };
  const expiresAt = expiryOf(event);
  if (expiresAt !== null && expiresAt <= nowSeconds) return { outcome: "refused", reason: "expired" };
  if (isDeleted(prepare, event)) return { outcome: "refused", reason: "deleted" };
  if (hasVanished(prepare, event)) return { outcome: "refused", reason: "vanished" };

  const identifier = identifierOf(event);
  const gone: string[] = [];
  if (identifier !== null) {
    for (const known of versionsOf(prepare, event, identifier)) {
      const stored = JSON.parse(known.json) as NostrEvent;
      if (!isNewer(event, stored)) return { outcome: "refused", reason: "older" };
      gone.push(stored.id);
    }
  }
  for (const old of gone) prepare("DELETE FROM event WHERE id = ?").run(bytesOfHex(old));
  insert(prepare, event, identifier, expiresAt);
  if (event.kind === KIND.deletion) gone.push(...deleteNamed(prepare, event));
  if (event.kind === KIND.vanish) gone.push(...vanish(prepare, event));
  return { outcome: "stored", gone };
}

function insert(
  prepare: Prepare,
  event: NostrEvent,
  identifier: string | null,
  expiresAt: number | null,
): void {
  const { id, pubkey, created_at, kind, tags, content, sig } = event;
  // Our own writing of the seven fields (R64).
  const json = JSON.stringify({ id, pubkey, created_at, kind, tags, content, sig });
  const { lastInsertRowid } = prepare(
    "INSERT INTO event (id, pubkey, created_at, kind, identifier, expires_at, json) VALUES (?, ?, ?, ?, ?, ?, ?)",
  ).run(bytesOfHex(id), bytesOfHex(pubkey), created_at, kind, identifier, expiresAt, json);
  const insertTag = prepare("INSERT OR IGNORE INTO tag (name, value, created_at, event) VALUES (?, ?, ?, ?)");
  for (const [name, value] of tags) {
    if (name !== undefined && /^[a-zA-Z]$/.test(name) && value !== undefined) {
      insertTag.run(name, value, created_at, lastInsertRowid);
    }
  }
}

/** The `d` of an addressable event, the empty text for a replaceable one; `null`: every version is kept. */
function identifierOf(event: NostrEvent): string | null {
  if (isReplaceable(event.kind)) return "";
  return isAddressable(event.kind) ? (tagValue(event, "d") ?? "") : null;
}

/** The stored versions of an event's address. */
function versionsOf(prepare: Prepare, { kind, pubkey }: NostrEvent, identifier: string): Known[] {
  const sql = "SELECT row, json FROM event WHERE kind = ? AND identifier = ? AND pubkey = ?";
  return prepare(sql).all(kind, identifier, bytesOfHex(pubkey)) as unknown as Known[];
}

function isDeleted(prepare: Prepare, event: NostrEvent): boolean {
  const remembered = prepare("SELECT what FROM remembered WHERE id = ? AND what = 'deleted'").get(
    bytesOfHex(event.id),
  );
  if (remembered !== undefined) return true;
  const identifier = identifierOf(event);
  if (identifier === null) return false;
  const row = prepare("SELECT until FROM deleted_address WHERE address = ?").get(
    `${event.kind}:${event.pubkey}:${identifier}`,
  ) as { until: number } | undefined;
  return row !== undefined && event.created_at <= row.until;
}

function hasVanished(prepare: Prepare, { pubkey, created_at }: NostrEvent): boolean {
  const row = prepare("SELECT until FROM vanished WHERE pubkey = ?").get(bytesOfHex(pubkey)) as
    | { until: number }
    | undefined;
  return row !== undefined && created_at <= row.until;
}

/** Deletes what a deletion names, of its own author only (R56). @returns the ids of events that were served */
function deleteNamed(prepare: Prepare, { pubkey, created_at, tags }: NostrEvent): string[] {
  const gone: string[] = [];
  for (const [name, value] of tags) {
    if (value === undefined) continue;
    if (name === "e" && /^[0-9a-f]{64}$/.test(value)) {
      const row = prepare("SELECT json FROM event WHERE id = ?").get(bytesOfHex(value)) as
        | { json: string }
        | undefined;
      const target = row === undefined ? null : (JSON.parse(row.json) as NostrEvent);
      if (target === null) continue;
      const isProtected = target.kind === KIND.deletion || target.kind === KIND.vanish;
      if (target.pubkey !== pubkey || isProtected) continue;
      prepare("DELETE FROM event WHERE id = ?").run(bytesOfHex(value));
      rememberId(prepare, value, "deleted");
      gone.push(value);
    }
    if (name === "a") gone.push(...deleteAddress(prepare, value, pubkey, created_at));
  }
  return gone;
}

/** Deletes the versions of an address up to the deletion's time. */
function deleteAddress(prepare: Prepare, address: string, pubkey: string, until: number): string[] {
  const [kind, author, identifier] = splitAddress(address);
  if (author !== pubkey || identifier === undefined) return [];
  const sql = "SELECT until FROM deleted_address WHERE address = ?";
  const known = prepare(sql).get(address) as { until: number } | undefined;
  prepare("INSERT OR REPLACE INTO deleted_address (address, until) VALUES (?, ?)").run(
    address,
    Math.max(until, known?.until ?? 0),
  );
  const rows = prepare(
    "SELECT row, json FROM event WHERE kind = ? AND identifier = ? AND pubkey = ? AND created_at <= ?",
  ).all(kind, identifier, bytesOfHex(pubkey), until) as unknown as Known[];
  const deleteRow = prepare("DELETE FROM event WHERE row = ?");
  return rows.map(({ row, json }) => {
    deleteRow.run(row);
    return (JSON.parse(json) as NostrEvent).id;
  });
}

/** `30617:<key>:<identifier>`, split at its first two colons (R46). */
function splitAddress(address: string): [number, string | undefined, string | undefined] {
  const match = /^(\d{1,5}):([0-9a-f]{64}):(.*)$/s.exec(address);
  return match === null ? [0, undefined, undefined] : [Number(match[1]), match[2], match[3]];
}

/** Removes everything of an author up to the request's time, and refuses it from then on (R62, R71). */
function vanish(prepare: Prepare, { id, pubkey, created_at }: NostrEvent): string[] {
  prepare("INSERT OR REPLACE INTO vanished (pubkey, until) VALUES (?, ?)").run(
    bytesOfHex(pubkey),
    created_at,
  );
  const rows = prepare("SELECT row, json FROM event WHERE pubkey = ? AND created_at <= ? AND id <> ?").all(
    bytesOfHex(pubkey),
    created_at,
    bytesOfHex(id),
  ) as unknown as Known[];
  const deleteRow = prepare("DELETE FROM event WHERE row = ?");
  return rows.map(({ row, json }) => {
    deleteRow.run(row);
    const { id: gone } = JSON.parse(json) as NostrEvent;
    rememberId(prepare, gone, "deleted");
    return gone;
  });
}

function rememberId(prepare: Prepare, id: string, what: Remembered, untilSeconds?: number): void {
  prepare("INSERT OR REPLACE INTO remembered (id, what, until) VALUES (?, ?, ?)").run(
    bytesOfHex(id),
    what,
    untilSeconds ?? null,
  );
}
