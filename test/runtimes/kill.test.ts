import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ProcessRuntime, root, runtimes } from "../support/spawn.ts";

/** A writer ends after this number of writes. */
const MOST_WRITES = 500_000;

let folder: string;
const running = new Set<() => void>();
let outputs = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-"));
});

afterEach(() => {
  for (const kill of running) kill();
  rmSync(folder, { recursive: true });
});

/** A running writer. */
interface Writer {
  /** The lines of its output after its end, without an incomplete last one. */
  ended: Promise<{ lines: string[][]; code: number | null; errors: string }>;
  /** Number of lines so far. */
  written(): number;
  /** Resolves when it has acknowledged this number of writes, or has ended. */
  acknowledged(writes: number): Promise<void>;
  kill(): void;
}

function startWriter(runtime: ProcessRuntime, ...args: string[]): Writer {
  return startCommand([...runtimes[runtime], ...writerArgs(...args)]);
}

function writerArgs(...args: string[]): string[] {
  return [join(root, "test/runtimes/kill-writer.ts"), join(folder, "store.db"), ...args];
}

/** Output goes to files: a killed process loses what is still in a pipe. */
function startCommand([command, ...args]: string[]): Writer {
  const output = join(folder, `output-${outputs++}`);
  const [out, err] = [openSync(output, "w"), openSync(`${output}-errors`, "w")];
  const child = spawn(command!, args, { stdio: ["ignore", out, err] });
  for (const file of [out, err]) closeSync(file);
  const kill = () => void child.kill("SIGKILL");
  running.add(kill);
  const lines = () => readFileSync(output, "utf8").split("\n").slice(0, -1);
  let hasEnded = false;
  const ended = once(child, "close").then(([code]) => {
    running.delete(kill);
    hasEnded = true;
    const errors = readFileSync(`${output}-errors`, "utf8");
    return { lines: lines().map((line) => line.split(" ")), code, errors };
  });
  return {
    ended,
    kill,
    written: () => lines().length,
    async acknowledged(writes) {
      while (!hasEnded && lines().length < writes) await new Promise((resolve) => setTimeout(resolve, 3));
    },
  };
}

/** The expected content of the store, from the acknowledged writes. */
class Ledger {
  /** For each counter, the number of acknowledged or observed increments. */
  readonly counters = new Map<string, number>();
  /** For each other key: it exists, it does not, or it may have been deleted. */
  readonly keys = new Map<string, "there" | "gone" | "either">();
  readonly versions = new Set<string>();
  acknowledgements = 0;

  read(lines: string[][]): void {
    for (const [what, key, ...rest] of lines as [string, string, ...string[]][]) {
      if (what === "counted") this.counters.set(key, (this.counters.get(key) ?? 0) + 1);
      if (what === "put") this.keys.set(key, "there");
      if (what === "deleting") this.keys.set(key, "either");
      if (what === "deleted") this.keys.set(key, "gone");
      if (what !== "counted" && what !== "put") continue;
      this.acknowledgements++;
      const version = rest.at(-1)!;
      expect(this.versions.has(version), `version ${version} was given out before`).toBe(false);
      this.versions.add(version);
    }
  }

  /**
   * Compares with what the store holds.
   * @param killed number of killed writers: each may have made one unacknowledged increment
   */
  compare(dump: string[][], killed: number): void {
    const [[what, ...report], ...entries] = dump as [string[], ...string[][]];
    expect([what, report.join(" ")]).toEqual(["integrity", '[{"integrity_check":"ok"}]']);
    const found = new Map(entries.map(([, key, metadata, whole]) => [key!, { metadata, whole }]));
    const damaged = [...found].filter(([, { whole }]) => whole !== "true").map(([key]) => key);
    expect(damaged, "entries that are not whole").toEqual([]);
    const lost = [...this.keys].filter(([key, state]) => state === "there" && !found.has(key));
    expect(lost, "acknowledged puts that are lost").toEqual([]);
    const undead = [...this.keys].filter(([key, state]) => state === "gone" && found.has(key));
    expect(undead, "acknowledged deletions that are lost").toEqual([]);
    const counters = new Set([
      ...this.counters.keys(),
      ...[...found.keys()].filter((key) => key.startsWith("counter/")),
    ]);
    for (const key of counters) {
      const acknowledged = this.counters.get(key) ?? 0;
      const stored = Number(found.get(key)?.metadata);
      expect(stored, `${key}: acknowledged additions are lost`).toBeGreaterThanOrEqual(acknowledged);
      expect(stored, `${key}: nobody made these additions`).toBeLessThanOrEqual(acknowledged + killed);
      this.counters.set(key, stored);
    }
  }
}

async function dump(runtime: ProcessRuntime): Promise<string[][]> {
  const { lines, code, errors } = await startWriter(runtime, "dump").ended;
  expect(code, errors).toBe(0);
  return lines;
}

test.each(Object.keys(runtimes) as ProcessRuntime[])(
  "%s loses no acknowledged write when it is killed again and again",
  async (runtime) => {
    const ledger = new Ledger();
    for (const writes of [1, 20, 100, 333, 700, 1000, 1600, 2500, 3300, 4000]) {
      const writer = startWriter(runtime, "write", `after${writes}`, String(MOST_WRITES));
      await writer.acknowledged(writes);
      writer.kill();
      const { lines, code, errors } = await writer.ended;
      expect(code, `it was still at work\n${errors}`).toBeNull();
      ledger.read(lines);
      ledger.compare(await dump(runtime), 1);
    }
    expect(ledger.acknowledgements).toBeGreaterThan(4000);
  },
);

test("three runtimes write to one file and lose no acknowledged write when two of them are killed", async () => {
  const start = (runtime: ProcessRuntime) => startWriter(runtime, "write", runtime, String(MOST_WRITES));
  const [node, bun, deno] = [start("node"), start("bun"), start("deno")];
  await Promise.all([node, bun, deno].map((writer) => writer.acknowledged(300)));
  bun.kill();
  await deno.acknowledged(600);
  deno.kill();
  const dead = await Promise.all([bun.ended, deno.ended]);
  await node.acknowledged(node.written() + 1000);
  node.kill();
  const ended = [await node.ended, ...dead];
  expect(ended.map(({ code }) => code)).toEqual([null, null, null]);
  const ledger = new Ledger();
  for (const { lines } of ended) ledger.read(lines);
  ledger.compare(await dump("node"), 3);
});

test.each(Object.keys(runtimes) as ProcessRuntime[])(
  "%s reports a full disk and loses no acknowledged write",
  async (runtime) => {
    // The limit's signal is ignored: the write fails, like on a full disk.
    const command = [...runtimes[runtime], ...writerArgs("write", "full", String(MOST_WRITES))];
    const writer = startCommand(["sh", "-c", 'trap "" XFSZ; ulimit -f 4000; exec "$@"', "sh", ...command]);
    const { lines, code, errors } = await writer.ended;
    expect(code).toBe(1);
    expect(errors).toMatch(/SQLite store \S+store\.db: .*\(check its disk/);
    const ledger = new Ledger();
    ledger.read(lines);
    expect(ledger.acknowledgements).toBeGreaterThan(200);
    ledger.compare(await dump(runtime), 1);
  },
);
