import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type MaintenanceParts, maintain } from "../../../../../worker/grasp/git/maintenance.ts";
import { GitPool } from "../../../../../worker/grasp/git/pool.ts";
import { createRepository, DiskRepository } from "../../../../../worker/grasp/git/repository.ts";
import { openWholePack } from "../../../../../worker/grasp/git/whole-pack.ts";
import { type WorkTree, workTree } from "../../../../support/git.ts";

const ZERO = "0".repeat(40);
const BOUNDS = { maxBytes: 1_000_000, maxObjects: 1000 };
const MAIN = "refs/heads/main";
const DAY = 24 * 60 * 60;
const never = new AbortController().signal;

async function* bytesOf(pack: Uint8Array): AsyncGenerator<Uint8Array> {
  yield pack;
}

describe("maintenance of a repository", () => {
  let folder: string;
  let path: string;
  let work: WorkTree;
  let repository: DiskRepository;
  let now: number;
  let isFree: boolean;
  let mayForget: boolean;
  let underLock: MaintenanceParts["underLock"];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "millrace-git-"));
    mkdirSync(join(folder, "home"));
    mkdirSync(join(folder, "quarantine"));
    work = workTree(folder);
    path = join(folder, "repo.git");
    await createRepository(path);
    repository = new DiskRepository({
      pool: new GitPool({ clock: { after: () => () => {} } }),
      path,
      quarantines: join(folder, "quarantine"),
      unclaimed: join(folder, "unclaimed"),
      home: join(folder, "home"),
    });
    now = 1_800_000_000;
    isFree = true;
    mayForget = true;
    underLock = (run) => run();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const git = (...args: string[]) =>
    execFileSync("git", ["--git-dir", path, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  const packs = () => readdirSync(join(path, "objects/pack")).filter((name) => name.endsWith(".pack"));
  const isHere = (id: string) => {
    try {
      git("cat-file", "-e", id);
      return true;
    } catch {
      return false;
    }
  };
  const run = (pruning: AbortSignal | null = never) =>
    maintain(
      {
        repository,
        quarantines: join(folder, "quarantine"),
        home: join(folder, "home"),
        signal: never,
        nowSeconds: () => now,
        underLock: (doWork) => underLock(doWork),
        isFree: () => isFree,
        mayForget: () => mayForget,
      },
      pruning,
    );

  /** Pushes what a ref needs, as a push does: quarantine, objects, ref. */
  async function push(ref: string, id: string): Promise<void> {
    const { refs } = await repository.refs();
    const pack = work.pack([id], [...new Set(refs.values())]);
    const received = await repository.receive(bytesOf(pack), [{ id, isBranch: true }], BOUNDS);
    if ("fault" in received) throw new Error(JSON.stringify(received.fault));
    await received.quarantine.adopt();
    expect(await repository.updateRefs([{ ref, old: refs.get(ref) ?? ZERO, new: id }])).toBe(true);
  }

  async function manyPushes(count: number): Promise<string> {
    let last = "";
    for (let n = 0; n < count; n++) {
      last = work.commit("a", `${n}`);
      await push(MAIN, last);
      await repository.updateRefs([{ ref: `refs/tags/${n}`, old: ZERO, new: last }]);
    }
    return last;
  }

  /** What a clone has. */
  function cloned(): string {
    const target = mkdtempSync(join(folder, "clone-"));
    execFileSync("git", ["clone", "-q", "--mirror", path, join(target, "c.git")], { stdio: "ignore" });
    const inClone = (...args: string[]) =>
      execFileSync("git", ["--git-dir", join(target, "c.git"), ...args], { encoding: "utf8" });
    inClone("fsck", "--full", "--strict");
    return (
      inClone("for-each-ref", "--format=%(objectname) %(refname)") + inClone("rev-list", "--all", "--objects")
    );
  }

  test("many small pushes become few packs, and all of them are served as before (O22)", async () => {
    const last = await manyPushes(20);
    const before = { refs: await repository.refs(), clone: cloned() };
    expect(packs().length).toBe(20);
    expect(await run(null)).toMatchObject({ result: "done", combined: 20 });
    expect(packs().length).toBe(1);
    git("fsck", "--full", "--strict");
    expect(cloned()).toEqual(before.clone);
    // Refs are in one file, and memory and disk agree.
    expect(readdirSync(join(path, "refs/tags"))).toEqual([]);
    expect(await repository.refs()).toBe(before.refs);
    repository.reload();
    expect((await repository.refs()).refs).toEqual(before.refs.refs);
    const files = readdirSync(join(path, "objects/pack"));
    expect(files).toContain("multi-pack-index");
    expect(files.some((name) => /^multi-pack-index-.*\.bitmap$/.test(name))).toBe(true);
    expect(existsSync(join(path, "objects/info/commit-graph"))).toBe(true);
    git("-c", "core.commitGraph=true", "commit-graph", "verify");
    git("multi-pack-index", "verify");
    // What is written afterwards is built on it.
    const next = work.commit("a", "next");
    await push(MAIN, next);
    expect(await repository.incomplete([next, last])).toEqual(new Set());
    expect(await run(null)).toMatchObject({ result: "nothing", combined: 0 });
    expect(readdirSync(join(folder, "quarantine"))).toEqual([]);
  });

  test("a pack that has exactly what branches and tags need is the answer to clones; one with more is not (G32)", async () => {
    const tips = async () => [...new Set((await repository.refs()).refs.values())];
    const whole = async () => {
      const pack = await openWholePack(path, await tips());
      await pack?.file.close();
      return pack !== null;
    };
    await manyPushes(5);
    expect(await whole()).toBe(false);
    await run();
    expect([packs().length, await whole()]).toEqual([1, true]);
    // The pack stays, and is no longer what a clone needs.
    const gone = work.commit("b", "gone");
    await push("refs/heads/x", gone);
    expect(await whole()).toBe(false);
    await run();
    expect(await whole()).toBe(false);
  });

  test("objects are deleted 14 days after they became unreachable, younger ones are not (O23, O34)", async () => {
    const first = await manyPushes(3);
    const gone = work.commit("b", "gone");
    await push("refs/heads/x", gone);
    // It was reachable for a year: that does not count.
    now += 365 * DAY;
    expect(await run()).toMatchObject({ freedBytes: 0 });
    await repository.updateRefs([{ ref: "refs/heads/x", old: gone, new: ZERO }]);
    expect((await run()).result).toBe("done");
    expect([isHere(gone), packs().length]).toEqual([true, 2]);
    now += 5 * DAY;
    const later = work.commit("b", "later");
    await push("refs/heads/y", later);
    await repository.updateRefs([{ ref: "refs/heads/y", old: later, new: ZERO }]);
    // `later` is a child of `gone`, which was therefore reachable until now.
    work.git("reset", "-q", "--hard", first);
    const other = work.commit("b", "other");
    await push("refs/heads/z", other);
    await repository.updateRefs([{ ref: "refs/heads/z", old: other, new: ZERO }]);
    await run();
    expect([gone, later, other].map(isHere)).toEqual([true, true, true]);
    now += 13 * DAY;
    expect(await run()).toMatchObject({ result: "nothing" });
    expect([gone, later, other].map(isHere)).toEqual([true, true, true]);
    const before = cloned();
    expect(await repository.incomplete([other])).toEqual(new Set());
    now += DAY;
    const result = await run();
    expect(result.result).toBe("done");
    expect(result.freedBytes).toBeGreaterThan(0);
    expect([first, gone, later, other].map(isHere)).toEqual([true, false, false, false]);
    // What memory knew of them is forgotten.
    expect(await repository.incomplete([first, other])).toEqual(new Set([other]));
    expect(cloned()).toEqual(before);
    git("fsck", "--full", "--strict");
    git("multi-pack-index", "verify");
    git("-c", "core.commitGraph=true", "commit-graph", "verify");
    expect(await run()).toMatchObject({ result: "nothing" });
  });

  test("what is to be forgotten goes at once, unless something waits or it came just now (N23, N26)", async () => {
    const first = await manyPushes(2);
    // What came less than an hour ago stays until the next turn.
    now = Math.floor(Date.now() / 1000) + 60;
    const young = work.commit("b", "young");
    await push("refs/nostr/y", young);
    await repository.forgetUnreachable();
    await repository.updateRefs([{ ref: "refs/nostr/y", old: young, new: ZERO }]);
    await run();
    expect(isHere(young)).toBe(true);
    now += 3600;
    await run();
    expect([isHere(first), isHere(young)]).toEqual([true, false]);
    now += DAY;
    const gone = work.commit("b", "gone");
    await push("refs/nostr/x", gone);
    await repository.forgetUnreachable();
    await repository.updateRefs([{ ref: "refs/nostr/x", old: gone, new: ZERO }]);
    mayForget = false;
    await run();
    expect(isHere(gone)).toBe(true);
    mayForget = true;
    now += DAY;
    await run();
    expect([isHere(first), isHere(gone)]).toEqual([true, false]);
    // The next prune keeps to the usual time.
    const other = work.commit("b", "other");
    await push("refs/heads/y", other);
    await repository.updateRefs([{ ref: "refs/heads/y", old: other, new: ZERO }]);
    await run();
    expect(isHere(other)).toBe(true);
    git("fsck", "--full", "--strict");
    expect(await run()).toMatchObject({ result: "nothing" });
  });

  test("what is reachable again is kept, and its time begins again (O23)", async () => {
    const first = await manyPushes(1);
    const tip = work.commit("b", "tip");
    await push("refs/heads/x", tip);
    await repository.updateRefs([{ ref: "refs/heads/x", old: tip, new: ZERO }]);
    await run();
    now += 10 * DAY;
    await repository.updateRefs([{ ref: "refs/heads/x", old: ZERO, new: tip }]);
    await run();
    now += 10 * DAY;
    await run();
    expect(isHere(tip)).toBe(true);
    await repository.updateRefs([{ ref: "refs/heads/x", old: tip, new: ZERO }]);
    await run();
    now += 10 * DAY;
    await run();
    expect([isHere(first), isHere(tip)]).toEqual([true, true]);
    now += 4 * DAY;
    await run();
    expect([isHere(first), isHere(tip)]).toEqual([true, false]);
  });

  test("a repository with a push under way is left alone, also when the push begins meanwhile (O22)", async () => {
    await manyPushes(20);
    isFree = false;
    expect(await run()).toMatchObject({ result: "put_off" });
    isFree = true;
    underLock = (doWork) => {
      isFree = false;
      return doWork();
    };
    expect(await run()).toMatchObject({ result: "put_off" });
    expect([packs().length, readdirSync(join(folder, "quarantine"))]).toEqual([20, []]);
  });

  test("a push and a clone while packs are written succeed; what the push needs is not pruned (O22, O23)", async () => {
    await manyPushes(8);
    const gone = work.commit("b", "gone");
    await push("refs/heads/x", gone);
    await repository.updateRefs([{ ref: "refs/heads/x", old: gone, new: ZERO }]);
    await run();
    now += 20 * DAY;
    // A push brings `gone` back after the packs without it were written, and before they are exchanged.
    const child = work.commit("b", "child");
    underLock = async (doWork) => {
      underLock = (again) => again();
      await push("refs/heads/y", child);
      cloned();
      return doWork();
    };
    expect(await run()).toMatchObject({ result: "put_off" });
    expect([isHere(gone), isHere(child)]).toEqual([true, true]);
    git("fsck", "--full", "--strict");
    expect(await run()).toMatchObject({ result: "done" });
    expect([isHere(gone), isHere(child)]).toEqual([true, true]);
    git("fsck", "--full", "--strict");
    cloned();
  });

  test("loose objects, as a restored backup may have, are packed (O22)", async () => {
    const blob = (text: string) => {
      writeFileSync(join(folder, "blob"), text);
      return git("hash-object", "-w", join(folder, "blob")).trim();
    };
    await manyPushes(1);
    const tagged = blob("tagged");
    const stray = blob("stray");
    await repository.updateRefs([{ ref: "refs/tags/blob", old: ZERO, new: tagged }]);
    await run();
    const isLoose = (id: string) => existsSync(join(path, "objects", id.slice(0, 2), id.slice(2)));
    expect([tagged, stray].map((id) => [isHere(id), isLoose(id)])).toEqual([
      [true, false],
      [true, false],
    ]);
    now += 14 * DAY;
    await run();
    expect([isHere(tagged), isHere(stray)]).toEqual([true, false]);
  });

  test("what killed processes left is removed, at the start and by maintenance, and its size is told (O33)", async () => {
    await manyPushes(1);
    const leave = () => {
      writeFileSync(join(path, "objects/pack/tmp_pack_abc123"), "12345");
      writeFileSync(join(path, "objects/pack/multi-pack-index.lock"), "");
      writeFileSync(join(path, "objects/tmp_obj_abc123"), "123");
    };
    leave();
    const { leftovers } = await run(null);
    expect([leftovers.bytes, leftovers.files.length]).toEqual([8, 3]);
    leave();
    expect((await repository.heal()).found.length).toBe(3);
    git("fsck", "--full", "--strict");
    expect(await run(null)).toMatchObject({ leftovers: { bytes: 0, files: [] } });
  });

  test("a prune that takes too long ends, and nothing has changed (O23)", async () => {
    await manyPushes(2);
    const gone = work.commit("b", "gone");
    await push("refs/heads/x", gone);
    await repository.updateRefs([{ ref: "refs/heads/x", old: gone, new: ZERO }]);
    const before = readdirSync(join(path, "objects/pack")).sort();
    await expect(run(AbortSignal.abort(new Error("too long")))).rejects.toThrow("too long");
    expect(readdirSync(join(path, "objects/pack")).sort()).toEqual(before);
    expect(readdirSync(join(folder, "quarantine"))).toEqual([]);
  });
});
