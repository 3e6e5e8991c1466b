import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const bin = (name: string) => file(`../../node_modules/.bin/${name}`);

it.each([
  ["Node", process.execPath, []],
  ["Bun", bin("bun"), []],
  ["Deno", bin("deno"), ["run", "--no-lock", "--allow-read", "--allow-env"]],
])(
  "every packaging answers every vector on %s",
  async (_host, command, args) => {
    const run = promisify(execFile);
    const { stdout } = await run(command, [...args, file("./on-a-host.ts")], { timeout: 60_000 });
    expect(JSON.parse(stdout)).toEqual([
      { kernels: "plain", faults: [] },
      { kernels: "simd", faults: [] },
      { kernels: "portable", faults: [] },
    ]);
  },
  90_000,
);
