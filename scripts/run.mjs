// Runs one of the project's tasks, after installing what that task needs. Plain JavaScript without dependencies:
// it has to start on whatever old Node is on the machine. Everything after the set-up runs on the Node that the
// lockfile pins. `npm start` execs us, because a shell between npm and us would keep npm's signals to itself.
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

/** What each task installs first and the Node command lines it then runs; the caller's arguments go to the last one. */
const tasks = {
  start: { needs: ["serving"], run: [["worker/cli/main.ts", "serve", "--demo-if-unconfigured"]] },
  millrace: { needs: ["serving"], run: [["worker/cli/main.ts"]] },
  build: { needs: ["serving", "testing"], run: [["wasm/build.ts", "--component"], ["scripts/package.ts"]] },
  check: { needs: ["serving", "testing"], run: [[biome, "check"], [tsc]] },
  format: { needs: ["serving", "testing"], run: [[biome, "check", "--write"]] },
  test: {
    needs: ["serving", "testing", "system"],
    run: [[biome, "check"], [tsc], [...vitest]],
  },
  "test:unit": {
    needs: ["serving", "testing"],
    run: [[...vitest, "--project", "unit", "--maxWorkers=100%"]],
  },
  bench: { needs: ["serving", "testing"], run: [["test/bench/run.ts"]] },
  "bench:proxy": { needs: ["serving", "testing", "system"], run: [["test/bench/proxy/run.ts"]] },
  growth: { needs: ["serving", "testing"], run: [["test/bench/growth/run.ts"]] },
  load: { needs: ["serving", "testing", "system"], run: [["test/load/visitors/run.ts"]] },
  soak: { needs: ["serving", "testing", "system"], run: [["test/load/soak/run.ts"]] },
  quiet: { needs: ["serving", "testing"], run: [["test/load/quiet-streams.ts"]] },
  cluster: { needs: ["serving"], run: [["scripts/cluster/main.ts"]] },
  "demo:sync": { needs: ["serving"], run: [["test/load/sync-demo/demo.ts"]] },
  "simulate:sync": { needs: ["serving"], run: [["--expose-gc", "test/load/sync-simulation.ts"]] },
};

const say = (text) => process.stderr.write(`millrace: ${text}\n`);

/** Ends with one plain sentence instead of a stack. */
function fail(text) {
  say(text);
  process.exit(1);
}

/** Installs one folder's locked packages, unless what is there was installed from this very lockfile. */
function install(folder, what) {
  const lock = readFileSync(join(root, folder, "package-lock.json"));
  const wanted = createHash("sha256").update(lock).digest("hex");
  const stamp = join(root, folder, "node_modules/.millrace-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  say(`installing ${what} (once; this takes a moment)`);
  rmSync(stamp, { force: true });
  const npm = process.env.npm_execpath;
  // Not `npm ci`: it gives up where a registry lacks another platform's optional package. Versions are the lockfile's.
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

/** Ctrl-C reaches us from the terminal and from npm: signals this close together, in milliseconds, are one. */
const SAME_SIGNAL_MS = 100;

/** Runs a Node command line to its end on the pinned Node, passing each of our signals on to it once. */
function runNode(args) {
  return new Promise((resolve) => {
    // In a group of its own, so that the terminal does not signal it a second time.
    const child = spawn(node, args, { cwd: root, stdio: "inherit", detached: true });
    let lastMs = 0;
    const pass = (signal) => {
      if (Date.now() - lastMs > SAME_SIGNAL_MS) child.kill(signal);
      lastMs = Date.now();
    };
    process.on("SIGINT", pass).on("SIGTERM", pass).on("SIGHUP", pass);
    child.on("error", (error) => fail(`could not start ${node}: ${error.message}`));
    child.on("exit", (code, signal) => {
      process.off("SIGINT", pass).off("SIGTERM", pass).off("SIGHUP", pass);
      resolve(signal ? 128 + constants.signals[signal] : code);
    });
  });
}

/** How each need is met. */
const setUp = {
  async serving() {
    install("", "what serving needs");
    const code = await runNode(["wasm/build.ts"]);
    if (code !== 0) fail("could not build the WebAssembly module (see above)");
    // Node's remover of types is all that the page's script needs, and Node says that it may change.
    const page = await runNode(["--disable-warning=ExperimentalWarning", "worker/admin/build.ts"]);
    if (page !== 0) fail("could not build the operator's page (see above)");
  },
  async testing() {
    install("test", "what the tests need");
  },
  async system() {
    const code = await runNode(["scripts/system.ts"]);
    if (code !== 0) fail("something that the tests need is missing (see above)");
  },
};

const [name, ...rest] = process.argv.slice(2);
const task = tasks[name];
if (!task) fail(`there is no task "${name ?? ""}"; there are: ${Object.keys(tasks).join(", ")}`);
for (const need of task.needs) await setUp[need]();
for (const [index, args] of task.run.entries()) {
  const last = index === task.run.length - 1;
  const code = await runNode(last ? [...args, ...rest] : args);
  if (code !== 0) process.exit(code);
}
