/**
 * A starter from `examples/` after its installation: the package as it is published, and its other
 * packages from those of the tests.
 * @module
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { root } from "./spawn.ts";

const TIMEOUT_MS = 120_000;

/** Builds the content of the published package. */
export function buildPackage(): void {
  execFileSync(process.execPath, [join(root, "scripts/package.ts")], {
    cwd: root,
    timeout: TIMEOUT_MS,
    stdio: "pipe",
  });
}

/**
 * Copies a starter, with the packages that `npm install` would install.
 * @param without packages that the tests do not have.
 * @throws {Error} if the starter needs another version than the tests have.
 */
export function unpackStarter(name: string, folder: string, without: readonly string[] = []): string {
  const starter = join(folder, name);
  cpSync(join(root, "examples", name), starter, { recursive: true });
  const read = (file: string) => JSON.parse(readFileSync(file, "utf8"));
  const { dependencies, devDependencies } = existsSync(join(starter, "deno.json"))
    ? { dependencies: read(join(starter, "deno.json")).imports, devDependencies: {} }
    : read(join(starter, "package.json"));
  const [served, tested] = ["", "test"].map((part) => {
    const { dependencies: own, devDependencies: more } = read(join(root, part, "package.json"));
    return { ...own, ...more };
  }) as [Record<string, string>, Record<string, string>];
  for (const [dependency, range] of Object.entries({ ...dependencies, ...devDependencies })) {
    if (without.includes(dependency)) continue;
    const target = join(starter, "node_modules", dependency);
    mkdirSync(join(target, ".."), { recursive: true });
    if (dependency !== "millrace") {
      const here = served[dependency] ?? tested[dependency];
      if (range !== here) throw new Error(`${name} has ${dependency} ${range}, the tests have ${here}`);
      symlinkSync(join(root, dependency in served ? "" : "test", "node_modules", dependency), target);
      continue;
    }
    mkdirSync(target);
    for (const part of ["package.json", "dist"]) {
      cpSync(join(root, part), join(target, part), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(target, "node_modules"));
  }
  return starter;
}

/**
 * Runs the package's `millrace keys` in a starter.
 * @param runtime the command line of the runtime.
 * @throws {Error} if it prints no secret with its hash.
 */
export function makeKeys(
  starter: string,
  [command, ...first]: readonly [string, ...string[]],
): { secret: string; hash: string } {
  const printed = execFileSync(command, [...first, packageCli(starter), "keys"], {
    cwd: starter,
    encoding: "utf8",
    timeout: TIMEOUT_MS / 4,
  });
  const [, secret, hash] = /^secret\s+(\S+)\nhash\s+(\S+)$/m.exec(printed) ?? [];
  if (secret === undefined || hash === undefined) {
    throw new Error(`"millrace keys" printed no secret with its hash:\n${printed}`);
  }
  return { secret, hash };
}

/** The file that `millrace` runs in a starter. */
export const packageCli = (starter: string) => join(starter, "node_modules/millrace/dist/worker/cli/main.js");
