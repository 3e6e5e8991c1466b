/**
 * A store in one SQLite file, through `node:sqlite`, which Node, Bun and Deno have.
 *
 * The writes of one turn of the event loop share one transaction (group commit) and are acknowledged after its commit. The
 * journal is a write-ahead log with `synchronous = NORMAL`: a committed write is with the operating system and survives the
 * death of the process. A power failure may undo the newest commits, never part of one, and never damages the file. With
 * `FULL` each commit would wait for the disk, and every visitor with it.
 *
 * `node:sqlite` is synchronous: a wait inside it blocks the process. So nothing waits there. If another program holds the
 * file, SQLite refuses at once, and a queue repeats the operation by a timer.
 * @module
 */
import { resolve } from "node:path";
import type { Change, Clock, PutResult, Store } from "../platform.ts";
import { expiryMs } from "./expiry.ts";
import { StoreGuard, TIMEOUT_MS } from "./guard.ts";
import { rowOf, SqliteDatabase } from "./sqlite-database.ts";
import { explanation } from "./sqlite-file.ts";
import { SqliteQueue, type Write } from "./sqlite-queue.ts";

export interface SqliteStoreOptions {
  /**
   * The file, which is created with its folders if absent. Processes of one machine may share it. Only its owner may read and
   * write it.
   */
  path: string;
  /** The time by which entries expire. */
  clock: Pick<Clock, "now">;
  /**
   * How long an operation waits while another program holds the file, in milliseconds; then it rejects. Only an exclusive lock
   * delays reads. Default: 4000.
   */
  timeoutMs?: number;
}

/**
 * Opens the store. If another program holds the file, the operations wait for it.
 * @throws {Error} naming the file and a hint if it cannot be opened, created or understood.
 *
 * @example
 * const store = sqliteStore({ path: "./data/millrace.db", clock: { now: Date.now } });
 */
export function sqliteStore({ path, clock, timeoutMs = TIMEOUT_MS.sqlite }: SqliteStoreOptions): Store {
  const file = resolve(path);
  // Deno reads a text only up to its first NUL.
  const guard = new StoreGuard(`SQLite store ${file}`, { keepsNul: false });
  const database = new SqliteDatabase(file, clock);
  const queue = new SqliteQueue({
    timeoutMs,
    commit: (group) => database.commit(group),
    explain: (cause) => explanation(file, cause),
  });

  function write<T>(key: string, characters: number, run: (nowMs: number) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      queue.write({ key, characters, run, resolve: resolve as Write["resolve"], reject });
    });
  }

  /** The columns of an entry except its key and version. */
  function columnsOf({ value, ttlSeconds, metadata = null }: Change, nowMs: number) {
    guard.mustBeText("value", value);
    return [expiryMs(nowMs, ttlSeconds), JSON.stringify(metadata), value] as const;
  }

  return {
    traits: { name: "sqlite", readAfterWrite: true, durable: true, shared: true },

    get(key) {
      guard.mustBeUsable(key);
      queue.flushKey(key); // a process reads its own writes
      return queue.read(() => {
        const row = rowOf(database.sql.get, key, clock.now());
        if (row === undefined) return null;
        const [value, metadata, version] = row;
        return { value: value as string, metadata: JSON.parse(metadata as string), version: String(version) };
      });
    },

    async put(key, value, { ifVersion, ...rest } = {}) {
      guard.mustBeUsable(key);
      const columns = columnsOf({ value, ...rest }, clock.now());
      return write<PutResult>(key, value.length, (nowMs) => {
        const { sql } = database;
        const next = database.nextVersion();
        const { changes } =
          ifVersion === undefined
            ? sql.set.run(key, next, ...columns)
            : ifVersion === null
              ? sql.create.run(key, next, ...columns, nowMs)
              : sql.replace.run(key, next, ...columns, nowMs, ifVersion);
        return Number(changes) === 0 ? { ok: false } : { ok: true, version: String(next) };
      });
    },

    update: (key, decide) =>
      new Promise((resolve, reject) => {
        guard.mustBeUsable(key);
        let fault: { reason: unknown } | null = null;
        queue.write({
          key,
          characters: 0,
          run(nowMs) {
            const { sql } = database;
            fault = null;
            const row = rowOf(sql.find, key, nowMs);
            let columns: ReturnType<typeof columnsOf>;
            try {
              const change = decide(row === undefined ? null : (row[1] as string));
              if (change === null) return;
              columns = columnsOf(change, nowMs);
            } catch (reason) {
              fault = { reason }; // of this key alone: the rest of the group is written
              return;
            }
            if (row === undefined) sql.set.run(key, database.nextVersion(), ...columns);
            else sql.change.run(row[0]!, database.nextVersion(), ...columns);
          },
          resolve: () => (fault === null ? resolve() : reject(fault.reason)),
          reject,
        });
      }),

    async delete(key) {
      guard.mustBeUsable(key);
      await write(key, 0, () => database.sql.delete.run(key));
    },

    async list(prefix, { limit = 1000, cursor } = {}) {
      guard.mustBeUsable(prefix);
      queue.flush();
      // One row more than the page: its key is the cursor of the next page.
      const rows = await queue.read(() =>
        database.sql.list.all(prefix, cursor ?? prefix, clock.now(), limit + 1),
      );
      return {
        entries: rows
          .slice(0, limit)
          .map((row) => ({ key: row.key as string, metadata: JSON.parse(row.metadata as string) })),
        cursor: (rows[limit]?.key as string | undefined) ?? null,
      };
    },

    async close() {
      if (guard.isClosed) return;
      guard.close();
      await queue.end();
      await database.close();
    },
  };
}
