import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GitRepository } from "../../../../../runtime/grasp/ports.ts";
import { workTree } from "../../../../support/git.ts";
import { repositoriesIn } from "../../../../support/grasp.ts";
import { AUTHORS } from "./cast.ts";
import { COMMITS } from "./commits.ts";
import { Disk, FakeRepositories, packOf } from "./fake-git.ts";
import { Gate } from "./gate.ts";

const NAMES = ["refs/heads/a", "refs/heads/a/b", "refs/heads/a/b/c", "refs/heads/b", "refs/tags/a"];
const ZERO = "0".repeat(40);
const BOUNDS = { maxBytes: 1_000_000, maxObjects: 1000 };
const [OWNER = ""] = AUTHORS;

/** One ref to be moved; numbers stand for names and commits. */
interface Update {
  readonly name: number;
  /** `null`: it is deleted. */
  readonly to: number | null;
  /** 0: another old value is expected than the present one. */
  readonly isStale: number;
}

const update: fc.Arbitrary<Update> = fc.record({
  name: fc.nat(NAMES.length - 1),
  to: fc.option(fc.nat(1), { freq: 2 }),
  isStale: fc.nat(9),
});
const transactions = fc.array(
  fc.uniqueArray(update, { minLength: 1, maxLength: 3, selector: ({ name }) => name }),
  { minLength: 4, maxLength: 10 },
);

let folder: string;
/** A Git repository that has commits, and the ids of two of them. */
let real: (identifier: string) => Promise<[GitRepository, string[]]>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-fake-git-"));
  const work = workTree(folder);
  const ids = [work.commit("a", "one"), work.commit("a", "two")];
  const { repositories } = await repositoriesIn(join(folder, "data"));
  real = async (identifier) => {
    await repositories.create(OWNER, identifier);
    const repository = repositories.open(OWNER, identifier)!;
    async function* bytes() {
      yield work.pack(ids);
    }
    const received = await repository.receive(bytes(), [{ id: ids[1]!, isBranch: true }], BOUNDS);
    if ("fault" in received) throw new Error(JSON.stringify(received.fault));
    await received.quarantine.adopt();
    return [repository, ids];
  };
});
afterAll(() => rmSync(folder, { recursive: true }));

async function fake(): Promise<[GitRepository, string[]]> {
  const repositories = new FakeRepositories(new Disk(), new Gate());
  await repositories.create(OWNER, "one");
  const repository = repositories.open(OWNER, "one")!;
  const ids = COMMITS.slice(0, 2);
  const received = await repository.receive(packOf(ids), [], BOUNDS);
  if ("fault" in received) throw new Error(JSON.stringify(received.fault));
  await received.quarantine.adopt();
  return [repository, ids];
}

/** What each transaction did: whether it was taken, and the refs after it. */
async function played(
  [repository, ids]: [GitRepository, string[]],
  all: readonly (readonly Update[])[],
): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (const list of all) {
    const before = (await repository.refs()).refs;
    const updates = list.map(({ name, to, isStale }) => {
      const ref = NAMES[name]!;
      const present = before.get(ref) ?? ZERO;
      const stale = present === ids[0] ? ids[1]! : ids[0]!;
      return { ref, old: isStale === 0 ? stale : present, new: to === null ? ZERO : ids[to]! };
    });
    const meant = updates.filter((one) => one.old !== ZERO || one.new !== ZERO);
    const isTaken = meant.length === 0 || (await repository.updateRefs(meant));
    const after = [...(await repository.refs()).refs].map(([ref, id]) => `${ref} ${ids.indexOf(id)}`);
    seen.push([isTaken, after.sort()]);
  }
  return seen;
}

test("the model of the random lives takes and refuses the same ref transactions as Git (N9, V2)", async () => {
  let serial = 0;
  let refused = 0;
  const property = fc.asyncProperty(transactions, async (all) => {
    const model = await played(await fake(), all);
    refused += model.filter((one) => (one as [boolean])[0] === false).length;
    expect(await played(await real(`repo-${serial++}`), all)).toEqual(model);
  });
  await fc.assert(property, { numRuns: 12, seed: 7 });
  expect(refused).toBeGreaterThan(10);
});

test("both refuse to delete a and create a/b in one transaction, and the reverse (N9)", async () => {
  for (const [repository, ids] of [await fake(), await real("conflict")]) {
    const [id = ""] = ids;
    const [a = "", ab = ""] = NAMES;
    expect(await repository.updateRefs([{ ref: a, old: ZERO, new: id }])).toBe(true);
    const both = (gone: string, created: string) => [
      { ref: gone, old: id, new: ZERO },
      { ref: created, old: ZERO, new: id },
    ];
    expect(await repository.updateRefs(both(a, ab))).toBe(false);
    for (const one of both(a, ab)) expect(await repository.updateRefs([one])).toBe(true);
    expect(await repository.updateRefs(both(ab, a))).toBe(false);
  }
});
