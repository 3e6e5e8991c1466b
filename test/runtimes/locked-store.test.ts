/**
 * Another process holds the write lock of the SQLite file: pages, health and readiness go on.
 * Without this, the whole process blocks for 5 s at a time, including pages and health.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configFile } from "../support/config-file.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessRuntime, root, runtimes, spawnServer } from "../support/spawn.ts";
import { type RunningProgram, startProgram } from "../support/start-program.ts";
import {
  ecCookieOf,
  eventually,
  logged,
  scenarioConfig,
  type Target,
  targetOf,
  type Visitor,
} from "./target.ts";

/** The pages that must be answered while one write waits its 4 s. A process that waits inside of SQLite answers none. */
const PAGES = 10;

/** Holds the lock until the returned function is called. */
async function holdLock(path: string): Promise<() => Promise<void>> {
  const program = await startProgram({
    command: runtimes.node[0],
    args: [join(root, "test/runtimes/hold-lock.ts"), path],
    ready: /^held$/m,
  });
  return async () => void (await program.stop());
}

describe.each(Object.keys(runtimes) as ProcessRuntime[])("a locked store on %s", (runtime) => {
  let folder: string;
  let path: string;
  let origin: Origin;
  let server: RunningProgram;
  let target: Target;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "millrace-locked-"));
    path = join(folder, "store.db");
    origin = await startOrigin();
    const config = { ...scenarioConfig(origin.url), listen: { port: 0 }, store: `sqlite:${path}` };
    writeFileSync(join(folder, "config.json"), JSON.stringify(configFile(config)));
    server = await spawnServer(runtime, [
      "worker/cli/main.ts",
      "serve",
      "--config",
      join(folder, "config.json"),
    ]);
    target = targetOf(runtime, server.url, origin, server.log);
  });

  afterAll(async () => {
    await server?.stop("SIGKILL");
    await origin?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function newcomer(): Promise<{ id: string; visitor: Visitor }> {
    const visitor: Visitor = { ip: "198.51.100.7", country: "JP" };
    const answer = await target.visit(visitor);
    expect(answer.status).toBe(200);
    const id = ecCookieOf(answer)!.value;
    return { id, visitor: { ...visitor, cookies: [["ts-ec", id]] } };
  }

  const probe = async (path: string) => {
    const { status, body } = await target.visit({}, { path });
    return [status, JSON.parse(body)];
  };

  test("serves pages and reports the fault while the file is locked, and recovers afterwards", async () => {
    const known = await newcomer();
    await eventually("the entry", async () => (await target.entry(known.id)) ?? undefined);
    expect(await probe("/_ts/ready")).toEqual([200, { status: "ok" }]);

    const release = await holdLock(path);
    try {
      // Its page does not wait for the write; the log reports its timeout.
      const late = await newcomer();
      let pages = 0;
      while (!/database is locked/.test(server.log())) {
        expect((await target.visit(known.visitor)).status).toBe(200);
        pages++;
      }
      expect(pages).toBeGreaterThanOrEqual(PAGES);
      expect(await probe("/_ts/health")).toEqual([200, { status: "ok" }]);
      const down = await eventually("what is down", async () => {
        const answer = await probe("/_ts/ready");
        return answer[0] === 503 ? answer : undefined;
      });
      expect(down).toEqual([503, { status: "down", down: ["store"] }]);
      const identity = await target.visit(known.visitor, { path: "/identify" });
      expect(JSON.parse(identity.body)).toMatchObject({ ec: known.id, degraded: false });
      expect(await target.entry(late.id)).toBeNull();
      await logged(server, /another program/);
    } finally {
      await release();
    }

    await eventually("readiness", async () => ((await probe("/_ts/ready"))[0] === 200 ? true : undefined));
    const next = await newcomer();
    await eventually("the next entry", async () => (await target.entry(next.id)) ?? undefined);
    expect(await server.stop()).toBe(0);
  });
});

test.each(Object.keys(runtimes) as ProcessRuntime[])(
  "the checkpoint thread does not keep a process alive on %s",
  async (runtime) => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-once-"));
    try {
      const [command, ...args] = runtimes[runtime];
      const script = join(root, "test/runtimes/write-once.ts");
      const path = join(folder, "store.db");
      const { stdout } = await promisify(execFile)(command, [...args, script, path], { timeout: 60_000 });
      expect(stdout).toBe("emptied, and still there: value\n");
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
