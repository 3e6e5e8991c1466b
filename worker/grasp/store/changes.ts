/**
 * Changes of the database inside a transaction: replacement, deletion and vanishing (R54 to R62, R71).
 * @module
 */
import { Buffer } from "node:buffer";
import {
  type Dated,
  expiryOf,
  isHex64,
  isNewer,
  type NostrEvent,
  tagValue,
} from "../../../runtime/grasp/events/event.ts";
import { isAddressable, isReplaceable, KIND } from "../../../runtime/grasp/events/kinds.ts";
import { CLOSED_KINDS, MAX_REFERENCES, MAX_STEPS } from "../../../runtime/grasp/policy/other-policy.ts";
import type { Remembered, Saved, StoreChanges } from "../../../runtime/grasp/ports.ts";
import { BACKUP_MS } from "../../../runtime/grasp/release/backups.ts";
import { addBackup } from "./backups.ts";
import { bytesOfHex, type Prepare } from "./queries.ts";

/** Expired events that are removed at once. */
const MAX_REMOVED = 1000;
/** Kinds that no deletion removes (R56, R71). */
const UNDELETABLE: ReadonlySet<number> = new Set([KIND.deletion, KIND.vanish]);

/** A stored event. */
interface StoredEvent extends NostrEvent {
  readonly row: number;
}

/** The changes that a transaction can make. */
export function changesOn(prepare: Prepare): StoreChanges {
  return {
    save: (event, nowSeconds, steps) => save(prepare, event, nowSeconds, steps),
    hold: (ids, repository, until) => hold(prepare, ids, repository, until),
    endHold(id) {
      prepare("DELETE FROM held WHERE id = ?").run(bytesOfHex(id));
    },
    holdSet(repository, set, until) {
      const identifier = repository.slice(repository.indexOf("/") + 1);
      prepare(
        "INSERT OR REPLACE INTO held_set (repository, identifier, members, until) VALUES (?, ?, ?, ?)",
      ).run(repository, identifier, JSON.stringify([...set]), until);
    },
    endHoldSet(repository) {
      prepare("DELETE FROM held_set WHERE repository = ?").run(repository);
    },
    allowAddress(address, untilSeconds) {
      prepare("DELETE FROM deleted_address WHERE address = ? AND until <= ?").run(address, untilSeconds);
    },
    resumeState(id) {
      prepare("DELETE FROM ended_state WHERE id = ?").run(bytesOfHex(id));
    },
    ban(target) {
      prepare("INSERT OR IGNORE INTO ban (target) VALUES (?)").run(target);
    },
    unban(target) {
      prepare("DELETE FROM ban WHERE target = ?").run(target);
    },
    removeExpired: (nowSeconds) => removeExpired(prepare, nowSeconds),
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
    removeAddress: (kind, pubkey, identifier, untilSeconds) =>
      deleteAddress(prepare, `${kind}:${pubkey}:${identifier}`, pubkey, untilSeconds),
    endState: (owner, identifier, state) => endState(prepare, owner, identifier, state),
    addBackup: (owner, identifier, backup) => addBackup(prepare, owner, identifier, backup),
    removeBackups(owner, identifier, untilMs) {
      prepare("DELETE FROM backup WHERE owner = ? AND identifier = ? AND at <= ?").run(
        bytesOfHex(owner),
        identifier,
        untilMs,
      );
    },
    beginIntent(plan) {
      const { lastInsertRowid } = prepare("INSERT INTO intent (plan) VALUES (?)").run(JSON.stringify(plan));
      return Number(lastInsertRowid);
    },
    endIntent(id) {
      prepare("DELETE FROM intent WHERE id = ?").run(id);
    },
  };
}

