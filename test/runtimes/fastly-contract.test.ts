/**
 * The contract suites of what Fastly Compute has, inside Viceroy.
 * @module
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findViceroy } from "../../scripts/cargo-tools.ts";
import { fastlySuites } from "../contract/fastly-suites.ts";
import { buildFastly, startViceroy } from "../support/fastly.ts";
import { Lanes } from "../support/lanes.ts";
import type { RunningProgram } from "../support/start-program.ts";

const suites = fastlySuites(() => {
  throw new Error("the cases run inside Viceroy");
});
const cases = suites.flatMap(([suite, list]) => list.map(({ name }) => ({ suite, name })));

/** Viceroys; each runs one case at a time on one thread. */
const SERVERS = 2;

describe.skipIf(findViceroy() === null)("contract suites on fastly", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-"));
  const all: RunningProgram[] = [];
  const servers = new Lanes<RunningProgram>();

  const ask = async (server: RunningProgram, path: string) => {
    const response = await fetch(`${server.url}${path}`);
    if (response.status !== 200) throw new Error(`${path}: ${response.status}\n${server.all().slice(-2000)}`);
    return response.json();
  };

  beforeAll(async () => {
    const { wasm } = await buildFastly({ entry: `import "./test/contract/fastly-service.ts";`, folder });
    const names = [...cases.map((_, number) => `case${number}`), "shared"];
    const stores = names.map((name) => `[[local_server.kv_stores.${name}]]\nkey = "made"\ndata = ""\n`);
    const start = async (_: unknown, number: number) => {
      const own = join(folder, `${number}`);
      mkdirSync(own);
      const server = await startViceroy(wasm, own, stores.join(""));
      all.push(server);
      servers.add(server);
    };
    await Promise.all(Array.from({ length: SERVERS }, start));
  }, 300_000);

  afterAll(async () => {
    for (const server of all) await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  describe("cases", { concurrent: true }, () => {
    test.each(cases.map((one, number) => ({ ...one, number })))("$suite $name", ({ name, number }) =>
      servers.lend(async (server) => {
        assert.deepEqual(await ask(server, `/${number}`), { name, fault: null });
      }),
    );
  });

  test("concurrent instances that update one entry lose no update", async () => {
    const members = Array.from({ length: 100 }, (_, n) => `${n}`);
    await Promise.all(members.map((member) => ask(all[0]!, `/add?member=${member}`)));
    expect((await ask(all[0]!, "/members")).toSorted()).toEqual(members.toSorted());
  });

  test("Viceroy's Edge Rate Limiting does not count", async () => {
    expect(await ask(all[0]!, "/erl")).toBe(0);
  });
});
