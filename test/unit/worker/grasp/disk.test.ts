import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import { Disk, type DiskLimits } from "../../../../worker/grasp/disk.ts";
import { manualClock } from "../../../support/manual-clock.ts";
import { author } from "../../../support/nostr.ts";

let git: string;
let free: number;
let looks: number;
let limits: DiskLimits;
let disk: Disk;
const owner = author().key;
const clock = manualClock();

beforeEach(() => {
  git = mkdtempSync(join(tmpdir(), "millrace-disk-"));
  free = 1000;
  looks = 0;
  limits = { minFreeBytes: 100, bytesPerAuthor: 500, bytesPerRepository: 300 };
  clock.advance(60_000);
  disk = new Disk({
    git,
    clock,
    limits: () => limits,
    async freeBytes() {
      looks++;
      return free;
    },
  });
});
afterEach(() => rmSync(git, { recursive: true, force: true }));

/** Writes a repository of this size. */
async function repository(name: string, bytes: number): Promise<void> {
  const folder = join(git, toNpub(owner), `${name}.git`, "objects", "pack");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "a.pack"), new Uint8Array(bytes));
  await disk.measure(owner, name);
}

describe("room (O24)", () => {
  test("there is room above the limit, and none below it", async () => {
    expect(await disk.refusal("push", owner, "a")).toBe(null);
    free = 99;
    clock.advance(5000);
    for (const what of ["repository", "push", "fetch"] as const) {
      expect([what, await disk.refusal(what, owner, "a")]).toEqual([what, expect.stringContaining("full")]);
    }
  });

  test("the disk is looked at once in five seconds", async () => {
    for (let i = 0; i < 10; i++) await disk.refusal("push", owner, "a");
    expect(looks).toBe(1);
    clock.advance(5000);
    await disk.refusal("push", owner, "a");
    expect(looks).toBe(2);
  });

  test("a repository at its quota takes no push and no fetch; another one of the author may be made", async () => {
    await repository("large", 300);
    expect(await disk.refusal("push", owner, "large")).toContain("300");
    expect(await disk.refusal("fetch", owner, "large")).toContain("300");
    expect(await disk.refusal("push", owner, "small")).toBe(null);
    expect(await disk.refusal("repository", owner, "new")).toBe(null);
  });

  test("an author at the quota takes nothing, others do", async () => {
    await repository("one", 290);
    await repository("two", 210);
    expect(await disk.refusal("repository", owner, "new")).toContain("500");
    expect(await disk.refusal("push", owner, "one")).toContain("500");
    expect(await disk.refusal("push", author().key, "one")).toBe(null);
  });

  test("an author's repositories are measured by the first question, before all are", async () => {
    await repository("one", 290);
    await repository("two", 210);
    const fresh = new Disk({ git, clock, limits: () => limits, freeBytes: async () => 1 << 30 });
    expect(await fresh.refusal("repository", owner, "new")).toContain("500");
    expect(await fresh.refusal("repository", author().key, "new")).toBe(null);
  });

  test("new limits count at once", async () => {
    await repository("one", 200);
    limits = { ...limits, bytesPerRepository: 200 };
    expect(await disk.refusal("push", owner, "one")).toContain("200");
  });
});

describe("sizes", () => {
  test("all repositories are measured, links are not followed, and a deleted one is forgotten", async () => {
    await repository("one", 10);
    await repository("two", 20);
    const outside = mkdtempSync(join(tmpdir(), "millrace-outside-"));
    writeFileSync(join(outside, "large"), new Uint8Array(1000));
    symlinkSync(outside, join(git, toNpub(owner), "link.git"));
    symlinkSync(join(outside, "large"), join(git, toNpub(owner), "one.git", "link"));
    const fresh = new Disk({ git, clock, limits: () => limits, freeBytes: async () => 1 });
    await fresh.measureAll();
    expect(fresh.totals(1)).toEqual({ count: 2, bytes: 30, largest: [20] });
    rmSync(join(git, toNpub(owner), "two.git"), { recursive: true });
    await fresh.measure(owner, "two");
    expect(fresh.totals(10)).toEqual({ count: 1, bytes: 10, largest: [10] });
    rmSync(outside, { recursive: true });
  });
});