function save(prepare: Prepare, event: NostrEvent, nowSeconds: number, steps = 0): Saved {
  const id = bytesOfHex(event.id);
  if (prepare("SELECT 1 FROM event WHERE id = ?").get(id) !== undefined) return { outcome: "duplicate" };
  const expiresAt = expiryOf(event);
  const reason = refusalOf(prepare, event, nowSeconds);
  if (reason !== null) return { outcome: "refused", reason };

  const identifier = identifierOf(event);
  const replaced = identifier === null ? [] : versionsOf(prepare, event, identifier);
  if (replaced.some((version) => !isNewer(event, version))) return { outcome: "refused", reason: "older" };
  const gone = removeRows(prepare, replaced);
  insert(prepare, event, { identifier, expiresAt, steps });
  if (event.kind === KIND.deletion) gone.push(...deleteNamed(prepare, event));
  if (event.kind === KIND.vanish) gone.push(...vanish(prepare, event));
  return { outcome: "stored", gone };
}

/** Why an event is not stored, apart from newer versions of it (R12, R56, R62); `null`: it is. */
export function refusalOf(
  prepare: Prepare,
  event: NostrEvent,
  nowSeconds: number,
): "deleted" | "vanished" | "expired" | null {
  const expiresAt = expiryOf(event);
  if (expiresAt !== null && expiresAt <= nowSeconds) return "expired";
  if (isDeleted(prepare, event)) return "deleted";
  return hasVanished(prepare, event) ? "vanished" : null;
}

/** The newest state of a repository that ended while it was authoritative (A17). */
export function endedState(prepare: Prepare, owner: string, identifier: string): Dated | null {
  const row = prepare("SELECT created_at, id FROM ended_state WHERE owner = ? AND identifier = ?").get(
    bytesOfHex(owner),
    identifier,
  ) as { created_at: number; id: Uint8Array } | undefined;
  return row === undefined ? null : { created_at: row.created_at, id: Buffer.from(row.id).toString("hex") };
}

function endState(prepare: Prepare, owner: string, identifier: string, { id, created_at }: Dated): void {
  const known = endedState(prepare, owner, identifier);
  if (known !== null && !isNewer({ id, created_at }, known)) return;
  prepare("INSERT OR REPLACE INTO ended_state (owner, identifier, created_at, id) VALUES (?, ?, ?, ?)").run(
    bytesOfHex(owner),
    identifier,
    created_at,
    bytesOfHex(id),
  );
}

function insert(
  prepare: Prepare,
  event: NostrEvent,
  { identifier, expiresAt, steps }: { identifier: string | null; expiresAt: number | null; steps: number },
): void {
  const { id, pubkey, created_at, kind, tags, content, sig } = event;
  // Our own writing of the seven fields (R64).
  const json = JSON.stringify({ id, pubkey, created_at, kind, tags, content, sig });
  const { lastInsertRowid } = prepare(
    "INSERT INTO event (id, pubkey, created_at, kind, identifier, expires_at, json) VALUES (?, ?, ?, ?, ?, ?, ?)",
  ).run(bytesOfHex(id), bytesOfHex(pubkey), created_at, kind, identifier, expiresAt, json);
  const insertTag = prepare(
    "INSERT OR IGNORE INTO tag (name, value, created_at, event, steps) VALUES (?, ?, ?, ?, ?)",
  );
  // Only the first references count, and none of an event that is too far away or opens no door (R50, R51).
  let references = CLOSED_KINDS.has(kind) || steps >= MAX_STEPS ? MAX_REFERENCES : 0;
  for (const [name, value] of tags) {
    if (name === undefined || value === undefined || !/^[a-zA-Z]$/.test(name)) continue;
    const isReference = /^[aAeEq]$/.test(name) && references++ < MAX_REFERENCES;
    insertTag.run(name, value, created_at, lastInsertRowid, isReference ? steps : null);
  }
}

/** The `d` of an addressable event, the empty text for a replaceable one; `null`: every version is kept. */
function identifierOf(event: NostrEvent): string | null {
  if (isReplaceable(event.kind)) return "";
  return isAddressable(event.kind) ? (tagValue(event, "d") ?? "") : null;
}

