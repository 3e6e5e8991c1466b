/**
 * Undo and removal on a running service (N21 to N24, O14, O31), on each runtime: commands beside it, system Git and a relay client.
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { type WorkTree, workTree } from "../../support/git.ts";
import { type GraspServer, graspServer, MAIN, runGitClient } from "../../support/grasp-server.ts";
import { HostedRepositories, type HostedRepository } from "../../support/hosted-repository.ts";
import { author } from "../../support/nostr.ts";
import { runCli } from "../../support/run-cli.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const RUNTIMES: readonly ProcessRuntime[] = ["node", "bun", "deno"];
const TOPIC = "refs/heads/topic";

describe.each(RUNTIMES)("undo and removal on %s", (runtime) => {
  let server: GraspServer;
  let work: WorkTree;
  let hosted: HostedRepositories;
  beforeAll(async () => {
    server = await graspServer(runtime);
    work = workTree(server.folder);
    hosted = new HostedRepositories(server, work);
  }, 60_000);
  afterAll(async () => {
    hosted?.close();
    await server?.stop();
  });

  const run = (...args: string[]) =>
    runCli(runtime, ["grasp", ...args, "--config", join(server.folder, "config.json")]);
  /** The rows of a command that succeeds. */
  async function rowsOf(...args: string[]): Promise<Record<string, unknown>[]> {
    const { code, stdout, stderr } = await run(...args, "--json");
    expect([code, stderr]).toEqual([0, stderr]);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }
  const nameOf = ({ owner, identifier }: HostedRepository) => `${toNpub(owner.key)}/${identifier}`;
  const pathOf = ({ owner }: HostedRepository, place: string) =>
    join(server.folder, "data", place, toNpub(owner.key), "repo.git");
  const backupsOf = (repository: HostedRepository) =>
    work
      .git("--git-dir", pathOf(repository, "git"), "for-each-ref", "--format=%(refname)", "refs/millrace/")
      .split("\n");
  const served = async (repository: HostedRepository) =>
    (await repository.relay.query({ authors: [repository.owner.key] })).length;

  /** A repository whose `main` was rewound and whose `topic` was deleted by a force push. */
  async function rewound() {
    const repository = await hosted.served();
    const { base } = repository;
    work.git("checkout", "-q", "--detach", base);
    const [second, topic] = [hosted.commit(), hosted.commit()];
    await repository.state({ [MAIN]: second, [TOPIC]: topic });
    expect(await repository.push(`${second}:${MAIN}`, `${topic}:${TOPIC}`)).toMatchObject({ code: 0 });
    work.git("checkout", "-q", "--detach", base);
    const other = hosted.commit();
    const cause = await repository.state({ [MAIN]: other });
    expect(await repository.push("--force", `${other}:${MAIN}`, `:${TOPIC}`)).toMatchObject({ code: 0 });
    expect(await repository.refs()).toEqual({ HEAD: other, [MAIN]: other });
    return { ...repository, second, topic, other, cause: cause.id };
  }

  test("a force push is undone by the event that restore prints, signed by the owner, without a push (N21, N22)", async () => {
    const repository = await rewound();
    const { owner, second, topic, other, cause } = repository;
    const rows = await rowsOf("restore", nameOf(repository));
    const facts = { by: toNpub(owner.key), state: cause, complete: true };
    expect(rows).toEqual([
      { time: expect.any(String), ...facts, ref: MAIN, had: second, has: other },
      { time: expect.any(String), ...facts, ref: TOPIC, had: topic, has: null },
    ]);

    const printed = await run("restore", nameOf(repository), String(rows[0]!.time));
    expect(printed).toMatchObject({ code: 0, stderr: "" });
    const unsigned = JSON.parse(printed.stdout);
    expect(unsigned).toEqual({
      kind: 30618,
      pubkey: owner.key,
      created_at: expect.any(Number),
      tags: [
        ["d", "repo"],
        [MAIN, second],
        [TOPIC, topic],
        ["HEAD", `ref: ${MAIN}`],
      ],
      content: "",
    });
    // No ref moves without a signed event.
    expect(await repository.refs()).toEqual({ HEAD: other, [MAIN]: other });
    const event = owner.sign(30618, unsigned.tags, "", unsigned.created_at);
    expect(await repository.relay.publish(event)).toEqual([true, ""]);
    expect(await repository.refs()).toEqual({ HEAD: second, [MAIN]: second, [TOPIC]: topic });
    // The way back is open, too.
    expect((await rowsOf("restore", nameOf(repository)))[0]).toMatchObject({ ref: MAIN, had: other });
  }, 60_000);

  test("backups are neither advertised nor fetched by name nor pushed to; their objects are read by id (N21, A23, O31)", async () => {
    const repository = await rewound();
    const backups = backupsOf(repository);
    expect(backups.map((ref) => ref.replace(/\d{13}/, "TIME"))).toEqual([
      "refs/millrace/backup/TIME/heads/main",
      "refs/millrace/backup/TIME/heads/topic",
    ]);
    for (const version of [0, 1, 2]) {
      const git = (...args: string[]) =>
        runGitClient(work.path, "-c", `protocol.version=${version}`, ...args);
      const all = await git("ls-remote", repository.url);
      expect([all.code, all.output.includes("millrace")]).toEqual([0, false]);
      expect((await git("ls-remote", repository.url, "refs/millrace/*")).output).toBe("");
      expect((await git("fetch", repository.url, backups[0]!)).code).not.toBe(0);
      expect([version, await repository.canRead(repository.second, version)]).toEqual([version, true]);
    }
    const { code, output } = await repository.push(`${repository.other}:${backups[0]}`);
    expect([code, output]).toEqual([1, expect.stringContaining("[remote rejected]")]);
    expect((await repository.push(`:${backups[0]}`)).code).not.toBe(0);
    expect(backupsOf(repository)).toEqual(backups);
  }, 60_000);

  test("restore explains mistakes: a wrong name, one that is not here, a time of nothing (N22)", async () => {
    const repository = await hosted.served();
    const stranger = `${toNpub(author().key)}/repo`;
    expect(await run("restore", "repo")).toMatchObject({ code: 2 });
    expect(await run("restore", stranger)).toMatchObject({ code: 1 });
    expect(await rowsOf("restore", nameOf(repository))).toEqual([]);
    expect(await run("restore", nameOf(repository), "yesterday")).toMatchObject({ code: 2 });
    expect(await run("restore", nameOf(repository), "2026-01-01T00:00:00.000Z")).toMatchObject({ code: 1 });
  }, 60_000);

  test("eject ends reading at once, over a restart, and held restore brings all of it back (O14, O31)", async () => {
    const repository = await rewound();
    const before = await repository.refs();
    const clone = join(server.folder, `clone-${runtime}`);
    await rowsOf("eject", nameOf(repository));
    expect(await served(repository)).toBe(0);
    expect((await runGitClient(work.path, "clone", repository.url, clone)).code).not.toBe(0);
    expect(await repository.canRead(repository.other)).toBe(false);
    expect(await run("eject", nameOf(repository))).toMatchObject({ code: 1 });
    await server.restart();

    const held = await rowsOf("held", "list");
    expect(held).toEqual([
      { held: nameOf(repository), repository: true, events: 2, until: expect.any(String) },
    ]);
    const days = (Date.parse(String(held[0]!.until)) - Date.now()) / (24 * 60 * 60_000);
    expect([days > 89, days < 90.01]).toEqual([true, true]);
    expect(await rowsOf("held", "restore", nameOf(repository))).toEqual([
      { repository: nameOf(repository), outcome: "served" },
    ]);
    expect(await rowsOf("held", "list")).toEqual([]);
    const again = await hosted.client();
    expect(await again.query({ authors: [repository.owner.key] })).toHaveLength(2);
    const { output } = await runGitClient(
      work.path,
      "ls-remote",
      repository.url.replace(/^http:\/\/[^/]*/, server.url),
    );
    expect(output).toBe(`${before.HEAD}\tHEAD\n${before[MAIN]}\t${MAIN}\n`);
    // What was rewound before can still be undone.
    expect(await rowsOf("restore", nameOf(repository))).toHaveLength(2);
  }, 60_000);

  test("a ban of a repository, and of an author, refuses and removes, over a restart, until it ends (O14, R26)", async () => {
    const [first, second] = [await hosted.served(), await hosted.served()];
    const stays = await hosted.served();
    const comment = second.owner.sign(1111, [["a", stays.coordinate]], "hello");
    expect((await second.relay.publish(comment))[0]).toBe(true);

    expect(await rowsOf("ban", nameOf(first))).toEqual([
      { repository: nameOf(first), outcome: "held for 90 days" },
    ]);
    expect(await rowsOf("ban", toNpub(second.owner.key))).toEqual([
      { repository: nameOf(second), outcome: "held for 90 days" },
    ]);
    expect((await rowsOf("ban")).map(({ banned }) => banned).sort()).toEqual(
      [nameOf(first), toNpub(second.owner.key)].sort(),
    );
    for (const one of [first, second]) {
      expect([await served(one), await one.canRead(one.base)]).toEqual([0, false]);
      expect((await one.state({ [MAIN]: one.base })).ok).toBe(false);
    }
    const answer = await second.relay.publish(second.owner.sign(1111, [["a", stays.coordinate]], "again"));
    expect(answer).toEqual([false, expect.stringMatching(/^blocked: /)]);
    expect([await served(stays), await stays.relay.query({ ids: [comment.id] })]).toEqual([2, []]);

    await server.restart();
    const relay = await hosted.client();
    expect((await relay.publish(comment))[1]).toMatch(/^blocked: /);
    expect(await rowsOf("unban", nameOf(first))).toEqual([{ unbanned: nameOf(first) }]);
    expect(await run("unban", nameOf(first))).toMatchObject({ code: 1 });
    await rowsOf("unban", toNpub(second.owner.key));
    for (const one of [first, second])
      expect(await rowsOf("held", "restore", nameOf(one))).toMatchObject([{ outcome: "served" }]);
    expect(await rowsOf("held", "restore", toNpub(second.owner.key))).toMatchObject([
      { restored: 1, refused: 0 },
    ]);
    expect(await relay.query({ ids: [comment.id] })).toHaveLength(1);
    expect(await relay.query({ authors: [first.owner.key] })).toHaveLength(2);
  }, 90_000);

  test("held delete deletes at once (O14)", async () => {
    const repository = await hosted.served();
    await rowsOf("eject", nameOf(repository));
    await rowsOf("held", "delete", nameOf(repository));
    const held = (await rowsOf("held", "list")).map(({ held }) => held);
    expect(held).not.toContain(nameOf(repository));
    expect(await run("held", "delete", nameOf(repository))).toMatchObject({ code: 1 });
    expect(await run("held", "restore", nameOf(repository))).toMatchObject({ code: 1 });
    expect(await run("held", "burn")).toMatchObject({ code: 2 });
  }, 60_000);
});
