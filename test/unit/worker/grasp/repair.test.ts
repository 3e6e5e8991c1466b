import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import type { Grasp } from "../../../../runtime/grasp/grasp.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import type { EventStore } from "../../../../runtime/grasp/ports.ts";
import { isBackup } from "../../../../runtime/grasp/release/backups.ts";
import { EVERYTHING } from "../../../../runtime/grasp/release/releases.ts";
import { Repairs } from "../../../../runtime/grasp/repair.ts";
import {
  CONNECTIVITY_EVERY_MS,
  REPAIR_EVERY_MS,
  REPAIR_TICK_MS,
  type RepairResult,
} from "../../../../runtime/grasp/repair-plan.ts";
import { disconnectedIds, missingIds } from "../../../../worker/grasp/git/connected-ids.ts";
import { sqliteEventStore } from "../../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { graspOn, repositoriesIn, verifyEvent } from "../../../support/grasp.ts";
import { type ManualClock, manualClock } from "../../../support/manual-clock.ts";
import { type Author, author } from "../../../support/nostr.ts";

const MAIN = "refs/heads/main";
const ZERO = "0".repeat(40);
const BOUNDS = { maxBytes: 10_000_000, maxObjects: 10_000 };
const DIRECT = { source: "direct", address: "192.0.2.1" } as const;

let folder: string;
let work: WorkTree;
let store: EventStore;
let repositories: Awaited<ReturnType<typeof repositoriesIn>>["repositories"];
let clock: ManualClock;
let grasp: Grasp;
let repairs: Repairs;
let owner: Author;
let asked: [owner: string, events: string[]][];
let looked: string[];
let checked: RepairResult[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-repair-"));
  work = workTree(folder);
  clock = manualClock();
  store = sqliteEventStore({
    path: join(folder, "grasp.db"),
    clock: { now: clock.now, after: () => () => {} },
  });
  const { folders, pool, repositories: own } = await repositoriesIn(join(folder, "data"));
  repositories = own;
  grasp = graspOn({ store, repositories }, verifyEvent, clock.now);
  owner = author();
  [asked, looked, checked] = [[], [], []];
  repairs = new Repairs({
    grasp,
    store,
    repositories,
    clock,
    sync: {
      repair(by, _identifier, events) {
        if (events.length > 0) asked.push([by, events.map(({ id }) => id)]);
      },
    },
    missing(by, identifier, ids) {
      looked.push("presence");
      return missingIds(repositories.pathOf(by, identifier), ids, { home: folders.home, pool });
    },
    disconnected(by, identifier, ids) {
      looked.push("history");
      return disconnectedIds(repositories.pathOf(by, identifier), ids, { home: folders.home, pool });
    },
    onChecked: (_, result) => checked.push(result),
  });
  await grasp.start();
});
afterEach(async () => {
  await repairs.stop();
  expect(clock.waiting()).toBe(0);
  await store.close();
  rmSync(folder, { recursive: true });
});

const submit = async (event: NostrEvent) =>
  expect(await grasp.submit(event, DIRECT)).toMatchObject({ ok: true });

/** A served repository with this commit, and its state. */
async function served(
  by: Author,
  commit: string,
  maintainers: Author[] = [],
  identifier = "repo",
): Promise<NostrEvent> {
  const clone = `https://git.example/${toNpub(by.key)}/${identifier}.git`;
  await submit(
    by.sign(30617, [
      ["d", identifier],
      ["clone", clone],
      ["relays", "wss://git.example"],
      ["maintainers", ...maintainers.map(({ key }) => key)],
    ]),
  );
  const state = by.sign(30618, [
    ["d", identifier],
    [MAIN, commit],
    ["HEAD", `ref: ${MAIN}`],
  ]);
  await submit(state);
  await push(by, commit, identifier);
  expect(store.get(state.id)).not.toBeNull();
  return state;
}

async function push(to: Author, commit: string, identifier = "repo"): Promise<void> {
  const pack = work.pack([commit]);
  const received = await repositories.open(to.key, identifier)!.receive(
    (async function* () {
      yield pack;
    })(),
    [{ id: commit, isBranch: true }],
    BOUNDS,
  );
  if ("fault" in received) throw new Error(received.fault.kind);
  await received.quarantine.adopt();
  await grasp.newGitData(identifier, EVERYTHING);
}

function loseObjects(by: Author): void {
  const packs = join(repositories.pathOf(by.key, "repo")!, "objects/pack");
  for (const name of readdirSync(packs)) rmSync(join(packs, name));
}

const refsOf = async (by: Author) => [...(await repositories.open(by.key, "repo")!.refs()).refs];

