import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import type { StoreChanges } from "../../../../../runtime/grasp/ports.ts";
import { GroupCommit } from "../../../../../worker/grasp/store/group-commit.ts";

const clock = { now: () => 0, after: () => () => {} };

/** A database that counts its commits. */
function counted() {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE t (a)");
  const said: string[] = [];
  const counting = {
    exec(sql: string) {
      said.push(sql);
      database.exec(sql);
    },
  } as DatabaseSync;
  const group = new GroupCommit({ database: counting, changes: {} as StoreChanges, clock });
  const put = (value: number) =>
    group.run(() => void database.prepare("INSERT INTO t VALUES (?)").run(value));
  const values = () => (database.prepare("SELECT a FROM t").all() as { a: number }[]).map(({ a }) => a);
  return { group, put, values, commits: () => said.filter((sql) => sql === "COMMIT").length };
}

test("twenty transactions of one turn share one commit, and each is acknowledged after it", async () => {
  const { put, values, commits } = counted();
  const before: number[] = [];
  const all = Array.from({ length: 20 }, async (_, n) => {
    await put(n);
    before.push(commits());
  });
  expect(commits()).toBe(0);
  await Promise.all(all);
  expect([commits(), new Set(before), values()]).toEqual([
    1,
    new Set([1]),
    Array.from({ length: 20 }, (_, n) => n),
  ]);
  await put(20);
  expect(commits()).toBe(2);
});

describe("transactions of turns that follow each other", () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  test("one alone is committed in the next turn", async () => {
    const { put, commits } = counted();
    void put(0);
    await turn();
    expect(commits()).toBe(1);
  });

  test("a commit is delayed while each turn brings more, and no longer", async () => {
    const { put, commits } = counted();
    void put(0);
    void put(1);
    for (let n = 2; n < 6; n++) {
      await turn();
      void put(n);
    }
    await turn();
    expect(commits()).toBe(0);
    await turn();
    expect(commits()).toBe(1);
    void put(6);
    await turn();
    expect(commits()).toBe(2);
  });

  test("ten transactions are committed without a delay", async () => {
    const { put, commits } = counted();
    const groups: number[] = [];
    for (let n = 0; n < 42; n += 2) {
      void put(n);
      void put(n + 1);
      await turn();
      groups.push(commits());
    }
    expect([...new Set(groups)]).toEqual([0, 1, 2, 3, 4]);
    expect(groups.filter((count) => count === 1)).toHaveLength(5);
  });
});

test("one that throws takes back its own changes only", async () => {
  const { group, put, values } = counted();
  const bad = group.run(() => {
    throw new Error("no");
  });
  const results = await Promise.allSettled([put(1), bad, put(2)]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(values()).toEqual([1, 2]);
});

test("a commit that fails fails all of its turn, and the next one works (T46)", async () => {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE t (a)");
  let isFull = true;
  const failing = {
    exec(sql: string) {
      if (sql === "COMMIT" && isFull) throw new Error("disk full");
      database.exec(sql);
    },
  } as DatabaseSync;
  const group = new GroupCommit({ database: failing, changes: {} as StoreChanges, clock });
  const put = () => group.run(() => void database.exec("INSERT INTO t VALUES (1)"));
  const results = await Promise.allSettled([put(), put()]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  isFull = false;
  await put();
  expect(database.prepare("SELECT count(*) AS n FROM t").get()).toMatchObject({ n: 1 });
});

test("transactions that fail together are rejected the last first, so that each takes back what it did on top (N14)", async () => {
  const database = new DatabaseSync(":memory:");
  const failing = {
    exec(sql: string) {
      if (sql === "COMMIT") throw new Error("disk full");
      database.exec(sql);
    },
  } as DatabaseSync;
  const group = new GroupCommit({ database: failing, changes: {} as StoreChanges, clock });
  const order: number[] = [];
  const all = [1, 2, 3].map(async (n) => {
    try {
      await group.run(() => {});
    } catch {
      order.push(n);
    }
  });
  await Promise.all(all);
  expect(order).toEqual([3, 2, 1]);
});

test("end waits for what waits", async () => {
  const { group, put, values } = counted();
  void put(1);
  await group.end();
  expect(values()).toEqual([1]);
});

describe("a commit that has to reach the disk", () => {
  /** A disk that is done when the test says so. */
  function withDisk() {
    const database = new DatabaseSync(":memory:");
    database.exec("CREATE TABLE t (a)");
    const writes: { done(): void; fail(error: Error): void }[] = [];
    const sync = () =>
      new Promise<void>((resolve, reject) => void writes.push({ done: resolve, fail: reject }));
    const group = new GroupCommit({ database, changes: {} as StoreChanges, clock, sync });
    const told: string[] = [];
    const put = (name: string) =>
      group
        .run(() => void database.prepare("INSERT INTO t VALUES (?)").run(name))
        .then(
          () => void told.push(name),
          () => void told.push(`${name} failed`),
        );
    return { group, put, told, writes };
  }
  const turns = async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  };

  test("it is acknowledged when it is there, and what came meanwhile shares the next one", async () => {
    const { group, put, told, writes } = withDisk();
    void put("a");
    await turns();
    void put("b");
    void put("c");
    await turns();
    expect([told, writes.length, group.commits]).toEqual([[], 1, 1]);
    writes[0]!.done();
    await turns();
    expect([told, writes.length, group.commits]).toEqual([["a"], 2, 2]);
    writes[1]!.done();
    await turns();
    expect(told).toEqual(["a", "b", "c"]);
  });

  test("who reads waits until the writers were told, and goes on before the next commit (R18)", async () => {
    const { group, put, told, writes } = withDisk();
    await group.written();
    void put("a");
    await turns();
    void put("b");
    let seen: unknown;
    void group.written().then(() => {
      seen = [[...told], group.commits];
    });
    await turns();
    expect(seen).toBeUndefined();
    writes[0]!.done();
    await turns();
    expect(seen).toEqual([["a"], 1]);
  });

  test("if the disk fails, nothing is acknowledged from then on (T46)", async () => {
    const { put, told, writes } = withDisk();
    void put("a");
    void put("b");
    await turns();
    void put("c");
    writes[0]!.fail(new Error("EIO"));
    await turns();
    await put("d");
    expect(told).toEqual(["b failed", "a failed", "c failed", "d failed"]);
  });

  test("end waits for the disk", async () => {
    const { group, put, told, writes } = withDisk();
    void put("a");
    await turns();
    let hasEnded = false;
    const end = group.end().then(() => {
      hasEnded = true;
    });
    await turns();
    expect(hasEnded).toBe(false);
    writes[0]!.done();
    await end;
    expect(told).toEqual(["a"]);
  });
});
