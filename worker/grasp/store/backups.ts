/**
 * Records of what repositories had before changes that lost values (N21, N24).
 * @module
 */
import type { Backup } from "../../../runtime/grasp/ports.ts";
import { MAX_BACKUPS } from "../../../runtime/grasp/release/backups.ts";
import { bytesOfHex, type Prepare } from "./queries.ts";

/** Size of the records of one repository, in bytes of JSON: a record names every branch and tag. */
const MAX_BYTES = 16 * 1024 ** 2;

/** Adds a record. The oldest of the repository go above its bounds; the new one always stays. */
export function addBackup(prepare: Prepare, owner: string, identifier: string, backup: Backup): void {
  const key = bytesOfHex(owner);
  const json = JSON.stringify(backup);
  prepare("INSERT OR REPLACE INTO backup (owner, identifier, at, bytes, json) VALUES (?, ?, ?, ?, ?)").run(
    key,
    identifier,
    backup.atMs,
    json.length,
    json,
  );
  const sql = "SELECT at, bytes FROM backup WHERE owner = ? AND identifier = ? ORDER BY at DESC";
  const rows = prepare(sql).all(key, identifier) as { at: number; bytes: number }[];
  let bytes = 0;
  const over = rows.findIndex((row, index) => {
    bytes += row.bytes;
    return index > 0 && (bytes > MAX_BYTES || index >= MAX_BACKUPS);
  });
  if (over < 0) return;
  const until = rows[over]!.at;
  prepare("DELETE FROM backup WHERE owner = ? AND identifier = ? AND at <= ?").run(key, identifier, until);
}
