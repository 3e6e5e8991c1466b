/**
 * ngit, the client that contributors use, against `millrace serve` on Node, Bun and Deno (V5). ngit asks public relays by itself, so
 * that it and the server run in a network namespace that has loopback only.
 * @module
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { xOnlyPointFromScalar } from "tiny-secp256k1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { findNgit } from "../../../scripts/cargo-tools.ts";
import { NEW_NAMESPACE, namespaceFault, namespaceOf } from "../../support/namespace.ts";
import { type ProcessRuntime, root, runtimes } from "../../support/spawn.ts";
import { type RunningProgram, runCommand, startProgram } from "../../support/start-program.ts";

const HOST = "127.0.0.1:7334";
const ngit = findNgit();
const why = ngit === null ? "it is not installed; node scripts/cargo-tools.ts installs it" : namespaceFault();

/** Somebody with a key and a folder. */
interface Person {
  readonly folder: string;
  readonly npub: string;
  /** Runs a command in the folder. @returns what it prints @throws if it fails */
  run(...command: string[]): Promise<string>;
  /** Writes a file and commits it. @returns the commit's id */
  commit(file: string): Promise<string>;
  /** Signs what ngit does in the folder from now on. */
  signIn(): Promise<void>;
}

describe.skipIf(why !== null).each<ProcessRuntime>(["node", "bun", "deno"])(
  `ngit 3.0.3 against GRASP on %s (V5)${why === null ? "" : ` (${why})`}`,
  (runtime) => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-ngit-"));
    let server: RunningProgram;
    let maintainer: Person;
    let contributor: Person;
    /** The `nostr://` address of the repository. */
    let address = "";

    function person(name: string): Person {
      const secret = randomBytes(32);
      const home = join(folder, `${name}-home`);
      mkdirSync(home);
      writeFileSync(
        join(home, ".gitconfig"),
        `[user]\n\tname = ${name}\n\temail = ${name}@example.com\n[init]\n\tdefaultBranch = main\n`,
      );
      const env = {
        PATH: `${dirname(ngit!)}:${process.env.PATH}`,
        HOME: home,
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_TERMINAL_PROMPT: "0",
        LC_ALL: "C",
        // With it ngit keeps keys and caches in the folder's own Git configuration, and takes its relays from the next lines.
        NGITTEST: "TRUE",
        NGIT_RELAY_DEFAULT_SET: `ws://${HOST}`,
        NGIT_RELAY_SIGNER_FALLBACK_SET: `ws://${HOST}`,
        NGIT_GRASP_DEFAULT_SET: `http://${HOST}`,
      };
      const self: Person = {
        folder: join(folder, name),
        npub: toNpub(Buffer.from(xOnlyPointFromScalar(secret)).toString("hex")),
        async run(...command) {
          const [first, ...args] = [...namespaceOf(server.pid), ...command];
          const { code, all } = await runCommand({ command: first!, args, cwd: self.folder, env });
          if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}\n${all}`);
          return all;
        },
        async commit(file) {
          writeFileSync(join(self.folder, file), file);
          await self.run("git", "add", file);
          await self.run("git", "commit", "-q", "-m", file);
          return (await self.run("git", "rev-parse", "HEAD")).trim();
        },
        async signIn() {
          await self.run("git", "config", "nostr.nsec", secret.toString("hex"));
        },
      };
      mkdirSync(self.folder);
      return self;
    }

    /** The refs that our server shows to everybody. */
    async function refs(): Promise<Record<string, string>> {
      const url = `http://${HOST}/${maintainer.npub}/project.git`;
      const lines = (await maintainer.run("git", "ls-remote", url)).trim().split("\n");
      return Object.fromEntries(lines.map((line) => line.split("\t").reverse() as [string, string]));
    }

    beforeAll(async () => {
      const config = join(folder, "config.json");
      writeFileSync(
        config,
        JSON.stringify({
          grasp: { domain: HOST, listen: { port: 7334 }, dataDirectory: join(folder, "data") },
        }),
      );
      const [command, ...args] = [
        ...NEW_NAMESPACE,
        ...runtimes[runtime],
        ...["worker/cli/main.ts", "serve", "--config", config],
      ];
      server = await startProgram({ command: command!, args, cwd: root, ready: /listening on (http:\S+)/ });
      maintainer = person("maintainer");
      contributor = person("contributor");
    }, 60_000);
    afterAll(async () => {
      await server?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    test("init publishes a repository, and push sends commits, branches, tags and deletions", async () => {
      await maintainer.run("git", "init", "-q");
      const first = await maintainer.commit("one");
      await maintainer.signIn();
      await maintainer.run("ngit", "init", "--defaults", "--name", "project", "--identifier", "project");
      expect(await refs()).toEqual({ HEAD: first, "refs/heads/main": first });

      await maintainer.run("git", "tag", "-a", "v1", "-m", "v1");
      await maintainer.run("git", "branch", "topic");
      const second = await maintainer.commit("two");
      const tag = (await maintainer.run("git", "rev-parse", "v1")).trim();
      await maintainer.run("git", "push", "origin", "main", "topic", "v1");
      expect(await refs()).toEqual({
        HEAD: second,
        "refs/heads/main": second,
        "refs/heads/topic": first,
        "refs/tags/v1": tag,
        "refs/tags/v1^{}": first,
      });
      // ngit publishes the state first, which deletes the branch (N1). What it then pushes goes from nothing to nothing, which A7
      // refuses, so that ngit ends with 1.
      await maintainer.run("git", "push", "origin", "--delete", "topic").catch((error: Error) => {
        expect(error.message).toContain("from nothing to nothing");
      });
      expect(await refs()).not.toHaveProperty("refs/heads/topic");
      address = (await maintainer.run("git", "remote", "get-url", "origin")).trim();
      expect(address).toMatch(/^nostr:\/\//);
    }, 120_000);

    test("clone by the nostr address, and fetch what was pushed since", async () => {
      await contributor.run("git", "clone", "-q", address, ".");
      expect(await contributor.run("git", "log", "--format=%s")).toBe("two\none\n");
      const third = await maintainer.commit("three");
      await maintainer.run("git", "push", "origin", "main");
      await contributor.run("git", "fetch", "-q", "origin");
      expect((await contributor.run("git", "rev-parse", "origin/main")).trim()).toBe(third);
    }, 120_000);

    test("a pull request, its update, and the maintainer's checkout of it", async () => {
      await contributor.signIn();
      await contributor.run("git", "checkout", "-q", "-b", "pr/idea", "origin/main");
      const proposed = await contributor.commit("idea");
      await contributor.run(
        "git",
        "push",
        "-o",
        "title=Idea",
        "-o",
        "description=It is good",
        "-u",
        "origin",
        "pr/idea",
      );
      const isProposal = ([ref]: [string, string]) => /^refs\/nostr\/[0-9a-f]{64}$/.test(ref);
      const proposals = Object.entries(await refs()).filter(isProposal);
      expect(proposals.map(([, id]) => id)).toEqual([proposed]);

      const improved = await contributor.commit("improved");
      await contributor.run("git", "push", "origin", "pr/idea");
      const updates = Object.entries(await refs()).filter(isProposal);
      expect(updates.map(([, id]) => id).sort()).toEqual([proposed, improved].sort());

      const id = proposals[0]![0].slice("refs/nostr/".length);
      expect(await maintainer.run("ngit", "pr", "list")).toContain(id);
      await maintainer.run("ngit", "pr", "checkout", id);
      expect((await maintainer.run("git", "rev-parse", "HEAD")).trim()).toBe(improved);
    }, 120_000);

    test("a pull request by ngit send, and its merge by the maintainer", async () => {
      await contributor.run("git", "checkout", "-q", "-b", "fix", "origin/main");
      const fixed = await contributor.commit("fix");
      await contributor.run(
        "ngit",
        "send",
        "--defaults",
        "--force-pr",
        "--subject",
        "Fix",
        "--description",
        "It fixes",
        "HEAD~1",
      );
      const sent = Object.entries(await refs()).find(([, id]) => id === fixed);
      expect(sent?.[0]).toMatch(/^refs\/nostr\/[0-9a-f]{64}$/);
      await maintainer.run("git", "checkout", "-q", "main");
      await maintainer.run("ngit", "pr", "merge", sent![0].slice("refs/nostr/".length));
      await maintainer.run("git", "push", "origin", "main");
      await contributor.run("git", "fetch", "-q", "origin");
      expect(await contributor.run("git", "log", "--format=%s", "origin/main")).toContain("\nfix\n");
    }, 120_000);
  },
);
