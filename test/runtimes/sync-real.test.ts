import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { Result } from "../load/sync-demo/real.ts";
import { type ProcessRuntime, root, runtimes } from "../support/spawn.ts";

/** It takes ten seconds, and gives up by itself within a minute. */
const TIMEOUT_MS = 90_000;

test.for(Object.keys(runtimes) as ProcessRuntime[])(
  "exceeds no limit of twenty fast, slow, failing, hanging and limiting servers on %s",
  { timeout: TIMEOUT_MS + 10_000 },
  async (runtime) => {
    const [command, ...first] = runtimes[runtime];
    const args = [...first, "test/load/sync-demo/real.ts"];
    const { stdout } = await promisify(execFile)(command, args, { cwd: root, timeout: TIMEOUT_MS });
    const result: Result = JSON.parse(stdout);
    const of = (kind: string) => result.servers.filter((server) => server.kind === kind);
    expect(result.servers.length).toBe(20);
    for (const server of result.servers) {
      // The server saw what the engine began, and nothing else.
      expect(server.requests).toBeGreaterThan(0);
      expect(server.requests).toBeLessThanOrEqual(server.starts);
      expect(server.mostAtOnce).toBeLessThanOrEqual(3);
      expect(server.mostInAMinute).toBeLessThanOrEqual(10);
      expect(server.disturbed).toBe(0);
    }
    // There was more to do than the limits allow: they were reached.
    for (const kind of ["quick", "slow"]) {
      for (const server of of(kind)) {
        expect(server.mostInAMinute).toBe(10);
        expect(server.rests).toBe(0);
      }
    }
    for (const kind of ["failing", "hanging"]) {
      for (const server of of(kind)) expect(server.rests).toBeGreaterThan(0);
    }
    for (const server of of("hanging")) expect(server.mostAtOnce).toBe(3);
    for (const server of of("limiting")) {
      expect(server.limited).toBeGreaterThan(0);
      expect(server.rests).toBeGreaterThan(0);
    }
    expect(result.released).toBeGreaterThan(0);
    expect(result.complete).toBeGreaterThan(0);
    // What was not complete was handed back.
    expect(result.complete + result.handedBack).toBe(result.identifiers);
  },
);
