/**
 * Programs that only the tests use and that the system's package manager installs.
 * @module
 */
import { spawnSync } from "node:child_process";
import { findProgram } from "./find-program.ts";

/** One program. */
export interface Program {
  /** Name of its Debian package. */
  readonly package: string;
  readonly usedFor: string;
  /** Its file; `null` if it is not on this machine. */
  find(): string | null;
}

export const chromium: Program = {
  package: "chromium",
  usedFor: "the tests in a browser (CHROMIUM_PATH names another file)",
  find: () => findProgram("chromium", "CHROMIUM_PATH"),
};

export const git: Program = {
  package: "git",
  usedFor: "the tests of a fresh clone and of GRASP",
  find: () => findProgram("git"),
};

export const curl: Program = {
  package: "curl",
  usedFor: "the tests that run the commands of the guides",
  find: () => findProgram("curl"),
};

export const redisServer: Program = {
  package: "redis-server",
  usedFor: "the tests with Redis (REDIS_SERVER_PATH names another file)",
  find: () => findProgram("redis-server", "REDIS_SERVER_PATH"),
};

export const nginx: Program = {
  package: "nginx-light",
  usedFor: "the tests behind nginx (NGINX_PATH names another file)",
  find: () => findProgram("nginx", "NGINX_PATH"),
};

export const caddy: Program = {
  package: "caddy",
  usedFor: "the tests behind Caddy (CADDY_PATH names another file)",
  find: () => findProgram("caddy", "CADDY_PATH"),
};

export const systemdAnalyze: Program = {
  package: "systemd",
  usedFor: "the check of the unit file",
  find: () => findProgram("systemd-analyze"),
};

export const pythonVenv: Program = {
  package: "python3-venv",
  usedFor: "the tests with tools that read the API's description",
  find: () => {
    const file = python.find();
    return file !== null && spawnSync(file, ["-c", "import ensurepip, venv"]).status === 0 ? file : null;
  },
};

export const python: Program = {
  package: "python3",
  usedFor: "the test that Python reads the API's description",
  find: () => findProgram("python3"),
};

export const ip: Program = {
  package: "iproute2",
  usedFor: "the compliance checks of GRASP, which run in a network namespace",
  find: () => findProgram("ip"),
};

export const promtool: Program = {
  package: "prometheus",
  usedFor: "the tests of alert rules and metrics (PROMTOOL_PATH names another file)",
  find: () => findProgram("promtool", "PROMTOOL_PATH"),
};

/** The load of `npm run bench:proxy`; no test needs it. */
export const wrk: Program = {
  package: "wrk",
  usedFor: "the bench of the reverse proxy",
  find: () => findProgram("wrk"),
};

/** All that the tests need. */
export const programs: readonly Program[] = [
  chromium,
  git,
  curl,
  redisServer,
  nginx,
  caddy,
  systemdAnalyze,
  python,
  pythonVenv,
  ip,
  promtool,
];
