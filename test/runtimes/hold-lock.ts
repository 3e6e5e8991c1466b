/**
 * Holds the write lock of the SQLite file `PATH` in a process of its own. Prints `held`, and releases the lock on SIGTERM.
 * @module
 */
import process from "node:process";
import { DatabaseSync } from "node:sqlite";

const db = new DatabaseSync(process.argv[2]!);
db.exec("BEGIN IMMEDIATE");
process.on("SIGTERM", () => {
  db.exec("ROLLBACK");
  db.close();
  process.exit(0);
});
setInterval(() => {}, 60_000);
process.stdout.write("held\n");
