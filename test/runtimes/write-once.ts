/**
 * Writes once to the SQLite store at `PATH`, stays until the store's log was emptied, and then has nothing more to do.
 * @module
 */
import { statSync } from "node:fs";
import process from "node:process";
import { sqliteStore } from "../../runtime/stores/sqlite.ts";

const path = process.argv[2]!;
const store = sqliteStore({ path, clock: { now: Date.now } });
await store.put("key", "value");
while (statSync(`${path}-wal`).size > 0) await new Promise((resolve) => setTimeout(resolve, 50));
// A store that nothing refers to any more may be collected, and its file closed.
console.log("emptied, and still there:", (await store.get("key"))?.value);
