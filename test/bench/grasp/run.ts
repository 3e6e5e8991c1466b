/**
 * millrace beside ngit-grasp, in turn, in one run: every row of the table in `proof.md`. Both run in a network namespace with loopback
 * only, because ngit-grasp dials every address that an announcement names. Prints a table and writes `test/results/grasp.json`. With
 * `--write` it also updates `test/bench/grasp/latest.json` and what README.md and docs/performance.md show of it; rows that were not
 * named keep their last figures.
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { findNgitGrasp, installNgitGrasp, NGIT_GRASP_VERSION } from "../../../scripts/cargo-tools.ts";
import { NEW_NAMESPACE, namespaceFault } from "../../support/namespace.ts";
import { root } from "../../support/spawn.ts";
import { buildPackage } from "../../support/starter.ts";
import { readToolOptions, WRITE } from "../../support/tool-options.ts";
import { graspTable, writeDocuments } from "../documents.ts";
import { latestGrasp, saveGrasp } from "../latest.ts";
import { provenanceHere } from "../provenance.ts";
import { chartOf, type GraspResults, type GraspRun, type Measured, mergeGrasp } from "./report.ts";
import { type Figure, ROWS } from "./rows.ts";
import { contenders } from "./servers.ts";
import { createWorld, Trees, type World } from "./world.ts";

/** Longest time of one repetition of a row on one server. */
const ROW_TIMEOUT_MS = 600_000;
const IN_NAMESPACE = "GRASP_BENCH_IN_NAMESPACE";
/** Sizes that measure all rows in a quarter of an hour, of which six minutes are the delay before a fetch. */
const MEDIUM = {
  ...{ events: 20_000, refs: 2000, large: 256, commits: 10_000 },
  ...{ clients: 30, subscribers: 500, peer: 2000 },
};
/** Sizes that measure all rows in minutes. */
const QUICK = {
  ...{ events: 2500, refs: 500, large: 32, commits: 1000 },
  ...{ clients: 10, subscribers: 200, peer: 1000 },
};

const shownSizes = (sizes: object) =>
  Object.entries(sizes)
    .map(([name, size]) => `${name} ${size}`)
    .join(", ");

const { values, names } = readToolOptions({
  name: "bench:grasp",
  summary: "Measures millrace beside ngit-grasp in turn, row by row, and prints a table.",
  names: { placeholder: "ROW", summary: "rows to measure (default: all)", all: ROWS.map(({ name }) => name) },
  options: {
    repetitions: { default: 5, min: 1, summary: "how often each row is measured on each server" },
    events: { default: 100_000, min: 100, summary: "stored events" },
    refs: { default: 5000, min: 20, summary: "refs of the repository with many" },
    large: { default: 1024, min: 1, summary: "size of the large repository, in MiB" },
    commits: { default: 100_000, min: 10, summary: "commits of the large repository" },
    clients: { default: 50, min: 2, summary: "clones at once" },
    subscribers: { default: 500, min: 1, summary: "subscribers of one event" },
    peer: { default: 10_000, min: 10, summary: "events that come from a peer" },
    medium: { switch: true, summary: `in place of all sizes: ${shownSizes(MEDIUM)}` },
    quick: { switch: true, summary: `in place of all sizes: ${shownSizes(QUICK)}` },
    write: WRITE,
  },
});
const log = (text: string) => console.error(`bench: ${text}`);

if (process.env[IN_NAMESPACE] === undefined) {
  if (findNgitGrasp() === null && !installNgitGrasp()) process.exit(1);
  const fault = namespaceFault();
  if (fault !== null) {
    log(fault);
    process.exit(1);
  }
  // The published package is what is compared.
  buildPackage();
  const [command, ...args] = [...NEW_NAMESPACE, process.execPath, ...process.argv.slice(1)];
  const done = spawnSync(command!, args, {
    stdio: "inherit",
    env: { ...process.env, [IN_NAMESPACE]: "1" },
  });
  process.exit(done.status ?? 1);
}

