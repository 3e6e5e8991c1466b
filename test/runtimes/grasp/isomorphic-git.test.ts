/**
 * isomorphic-git, a Git client in JavaScript that shares no code with Git, against `millrace serve` on Node, Bun and Deno (V5). It
 * knows no partial clones, so that system Git tests the filter.
 * @module
 */
import fs from "node:fs";
import { join } from "node:path";
import git from "isomorphic-git";
import http from "isomorphic-git/http/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  MAIN,
  PURGATORY,
  runGitClient,
  stateBy,
} from "../../support/grasp-server.ts";
import { type Author, author } from "../../support/nostr.ts";
import { connect } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const PERSON = { name: "a", email: "a@example.com" };

describe.each<ProcessRuntime>(["node", "bun", "deno"])(
  "isomorphic-git against GRASP on %s (V5)",
  (runtime) => {
    let server: GraspServer;
    let owner: Author;
    let dir: string;
    let date = 1_700_000_000;
    const url = () => server.repository(owner);

    async function commit(content: string): Promise<string> {
      fs.writeFileSync(join(dir, "file"), content);
      await git.add({ fs, dir, filepath: "file" });
      return git.commit({ fs, dir, message: content, author: PERSON });
    }

    /** Publishes a state and gives the answer. */
    async function publishState(refs: Record<string, string>): Promise<[boolean, string]> {
      const client = await connect(server.url);
      const answer = await client.publish(stateBy(owner, refs, "repo", date++));
      client.close();
      return answer;
    }

    beforeAll(async () => {
      server = await graspServer(runtime);
      owner = author();
      dir = join(server.folder, "work");
      await git.init({ fs, dir, defaultBranch: "main" });
      const client = await connect(server.url);
      expect(await client.publish(announcementBy(owner))).toEqual([true, PURGATORY]);
      client.close();
    }, 60_000);
    afterAll(() => server?.stop());

    test("pushes a branch that the state names, and another commit on it", async () => {
      for (const content of ["one", "two", "three"]) {
        const id = await commit(content);
        expect(await publishState({ [MAIN]: id })).toEqual([true, PURGATORY]);
        const result = await git.push({ fs, http, dir, url: url(), ref: "main" });
        expect(result.refs[MAIN]).toEqual({ ok: true, error: "" });
        const [served] = await git.listServerRefs({ http, url: url(), prefix: MAIN });
        expect(served?.oid).toBe(id);
      }
    }, 60_000);

    test("clones: all commits, then the newest one only, with the same files", async () => {
      const [whole, shallow] = [join(server.folder, "whole"), join(server.folder, "shallow")];
      await git.clone({ fs, http, dir: whole, url: url(), ref: "main" });
      expect((await git.log({ fs, dir: whole })).map((one) => one.commit.message.trim())).toEqual([
        "three",
        "two",
        "one",
      ]);
      await git.clone({ fs, http, dir: shallow, url: url(), ref: "main", depth: 1, singleBranch: true });
      expect((await git.log({ fs, dir: shallow })).map((one) => one.commit.message.trim())).toEqual([
        "three",
      ]);
      for (const folder of [whole, shallow])
        expect(fs.readFileSync(join(folder, "file"), "utf8")).toBe("three");
      await git.fetch({ fs, http, dir: shallow, url: url(), ref: "main", depth: 1, relative: true });
      expect(await git.log({ fs, dir: shallow })).toHaveLength(2);
    }, 60_000);

    test("system Git clones without file contents, and fetches one when it is read (G12)", async () => {
      const partial = join(server.folder, "partial");
      const cloned = await runGitClient(
        server.folder,
        ...["clone", "-q", "--no-checkout", "--filter=blob:none", url(), partial],
      );
      expect(cloned).toEqual({ code: 0, output: "" });
      const missing = await runGitClient(partial, "rev-list", "--objects", "--all", "--missing=print");
      expect(missing.output.match(/^\?/gm)).toHaveLength(3);
      expect((await runGitClient(partial, "show", "HEAD:file")).output).toBe("three");
    }, 60_000);

    test("a refused push says why per ref, and what to do", async () => {
      const id = await commit("four");
      const said: string[] = [];
      const refused = await git
        .push({ fs, http, dir, url: url(), ref: "main", onMessage: (text) => void said.push(text) })
        .then(
          () => null,
          (error: unknown) => error,
        );
      expect(refused).toBeInstanceOf(git.Errors.GitPushError);
      const { data } = refused as InstanceType<typeof git.Errors.GitPushError>;
      expect(data.result.refs[MAIN]).toMatchObject({ ok: false, error: "the state names another commit" });
      expect(said.join("")).toContain(id);
      expect(said.join("")).toContain("Publish a state");
    }, 60_000);
  },
);
