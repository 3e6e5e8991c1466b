import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ownBorrowed, STILL_BORROWED } from "../../../../../worker/grasp/git/borrowed.ts";
import { plainGit } from "../../../../../worker/grasp/git/runner.ts";
import { type WorkTree, workTree } from "../../../../support/git.ts";

let folder: string;
let work: WorkTree;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-borrowed-"));
  work = workTree(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A repository at the place of one that was copied, with a ref and no objects of its own. */
function borrowing(from: string, commit: string): string {
  const path = join(folder, "git/npub1x/repo.git");
  mkdirSync(path, { recursive: true });
  execFileSync("git", ["init", "-q", "--bare", path]);
  writeFileSync(join(path, "objects/info/alternates"), `${from}\n`);
  mkdirSync(join(path, "refs/nostr"));
  writeFileSync(join(path, "refs/heads/main"), `${commit}\n`);
  return path;
}
const own = (path: string) => ownBorrowed(path, plainGit({ home: folder, repository: path }));
const has = (path: string, id: string) => {
  try {
    execFileSync("git", ["--git-dir", path, "rev-list", "--objects", id], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

test("a repository that borrows objects gets those of its refs, and no others (O19, decision 8)", async () => {
  const main = work.commit("a", "one");
  const foreign = work.commit("a", "of another repository");
  const path = borrowing(join(work.path, ".git/objects"), main);
  expect(has(path, foreign)).toBe(true);
  expect(await own(path)).toBe("owned");
  expect(existsSync(join(path, "objects/info/alternates"))).toBe(false);
  rmSync(work.path, { recursive: true });
  expect([has(path, main), has(path, foreign)]).toEqual([true, false]);
  expect(await own(path)).toBe("none");
});

test("a shared store that was copied beside the repositories is found there, wherever it was before (O19)", async () => {
  const main = work.commit("a", "one");
  const path = borrowing("/srv/other/git/.grasp/families/sha1/repo.git/objects", main);
  mkdirSync(join(folder, "git/.grasp/families/sha1"), { recursive: true });
  renameSync(join(work.path, ".git"), join(folder, "git/.grasp/families/sha1/repo.git"));
  expect(await own(path)).toBe("owned");
  expect(has(path, main)).toBe(true);
});

test("objects that are nowhere are missing, and nothing is borrowed from then on", async () => {
  const main = work.commit("a", "one");
  const path = borrowing(join(folder, "gone"), main);
  expect(await own(path)).toBe("owned");
  expect([has(path, main), existsSync(join(path, "objects/info/alternates"))]).toEqual([false, false]);
});

test("where Git fails, the list of folders stays, the repository lacks what it borrowed, and the next start copies it (O19, O25)", async () => {
  const main = work.commit("a", "one");
  const path = borrowing(join(work.path, ".git/objects"), main);
  // As a file in place of the folder: nothing can be written there.
  rmSync(join(path, "objects/pack"), { recursive: true });
  writeFileSync(join(path, "objects/pack"), "");
  expect(await own(path)).toBe("failed");
  expect([has(path, main), existsSync(join(path, STILL_BORROWED))]).toEqual([false, true]);
  rmSync(join(path, "objects/pack"));
  expect(await own(path)).toBe("owned");
  rmSync(work.path, { recursive: true });
  expect([has(path, main), existsSync(join(path, STILL_BORROWED))]).toEqual([true, false]);
});
