/**
 * An archive (GRASP-05) that follows another server on loopback: real relays, real Git. On Node, Bun and Deno.
 * @module
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { type WorkTree, workTree } from "../../support/git.ts";
import { MAIN, PURGATORY, runGitClient, stateBy } from "../../support/grasp-server.ts";
import { type Author, author } from "../../support/nostr.ts";
import { announcementOn, type Peer, peer, served, until } from "../../support/peers.ts";
import { connect, type RelayClient } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const TIMEOUT_MS = 90_000;

describe.each<ProcessRuntime>(["node", "bun", "deno"])("an archive on %s", (runtime) => {
  let source: Peer;
  let archive: Peer;
  let work: WorkTree;
  let relay: RelayClient;
  const [owner, maintainer, stranger] = [author(), author(), author()];
  let commit = "";

  const urlAt = ({ server }: Peer, by: Author, identifier: string) => server.repository(by, identifier);
  const git = (...args: string[]) => runGitClient(work.path, ...args);
  async function refsAt(where: Peer, by: Author, identifier: string): Promise<string[]> {
    const { output } = await git("ls-remote", urlAt(where, by, identifier));
    return output.split("\n").filter((line) => /^[0-9a-f]{40}\t/.test(line));
  }
  /** Announces on the source, and pushes there. @returns the events */
  async function published(by: Author, identifier: string, more: string[][] = []) {
    const client = await connect(source.server.url);
    const events = [
      announcementOn([source], by, identifier, more),
      stateBy(by, { [MAIN]: commit }, identifier),
    ];
    for (const event of events) expect((await client.publish(event))[0]).toBe(true);
    const { code, output } = await git("push", urlAt(source, by, identifier), `${commit}:${MAIN}`);
    expect(code, output).toBe(0);
    client.close();
    return events;
  }

  beforeAll(async () => {
    source = await peer(runtime);
    archive = await peer(
      runtime,
      { enabled: false, bootstrap: [`ws://${source.host}`] },
      { archive: { rules: [toNpub(owner.key), "named"] } },
    );
    work = workTree(source.server.folder);
    commit = work.commit("file", "content");
    relay = await connect(archive.server.url);
  }, TIMEOUT_MS);
  afterAll(async () => {
    relay?.close();
    await archive?.server.stop();
    await source?.server.stop();
  });

  test("NIP-11 lists GRASP-05 and GRASP-02, although sync.enabled is false, and says archive (X2)", async () => {
    const answer = await fetch(archive.server.url, { headers: { accept: "application/nostr+json" } });
    const document = await answer.json();
    expect(document.supported_grasps).toEqual(["GRASP-01", "GRASP-05", "GRASP-02"]);
    expect(document.curation).toContain("archive");
    expect(document.repo_acceptance_criteria).toContain("archive");
  });

  test(
    "what a rule names is found by relay sync, waits, and is filled from its clone URLs (X1, X2, X4)",
    async () => {
      const mine = await published(owner, "project", [["maintainers", maintainer.key]]);
      const named = await published(stranger, "named");
      const other = await published(stranger, "other");
      await served(archive.server.url, ...mine, ...named);
      for (const [by, identifier] of [
        [owner, "project"],
        [stranger, "named"],
      ] as const) {
        expect(await refsAt(archive, by, identifier)).toEqual([`${commit}\tHEAD`, `${commit}\t${MAIN}`]);
        const clone = join(archive.server.folder, `clone-${identifier}`);
        expect((await git("clone", "-q", urlAt(archive, by, identifier), clone)).code).toBe(0);
        expect(execFileSync("git", ["-C", clone, "rev-parse", "HEAD"], { encoding: "utf8" }).trim()).toBe(
          commit,
        );
      }
      expect(await relay.query({ ids: other.map(({ id }) => id) })).toEqual([]);
      expect((await fetch(urlAt(archive, stranger, "other"))).status).toBe(404);
    },
    TIMEOUT_MS,
  );

  test(
    "a newer state reaches it, too, by a maintainer as well (X4)",
    async () => {
      const next = work.commit("file", "more");
      const state = stateBy(maintainer, { [MAIN]: next }, "project", Math.floor(Date.now() / 1000) + 5);
      const client = await connect(source.server.url);
      expect(await client.publish(state)).toEqual([true, PURGATORY]);
      expect((await git("push", urlAt(source, owner, "project"), `${next}:${MAIN}`)).code).toBe(0);
      client.close();
      await served(archive.server.url, state);
      await until(async () => (await refsAt(archive, owner, "project")).includes(`${next}\t${MAIN}`));
    },
    TIMEOUT_MS,
  );

  test("every push is refused with a reason, and changes nothing (X4)", async () => {
    const before = await refsAt(archive, owner, "project");
    const url = urlAt(archive, owner, "project");
    const nostr = `refs/nostr/${"ab".repeat(32)}`;
    for (const refspec of [`${commit}:${MAIN}`, `${commit}:refs/heads/x`, `${commit}:${nostr}`, `:${MAIN}`]) {
      const { code, output } = await git("push", "--force", url, refspec);
      expect([code, output]).toEqual([1, expect.stringContaining("an archive takes no pushes")]);
    }
    expect(await refsAt(archive, owner, "project")).toEqual(before);
  });

  test("an announcement that lists it is refused unless a rule names it (X3)", async () => {
    const [isTaken, text] = await relay.publish(announcementOn([archive], stranger, "mine"));
    expect([isTaken, text]).toEqual([false, expect.stringMatching(/^restricted:.*archive/)]);
    expect(await relay.publish(announcementOn([archive], owner, "mine"))).toEqual([true, PURGATORY]);
    // Its repository is here, and takes no push either.
    expect(await relay.publish(stateBy(owner, { [MAIN]: commit }, "mine"))).toEqual([true, PURGATORY]);
    expect((await git("push", urlAt(archive, owner, "mine"), `${commit}:${MAIN}`)).code).toBe(1);
  });
});