/** The stored versions of an event's address. */
function versionsOf(prepare: Prepare, { kind, pubkey }: NostrEvent, identifier: string): StoredEvent[] {
  const sql = "SELECT row, json FROM event WHERE kind = ? AND identifier = ? AND pubkey = ?";
  return storedOf(prepare(sql).all(kind, identifier, bytesOfHex(pubkey)));
}

function storedOf(rows: readonly unknown[]): StoredEvent[] {
  return (rows as { row: number; json: string }[]).map(({ row, json }) => ({
    row,
    ...(JSON.parse(json) as NostrEvent),
  }));
}

/** @returns the events of the rows */
function removeRows(prepare: Prepare, stored: readonly StoredEvent[]): NostrEvent[] {
  const remove = prepare("DELETE FROM event WHERE row = ?");
  return stored.map(({ row, ...event }) => {
    remove.run(row);
    return event;
  });
}

/** Whether an event was deleted, or its author asked for it before it came (R56). */
function isDeleted(prepare: Prepare, event: NostrEvent): boolean {
  const { id, pubkey, kind, created_at } = event;
  const remembered = prepare("SELECT what FROM remembered WHERE id = ? AND what = 'deleted'").get(
    bytesOfHex(id),
  );
  if (remembered !== undefined) return true;
  if (!UNDELETABLE.has(kind)) {
    const asked = prepare(
      "SELECT 1 FROM tag t JOIN event e ON e.row = t.event WHERE t.name = 'e' AND t.value = ? AND e.kind = 5 AND e.pubkey = ? LIMIT 1",
    ).get(id, bytesOfHex(pubkey));
    if (asked !== undefined) return true;
  }
  const identifier = identifierOf(event);
  if (identifier === null) return false;
  const row = prepare("SELECT until FROM deleted_address WHERE address = ?").get(
    `${kind}:${pubkey}:${identifier}`,
  ) as { until: number } | undefined;
  return row !== undefined && created_at <= row.until;
}

function hasVanished(prepare: Prepare, { pubkey, created_at }: NostrEvent): boolean {
  const row = prepare("SELECT until FROM vanished WHERE pubkey = ?").get(bytesOfHex(pubkey)) as
    | { until: number }
    | undefined;
  return row !== undefined && created_at <= row.until;
}

/** Deletes what a deletion names, of its own author only (R56). @returns the events that were served */
function deleteNamed(prepare: Prepare, { pubkey, created_at, tags }: NostrEvent): NostrEvent[] {
  const held = heldBy(prepare, pubkey);
  const heldWithId = new Map(held.map((event) => [event.id, event]));
  const gone: NostrEvent[] = [];
  for (const [name, value] of tags) {
    if (value === undefined) continue;
    if (name === "e" && isHex64(value)) {
      const one = heldWithId.get(value);
      if (one !== undefined && !UNDELETABLE.has(one.kind)) deleteHeld(prepare, one.id);
      gone.push(...deleteId(prepare, value, pubkey));
    }
    // What is held of it does not come back: its address is remembered.
    if (name === "a") gone.push(...deleteAddress(prepare, value, pubkey, created_at));
  }
  return gone;
}

function deleteId(prepare: Prepare, id: string, pubkey: string): NostrEvent[] {
  const named = storedOf(prepare("SELECT row, json FROM event WHERE id = ?").all(bytesOfHex(id)));
  const own = named.filter((target) => target.pubkey === pubkey && !UNDELETABLE.has(target.kind));
  for (const target of own) rememberId(prepare, target.id, "deleted");
  return removeRows(prepare, own);
}

/** Deletes the versions of an address up to the deletion's time. */
function deleteAddress(prepare: Prepare, address: string, pubkey: string, until: number): NostrEvent[] {
  const [kind, author, identifier] = splitAddress(address);
  if (author !== pubkey || identifier === undefined) return [];
  prepare(
    "INSERT INTO deleted_address (address, until) VALUES (?, ?) ON CONFLICT (address) DO UPDATE SET until = max(until, excluded.until)",
  ).run(address, until);
  const rows = prepare(
    "SELECT row, json FROM event INDEXED BY event_by_identifier WHERE kind = ? AND identifier = ? AND pubkey = ? AND created_at <= ?",
  ).all(kind, identifier, bytesOfHex(pubkey), until);
  return removeRows(prepare, storedOf(rows));
}

