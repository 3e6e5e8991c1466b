/**
 * Holds the write lock of a SQLite file from a process of its own: `PATH`. Says `held`, and lets go at the end of its input.
 * @module
 */
import { once } from "node:events";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";

const db = new DatabaseSync(process.argv[2]!);
db.exec("BEGIN IMMEDIATE");
process.stdout.write("held\n");
process.stdin.resume();
await once(process.stdin, "end");
db.exec("ROLLBACK");
db.close();
