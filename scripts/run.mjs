// Installs what a task needs and runs the task. Plain JavaScript without dependencies, because it must start on an old
// Node. After the installation, tasks run on the Node that the lockfile pins. `npm start` uses `exec`, because a shell
// between npm and this process would not forward npm's signals.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const node = join(root, "node_modules/node/bin/node");
const vitest = [
  join(root, "test/node_modules/vitest/vitest.mjs"),
  "run",
  "--config",
  "test/vitest.config.ts",
];
const biome = join(root, "test/node_modules/@biomejs/biome/bin/biome");
const tsc = join(root, "test/node_modules/typescript/bin/tsc");

/**
 * What each task needs, and its Node command lines; the last one gets the arguments of the caller. `accepts`: the
 * arguments of a task whose last command line is not a tool with a usage of its own. `env`: variables for these arguments.
 */
const tasks = {
  start: { needs: ["serving"], run: [["worker/cli/main.ts", "serve", "--demo-if-unconfigured"]] },
  millrace: { needs: ["serving"], run: [["worker/cli/main.ts"]] },
  build: {
    summary: "Builds dist/, the content of the published package.",
    accepts: "",
    needs: ["serving", "testing"],
    run: [["wasm/build.ts", "--component"], ["scripts/package.ts"]],
  },
  check: {
    summary: "Checks format, lint rules and types.",
    accepts: "",
    needs: ["serving", "testing"],
    run: [[biome, "check"], [tsc]],
  },
  format: {
    summary: "Formats the source and applies safe fixes.",
    accepts: "[PATH...]",
    needs: ["serving", "testing"],
    run: [[biome, "check", "--write"]],
  },
  test: {
    summary: "Runs all checks and tests; the arguments go to Vitest.",
    accepts: "[PATH...] [-t NAME] [--project NAME]",
    needs: ["serving", "testing", "system"],
    run: [[biome, "check"], [tsc], [...vitest]],
  },
  "test:unit": {
    summary: "Runs the unit tests, quickly if there are no arguments; the arguments go to Vitest.",
    accepts: "[PATH...] [-t NAME]",
    needs: ["serving", "testing"],
    // Random tests make fewer runs, and slow files are left out; `npm test` and tests that are run by name have all of it.
    env: (args) => (args.length === 0 ? { MILLRACE_QUICK: "1" } : {}),
    run: [[...vitest, "--project", "unit"]],
  },
  schemathesis: {
    summary: "Sends 1,000 random requests of schemathesis to a running service.",
    accepts: "",
    needs: ["serving", "testing", "system"],
    env: () => ({ SCHEMATHESIS_CASES: "1000" }),
    run: [[...vitest, "--project", "processes", "test/runtimes/openapi-tools.test.ts"]],
  },
  compare: { needs: ["serving", "testing"], run: [["test/bench/compare.ts"]] },
  bench: { needs: ["serving", "testing"], run: [["test/bench/run.ts"]] },
  "bench:proxy": { needs: ["serving", "testing", "system"], run: [["test/bench/proxy/run.ts"]] },
  "bench:workers": { needs: ["serving", "testing", "system"], run: [["test/bench/workers/run.ts"]] },
  "bench:replicas": { needs: ["serving", "testing"], run: [["test/bench/replicas/run.ts"]] },
  "bench:grasp": { needs: ["serving", "testing"], run: [["test/bench/grasp/run.ts"]] },
  "bench:limits": { needs: ["serving", "testing"], run: [["test/bench/limits/run.ts"]] },
  growth: { needs: ["serving", "testing"], run: [["test/bench/growth/run.ts"]] },
  load: { needs: ["serving", "testing", "system"], run: [["test/load/visitors/run.ts"]] },
  soak: { needs: ["serving", "testing", "system"], run: [["test/load/soak/run.ts"]] },
  kills: { needs: ["serving", "testing", "system"], run: [["test/load/grasp/kills/run.ts"]] },
  memory: { needs: ["serving", "testing", "system"], run: [["test/load/grasp/memory/run.ts"]] },
  quiet: { needs: ["serving", "testing"], run: [["test/load/quiet-streams.ts"]] },
  cluster: { needs: ["serving"], run: [["scripts/cluster/main.ts"]] },
  "demo:sync": { needs: ["serving"], run: [["test/load/sync-demo/demo.ts"]] },
  "api-page": { needs: ["serving", "testing"], run: [["test/api-page.ts"]] },
  "consent-matrix": { needs: ["serving", "testing"], run: [["test/consent-matrix.ts"]] },
  "simulate:sync": { needs: ["serving"], run: [["--expose-gc", "test/load/sync-simulation.ts"]] },
};

