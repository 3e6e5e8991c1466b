import { once } from "node:events";
import { chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { GitPool } from "../../../../../worker/grasp/git/pool.ts";
import { runGit, startGit } from "../../../../../worker/grasp/git/process.ts";
import { createRepository } from "../../../../../worker/grasp/git/repository.ts";
import { DiskRepositories, makeDataFolders } from "../../../../../worker/grasp/repositories.ts";
import { workTree } from "../../../../support/git.ts";
import { author } from "../../../../support/nostr.ts";
import { fakeGit, recordGit } from "../../../../support/recording-git.ts";

let folder: string;
let options: { home: string; repository: string };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-process-"));
  options = { home: join(folder, "home"), repository: join(folder, "a.git") };
  mkdirSync(options.home);
  await createRepository(options.repository);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const inherited = {
  GIT_DIR: "/etc",
  GIT_SSH_COMMAND: "x",
  SECRET_TOKEN: "x",
  https_proxy: "http://x.example",
};
afterEach(() => {
  for (const name of Object.keys(inherited)) delete process.env[name];
});

test("Git inherits PATH and nothing else (O29, S17)", async () => {
  Object.assign(process.env, inherited);
  const { stdout } = await runGit(["-c", "alias.env=!env", "env"], options);
  const env = Object.fromEntries(
    stdout
      .toString()
      .trim()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  expect(env).toMatchObject({
    HOME: options.home,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "",
    LC_ALL: "C",
  });
  expect(env.GIT_DIR).not.toBe("/etc");
  expect(Object.keys(env).filter((name) => name in inherited && name !== "GIT_DIR")).toEqual([]);
});

test.skipIf(process.getuid?.() !== 0)(
  "a repository that belongs to another user is served (O29; only root can give one away)",
  async () => {
    const repository = join(folder, "other.git");
    await createRepository(repository);
    for (const name of readdirSync(repository, { recursive: true }))
      chownSync(join(repository, String(name)), 65_534, 65_534);
    chownSync(repository, 65_534, 65_534);
    const args = ["upload-pack", "--strict", "--stateless-rpc", "--advertise-refs", "."];
    expect(await runGit(args, { ...options, repository })).toMatchObject({ code: 0, stderr: "" });
  },
);

test.each([
  ["while clients wait", false, constants.priority.PRIORITY_BELOW_NORMAL],
  ["for maintenance", true, constants.priority.PRIORITY_LOW],
])("Git has limits, a low priority and a process group of its own, %s (O30)", async (_when, isIdle, nice) => {
  // Its input ends after the priority is set.
  const told = `cat; ulimit -d; ulimit -t; printf '%s\\n' "$$"; cat /proc/$$/stat; printf '%s\\n' "$@"`;
  const fake = fakeGit(folder, told);
  let lines: string[];
  try {
    const { stdout } = await runGit(["version"], { ...options, isIdle });
    lines = stdout.toString().trim().split("\n");
  } finally {
    fake.stop();
  }
  const [memoryKib, seconds, pid, stat, ...args] = lines;
  expect([memoryKib, seconds]).toEqual([String(1024 ** 2), String(30 * 60)]);
  // Behind the name: state, parent, group; the priority is the 17th.
  const fields = stat!.slice(stat!.lastIndexOf(")") + 2).split(" ");
  expect([fields[2], Number(fields[16])]).toEqual([pid, nice]);
  for (const setting of ["pack.windowMemory=64m", "pack.deltaCacheSize=32m", "core.bigFileThreshold=16m"])
    expect(args).toContain(setting);
});

test("Git that takes longer than it may is killed, and the result says so (O30)", async () => {
  const fake = fakeGit(folder, "sleep 600 & wait");
  try {
    expect(await runGit(["version"], { ...options, timeoutMs: 50 })).toMatchObject({
      code: null,
      isLate: true,
    });
  } finally {
    fake.stop();
  }
});

test("a pipe that breaks ends its own call only, and the exit code says what happened (A50)", async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (let n = 0; n < 100; n++) yield Buffer.alloc(1024 ** 2);
  }
  const { code } = await runGit(["hash-object", "--no-such-option"], options, endless());
  expect(code).toBe(129);
  expect((await runGit(["hash-object", "--no-such-option"], options, Buffer.alloc(8 * 1024 ** 2))).code).toBe(
    129,
  );
  // Listeners of ours end a pipe's error; without one the process would end.
  const git = startGit(["--no-such-option"], options);
  for (const pipe of [git.stdin, git.stdout, git.stderr])
    expect(pipe.listenerCount("error")).toBeGreaterThan(0);
  const broken = once(git.stdin, "error");
  const write = () => git.stdin.writable && git.stdin.write(Buffer.alloc(1024 ** 2), write);
  write();
  expect((await broken)[0]).toMatchObject({ code: "EPIPE" });
  expect(await git.finished).toBe(129);
  expect((await runGit(["rev-parse", "--is-bare-repository"], options)).stdout.toString()).toBe("true\n");
});

