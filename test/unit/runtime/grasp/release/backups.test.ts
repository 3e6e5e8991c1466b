import { expect, test } from "vitest";
import {
  BACKUP_MS,
  backupTime,
  expiredBackups,
  isBackup,
  MAX_BACKUPS,
  nextBackupTime,
  withBackups,
} from "../../../../../runtime/grasp/release/backups.ts";

const ZERO = "0".repeat(40);
const [A, B] = ["a".repeat(40), "b".repeat(40)];
const MAIN = "refs/heads/main";
const backup = (at: number, name = "heads/main") => `refs/millrace/backup/${at}/${name}`;

test("a value is kept in the transaction that loses it, under the name of its ref (N9, N21)", () => {
  const updates = [
    [{ ref: "refs/heads/a", old: A, new: ZERO }],
    [
      { ref: "refs/heads/a/b", old: ZERO, new: A },
      { ref: MAIN, old: A, new: B },
      { ref: "refs/tags/v", old: A, new: B },
    ],
  ];
  const kept = withBackups(updates, new Set(["refs/heads/a", "refs/tags/v"]), new Map(), 7);
  expect(kept).toEqual([
    [{ ref: backup(7, "heads/a"), old: ZERO, new: A }, ...updates[0]!],
    [{ ref: backup(7, "tags/v"), old: ZERO, new: A }, ...updates[1]!],
  ]);
});

test("no backup takes another's place: each change has a time of its own (N21)", () => {
  expect(nextBackupTime(new Map(), 5.7)).toBe(5);
  expect(nextBackupTime(new Map([[backup(5), A]]), 5)).toBe(6);
  expect(nextBackupTime(new Map([[backup(90), A]]), 5)).toBe(91);
});

test("a repository has 1,000 backups at most; the oldest go, by number and not by text (N24)", () => {
  const present = new Map(
    Array.from({ length: MAX_BACKUPS - 1 }, (_, n): [string, string] => [backup(10 + n), A]),
  );
  present.set(backup(9), B);
  const lost = new Set([MAIN, "refs/heads/x"]);
  const updates = [[...lost].map((ref) => ({ ref, old: A, new: ZERO }))];
  const kept = withBackups(updates, lost, present, 5000).flat();
  expect(kept.filter(({ new: to }) => to !== ZERO).map(({ ref }) => ref)).toEqual([
    backup(5000),
    backup(5000, "heads/x"),
  ]);
  expect(kept.filter(({ ref }) => isBackup(ref) && present.has(ref))).toEqual([
    { ref: backup(9), old: B, new: ZERO },
    { ref: backup(10), old: A, new: ZERO },
  ]);
});

test("a change that loses more than the bound keeps as many as there is room for (N24)", () => {
  const updates = [
    Array.from({ length: MAX_BACKUPS + 5 }, (_, n) => ({ ref: `refs/heads/${n}`, old: A, new: ZERO })),
  ];
  const lost = new Set(updates[0]!.map(({ ref }) => ref));
  const kept = withBackups(updates, lost, new Map([[backup(1), A]]), 5).flat();
  expect(kept.filter(({ ref, new: to }) => isBackup(ref) && to === A)).toHaveLength(MAX_BACKUPS);
  expect(kept).toContainEqual({ ref: backup(1), old: A, new: ZERO });
});

test("backups end after 30 days, other hidden refs and other names do not (N21)", () => {
  const refs = new Map([
    [backup(1000), A],
    [backup(1001), B],
    ["refs/millrace/other/1/heads/main", A],
    ["refs/heads/backup/1/x", A],
    ["refs/millrace/backup/x/heads/main", A],
  ]);
  expect(expiredBackups(refs, 999 + BACKUP_MS)).toEqual([]);
  expect(expiredBackups(refs, 1000 + BACKUP_MS)).toEqual([{ ref: backup(1000), old: A, new: ZERO }]);
});

test.each([
  [backup(12), 12],
  ["refs/millrace/backup/12", null],
  ["refs/millrace/backup/-1/a", null],
  ["refs/heads/main", null],
])("the time of %s is %s", (ref, time) => expect(backupTime(ref)).toBe(time));
