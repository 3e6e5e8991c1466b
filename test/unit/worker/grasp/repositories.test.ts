import { existsSync, mkdtempSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GitPool } from "../../../../worker/grasp/git/pool.ts";
import { DiskRepositories, makeDataFolders } from "../../../../worker/grasp/repositories.ts";
import { author } from "../../../support/nostr.ts";

const owner = author().key;
let folder: string;
let repositories: DiskRepositories;
let links: string[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-repositories-"));
  links = [];
  const pool = new GitPool({ clock: { after: () => () => {} } });
  repositories = new DiskRepositories(await makeDataFolders(folder), pool, (_owner, identifier) =>
    links.push(identifier),
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a link that takes a repository's place is not opened in the next turn, and told of once (T7)", async () => {
  await repositories.create(owner, "one");
  const { path } = repositories.open(owner, "one")!;
  renameSync(path, join(folder, "elsewhere"));
  symlinkSync(join(folder, "elsewhere"), path);
  await nextTurn();
  expect(repositories.open(owner, "one")).toBe(null);
  expect(repositories.open(owner, "one")).toBe(null);
  expect(links).toEqual(["one"]);
  expect(await repositories.list()).toEqual([]);
});

test("what is deleted or held is gone in the same turn, and what comes back is there", async () => {
  await repositories.create(owner, "one");
  const { path } = repositories.open(owner, "one")!;
  const deleted = repositories.delete(owner, "one");
  expect(repositories.open(owner, "one") === null || existsSync(path)).toBe(true);
  await deleted;
  expect(repositories.open(owner, "one")).toBe(null);
  await repositories.create(owner, "one");
  expect(repositories.open(owner, "one")).not.toBe(null);
  await repositories.hold(owner, "one", 1);
  expect(repositories.open(owner, "one")).toBe(null);
  expect(await repositories.restoreHeld(owner, "one")).toBe(true);
  expect(repositories.open(owner, "one")).not.toBe(null);
});
