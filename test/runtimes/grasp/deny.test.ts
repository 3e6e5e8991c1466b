/**
 * A repository that the operator denies while it is here (R26), on each runtime.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { workTree } from "../../support/git.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  MAIN,
  runGitClient,
  stateBy,
} from "../../support/grasp-server.ts";
import { author } from "../../support/nostr.ts";
import { connect } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

describe.each<ProcessRuntime>(["node", "bun", "deno"])("a denied repository on %s", (runtime) => {
  let server: GraspServer;
  beforeAll(async () => {
    server = await graspServer(runtime);
  }, 60_000);
  afterAll(() => server?.stop());

  function configure(fields: object): void {
    const path = join(server.folder, "config.json");
    const { grasp } = JSON.parse(readFileSync(path, "utf8")) as { grasp: object };
    writeFileSync(path, JSON.stringify({ grasp: { ...grasp, ...fields } }));
  }

  test("SIGHUP takes it away, a start does too, and allowed again it comes back with its data (R26)", async () => {
    const [owner, kept] = [author(), author()];
    const work = workTree(server.folder);
    const commit = work.commit("a", "one");
    const relay = await connect(server.url);
    for (const by of [owner, kept]) {
      const state = stateBy(by, { [MAIN]: commit });
      for (const event of [announcementBy(by), state]) expect((await relay.publish(event))[0]).toBe(true);
      const { code, output } = await runGitClient(work.path, "push", server.repository(by), MAIN);
      expect([code, output]).toEqual([0, output]);
    }
    const status = async (by = owner) =>
      (await fetch(`${server.repository(by)}/info/refs?service=git-upload-pack`)).status;
    expect([await status(), await status(kept)]).toEqual([200, 200]);

    configure({ deny: { repositories: [`${toNpub(owner.key)}/repo`] } });
    server.program.kill("SIGHUP");
    await expect.poll(() => status(), { timeout: 10_000 }).toBe(404);
    expect(await relay.query({ authors: [owner.key] })).toEqual([]);
    expect(await relay.query({ authors: [kept.key] })).toHaveLength(2);
    expect((await relay.publish(announcementBy(owner)))[1]).toMatch(/^blocked:/);
    relay.close();

    configure({ deny: { repositories: [toNpub(kept.key)] } });
    await server.restart();
    expect([await status(), await status(kept)]).toEqual([404, 404]);
    const again = await connect(server.url);
    expect((await again.publish(announcementBy(owner)))[0]).toBe(true);
    again.close();
    const { output } = await runGitClient(work.path, "ls-remote", server.repository(owner), MAIN);
    expect(output).toBe(`${commit}\t${MAIN}\n`);
  }, 60_000);
});