const folder = mkdtempSync(join(tmpdir(), "millrace-bench-grasp-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
process.on("SIGTERM", () => process.exit(1)).on("SIGINT", () => process.exit(1));

const { large: largeMiB, peer: fromPeer, ...counts } = values.quick ? QUICK : values.medium ? MEDIUM : values;
const { events, refs, commits, clients, subscribers } = counts;
const sizes = { events, refs, largeMiB, commits, clients, subscribers, fromPeer };
const asked = values.repetitions;
const before = loadavg()[0]!;
type Noted = Omit<Measured, "run" | "values"> & { values: Record<string, number[]> };
const measured = new Map<string, Noted>();
const missing: { row: string; server: string; reason: string }[] = [];

function note(row: string, server: string, figures: readonly Figure[]) {
  for (const { value, ...figure } of figures) {
    const key = `${row}: ${figure.name}`;
    const known = measured.get(key) ?? { ...figure, row, values: {} };
    known.values[server] = [...(known.values[server] ?? []), value];
    measured.set(key, known);
  }
}

/** @throws {Error} if the work is not done after {@link ROW_TIMEOUT_MS} */
async function inTime<T>(work: Promise<T>): Promise<T> {
  const end = new AbortController();
  const late = sleep(ROW_TIMEOUT_MS, null, { signal: end.signal }).then(() => {
    throw new Error(`it was not done after ${ROW_TIMEOUT_MS / 1000} s`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    end.abort();
  }
}

log("preparing Git repositories");
const trees = new Trees(folder, sizes);
const servers = contenders(folder);
const worlds: World[] = [];
for (const server of servers) {
  await server.start();
  note("memory", server.name, [{ name: "idle", value: server.residentMiB(), unit: "MiB", better: "lower" }]);
}
for (const server of servers) {
  log(`${server.name}: storing ${sizes.events} events`);
  const { world, seconds } = await createWorld(server, trees);
  worlds.push(world);
  note("events", server.name, [
    {
      name: `${sizes.events} comments, 20 connections`,
      value: sizes.events / seconds,
      unit: "a second",
      better: "higher",
    },
  ]);
  note("memory", server.name, [
    { name: `with ${sizes.events} events`, value: server.residentMiB(), unit: "MiB", better: "lower" },
  ]);
}
const work = join(folder, "clones");
mkdirSync(work);
const rows = ROWS.filter(({ name }) => names.length === 0 || names.includes(name));
for (const row of rows) {
  const repetitions = Math.min(asked, row.maxRepetitions ?? asked);
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    for (const world of worlds) {
      log(`${row.name}, ${repetition} of ${repetitions}: ${world.server.name}`);
      try {
        note(row.name, world.server.name, await inTime(row.measure(world, work)));
      } catch (error) {
        // A row that fails on one server is told as it is.
        const reason = (error as Error).message.split("\n")[0]!;
        missing.push({ row: row.name, server: world.server.name, reason });
        log(`${row.name} fails on ${world.server.name}: ${String(error)}`);
      }
    }
  }
}
for (const server of servers) await server.stop();

const run: GraspRun = {
  ...provenanceHere({ Node: process.versions.node, "ngit-grasp": NGIT_GRASP_VERSION }),
  repetitions: asked,
  load: { before, after: loadavg()[0]! },
};
const results: GraspResults = { measured: [...measured.values()].map((one) => ({ ...one, run })), missing };
mkdirSync(join(root, "test/results"), { recursive: true });
writeFileSync(join(root, "test/results/grasp.json"), `${JSON.stringify(results, null, 2)}\n`);
writeFileSync(join(root, "test/results/grasp.svg"), chartOf(results));
console.log(graspTable(results));
if (values.write) {
  saveGrasp(
    mergeGrasp(
      latestGrasp(),
      results,
      rows.map(({ name }) => name),
    ),
  );
  for (const file of writeDocuments()) log(`${file} is updated`);
}
process.exit(0);
