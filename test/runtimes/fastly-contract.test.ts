/**
 * The contract suites of what Fastly Compute has, inside Viceroy.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findViceroy } from "../../scripts/cargo-tools.ts";
import { fastlySuites } from "../contract/fastly-suites.ts";
import { buildFastly, startViceroy } from "../support/fastly.ts";
import type { RunningProgram } from "../support/start-program.ts";

const suites = fastlySuites(() => {
  throw new Error("the cases run inside Viceroy");
});
const cases = suites.flatMap(([suite, list]) => list.map(({ name }) => ({ suite, name })));

describe.skipIf(findViceroy() === null)("contract suites on fastly", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-"));
  let server: RunningProgram;

  const ask = async (path: string) => {
    const response = await fetch(`${server.url}${path}`);
    if (response.status !== 200) throw new Error(`${path}: ${response.status}\n${server.all().slice(-2000)}`);
    return response.json();
  };

  beforeAll(async () => {
    const { wasm } = await buildFastly({ entry: `import "./test/contract/fastly-service.ts";`, folder });
    const names = [...cases.map((_, number) => `case${number}`), "shared"];
    const stores = names.map((name) => `[[local_server.kv_stores.${name}]]\nkey = "made"\ndata = ""\n`);
    server = await startViceroy(wasm, folder, stores.join(""));
  }, 300_000);

  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(cases.map((one, number) => ({ ...one, number })))("$suite $name", async ({ name, number }) => {
    expect(await ask(`/${number}`)).toEqual({ name, fault: null });
  });

  test("concurrent instances that update one entry lose no update", async () => {
    const members = Array.from({ length: 200 }, (_, n) => `${n}`);
    await Promise.all(members.map((member) => ask(`/add?member=${member}`)));
    expect((await ask("/members")).toSorted()).toEqual(members.toSorted());
  });

  test("Viceroy's Edge Rate Limiting does not count", async () => {
    expect(await ask("/erl")).toBe(0);
  });
});
