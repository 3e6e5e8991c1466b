import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../../runtime/platform.ts";
import { sqliteStore } from "../../runtime/stores/sqlite.ts";
import { type ManualClock, manualClock } from "../support/manual-clock.ts";

let folder: string;
let path: string;
let clock: ManualClock;
const opened: { close(): unknown }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-"));
  path = join(folder, "store.db");
  clock = manualClock();
});

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  rmSync(folder, { recursive: true });
});

function open(at = path): Store {
  const store = sqliteStore({ path: at, clock });
  opened.push(store);
  return store;
}

/** Reads the file without the store. */
function beside(at = path) {
  const db = new DatabaseSync(at);
  opened.push(db);
  return { db, count: () => Number(db.prepare("SELECT count(*) AS n FROM entries").get()!.n) };
}

describe("group commit", () => {
  test("commits the writes of one turn together and acknowledges them after the commit", async () => {
    const store = open();
    const { count } = beside();
    const writes = Array.from({ length: 500 }, (_, n) => store.put(`key${n}`, "value"));
    expect(count()).toBe(0);
    await Promise.race(writes);
    expect(count()).toBe(500);
    await Promise.all(writes);
  });

  test("writes after reads of the same turn join its group", async () => {
    const store = open();
    const { count } = beside();
    const flows = Array.from({ length: 300 }, async (_, n) => {
      await store.get(`key${n}`);
      await store.put(`key${n}`, "value", { ifVersion: null });
      return count();
    });
    expect(await Promise.race(flows)).toBe(300);
    await Promise.all(flows);
  });

  test("keeps the order of writes to one key", async () => {
    const store = open();
    const results = await Promise.all([
      store.put("key", "one"),
      store.put("key", "two"),
      store.put("key", "conflict", { ifVersion: null }),
      store.delete("key"),
      store.put("key", "three", { ifVersion: null }),
      store.put("key", "conflict", { ifVersion: "1" }),
    ]);
    expect(results.map((result) => (result ? result.ok : "deleted"))).toEqual([
      true,
      true,
      false,
      "deleted",
      true,
      false,
    ]);
    expect((await store.get("key"))?.value).toBe("three");
  });

  test("a process reads its own writes before they are acknowledged", async () => {
    const store = open();
    const put = store.put("key", "one");
    expect((await store.get("key"))?.value).toBe("one");
    const gone = store.delete("key");
    expect((await store.list("")).entries).toEqual([]);
    expect(await store.get("key")).toBeNull();
    expect([await put, await gone]).toEqual([{ ok: true, version: "1" }, undefined]);
  });

  test("a transaction has at most 1000 writes: of 2500, 2000 are committed before the turn ends", async () => {
    const store = open();
    const { count } = beside();
    const writes = Array.from({ length: 2500 }, (_, n) => store.put(`key${n}`, "value"));
    expect(count()).toBe(2000);
    await Promise.all(writes);
    expect(count()).toBe(2500);
  });

  test("rejects every write of a transaction that fails, then works again", async () => {
    const store = open();
    const { db } = beside();
    await store.put("before", "value");
    db.exec("ALTER TABLE entries RENAME TO moved");
    const writes = await Promise.allSettled([
      store.put("a", "1"),
      store.delete("before"),
      store.put("b", "2"),
    ]);
    expect(writes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(() => store.get("before")).toThrow(/SQLite store .*store\.db: no such table/);
    await expect(store.list("")).rejects.toThrow(/no such table/);
    db.exec("ALTER TABLE moved RENAME TO entries");
    expect((await store.get("before"))?.value).toBe("value");
    const versions = await Promise.all([store.put("a", "1"), store.put("b", "2")]);
    expect(versions.every(({ ok }) => ok)).toBe(true);
  });

  test("a failed transaction is rolled back, including its versions", async () => {
    const store = open();
    const { db, count } = beside();
    // Fails in the middle of the first transaction, which also reserves versions.
    db.exec(
      "CREATE TRIGGER mine BEFORE INSERT ON entries WHEN new.key = 'bad' BEGIN SELECT raise(ABORT, 'no'); END",
    );
    const writes = await Promise.allSettled(["a", "bad", "b"].map((key) => store.put(key, "value")));
    expect(writes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(count()).toBe(0);
    const other = open();
    const versions = [await store.put("a", "1"), await other.put("b", "2"), await store.put("c", "3")];
    expect(new Set(versions.map((result) => result.ok && result.version)).size).toBe(3);
  });
});

describe("an update", () => {
  const counted = (stored: string | null) => ({ value: String(Number(stored ?? 0) + 1) });
  const update = (store: Store, key: string, decide: Parameters<NonNullable<Store["update"]>>[1]) =>
    store.update!(key, decide);

  test("writes the result of `decide`, with its metadata and expiry", async () => {
    const store = open();
    await update(store, "key", () => ({ value: "one", metadata: { n: 1 }, ttlSeconds: 60 }));
    const first = await store.get("key");
    expect(first).toMatchObject({ value: "one", metadata: { n: 1 } });
    await update(store, "key", (stored) => ({ value: `${stored}, two` }));
    const second = await store.get("key");
    expect(second).toMatchObject({ value: "one, two", metadata: null });
    expect(second!.version).not.toBe(first!.version);
    expect(await store.put("key", "three", { ifVersion: first!.version })).toEqual({ ok: false });
  });

  test("writes nothing if `decide` returns null", async () => {
    const store = open();
    await update(store, "absent", (stored) => (stored === null ? null : { value: "there" }));
    expect(await store.get("absent")).toBeNull();
    await store.put("key", "value");
    const before = await store.get("key");
    await update(store, "key", () => null);
    expect(await store.get("key")).toEqual(before);
  });

  test("treats an expired entry as absent, and replaces it", async () => {
    const store = open();
    await store.put("key", "old", { ttlSeconds: 1 });
    clock.advance(1000);
    await update(store, "key", (stored) => ({ value: String(stored) }));
    expect((await store.get("key"))?.value).toBe("null");
  });

  test("no update is lost among updates of two instances and puts", async () => {
    const [one, two] = [open(), open()];
    const changes = Array.from({ length: 300 }, (_, i) => update(i % 2 ? one : two, "key", counted));
    await Promise.all([...changes, one.put("other", "value")]);
    expect((await two.get("key"))?.value).toBe("300");
  });

  test("runs in order with the writes of its turn, and a read sees it", async () => {
    const store = open();
    const done = [
      store.put("key", "5"),
      update(store, "key", counted),
      store.delete("gone"),
      update(store, "key", counted),
    ];
    expect((await store.get("key"))?.value).toBe("7");
    await Promise.all(done);
  });

  test("fails alone if `decide` throws or returns what the store cannot keep", async () => {
    const store = open();
    await store.put("key", "value");
    const done = await Promise.allSettled([
      update(store, "a", counted),
      update(store, "key", () => {
        throw new Error("not understood");
      }),
      update(store, "key", () => ({ value: "with a \0" })),
      update(store, "key", () => ({ value: "x", ttlSeconds: Number.NaN })),
      update(store, "bad \0 key", counted),
      update(store, "b", counted),
    ]);
    expect(done.map((one) => (one.status === "fulfilled" ? "written" : String(one.reason.message)))).toEqual([
      "written",
      "not understood",
      expect.stringMatching(/without NUL/),
      expect.stringMatching(/ttlSeconds/),
      expect.stringMatching(/without NUL/),
      "written",
    ]);
    expect((await store.get("key"))?.value).toBe("value");
    expect((await store.get("b"))?.value).toBe("1");
  });

  test("rejects with all writes of a transaction that fails", async () => {
    const store = open();
    const { db } = beside();
    db.exec("ALTER TABLE entries RENAME TO moved");
    const done = await Promise.allSettled([update(store, "a", counted), store.put("b", "2")]);
    expect(done.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    db.exec("ALTER TABLE moved RENAME TO entries");
    await update(store, "a", counted);
    expect((await store.get("a"))?.value).toBe("1");
  });
});

describe("expired entries", () => {
  test("are removed by later writes, a few at a time", async () => {
    const store = open();
    const { count } = beside();
    await Promise.all(
      Array.from({ length: 1000 }, (_, n) => store.put(`old${n}`, "value", { ttlSeconds: 60 })),
    );
    clock.advance(60_000);
    let before = count();
    for (let n = 0; n < 520; n++) {
      await store.put(`new${n}`, "value");
      expect(before - count()).toBeLessThanOrEqual(2);
      before = count();
    }
    // Each write checks two rows: after half as many writes as rows, all old rows are gone.
    expect(before).toBe(520);
  });
});

describe("the file", () => {
  test("is created with its folders, readable by the owner only", async () => {
    const store = open(join(folder, "a/b/store.db"));
    await store.put("key", "value");
    expect(statSync(join(folder, "a")).mode & 0o077).toBe(0);
  });

  test("has a write-ahead log that contains each commit at once and is gone after close", async () => {
    const store = open();
    await store.put("key", "value");
    expect(readFileSync(`${path}-wal`).includes("value")).toBe(true);
    await store.close();
    expect(readFileSync(path).includes("value")).toBe(true);
    expect(() => statSync(`${path}-wal`)).toThrow(/ENOENT/);
    const { db } = beside();
    expect(db.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  });

  test("opens while another thread holds it in the old journal mode", async () => {
    // Changing the journal then fails at once, for any busy timeout.
    const holder = new Worker(
      `const { parentPort, workerData } = require("node:worker_threads");
       const db = new (require("node:sqlite").DatabaseSync)(workerData);
       db.exec("BEGIN IMMEDIATE");
       parentPort.postMessage("held");
       setTimeout(() => db.exec("ROLLBACK"), 100);`,
      { eval: true, workerData: path },
    );
    await once(holder, "message");
    const store = open();
    expect((await store.put("key", "value")).ok).toBe(true);
    await holder.terminate();
  });

  test.each([
    [
      "is text",
      (at: string) => writeFileSync(at, "not a database ".repeat(100)),
      /file is not a database \(.*name another/,
    ],
    [
      "is another application's",
      (at: string) => {
        const db = new DatabaseSync(at);
        db.exec("CREATE TABLE entries (key TEXT)");
        db.close();
      },
      /another application's database; name another one/,
    ],
    [
      "has a newer layout",
      (at: string) => {
        const db = new DatabaseSync(at);
        db.exec("CREATE TABLE x (y); PRAGMA application_id = 1835625580; PRAGMA user_version = 2");
        db.close();
      },
      /layout 2, this version of millrace reads 1/,
    ],
  ])("that %s is refused and left alone", (_what, make, message) => {
    make(path);
    const before = readFileSync(path);
    expect(() => open()).toThrow(message);
    expect(() => open()).toThrow(path);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("is refused with its name and a hint if it cannot be created", () => {
    writeFileSync(path, "");
    expect(() => open(join(path, "below.db"))).toThrow(/store\.db\/below\.db: .*(must be able to write)/);
    expect(() => open(folder)).toThrow(/unable to open .*(must be able to write)/);
  });

  test("errors contain neither keys nor values", async () => {
    const store = open();
    const { db } = beside();
    db.exec("DROP TABLE entries");
    const [key, value] = ["a-secret-key", "a-secret-value"];
    const works: (() => unknown)[] = [
      () => store.get(key),
      () => store.put(key, value),
      () => store.delete(key),
      () => store.list(key),
    ];
    works.push(
      () => store.get(`${key}\0`),
      () => store.put(key, `${value}\ud800`),
    );
    for (const work of works) {
      const error = await (async () => work())().then(
        () => null,
        (reason: Error) => reason,
      );
      expect(error).toBeInstanceOf(Error);
      expect(`${error} ${error?.stack} ${error?.cause}`).not.toMatch(/secret/);
    }
  });
});