describe("a check (S24 to S26, T67)", () => {
  test("finds nothing wrong with what is right", async () => {
    await served(owner, work.commit("a", "one"));
    expect(await repairs.checkNow(owner.key, "repo")).toMatchObject({ status: "complete", missing: 0 });
    expect([asked, looked]).toEqual([[], ["history"]]);
    expect(await repairs.checkNow(author().key, "repo")).toBeNull();
  });

  test("aligns refs that differ", async () => {
    const commit = work.commit("a", "one");
    await served(owner, commit);
    const repository = repositories.open(owner.key, "repo")!;
    await repository.updateRefs([
      { ref: MAIN, old: commit, new: ZERO },
      { ref: "refs/heads/stray", old: ZERO, new: commit },
    ]);
    expect(await repairs.checkNow(owner.key, "repo")).toMatchObject({ status: "repaired" });
    const visible = (await refsOf(owner)).filter(([ref]) => !isBackup(ref!));
    expect(visible).toEqual([[MAIN, commit]]);
    expect(repairs.counts()).toMatchObject({ checked: 1, repaired: 1, incomplete: 0 });
  });

  test("asks for missing objects by the events that name them, and stays served as it is", async () => {
    const commit = work.commit("a", "one");
    const state = await served(owner, commit);
    loseObjects(owner);
    expect(await repairs.checkNow(owner.key, "repo")).toMatchObject({
      status: "incomplete",
      missing: 1,
      missingIds: [commit],
    });
    expect(asked).toEqual([[owner.key, [state.id]]]);
    expect([store.get(state.id)?.id, repairs.counts().incomplete]).toEqual([state.id, 1]);
    expect(await refsOf(owner)).toEqual([[MAIN, commit]]);
  });

  test("finds lost history behind a tip that is there", async () => {
    const before = work.commit("a", "one");
    const tree = work.git("rev-parse", `${before}^{tree}`);
    await served(owner, work.commit("b", "two"));
    const path = repositories.pathOf(owner.key, "repo")!;
    // All objects but one, each in a file of its own.
    const packs = readdirSync(join(path, "objects/pack")).filter((name) => name.endsWith(".pack"));
    for (const name of packs) {
      const { execFileSync } = await import("node:child_process");
      const { readFileSync } = await import("node:fs");
      const pack = readFileSync(join(path, "objects/pack", name));
      loseObjects(owner);
      execFileSync("git", ["-C", path, "unpack-objects", "-q"], { input: pack });
    }
    rmSync(join(path, "objects", tree.slice(0, 2), tree.slice(2)));
    expect(await repairs.checkNow(owner.key, "repo")).toMatchObject({ status: "incomplete", missing: 1 });
  });

  test("copies what another repository of the identifier has (N8)", async () => {
    const commit = work.commit("a", "one");
    const friend = author();
    await served(owner, commit);
    await served(friend, commit);
    loseObjects(owner);
    expect(await repairs.checkNow(owner.key, "repo")).toMatchObject({ status: "repaired", missing: 0 });
    expect([asked, await repositories.open(owner.key, "repo")!.incomplete([commit])]).toEqual([
      [],
      new Set(),
    ]);
  });

  test("makes a repository that is gone again", async () => {
    const state = await served(owner, work.commit("a", "one"));
    await repositories.delete(owner.key, "repo");
    expect(await repairs.checkNow(owner.key, "repo")).toMatchObject({ status: "incomplete", missing: 1 });
    expect([asked, repositories.open(owner.key, "repo") !== null]).toEqual([[[owner.key, [state.id]]], true]);
  });
});

test("checks are spread over the hour; history is looked at after the start, once a day, and after a fault", async () => {
  const commit = work.commit("a", "one");
  for (let i = 0; i < 3; i++) await served(owner, commit, [], `repo-${i}`);
  repairs.start();
  /** Lets the clock run, and Git's processes end. */
  const until = async (count: number, stepMs: number) => {
    while (checked.length < count) {
      await clock.settle(stepMs);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await until(3, REPAIR_TICK_MS);
  const [first, second] = checked.map(({ checkedMs }) => checkedMs) as [number, number];
  expect(second - first).toBeGreaterThanOrEqual(REPAIR_TICK_MS);
  expect(looked).toEqual(["history", "history", "history"]);
  await until(6, REPAIR_TICK_MS);
  expect(checked[3]!.checkedMs - first).toBeGreaterThanOrEqual(REPAIR_EVERY_MS);
  expect(looked.slice(3)).toEqual(["presence", "presence", "presence"]);
  const day = () =>
    checked.filter(
      ({ connectivityMs, checkedMs }) => connectivityMs === checkedMs && checkedMs > second + REPAIR_EVERY_MS,
    );
  while (day().length === 0) await until(checked.length + 1, REPAIR_EVERY_MS / 4);
  expect(day()[0]!.checkedMs - first).toBeGreaterThanOrEqual(CONNECTIVITY_EVERY_MS);
});
