/**
 * `millrace grasp publish`, from an empty folder to a clone, with real Git and a real server on each runtime.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import getPort from "get-port";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { workTree } from "../../support/git.ts";
import { type GraspServer, graspServer, runGitClient } from "../../support/grasp-server.ts";
import { author } from "../../support/nostr.ts";
import { withoutSettings } from "../../support/run-cli.ts";
import { type ProcessRuntime, root, runtimes } from "../../support/spawn.ts";
import { runCommand } from "../../support/start-program.ts";

describe.each<ProcessRuntime>(["node", "bun", "deno"])("millrace grasp publish on %s", (runtime) => {
  let server: GraspServer;
  let folder: string;

  beforeAll(async () => {
    const port = await getPort();
    server = await graspServer(runtime, { domain: `127.0.0.1:${port}`, listen: { port } });
    folder = mkdtempSync(join(tmpdir(), "millrace-publish-"));
  }, 60_000);
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs the command in a folder, with a home of the test's own. */
  async function publish(cwd: string, ...args: string[]) {
    const [command, ...first] = runtimes[runtime];
    const [home, gitConfig] = [join(folder, "home"), join(folder, "gitconfig")];
    mkdirSync(home, { recursive: true });
    writeFileSync(gitConfig, "[user]\n name = a\n email = a@example.com\n");
    return runCommand({
      command,
      args: [...first, join(root, "worker/cli/main.ts"), "grasp", "publish", ...args],
      cwd,
      env: { ...withoutSettings(), HOME: home, XDG_CONFIG_HOME: undefined, GIT_CONFIG_GLOBAL: gitConfig },
    });
  }
  const here = () => ["--server", server.url];

  test("from an empty folder to a clone: init, commit, publish, push", async () => {
    const work = workTree(folder, "my project");
    const first = work.commit("README", "hello");
    const { code, stdout, stderr } = await publish(work.path, ...here(), "--create-key");
    expect([code, stderr]).toEqual([0, ""]);
    const keyFile = join(folder, "home/.config/millrace/nostr.key");
    expect(readFileSync(keyFile, "utf8")).toMatch(/^nsec1[a-z0-9]{58}\n$/);
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    // The events wait, and the line that is printed works as it is.
    expect(stdout.match(/ purgatory: /g)).toHaveLength(2);
    const line = /^ {2}git push (\S+) main$/m.exec(stdout)!;
    const url = line[1]!;
    expect(url).toMatch(/\/npub1[a-z0-9]{58}\/my%20project\.git$/);
    expect(await runGitClient(work.path, "push", url, "main")).toMatchObject({ code: 0 });
    const clone = join(folder, "clone");
    expect(await runGitClient(folder, "clone", "-q", url, clone)).toMatchObject({ code: 0 });
    expect((await runGitClient(clone, "rev-parse", "HEAD")).output.trim()).toBe(first);

    // The next push, with a tag, in one go. The announcement stays as it is.
    work.git("tag", "-a", "-m", "one", "v1");
    const second = work.commit("more", "x");
    const again = await publish(work.path, ...here(), "--push");
    expect(again.code).toBe(0);
    expect(again.stdout).toContain("announcement  is served already");
    const refs = await runGitClient(folder, "ls-remote", url);
    expect(refs.output).toContain(`${second}\trefs/heads/main`);
    expect(refs.output).toContain(`${work.git("rev-parse", "v1")}\trefs/tags/v1`);

    // Somebody who has less than the server is stopped before the state is sent.
    work.git("reset", "-q", "--hard", first);
    const lost = await publish(work.path, ...here());
    expect(lost).toMatchObject({ code: 1 });
    expect(lost.stderr).toContain(`git pull ${url} refs/heads/main`);
    expect(await publish(work.path, ...here(), "--force", "--push")).toMatchObject({ code: 0 });
    expect((await runGitClient(folder, "ls-remote", url, "main")).output).toContain(first);
  }, 120_000);

  test("a further maintainer makes a new version of the announcement", async () => {
    const work = workTree(folder, "shared");
    work.commit("a", "one");
    const key = join(folder, "hex.key");
    writeFileSync(key, "11".repeat(32), { mode: 0o600 });
    const other = toNpub(author().key);
    expect((await publish(work.path, ...here(), "--key", key, "--push")).code).toBe(0);
    const { code, stdout } = await publish(work.path, ...here(), "--key", key, "--maintainers", other);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^announcement +[0-9a-f]{64} {2}is served$/m);
  }, 120_000);

  test("faults say what to do", async () => {
    const empty = join(folder, "empty");
    mkdirSync(empty);
    const unborn = workTree(folder, "unborn");
    const work = workTree(folder, "faults");
    work.commit("a", "one");
    const open = join(folder, "open.key");
    writeFileSync(open, "22".repeat(32));
    chmodSync(open, 0o644);
    const wrong = join(folder, "wrong.key");
    writeFileSync(wrong, `${toNpub(author().key)}\n`, { mode: 0o600 });
    const good = join(folder, "good.key");
    writeFileSync(good, "33".repeat(32), { mode: 0o600 });
    const dead = `http://127.0.0.1:${await getPort()}`;
    const cases: [what: string, cwd: string, args: string[], code: number, says: RegExp][] = [
      ["no server", work.path, [], 2, /--server URL/],
      ["a server that is no URL", work.path, ["--server", "git.example"], 2, /--server/],
      ["no work tree", empty, here(), 1, /git init/],
      ["no commit", unborn.path, here(), 1, /git commit/],
      ["no key", work.path, [...here(), "--key", join(folder, "none")], 1, /--create-key/],
      ["a key that others can read", work.path, [...here(), "--key", open], 1, /chmod 600/],
      ["a public key", work.path, [...here(), "--key", wrong], 1, /public key/],
      [
        "a key that exists",
        work.path,
        [...here(), "--key", good, "--create-key"],
        1,
        /leave --create-key out/,
      ],
      ["a bad identifier", work.path, [...here(), "--key", good, "--identifier", "a/b"], 2, /slash/],
      ["nobody there", work.path, ["--server", dead, "--key", good], 1, /no relay answers/],
      // Another name of the same server, which announcements may not list.
      [
        "a server that refuses",
        work.path,
        ["--server", server.url.replace("127.0.0.1", "localhost"), "--key", good],
        1,
        /refuses the announcement: .*127\.0\.0\.1/,
      ],
    ];
    for (const [what, cwd, args, code, says] of cases) {
      const result = await publish(cwd, ...args);
      expect([what, result.code, result.stderr]).toEqual([what, code, expect.stringMatching(says)]);
    }
  }, 120_000);

  test("the command line finds two words, and suggests", async () => {
    const [command, ...first] = runtimes[runtime];
    const run = (...args: string[]) =>
      runCommand({ command, args: [...first, join(root, "worker/cli/main.ts"), ...args], cwd: folder });
    expect((await run("grasp", "publish", "--help")).stdout).toContain("usage: millrace grasp publish");
    expect((await run("grasp", "pubish")).stderr).toContain("did you mean grasp publish?");
    expect((await run("grasp")).code).toBe(2);
  }, 60_000);
});