const say = (text) => process.stderr.write(`millrace: ${text}\n`);

/** Ends the process with a message instead of a stack trace. */
function fail(text, code = 1) {
  say(text);
  process.exit(code);
}

/** Installs the locked packages of a folder, unless they were installed from this lockfile. */
function install(folder, what) {
  const lock = readFileSync(join(root, folder, "package-lock.json"));
  const wanted = createHash("sha256").update(lock).digest("hex");
  const stamp = join(root, folder, "node_modules/.millrace-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  say(`installing ${what} (once; this takes a moment)`);
  rmSync(stamp, { force: true });
  const npm = process.env.npm_execpath;
  // Not `npm ci`, which fails if a registry lacks an optional package of another platform. The versions are the same.
  const args = ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
  const [command, ...rest] = npm ? [process.execPath, npm, ...args] : ["npm", ...args];
  const done = spawnSync(command, rest, {
    cwd: join(root, folder),
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, npm_config_ignore_scripts: "false" },
  });
  if (done.status !== 0)
    fail(`could not install ${what}: npm install in ./${folder || "."} failed (see above)`);
  writeFileSync(stamp, wanted);
}

/** Ctrl-C arrives from the terminal and from npm: signals within this time, in milliseconds, count as one. */
const SAME_SIGNAL_MS = 100;

/** Runs a command line on the pinned Node to its end, and forwards each signal to it once. @param env added variables */
function runNode(args, env = {}) {
  return new Promise((resolve) => {
    // In its own process group: the terminal does not signal it a second time.
    const child = spawn(node, args, {
      cwd: root,
      stdio: "inherit",
      detached: true,
      env: { ...process.env, ...env },
    });
    let lastMs = 0;
    const forward = (signal) => {
      if (Date.now() - lastMs > SAME_SIGNAL_MS) child.kill(signal);
      lastMs = Date.now();
    };
    process.on("SIGINT", forward).on("SIGTERM", forward).on("SIGHUP", forward);
    child.on("error", (error) => fail(`could not start ${node}: ${error.message}`));
    child.on("exit", (code, signal) => {
      process.off("SIGINT", forward).off("SIGTERM", forward).off("SIGHUP", forward);
      resolve(signal ? 128 + constants.signals[signal] : code);
    });
  });
}

/** Installs or builds each need. */
const setUp = {
  async serving() {
    install("", "what serving needs");
    const code = await runNode(["wasm/build.ts"]);
    if (code !== 0) fail("could not build the WebAssembly module (see above)");
    const page = await runNode(["worker/admin/build.ts"]);
    if (page !== 0) fail("could not build the operator's page (see above)");
  },
  async testing() {
    install("test", "what the tests need");
  },
  async system() {
    const code = await runNode(["scripts/system.ts"]);
    if (code !== 0) fail("a program that the tests need is missing (see above)");
  },
};

const [name, ...rest] = process.argv.slice(2);
const task = tasks[name];
if (!task) fail(`unknown task "${name || ""}"; tasks: ${Object.keys(tasks).join(", ")}`, 2);
if (task.accepts !== undefined) {
  const script = name === "test" ? "npm test" : `npm run ${name}`;
  if (rest.includes("--help")) {
    process.stdout.write(`usage: ${script}${task.accepts && ` -- ${task.accepts}`}\n\n${task.summary}\n`);
    process.exit(0);
  }
  if (task.accepts === "" && rest.length > 0)
    fail(`${script} takes no arguments, received ${rest.join(" ")}`, 2);
}
for (const need of task.needs) {
  // The usage needs no programs of the system.
  if (need !== "system" || !rest.includes("--help")) await setUp[need]();
}
for (const [index, args] of task.run.entries()) {
  const last = index === task.run.length - 1;
  const code = await runNode(last ? [...args, ...rest] : args, task.env?.(rest));
  if (code !== 0) process.exit(code);
}
