import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createDeflate } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { GitRepository } from "../../../../../runtime/grasp/ports.ts";
import { GitPool } from "../../../../../worker/grasp/git/pool.ts";
import { createRepository, DiskRepository } from "../../../../../worker/grasp/git/repository.ts";
import { type WorkTree, workTree } from "../../../../support/git.ts";

const ZERO = "0".repeat(40);
const BOUNDS = { maxBytes: 1_000_000, maxObjects: 1000 };
const MAIN = "refs/heads/main";

async function* chunks(bytes: Uint8Array, size = 100): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A pack with one blob of zeros. */
async function zeroPack(size: number): Promise<{ id: string; pack: Buffer }> {
  const zeros = Buffer.alloc(1024 ** 2);
  const hash = createHash("sha1").update(`blob ${size}\0`);
  const deflate = createDeflate({ level: 9 });
  const compressed: Buffer[] = [];
  deflate.on("data", (chunk: Buffer) => compressed.push(chunk));
  const ended = new Promise((resolve) => deflate.once("end", resolve));
  for (let left = size; left > 0; left -= zeros.length) {
    hash.update(zeros);
    if (!deflate.write(zeros)) await new Promise((resolve) => deflate.once("drain", resolve));
  }
  deflate.end();
  await ended;
  // Type and size, 4 bits and then 7 a byte (gitformat-pack).
  const head = [(3 << 4) | (size & 15)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    head[head.length - 1]! |= 128;
    head.push(rest & 127);
  }
  const body = Buffer.concat([
    Buffer.from("PACK\0\0\0\x02\0\0\0\x01", "latin1"),
    Buffer.from(head),
    ...compressed,
  ]);
  return { id: hash.digest("hex"), pack: Buffer.concat([body, createHash("sha1").update(body).digest()]) };
}