/** `30617:<key>:<identifier>`, split at its first two colons (R46). */
function splitAddress(address: string): [number, string | undefined, string | undefined] {
  const match = /^(\d{1,5}):([0-9a-f]{64}):(.*)$/s.exec(address);
  return match === null ? [0, undefined, undefined] : [Number(match[1]), match[2], match[3]];
}

/** Removes everything of an author up to the request's time, and refuses it from then on (R62, R71). */
function vanish(prepare: Prepare, { id, pubkey, created_at }: NostrEvent): NostrEvent[] {
  const key = bytesOfHex(pubkey);
  prepare(
    "INSERT INTO vanished (pubkey, until) VALUES (?, ?) ON CONFLICT (pubkey) DO UPDATE SET until = max(until, excluded.until)",
  ).run(key, created_at);
  const rows = prepare("SELECT row, json FROM event WHERE pubkey = ? AND created_at <= ? AND id <> ?").all(
    key,
    created_at,
    bytesOfHex(id),
  );
  const gone = removeRows(prepare, storedOf(rows));
  for (const event of gone) rememberId(prepare, event.id, "deleted");
  for (const held of heldBy(prepare, pubkey)) {
    if (held.created_at <= created_at) deleteHeld(prepare, held.id);
  }
  return gone;
}

/** Deletes a held event: it counts as here (R59). */
function deleteHeld(prepare: Prepare, id: string): void {
  prepare("DELETE FROM held WHERE id = ?").run(bytesOfHex(id));
  rememberId(prepare, id, "deleted");
}

/** The held events of an author. */
function heldBy(prepare: Prepare, pubkey: string): NostrEvent[] {
  const rows = prepare("SELECT json FROM held WHERE json_extract(json, '$.pubkey') = ?").all(pubkey);
  return (rows as { json: string }[]).map(({ json }) => JSON.parse(json) as NostrEvent);
}

function rememberId(prepare: Prepare, id: string, what: Remembered, untilSeconds?: number): void {
  prepare("INSERT OR REPLACE INTO remembered (id, what, until) VALUES (?, ?, ?)").run(
    bytesOfHex(id),
    what,
    untilSeconds ?? null,
  );
}

function hold(prepare: Prepare, ids: readonly string[], repository: string, until: number): void {
  for (const id of ids) {
    const steps = prepare(
      "SELECT min(t.steps) AS steps FROM tag t JOIN event e ON e.row = t.event WHERE e.id = ?",
    ).get(bytesOfHex(id)) as { steps: number | null };
    prepare(
      "INSERT OR REPLACE INTO held (id, repository, steps, until, json) SELECT id, ?, ?, ?, json FROM event WHERE id = ?",
    ).run(repository, steps.steps ?? MAX_STEPS, until, bytesOfHex(id));
    prepare("DELETE FROM event WHERE id = ?").run(bytesOfHex(id));
  }
}

function removeExpired(prepare: Prepare, nowSeconds: number): NostrEvent[] {
  prepare("DELETE FROM remembered WHERE until <= ?").run(nowSeconds);
  prepare("DELETE FROM held WHERE until <= ?").run(nowSeconds);
  prepare("DELETE FROM held_set WHERE until <= ?").run(nowSeconds);
  prepare("DELETE FROM backup WHERE at <= ?").run(nowSeconds * 1000 - BACKUP_MS);
  const sql = "SELECT row, json FROM event WHERE expires_at <= ? LIMIT ?";
  return removeRows(prepare, storedOf(prepare(sql).all(nowSeconds, MAX_REMOVED)));
}
