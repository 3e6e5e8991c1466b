import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root, runtimes } from "../support/spawn.ts";

const TIMEOUT_MS = 120_000;

test("JSR accepts the package of deno.json, with the built WebAssembly and without the tests", () => {
  const { status, stderr, stdout } = spawnSync(
    runtimes.deno[0],
    // Types are checked by the project's own compiler; inferred ones are what JSR calls slow.
    ["publish", "--dry-run", "--allow-dirty", "--allow-slow-types", "--no-check"],
    { cwd: root, encoding: "utf8", timeout: TIMEOUT_MS, env: { ...process.env, NO_COLOR: "1" } },
  );
  const said = stdout + stderr;
  expect(status, said).toBe(0);
  const files = [...said.matchAll(/^\s+file:\/\/(\S+) \(/gm)].map(([, path]) => path!.slice(root.length));
  expect(files).toContain("wasm/built/simd.ts");
  expect(files).toContain("worker/admin/built/ec.ts");
  expect(files.filter((file) => /^(test|examples|node_modules|worker\/demo)\//.test(file))).toEqual([]);
  const { exports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as {
    exports: Record<string, string>;
  };
  for (const path of Object.values(exports)) expect(files).toContain(path.slice(2));
});

test("both manifests name the same version", () => {
  const versionIn = (file: string) => JSON.parse(readFileSync(join(root, file), "utf8")).version;
  expect(versionIn("deno.json")).toBe(versionIn("package.json"));
});
