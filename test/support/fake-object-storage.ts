import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { ObjectStorage } from "../../runtime/stores/durable-object.ts";

/** The storage of a Durable Object, with what the store uses, on Node's SQLite. */
export function fakeObjectStorage(): ObjectStorage & { alarmAtMs: number | null } {
  const db = new DatabaseSync(":memory:");
  return {
    alarmAtMs: null,
    sql: {
      exec(query, ...bindings) {
        if (bindings.length === 0) {
          db.exec(query);
          return { toArray: () => [] };
        }
        const rows = db.prepare(query).all(...(bindings as SQLInputValue[]));
        return { toArray: () => rows };
      },
    },
    async getAlarm() {
      return this.alarmAtMs;
    },
    async setAlarm(atMs) {
      this.alarmAtMs = atMs;
    },
  };
}
