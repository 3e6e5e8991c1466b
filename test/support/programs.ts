/**
 * Programs that only the tests use and that come from the system's package manager.
 * @module
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** One such program. */
export interface Program {
  /** What Debian calls its package. */
  readonly package: string;
  readonly usedFor: string;
  /** Where it is; `null`: it is not on this machine. */
  find(): string | null;
}

export const chromium: Program = {
  package: "chromium",
  usedFor: "the tests in a browser (CHROMIUM_PATH names one elsewhere)",
  find: () => executable(process.env.CHROMIUM_PATH ?? "/usr/bin/chromium"),
};

export const git: Program = {
  package: "git",
  usedFor: "the tests of a fresh clone",
  find: () => inPath("git"),
};

export const curl: Program = {
  package: "curl",
  usedFor: "the tests that run the commands of the guides",
  find: () => inPath("curl"),
};

export const redisServer: Program = {
  package: "redis-server",
  usedFor: "the tests with Redis (REDIS_SERVER_PATH names one elsewhere)",
  find: () => {
    const named = process.env.REDIS_SERVER_PATH;
    return named === undefined ? inPath("redis-server") : executable(named);
  },
};

export const nginx: Program = {
  package: "nginx-light",
  usedFor: "the tests behind nginx (NGINX_PATH names one elsewhere)",
  find: () => {
    const named = process.env.NGINX_PATH;
    return named === undefined ? (inPath("nginx") ?? executable("/usr/sbin/nginx")) : executable(named);
  },
};

export const python: Program = {
  package: "python3",
  usedFor: "the test that Python reads the API's description",
  find: () => inPath("python3"),
};

/** All of them. */
export const programs: readonly Program[] = [chromium, git, curl, redisServer, nginx, python];

function inPath(name: string): string | null {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const found = executable(join(folder, name));
    if (found !== null) return found;
  }
  return null;
}

function executable(path: string): string | null {
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return null;
  }
}
