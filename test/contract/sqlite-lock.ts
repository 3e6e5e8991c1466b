/**
 * What the SQLite store promises while another connection holds its file, and about the content of its files. Runs on every host
 * that has `node:sqlite`.
 * @module
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { setImmediate, setTimeout } from "node:timers";
import type { Store } from "../../runtime/platform.ts";
import { sqliteStore } from "../../runtime/stores/sqlite.ts";
import { type ContractCase, ok, rejection, same } from "./case.ts";

/** Longer than any case takes. */
const LONG_MS = 60_000;
/** Shorter than the time for which any lock is held here. */
const SHORT_MS = 50;
/** Turns of the event loop that are counted. A wait inside SQLite would block all of them. */
const TURNS = 200;

interface World {
  path: string;
  folder: string;
  open(timeoutMs?: number): Store;
  /** Opens a second connection that holds a lock. @returns a function that releases it */
  hold(sql?: string): () => void;
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const turns = async () => {
  for (let n = 0; n < TURNS; n++) await turn();
};

/** Whether work settles within some turns of the event loop. */
async function isOver(work: Promise<unknown>): Promise<boolean> {
  let over = false;
  const note = () => {
    over = true;
  };
  work.then(note, note);
  await turns();
  return over;
}

/** Waits until a check holds, within {@link LONG_MS}. */
async function eventually(what: string, check: () => boolean): Promise<void> {
  const deadline = performance.now() + LONG_MS / 4;
  while (!check()) {
    ok(performance.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The names of the files in a folder that contain a text. */
function filesWith(folder: string, text: string): string[] {
  return readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(text));
}

/** Every case. */
export function sqliteLockContract(): ContractCase[] {
  const promise = (name: string, run: (world: World) => Promise<void>): ContractCase => ({
    name,
    async run() {
      const folder = mkdtempSync(join(tmpdir(), "millrace-lock-"));
      const path = join(folder, "store.db");
      const stores: Store[] = [];
      const connections: DatabaseSync[] = [];
      try {
        await run({
          path,
          folder,
          open(timeoutMs = LONG_MS) {
            const store = sqliteStore({ path, clock: { now: Date.now }, timeoutMs });
            stores.push(store);
            return store;
          },
          hold(sql = "BEGIN IMMEDIATE") {
            const db = new DatabaseSync(path);
            db.exec(sql);
            connections.push(db);
            return () => {
              connections.splice(connections.indexOf(db), 1);
              db.close();
            };
          },
        });
      } finally {
        for (const db of connections) db.close();
        for (const store of stores) await store.close();
        rmSync(folder, { recursive: true });
      }
    },
  });

  return [
    promise(
      "while another program holds the write lock, the event loop turns and reads are synchronous",
      async (world) => {
        const store = world.open();
        await store.put("there", "value");
        const release = world.hold();
        const put = store.put("new", "value");
        ok(!(await isOver(put)), "the write waits for the lock");
        for (const key of ["there", "absent", "new"]) {
          const entry = store.get(key);
          ok(!(entry instanceof Promise), `the read of "${key}" is answered at once`);
          same(entry?.value ?? null, key === "there" ? "value" : null, "what is in the file");
        }
        same((await store.list("")).entries.length, 1, "a listing");
        release();
        ok((await put).ok, "the write is made once the lock is gone");
        same((await store.get("new"))?.value, "value", "what was written");
      },
    ),

    promise("delayed writes are done in their order", async (world) => {
      const store = world.open();
      await store.put("key", "0");
      const release = world.hold();
      const done = [
        store.put("key", "1"),
        store.update!("key", (stored) => ({ value: `${stored}2` })),
        store.put("key", "conflict", { ifVersion: null }),
        store.delete("other"),
      ];
      await turns();
      done.push(
        store.update!("key", (stored) => ({ value: `${stored}3` })),
        store.put("last", "x"),
      );
      await turns();
      release();
      const results = await Promise.all(done);
      same((results[2] as { ok: boolean }).ok, false, "the condition that does not hold");
      same((await store.get("key"))?.value, "123", "the value");
    }),

    promise("a write that waits longer than the timeout rejects with the reason", async (world) => {
      const store = world.open(SHORT_MS);
      const release = world.hold();
      const works = [store.put("a", "secret"), store.update!("b", () => ({ value: "x" })), store.delete("c")];
      for (const work of works) {
        const { message } = await rejection(work, "a write under a lock");
        ok(/database is locked \(another program/.test(message), `the way out: ${message}`);
        ok(message.includes(world.path) && !message.includes("secret"), "the file's name and no value");
      }
      release();
      ok((await store.put("a", "value")).ok, "a later write");
      same((await store.get("a"))?.value, "value", "what was written");
    }),

    promise("the number of queued writes is bounded", async (world) => {
      const store = world.open();
      const release = world.hold();
      const puts = Array.from({ length: 20_500 }, (_, n) => store.put(`key${n}`, "value"));
      const refused = await Promise.allSettled(puts.slice(20_000));
      ok(
        refused.every((one) => one.status === "rejected" && /too many/.test(String(one.reason))),
        "those beyond the bound are refused while the lock is held",
      );
      release();
      const results = await Promise.all(puts.slice(0, 20_000));
      ok(
        results.every((result) => result.ok),
        "the others are written",
      );
    }),

    promise("the size of queued writes is bounded", async (world) => {
      const store = world.open();
      const release = world.hold();
      const value = "v".repeat(1024 * 1024);
      const puts = Array.from({ length: 70 }, (_, n) => store.put(`key${n}`, value));
      const { message } = await rejection(puts.at(-1)!, "the last write");
      ok(/too many/.test(message), message);
      release();
      const written = (await Promise.allSettled(puts)).filter(({ status }) => status === "fulfilled");
      same(written.length, 64, "the writes that fit");
    }),

    promise("opens a locked file, and works once it is unlocked", async (world) => {
      await world.open().close();
      const release = world.hold("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
      const store = world.open();
      const get = Promise.resolve(store.get("key"));
      const put = store.put("key", "value");
      ok(!(await isOver(get)) && !(await isOver(put)), "both wait");
      release();
      ok((await put).ok, "the write is made");
      await get;
      same((await store.get("key"))?.value, "value", "what was written");
    }),

    promise(
      "creates its tables in a new file that another connection holds in the old journal mode",
      async (world) => {
        writeFileSync(world.path, "");
        const release = world.hold();
        const store = world.open();
        const put = store.put("key", "value");
        ok(!(await isOver(put)), "it waits");
        release();
        ok((await put).ok, "the write is made");
      },
    ),

    promise(
      "a read that waits longer than the timeout rejects, and the number of queued reads is bounded",
      async (world) => {
        await world.open().close();
        const release = world.hold("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
        const store = world.open(SHORT_MS);
        const { message } = await rejection(Promise.resolve(store.get("key")), "a read under a lock");
        ok(/database is locked \(another program/.test(message), message);
        release();
        same(await store.get("key"), null, "a later read");
      },
    ),

    promise("closes within the timeout while the file is locked", async (world) => {
      const store = world.open(SHORT_MS);
      const release = world.hold();
      const put = rejection(store.put("key", "value"), "a write under a lock");
      await store.close();
      await put;
      release();
    }),

    promise("its files contain nothing of deleted and replaced values", async (world) => {
      const store = world.open();
      const uid = (n: number) => `uid-${n}-of-a-partner`;
      // Of all sizes: within a page, and longer than a page.
      const value = (n: number) => `${uid(n)};`.repeat(1 + (n % 30) * (n % 7)) + uid(n);
      await Promise.all(Array.from({ length: 400 }, (_, n) => store.put(`key${n}`, value(n))));
      for (let n = 0; n < 300; n += 3) {
        await Promise.all([
          store.delete(`key${n}`),
          store.put(`key${n + 1}`, "{}"),
          store.update!(`key${n + 2}`, () => ({ value: "gone" })),
        ]);
      }
      const left = () =>
        Array.from({ length: 300 }, (_, n) => uid(n)).filter(
          (text) => filesWith(world.folder, text).length > 0,
        );
      await eventually("no file contains what was deleted", () => left().length === 0);
      ok(filesWith(world.folder, uid(399)).length > 0, "what was not deleted is there");
      same((await store.get("key399"))?.value, value(399), "a value that stays");
    }),

    promise("its log stays short during continuous writes", async (world) => {
      const store = world.open();
      const value = "v".repeat(2000);
      let longest = 0;
      for (let n = 0; n < 60; n++) {
        await Promise.all(Array.from({ length: 500 }, (_, i) => store.put(`key${n}-${i}`, value)));
        longest = Math.max(longest, statSync(`${world.path}-wal`).size);
      }
      // 60 MB of values were written; a commit itself moves the log at 64 MiB.
      ok(longest < 70 * 1024 ** 2, `the log had ${longest} bytes`);
      await eventually(
        "the log is empty after the last write",
        () => statSync(`${world.path}-wal`).size === 0,
      );
    }),

    promise("writes while another program reads, and empties its log afterwards", async (world) => {
      const store = world.open();
      await store.put("key", "a-uid-of-a-partner");
      const release = world.hold("BEGIN; SELECT count(*) FROM entries");
      await store.delete("key");
      for (let n = 0; n < 100; n++) ok((await store.put("other", `${n}`)).ok, "a write");
      // The reader sees the old state, so the log cannot be emptied.
      ok(filesWith(world.folder, "a-uid-of-a-partner").length > 0, "what the reader may still see");
      release();
      await store.put("other", "last");
      await eventually(
        "no file contains what was deleted",
        () => filesWith(world.folder, "a-uid-of-a-partner").length === 0,
      );
    }),

    promise("empties the log that an earlier process left, without a write", async (world) => {
      const store = world.open();
      await store.put("key", "a-uid-of-a-partner");
      await store.delete("key");
      // As if that process was killed before its log was emptied.
      const left = join(world.folder, "left");
      mkdirSync(left);
      for (const suffix of ["", "-wal"]) copyFileSync(world.path + suffix, join(left, `store.db${suffix}`));
      ok(filesWith(left, "a-uid-of-a-partner").length > 0, "what was left");
      const next = sqliteStore({ path: join(left, "store.db"), clock: { now: Date.now } });
      try {
        same(await next.get("key"), null, "the entry");
        await eventually("the log is emptied", () => filesWith(left, "a-uid-of-a-partner").length === 0);
      } finally {
        await next.close();
        rmSync(left, { recursive: true });
      }
    }),

    promise("only the owner can read its files", async (world) => {
      if (process.platform === "win32") return;
      const umask = process.umask(0);
      try {
        const modes = () =>
          ["", "-wal", "-shm"]
            .map((suffix) => world.path + suffix)
            .filter((name) => existsSync(name))
            .map((name) => (statSync(name).mode & 0o777).toString(8));
        const store = world.open();
        await store.put("key", "value");
        same(modes(), ["600", "600", "600"], "new files");
        // As left by an earlier process with another umask.
        for (const suffix of ["", "-wal", "-shm"]) chmodSync(world.path + suffix, 0o644);
        await world.open().put("key", "value");
        same(modes(), ["600", "600", "600"], "files that were there");
      } finally {
        process.umask(umask);
      }
    }),
  ];
}
