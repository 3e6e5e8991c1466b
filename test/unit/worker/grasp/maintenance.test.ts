import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SLOT_LIMITS } from "../../../../runtime/grasp/git/slots.ts";
import type { HappeningListener } from "../../../../runtime/grasp/happenings.ts";
import { TICK_MS } from "../../../../runtime/grasp/maintenance-plan.ts";
import { GitPool } from "../../../../worker/grasp/git/pool.ts";
import { Maintenance, type MaintenanceNeeds } from "../../../../worker/grasp/maintenance.ts";
import { DiskRepositories, makeDataFolders } from "../../../../worker/grasp/repositories.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { manualClock } from "../../../support/manual-clock.ts";
import { author } from "../../../support/nostr.ts";

const ZERO = "0".repeat(40);
const MAIN = "refs/heads/main";
const DAY_MS = 24 * 60 * 60_000;

describe("when repositories are maintained", () => {
  const owner = author().key;
  let folder: string;
  let work: WorkTree;
  let clock: ReturnType<typeof manualClock>;
  let repositories: DiskRepositories;
  let maintenance: Maintenance;
  let tell: HappeningListener;
  let isInUse: boolean;
  let hasRoom: boolean;
  const results: string[] = [];
  const lines: string[] = [];
  /** Repositories whose old backups were ended. */
  const ended: string[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "millrace-git-"));
    work = workTree(folder);
    clock = manualClock();
    const folders = await makeDataFolders(join(folder, "data"));
    const pool = new GitPool({ clock, limits: SLOT_LIMITS });
    repositories = new DiskRepositories(folders, pool);
    results.length = 0;
    lines.length = 0;
    ended.length = 0;
    isInUse = false;
    hasRoom = true;
    const line = (message: string) => void lines.push(message);
    maintenance = new Maintenance({
      grasp: {
        onHappening: (listener: HappeningListener) => {
          tell = listener;
          return () => {};
        },
        underLock: (_identifier: string, run: (release: never) => Promise<unknown>) => run(null as never),
        isInUse: () => isInUse,
        purgatory: { hasPending: () => false },
        undo: { endBackups: async (_owner: string, identifier: string) => void ended.push(identifier) },
      } as unknown as MaintenanceNeeds["grasp"],
      ...{ repositories, folders, pool, clock },
      disk: { hasRoomToPack: async () => hasRoom, measure: async () => {} },
      log: { debug: line, info: line, warn: line },
      metrics: {
        count: (name, labels) => {
          if (name === "grasp_maintenance_total") results.push(labels!.result!);
        },
        observe: () => {},
      },
      atOnce: 1,
    });
    await repositories.create(owner, "repo");
    for (let n = 0; n < 6; n++) await push(work.commit("a", `${n}`));
    maintenance.start();
  });
  afterEach(async () => {
    await maintenance.stop();
    rmSync(folder, { recursive: true });
  });

  const repository = () => repositories.open(owner, "repo")!;
  const packs = () =>
    readdirSync(join(repository().path, "objects/pack")).filter((name) => name.endsWith(".pack")).length;
  async function push(id: string): Promise<void> {
    const { refs } = await repository().refs();
    const pack = work.pack([id], [...refs.values()]);
    async function* bytes() {
      yield pack;
    }
    const bounds = { maxBytes: 1_000_000, maxObjects: 1000 };
    const received = await repository().receive(bytes(), [{ id, isBranch: true }], bounds);
    if ("fault" in received) throw new Error(received.fault.kind);
    await received.quarantine.adopt();
    await repository().updateRefs([{ ref: MAIN, old: refs.get(MAIN) ?? ZERO, new: id }]);
  }
  /** Lets a tick come, and waits for as many results. */
  const tick = (...expected: string[]) => tickAfter(TICK_MS, ...expected);
  async function tickAfter(ms: number, ...expected: string[]): Promise<void> {
    results.length = 0;
    clock.advance(ms);
    await vi.waitFor(() => expect(results).toEqual(expected), 20_000);
    // The next tick is planned when the last has ended.
    await vi.waitFor(() => expect(clock.waiting()).toBe(1), 20_000);
  }

  test("each has its turn once a day, and soon after something changed (O22, N20)", async () => {
    await tick("done");
    expect([packs(), lines.length]).toEqual([1, 1]);
    tell({ kind: "aligned", owner, identifier: "repo", updates: [] });
    await tick("nothing", "nothing");
    expect(lines.length).toBe(1);
  });

  test("a repository in use is put off until the next sweep (O22)", async () => {
    isInUse = true;
    await tick("put_off");
    expect(packs()).toBe(6);
    isInUse = false;
    await tick("done");
    expect(packs()).toBe(1);
  });

  test("without room for a second copy of the packs nothing is written (O24)", async () => {
    hasRoom = false;
    await tick("put_off");
    expect(packs()).toBe(6);
  });

  test("objects are deleted by the clock that is given (O23)", async () => {
    const { refs } = await repository().refs();
    const gone = refs.get(MAIN)!;
    const kept = work.git("rev-parse", `${gone}~1`);
    await repository().updateRefs([{ ref: MAIN, old: gone, new: kept }]);
    await tick("done");
    expect(await repository().incomplete([gone, kept])).toEqual(new Set());
    await tickAfter(14 * DAY_MS - 2 * TICK_MS, "nothing");
    expect(await repository().incomplete([gone, kept])).toEqual(new Set());
    clock.advance(2 * TICK_MS);
    await vi.waitFor(
      async () => expect(await repository().incomplete([gone, kept])).toEqual(new Set([gone])),
      20_000,
    );
  });

  test("the stop leaves no timer and no folder, also while Git runs", async () => {
    clock.advance(TICK_MS);
    await maintenance.stop();
    expect([clock.waiting(), readdirSync(join(folder, "data/quarantine"))]).toEqual([0, []]);
    expect(await repository().incomplete([(await repository().refs()).refs.get(MAIN)!])).toEqual(new Set());
  });
});