describe("a repository on disk", () => {
  let folder: string;
  let work: WorkTree;
  let first: string;
  let second: string;
  let repository: GitRepository;
  let path: string;
  let serial = 0;
  const quarantines = () => readdirSync(join(folder, "quarantine"));
  const packs = () => readdirSync(join(path, "objects/pack"));
  const tip = (id: string) => [{ id, isBranch: true }];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "millrace-git-"));
    mkdirSync(join(folder, "home"));
    mkdirSync(join(folder, "quarantine"));
    work = workTree(folder);
    first = work.commit("a", "one");
    second = work.commit("a", "two");
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeEach(async () => {
    path = join(folder, `${serial++}.git`);
    await createRepository(path);
    repository = new DiskRepository({
      pool: new GitPool({ clock: { after: () => () => {} } }),
      path,
      quarantines: join(folder, "quarantine"),
      unclaimed: join(folder, "unclaimed", String(serial)),
      home: join(folder, "home"),
    });
  });

  async function received(pack: Uint8Array, id: string): Promise<void> {
    const result = await repository.receive(chunks(pack), tip(id), BOUNDS);
    if ("fault" in result) throw new Error(JSON.stringify(result.fault));
    await result.quarantine.adopt();
  }

  test("a new one is empty, and its HEAD names main whatever the machine says (G22)", async () => {
    expect(await repository.refs()).toMatchObject({ refs: new Map(), head: MAIN });
  });

  test("objects count only once the quarantine is adopted (P10)", async () => {
    const result = await repository.receive(chunks(work.pack([second])), tip(second), BOUNDS);
    expect(result).toHaveProperty("quarantine");
    expect(await repository.incomplete([second])).toEqual(new Set([second]));
    await (result as { quarantine: { adopt(): Promise<void> } }).quarantine.adopt();
    expect(await repository.incomplete([second, first])).toEqual(new Set());
    expect(quarantines()).toEqual([]);
  });

  test("a pack is there before its index: Git never sees half of one, and no .keep is left (N26)", async () => {
    const pack = work.pack([second]);
    const receive = async () =>
      (await repository.receive(chunks(pack), tip(second), BOUNDS)) as {
        quarantine: { adopt(): Promise<void> };
      };
    const { quarantine } = await receive();
    const name = readdirSync(join(folder, "quarantine", quarantines()[0]!, "pack")).find((one) =>
      one.endsWith(".idx"),
    )!;
    // Something keeps the index out: what was moved before it is there.
    mkdirSync(join(path, "objects/pack", name, "in-the-way"), { recursive: true });
    await expect(quarantine.adopt()).rejects.toThrow();
    expect(packs().sort()).toEqual(
      [
        name,
        name.replace(".idx", ".pack"),
        ...(packs().some((one) => one.endsWith(".rev")) ? [name.replace(".idx", ".rev")] : []),
      ].sort(),
    );
    rmSync(join(path, "objects/pack", name), { recursive: true });
    for (const left of quarantines()) rmSync(join(folder, "quarantine", left), { recursive: true });
    expect(await repository.incomplete([second])).toEqual(new Set([second]));
    await (await receive()).quarantine.adopt();
    expect(packs().filter((one) => one.endsWith(".keep"))).toEqual([]);
    expect(await repository.incomplete([second])).toEqual(new Set());
  });

  test("a commit that only the commit-graph has is missing (P37)", async () => {
    const git = (...args: string[]) =>
      execFileSync("git", ["-C", path, ...args], {
        input: args[0] === "unpack-objects" ? work.pack([second]) : "",
      });
    git("unpack-objects", "-q");
    git("update-ref", MAIN, second);
    git("commit-graph", "write", "--reachable");
    git("update-ref", "-d", MAIN);
    rmSync(join(path, "objects", first.slice(0, 2), first.slice(2)));
    expect(await repository.incomplete([second])).toEqual(new Set([second]));
  });

  test("a text that is no id is never asked for, though Git could read it as a revision (T5)", async () => {
    await received(work.pack([first]), first);
    await repository.updateRefs([{ ref: MAIN, old: ZERO, new: first }]);
    const texts = ["HEAD", "main", first.slice(0, 8), `${first}^{}`, "--all", first.toUpperCase()];
    expect(await repository.incomplete(texts)).toEqual(new Set(texts));
  });

  test("a discarded quarantine leaves nothing", async () => {
    const result = await repository.receive(chunks(work.pack([second])), tip(second), BOUNDS);
    await (result as { quarantine: { discard(): Promise<void> } }).quarantine.discard();
    expect([quarantines(), packs()]).toEqual([[], []]);
  });

  test("a thin pack is completed from what is here", async () => {
    await received(work.pack([first]), first);
    await repository.updateRefs([{ ref: MAIN, old: ZERO, new: first }]);
    await received(work.pack([second], [first]), second);
    expect(await repository.incomplete([second])).toEqual(new Set());
  });

  test.each<[string, () => [Uint8Array, string, object?], object]>([
    ["a pack that breaks off", () => [work.pack([second]).subarray(0, 120), second], { kind: "broken" }],
    ["bytes that are no pack", () => [new Uint8Array(200), second], { kind: "broken" }],
    [
      "a pack over the limit",
      () => [work.pack([second]), second, { ...BOUNDS, maxBytes: 60 }],
      { kind: "too_large" },
    ],
    [
      "too many objects",
      () => [work.pack([second]), second, { ...BOUNDS, maxObjects: 2 }],
      { kind: "too_many_objects" },
    ],
    ["a tip that is not in it", () => [work.pack([first]), second], { kind: "missing_objects" }],
    [
      "history that is missing, though its tip is here (A9, P9, T48)",
      () => [work.pack([second], [first]), second],
      { kind: "missing_objects" },
    ],
  ])("refuses %s, and nothing is left", async (_name, make, fault) => {
    const [pack, id, bounds = BOUNDS] = make();
    expect(await repository.receive(chunks(pack), tip(id), bounds as typeof BOUNDS)).toEqual({ fault });
    expect([quarantines(), packs()]).toEqual([[], []]);
  });

  test("a branch's tip must be a commit; a tag's need not (A19)", async () => {
    const tree = work.git("rev-parse", `${second}^{tree}`);
    const pack = work.pack([second]);
    expect(await repository.receive(chunks(pack), [{ id: tree, isBranch: true }], BOUNDS)).toEqual({
      fault: { kind: "not_a_commit", id: tree },
    });
    expect(await repository.receive(chunks(pack), [{ id: tree, isBranch: false }], BOUNDS)).toHaveProperty(
      "quarantine",
    );
    // The object of a tag whose name looks like a commit.
    work.git("tag", "-a", "-m", "t", "7".repeat(40), second);
    const tag = work.git("rev-parse", `refs/tags/${"7".repeat(40)}`);
    const withTag = work.pack([second, tag]);
    expect(await repository.receive(chunks(withTag), [{ id: tag, isBranch: true }], BOUNDS)).toEqual({
      fault: { kind: "not_a_commit", id: tag },
    });
  });

  test("a tree that would write into .git is refused, with object and check (A41, A49, T32)", async () => {
    const blob = work.git("hash-object", "-w", "a");
    const entry = (name: string) =>
      Buffer.concat([Buffer.from(`100644 ${name}\0`), Buffer.from(blob, "hex")]);
    const { execFileSync } = await import("node:child_process");
    const tree = execFileSync("git", ["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], {
      cwd: work.path,
      input: entry(".GIT"),
      encoding: "utf8",
    }).trim();
    const trap = work.git("commit-tree", "-m", "trap", tree);
    expect(await repository.receive(chunks(work.pack([trap])), tip(trap), BOUNDS)).toEqual({
      fault: { kind: "fsck", findings: [{ object: tree, check: "hasDotgit" }] },
    });
  });

  test("a huge blob of zeros is refused, and one within the limit is checked in little memory (T10)", async () => {
    const size = 192 * 1024 ** 2;
    const blob = await zeroPack(size);
    const systemPath = process.env.PATH;
    const kept = quarantines();
    const bin = join(folder, `bin-${serial}`);
    mkdirSync(bin);
    // Less memory than the blob: Git must not hold it.
    const script = `#!/bin/sh\nulimit -d 131072\nPATH='${systemPath}'\nexec git "$@"\n`;
    writeFileSync(join(bin, "git"), script, { mode: 0o755 });
    process.env.PATH = `${bin}:${systemPath}`;
    try {
      const receive = (maxObjectBytes: number) =>
        repository.receive(chunks(blob.pack, 65_536), [{ id: blob.id, isBranch: false }], {
          ...BOUNDS,
          maxObjectBytes,
        });
      expect(await receive(size - 1)).toEqual({ fault: { kind: "too_large" } });
      expect([quarantines(), packs()]).toEqual([kept, []]);
      const allowed = await receive(size);
      expect(allowed).toHaveProperty("quarantine");
      await (allowed as { quarantine: { discard(): Promise<void> } }).quarantine.discard();
    } finally {
      process.env.PATH = systemPath;
    }
  }, 60_000);

  test("no bytes, or a pack without objects, makes an empty quarantine (A9)", async () => {
    await received(work.pack([first]), first);
    for (const pack of [new Uint8Array(), work.pack([])]) {
      expect(await repository.receive(chunks(pack), tip(first), BOUNDS)).toHaveProperty("quarantine");
    }
  });

  test("refs move together or not at all, and every change has a version of its own (A25, G34)", async () => {
    await received(work.pack([second]), second);
    const before = await repository.refs();
    const wrong = [
      { ref: MAIN, old: ZERO, new: first },
      { ref: "refs/heads/x", old: first, new: second },
    ];
    expect(await repository.updateRefs(wrong)).toBe(false);
    expect(await repository.refs()).toMatchObject({ refs: before.refs, head: before.head });
    expect(await repository.updateRefs([{ ref: MAIN, old: ZERO, new: first }])).toBe(true);
    const after = await repository.refs();
    expect([...after.refs]).toEqual([[MAIN, first]]);
    expect(after.version).not.toBe(before.version);
    await repository.setHead("refs/heads/absent");
    expect(await repository.refs()).toMatchObject({ head: "refs/heads/absent" });
    expect((await repository.refs()).version).not.toBe(after.version);
  });

  test("names with bytes beyond ASCII are read back as they are", async () => {
    await received(work.pack([first]), first);
    const ref = "refs/heads/grüße\u00a0";
    expect(await repository.updateRefs([{ ref, old: ZERO, new: first }])).toBe(true);
    expect([...(await repository.refs()).refs.keys()]).toEqual([ref]);
  });

  test("refs that somebody else changed, loose or packed, are seen after reload, with another version (G34, T67)", async () => {
    await received(work.pack([second]), second);
    expect(await repository.updateRefs([{ ref: MAIN, old: ZERO, new: first }])).toBe(true);
    const before = await repository.refs();
    const { execFileSync } = await import("node:child_process");
    execFileSync("git", ["-C", path, "update-ref", "refs/heads/other/deep", second]);
    execFileSync("git", ["-C", path, "pack-refs", "--all"]);
    execFileSync("git", ["-C", path, "update-ref", MAIN, second]);
    expect(await repository.refs()).toBe(before);
    repository.reload();
    const after = await repository.refs();
    expect([...after.refs].sort()).toEqual([
      [MAIN, second],
      ["refs/heads/other/deep", second],
    ]);
    expect(after.version).not.toBe(before.version);
  });
});
