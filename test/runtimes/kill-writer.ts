/**
 * The process that `kill.test.ts` kills: writes to a SQLite store without end and reports what was acknowledged, one
 * line each. `PATH write NAME MOST` makes at most MOST writes; `PATH dump` prints the content of the store.
 * @module
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import type { Store } from "../../runtime/platform.ts";
import { sqliteStore } from "../../runtime/stores/sqlite.ts";

/** Number of counters, each with a writer of its own. */
const COUNTERS = 12;
/** Number of puts in one turn. */
const BURST = 150;

const [path, mode, name, most] = process.argv.slice(2) as [string, string, string, string];
const store = sqliteStore({ path, clock: { now: Date.now } });
let left = Number(most);

const say = (...words: unknown[]) => writeSync(1, `${words.join(" ")}\n`);

/** A value that shows whether it is complete. */
const filled = (text: string) => JSON.stringify({ text, filler: `${text};`.repeat(150) });

/** Increments a counter until there were enough writes; other processes may do the same. */
async function count(key: string): Promise<void> {
  while (left > 0) {
    const entry = await store.get(key);
    const next = entry === null ? 1 : (entry.metadata as number) + 1;
    const ifVersion = entry === null ? null : entry.version;
    const put = await store.put(key, filled(`${next}`), { ifVersion, metadata: next });
    if (!put.ok) continue;
    say("counted", key, next, put.version);
    left--;
  }
}

/** Puts many entries and then deletes every third one. */
async function burst(): Promise<void> {
  for (let n = 0; left > 0; n++) {
    const keys = Array.from({ length: BURST }, (_, i) => `burst/${name}/${n}/${i}`);
    await Promise.all(keys.map((key) => announced(store.put(key, filled(key)), key)));
    const doomed = keys.filter((_, i) => i % 3 === 0);
    for (const key of doomed) say("deleting", key);
    await Promise.all(doomed.map((key) => store.delete(key).then(() => say("deleted", key))));
    left -= BURST;
  }
}

async function announced(work: ReturnType<Store["put"]>, key: string): Promise<void> {
  const put = await work;
  if (!put.ok) throw new Error(`a put without a condition met a conflict: ${key}`);
  say("put", key, put.version);
}

/** Prints the integrity check of the file, and for each entry its key, its metadata, and whether its value is complete. */
async function dump(): Promise<void> {
  const db = new DatabaseSync(path);
  say("integrity", JSON.stringify(db.prepare("PRAGMA integrity_check").all()));
  db.close();
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await store.list("", { cursor: cursor ?? null });
    for (const { key, metadata } of page.entries) {
      const entry = await store.get(key);
      const whole = entry?.value === filled(metadata === null ? key : `${metadata}`);
      say("entry", key, metadata ?? "-", whole);
    }
    cursor = page.cursor;
  }
}

if (mode === "dump") await dump();
else {
  const counters = Array.from({ length: COUNTERS }, (_, n) => count(`counter/${n}`));
  await Promise.all([...counters, burst()]);
}
await store.close();
