import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import type { Intent } from "../../../../../runtime/grasp/ports.ts";
import { releasePlan } from "../../../../../runtime/grasp/release/intent.ts";
import { PoolBusy } from "../../../../../worker/grasp/git/pool.ts";
import { createRepository } from "../../../../../worker/grasp/git/repository.ts";
import { WatchedRefs } from "../../../../../worker/grasp/git/watched-refs.ts";

const OWNER = "0".repeat(64);
const MAIN = "refs/heads/main";
const value = (n: number) => n.toString(16).padStart(40, "0");
const folder = mkdtempSync(join(tmpdir(), "millrace-watched-"));
afterAll(() => rmSync(folder, { recursive: true }));

let path: string;
let refs: WatchedRefs;
let serial = 0;
const writer = { data: 1, open: [] as Intent[], onLook: () => {} };
let pauses = 0;
/** By the clock of the files. */
let now = 0;

beforeEach(async () => {
  path = join(folder, `${++serial}.git`);
  await createRepository(path);
  Object.assign(writer, { data: 1, open: [], onLook: () => {} });
  pauses = 0;
  now = Date.now();
  refs = new WatchedRefs(
    path,
    async () => {
      throw new Error("plain refs need no process");
    },
    {
      owner: OWNER,
      identifier: "repo",
      writer: {
        look() {
          writer.onLook();
          return writer.data;
        },
        intents: () => writer.open,
      },
      clock: {
        now: () => now,
        after(_, callback) {
          pauses++;
          setImmediate(callback);
          return () => {};
        },
      },
    },
  );
});

/** Moves a ref as Git does. */
function move(ref: string, to: string): void {
  mkdirSync(dirname(join(path, ref)), { recursive: true });
  writeFileSync(join(path, `${ref}.lock`), `${to}\n`);
  renameSync(join(path, `${ref}.lock`), join(path, ref));
}

/** A release as the writer does it: intent, refs, end. */
function release(ref: string, to: string): void {
  writer.data++;
  move(ref, to);
  writer.data++;
}

/** Makes all folders of refs look as if they had not changed for a while. */
function quieten(...more: string[]): void {
  for (const name of ["", "refs", "refs/heads", "refs/tags", ...more])
    utimesSync(join(path, name), 1000, 1000);
}

const shown = async () => Object.fromEntries((await refs.snapshot()).refs);

test("every move is seen at once, also within one step of the clock of files (G34)", async () => {
  const versions = new Set<string>();
  const step = new Date(now);
  for (let n = 1; n <= 5; n++) {
    release(MAIN, value(n));
    for (const name of ["", "refs", "refs/heads", "refs/tags"]) utimesSync(join(path, name), step, step);
    const snapshot = await refs.snapshot();
    expect([...snapshot.refs]).toEqual([[MAIN, value(n)]]);
    versions.add(snapshot.version);
  }
  expect(versions.size).toBe(5);
});

test("files are read once while their folders are as they were, and the version is that of the same refs anywhere", async () => {
  move(MAIN, value(1));
  quieten();
  const first = await refs.snapshot();
  writer.data++;
  expect(await refs.snapshot()).toBe(first);
  release("refs/heads/more/deep", value(2));
  const second = await refs.snapshot();
  expect(second.refs.size).toBe(2);
  expect(second.version).not.toBe(first.version);
  quieten("refs/heads/more");
  expect(await refs.snapshot()).toEqual(second);
  rmSync(join(path, "refs/heads/more"), { recursive: true });
  writer.data++;
  expect((await refs.snapshot()).version).toBe(first.version);
});

test("HEAD and packed refs are seen, too", async () => {
  quieten();
  expect(await refs.snapshot()).toMatchObject({ head: MAIN });
  writeFileSync(
    join(path, "packed-refs.lock"),
    `# pack-refs with: peeled fully-peeled sorted \n${value(3)} ${MAIN}\n`,
  );
  renameSync(join(path, "packed-refs.lock"), join(path, "packed-refs"));
  expect(await shown()).toEqual({ [MAIN]: value(3) });
  quieten();
  await refs.snapshot();
  writeFileSync(join(path, "HEAD.lock"), "ref: refs/heads/topic\n");
  renameSync(join(path, "HEAD.lock"), join(path, "HEAD"));
  expect(await refs.snapshot()).toMatchObject({ head: "refs/heads/topic" });
});

test("while an intent is open the refs of before are shown, and after it the new ones, with and without a kept answer (N13)", async () => {
  move(MAIN, value(1));
  quieten();
  const before = await refs.snapshot();
  const updates = [
    [
      { ref: MAIN, old: value(1), new: value(2) },
      { ref: "refs/heads/more", old: value(0), new: value(2) },
    ],
  ];
  const head = { old: MAIN, new: "refs/heads/more" };
  const moves = [{ owner: OWNER, identifier: "repo", updates, head }];
  writer.data++;
  writer.open = [{ id: 1, plan: releasePlan({ entries: [], moves }) }];
  expect((await refs.snapshot()).version).toBe(before.version);
  move(MAIN, value(2));
  expect((await refs.snapshot()).version).toBe(before.version);
  move("refs/heads/more", value(2));
  writeFileSync(join(path, "HEAD"), `ref: ${head.new}\n`);
  quieten();
  // A writer was killed here: the files do not change any more.
  for (let n = 0; n < 2; n++)
    expect(await refs.snapshot()).toMatchObject({ version: before.version, head: MAIN });
  writer.data++;
  writer.open = [];
  expect(await refs.snapshot()).toMatchObject({ head: head.new });
  expect(await shown()).toEqual({ [MAIN]: value(2), "refs/heads/more": value(2) });
});

test("refs that moved while they were read are read again", async () => {
  move(MAIN, value(1));
  let looks = 0;
  writer.onLook = () => {
    // The second look comes after the files.
    if (++looks === 2) release(MAIN, value(2));
  };
  expect(await shown()).toEqual({ [MAIN]: value(2) });
  expect(pauses).toBe(1);
});

test("refs that never keep still are told as busy, and a repository that is gone as a fault at once", async () => {
  move(MAIN, value(1));
  writer.onLook = () => release(MAIN, value(1));
  await expect(refs.snapshot()).rejects.toThrow(PoolBusy);
  writer.onLook = () => {};
  pauses = 0;
  rmSync(path, { recursive: true });
  await expect(refs.snapshot()).rejects.toThrow("ENOENT");
  expect(pauses).toBe(0);
});
