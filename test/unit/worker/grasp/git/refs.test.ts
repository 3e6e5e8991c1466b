import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { NoAnswer } from "../../../../../worker/grasp/git/process.ts";
import { Refs } from "../../../../../worker/grasp/git/refs.ts";
import { createRepository } from "../../../../../worker/grasp/git/repository.ts";
import { plainGit } from "../../../../../worker/grasp/git/runner.ts";
import { workTree } from "../../../../support/git.ts";

const ZERO = "0".repeat(40);
const [MAIN, TOPIC] = ["refs/heads/main", "refs/heads/topic"];
const folder = mkdtempSync(join(tmpdir(), "millrace-refs-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a killed update-ref tells what moved by the disk, and its locks do not refuse the next move (N14, T65)", async () => {
  const work = workTree(folder);
  const [one, two] = [work.commit("a", "one"), work.commit("a", "two")];
  const path = join(folder, "repo.git");
  await createRepository(path);
  const home = join(folder, "home");
  mkdirSync(home);
  const real = plainGit({ home, repository: path });
  await real(["unpack-objects", "-q"], work.pack([two]));
  let isKilled = false;
  const refs = new Refs(path, async (args, ...more) => {
    if (!isKilled || args[0] !== "update-ref") return real(args, ...more);
    // One of the two has moved, and the other is still locked.
    writeFileSync(join(path, MAIN), `${two}\n`);
    for (const lock of [`${TOPIC}.lock`, "packed-refs.lock"]) writeFileSync(join(path, lock), "");
    return { code: null, isLate: false, stdout: Buffer.alloc(0), stderr: "" };
  });
  expect(await refs.move([{ ref: MAIN, old: ZERO, new: one }])).toBe(true);
  isKilled = true;
  const updates = [
    { ref: MAIN, old: one, new: two },
    { ref: TOPIC, old: ZERO, new: one },
  ];
  await expect(refs.move(updates)).rejects.toThrow(NoAnswer);
  expect([...(await refs.snapshot()).refs]).toEqual([[MAIN, two]]);
  isKilled = false;
  expect(await refs.move([{ ref: MAIN, old: two, new: one }])).toBe(true);
  expect(await refs.move(updates)).toBe(true);
  expect(new Map((await refs.snapshot()).refs)).toEqual(
    new Map([
      [MAIN, two],
      [TOPIC, one],
    ]),
  );
});