test("no id, ref and path of a push is an argument of Git, whose home is read-only (A4, O27, S30)", async () => {
  const folders = await makeDataFolders(join(folder, "data"));
  expect(statSync(folders.home).mode & 0o777).toBe(0o500);
  const repositories = new DiskRepositories(folders, new GitPool({ clock: { after: () => () => {} } }));
  const owner = author().key;
  await repositories.create(owner, "a b;c");
  const work = workTree(folder);
  const id = work.commit("a", "one");
  const repository = repositories.open(owner, "a b;c")!;
  const recorded = recordGit(folder);
  try {
    const result = await repository.receive(
      (async function* () {
        yield work.pack([id]);
      })(),
      [{ id, isBranch: true }],
      { maxBytes: 1e6, maxObjects: 100 },
    );
    await (result as { quarantine: { adopt(): Promise<void> } }).quarantine.adopt();
    expect(await repository.updateRefs([{ ref: "refs/heads/-x$(y)", old: "0".repeat(40), new: id }])).toBe(
      true,
    );
    expect(await repository.incomplete([id])).toEqual(new Set());
  } finally {
    recorded.stop();
  }
  const calls = recorded.calls().filter(({ args }) => args.includes("--git-dir"));
  expect(calls.length).toBeGreaterThan(2);
  for (const { args } of calls) {
    expect(args.filter((arg) => arg.includes(id) || arg.includes("refs/heads/"))).toEqual([]);
    expect(args.filter((arg) => arg.includes("a b;c"))).toEqual([repository.path]);
  }
});

test.each(["while it runs", "after it ended"])(
  "a process that is killed %s ends, although its output has no reader (G19)",
  async (when) => {
    // A shell stands for Git: it writes more than a pipe holds, or ends at once.
    const script = when === "after it ended" ? "printf x" : "head -c 1000000 /dev/zero; sleep 60";
    const git = startGit(["-c", `alias.writes=!${script}`, "writes"], options);
    await new Promise<void>((resolve) => git.stdout.on("readable", resolve));
    git.stderr.resume();
    if (when === "after it ended") await once(git.stderr, "close");
    git.kill();
    await git.finished;
    expect(git.stdout.destroyed).toBe(true);
  },
);

test("a chunk is free once Git has it, unless it is a part of more, and Git that ends early stops its source (V8, A50)", async () => {
  const own = new Uint8Array(100_000).fill(65);
  const part = new Uint8Array(200_000).fill(66).subarray(100_000);
  async function* chunks() {
    yield own;
    yield part;
  }
  const { stdout } = await runGit(["hash-object", "--stdin"], options, chunks());
  const text = `${"A".repeat(100_000)}${"B".repeat(100_000)}`;
  const whole = await runGit(["hash-object", "--stdin"], options, text);
  expect(stdout.toString()).toBe(whole.stdout.toString());
  expect([own.byteLength, part.byteLength]).toEqual([0, 100_000]);
  let isOver = false;
  async function* endless() {
    try {
      for (;;) yield new Uint8Array(65_536);
    } finally {
      isOver = true;
    }
  }
  expect((await runGit(["no-such-command"], options, endless())).code).not.toBe(0);
  expect(isOver).toBe(true);
});
