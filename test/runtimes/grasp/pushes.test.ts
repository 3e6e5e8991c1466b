/**
 * Pushes over real HTTP, with system Git and as bytes: what is granted, what the report says, and what happens when pushes and
 * events meet. On Node, Bun and Deno.
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ZERO_ID } from "../../../runtime/grasp/git/command-list.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { type WorkTree, workTree } from "../../support/git.ts";
import { type GraspServer, graspServer, MAIN } from "../../support/grasp-server.ts";
import { HostedRepositories, type HostedRepository } from "../../support/hosted-repository.ts";
import { author } from "../../support/nostr.ts";
import { beginPush, commandList, creation, rawPush, readReport } from "../../support/raw-push.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

describe.each<ProcessRuntime>(["node", "bun", "deno"])("pushes on %s", (runtime) => {
  let server: GraspServer;
  let work: WorkTree;
  let make: HostedRepositories;

  beforeAll(async () => {
    server = await graspServer(runtime);
    work = workTree(server.folder);
    make = new HostedRepositories(server, work);
  }, 60_000);
  afterAll(async () => {
    make?.close();
    await server?.stop();
  });

  const nostrRef = (id: string) => `refs/nostr/${id}`;
  const quarantines = () => readdirSync(join(server.folder, "data/quarantine"));
  const uploads = async (repository: HostedRepository): Promise<string[]> =>
    (await repository.status()).waiting
      .filter(({ what }: { what: string }) => what === "upload")
      .map(({ id }: { id: string }) => id);
  async function decisions(reason: string): Promise<number> {
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    return Number(new RegExp(`grasp_push_decisions_total\\{reason="${reason}"\\} (\\d+)`).exec(metrics)![1]);
  }
  async function until(holds: () => Promise<boolean>): Promise<void> {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  test("the capabilities are those of A5; options and certificates refuse the push, unknown ones do not (A5)", async () => {
    const repository = await make.announced();
    const advertised = await (await fetch(`${repository.url}/info/refs?service=git-receive-pack`)).text();
    const names = /\0(.*)\n/
      .exec(advertised)![1]!
      .split(" ")
      .filter(Boolean)
      .map((one) => one.replace(/^agent=.*/, "agent"));
    expect(names.sort()).toEqual(
      [
        "report-status",
        "report-status-v2",
        "side-band-64k",
        "delete-refs",
        "ofs-delta",
        "atomic",
        "quiet",
        "object-format=sha1",
        "agent",
      ].sort(),
    );
    const commit = make.commit();
    await repository.state({ [MAIN]: commit });
    const send = (capabilities: string) =>
      rawPush(
        repository.url,
        Buffer.concat([commandList([creation(MAIN, commit)], capabilities), work.pack([commit])]),
      );
    for (const refused of ["push-options", "push-cert=nonce"]) {
      const report = readReport((await send(`report-status ${refused}`)).body, false);
      expect(report.lines.map((line) => line.split(" the ")[0])).toEqual(["unpack", `ng ${MAIN}`]);
      expect(await repository.refs()).toEqual({});
    }
    const { body } = await send("report-status session-id=x no-such-thing");
    expect(readReport(body, false).lines).toEqual(["unpack ok", `ok ${MAIN}`]);
  });

  test("a push is decided before a byte of its pack, and the rest of it is read before the report (A10, A40)", async () => {
    const repository = await make.announced();
    const commit = make.commit();
    const before = await decisions("no_state");
    const list = commandList([creation(MAIN, commit)]);
    const junk = Buffer.alloc(8 * 1024 ** 2, "x");
    const push = beginPush(repository.url, list.length + junk.length);
    push.send(list);
    await until(async () => (await decisions("no_state")) > before);
    expect(quarantines()).toEqual([]);
    push.send(junk);
    const answer = await push.answer();
    expect([answer.status, readReport(answer.body, false).lines]).toEqual([
      200,
      ["unpack ok", `ng ${MAIN} there is no state`],
    ]);
  });

  test("another owner's announcement of the identifier admits no push (A13, A15)", async () => {
    const repository = await make.announced();
    const stranger = author();
    const commit = make.commit();
    await repository.state({ [MAIN]: commit });
    const list = Buffer.concat([commandList([creation(MAIN, commit)]), work.pack([commit])]);
    expect((await rawPush(server.repository(stranger), list)).status).toBe(404);
    // A repository that waits takes it.
    expect(await repository.push(`${commit}:${MAIN}`)).toMatchObject({ code: 0 });
  });

  test("a grant moves the announcement's deadline, which status.json tells (A26, P14)", async () => {
    const repository = await make.announced();
    const commit = make.commit();
    await repository.state({ [MAIN]: commit });
    const deadline = async () =>
      (await repository.status()).waiting.find(({ what }: { what: string }) => what === "announcement").until;
    const before = await deadline();
    const list = commandList([creation(MAIN, commit)]);
    const granted = Date.now();
    while (Math.floor(Date.now() / 1000) < Math.floor(granted / 1000) + 2)
      await new Promise((resolve) => setTimeout(resolve, 100));
    const push = beginPush(repository.url, list.length + 1000);
    push.send(list);
    await until(async () => (await deadline()) > before);
    push.close();
  });

  test("refs/nostr/ takes event ids of 64 lower-case hex digits only (A27, T22)", async () => {
    const repository = await make.announced();
    const commit = make.commit();
    const id = "ab".repeat(32);
    for (const other of [
      id.toUpperCase(),
      `note1${"q".repeat(58)}`,
      `nevent1${"q".repeat(58)}`,
      id.slice(1),
      `${id}/x`,
    ]) {
      const answer = await rawPush(
        repository.url,
        Buffer.concat([commandList([creation(nostrRef(other), commit)]), work.pack([commit])]),
      );
      const { lines } = readReport(answer.body, false);
      expect(lines[1]).toMatch(/^ng refs\/nostr\//);
    }
    expect(await uploads(repository)).toEqual([]);
  });

  test("an upload waits per repository and id: its event claims the commit that it names (A30)", async () => {
    const [one, two] = [await make.served(), await make.served()];
    const change = make.commit();
    const event = make.pullRequest(one, change);
    expect(await one.push(`${change}:${nostrRef(event.id)}`)).toMatchObject({ code: 0 });
    expect(await two.push(`${two.base}:${nostrRef(event.id)}`)).toMatchObject({ code: 0 });
    expect([await uploads(one), await uploads(two)]).toEqual([[event.id], [event.id]]);
    expect(await one.relay.publish(event)).toEqual([true, ""]);
    expect((await one.refs())[nostrRef(event.id)]).toBe(change);
    expect((await two.refs())[nostrRef(event.id)]).toBeUndefined();
  });

  test("refs/nostr/ of a served PR is not deleted and not moved; other events and repositories have no place there (A28, A31, T23)", async () => {
    const [repository, other] = [await make.served(), await make.served()];
    const change = make.commit();
    const event = make.pullRequest(repository, change);
    const comment = author().sign(1111, [["a", repository.coordinate]]);
    await repository.push(`${change}:${nostrRef(event.id)}`);
    expect(await repository.relay.publish(event)).toEqual([true, ""]);
    expect(await repository.relay.publish(comment)).toEqual([true, ""]);
    const before = await repository.refs();
    expect(before[nostrRef(event.id)]).toBe(change);
    const { base } = repository;
    const attempts: [string, HostedRepository, string][] = [
      ["nostr_deletion", repository, `${change} ${ZERO_ID} ${nostrRef(event.id)}`],
      ["nostr_deletion", repository, `${change} ${ZERO_ID} ${nostrRef("ab".repeat(32))}`],
      ["wrong_commit", repository, `${change} ${base} ${nostrRef(event.id)}`],
      ["not_a_pr", repository, creation(nostrRef(comment.id), change)],
      ["other_repository", other, creation(nostrRef(event.id), change)],
    ];
    for (const [reason, target, command] of attempts) {
      const before = await decisions(reason);
      const body = Buffer.concat([commandList([command]), work.pack([change])]);
      const { lines } = readReport((await rawPush(target.url, body)).body, false);
      expect([reason, lines[1]?.slice(0, 3), await decisions(reason)]).toEqual([reason, "ng ", before + 1]);
    }
    expect(await other.canRead(change)).toBe(false);
    expect([await repository.refs(), Object.keys(await other.refs())]).toEqual([before, ["HEAD", MAIN]]);
    // Its own commit is welcome.
    expect(await repository.push(`${change}:${nostrRef(event.id)}`)).toMatchObject({ code: 0 });
  });

  test("an address has 20 uploads without events; they survive SIGKILL, and are read by nobody (A34, T13)", async () => {
    const repository = await make.served();
    const change = make.commit();
    const ids = Array.from({ length: 21 }, (_, n) => n.toString(16).padStart(64, "e"));
    const body = (some: string[]) =>
      Buffer.concat([
        commandList(some.map((id) => creation(nostrRef(id), change))),
        work.pack([change], [repository.base]),
      ]);
    const send = async (some: string[], from: string) =>
      readReport((await rawPush(repository.url, body(some), from)).body, false).lines.filter((line) =>
        line.startsWith("ok "),
      ).length;
    const [first, second] = [make.address(), make.address()];
    expect(await send(ids.slice(0, 20), first)).toBe(20);
    expect([await send([ids[20]!], first), await send([ids[20]!], second)]).toEqual([0, 1]);
    const deadlines = async () =>
      (await repository.status()).waiting.map((one: { until: number }) => one.until);
    await until(async () => (await deadlines()).length === 21);
    const before = await deadlines();
    await server.restart("SIGKILL");
    expect(await deadlines()).toEqual(before);
    expect([await repository.canRead(change), Object.keys(await repository.refs())]).toEqual([
      false,
      ["HEAD", MAIN],
    ]);
  });

  test("each command has its line, in v1 and v2, with side-band and without; the terminal is told what alignment deleted (A8, A38)", async () => {
    const repository = await make.announced();
    const [base, next] = [make.commit(), make.commit()];
    await repository.state({ [MAIN]: base, "refs/heads/old": base });
    expect(await repository.push(`${base}:${MAIN}`, `${base}:refs/heads/old`)).toMatchObject({ code: 0 });
    const forms = ["report-status", "report-status-v2"].flatMap((form) => [form, `${form} side-band-64k`]);
    const send = async (capabilities: string) => {
      const commands = [`${base} ${next} ${MAIN}`, creation("refs/tags/v1", next)];
      const body = Buffer.concat([commandList(commands, capabilities), work.pack([next], [base])]);
      const answer = await rawPush(repository.url, body);
      return readReport(answer.body, capabilities.includes("side-band"));
    };
    for (const form of forms) {
      const { lines, remote } = await send(form);
      const refused = [MAIN, "refs/tags/v1"].map((ref) => expect.stringContaining(`ng ${ref} `));
      expect(lines).toEqual(["unpack ok", ...refused]);
      expect(remote).toEqual(form.includes("side-band") ? expect.stringContaining("fetch first") : null);
    }
    await repository.state({ [MAIN]: next, "refs/tags/v1": next });
    const granted = ["unpack ok", `ok ${MAIN}`, "ok refs/tags/v1"];
    expect(await send(forms[3]!)).toEqual({
      lines: granted,
      remote: expect.stringContaining("refs/heads/old"),
    });
    // The refs have these values now.
    for (const form of forms) expect((await send(form)).lines).toEqual(granted);
    expect(await repository.refs()).toEqual({ HEAD: next, [MAIN]: next, "refs/tags/v1": next });
  });

  test("two pushes of one state at once: both are told what is true, and the ref is there (A36, T49)", async () => {
    const repository = await make.announced();
    const commit = make.commit();
    await repository.state({ [MAIN]: commit });
    const body = Buffer.concat([commandList([creation(MAIN, commit)]), work.pack([commit])]);
    const both = [1, 2].map(() => beginPush(repository.url, body.length));
    for (const push of both) push.send(body.subarray(0, body.length - 1));
    for (const push of both) push.send(body.subarray(-1));
    for (const push of both) {
      expect(readReport((await push.answer()).body, false).lines).toEqual(["unpack ok", `ok ${MAIN}`]);
    }
    expect(await repository.refs()).toEqual({ HEAD: commit, [MAIN]: commit });
  });

  test.each(["replaced and pushed", "replaced", "deleted"])(
    "a state that is %s during an upload grants it no more, and the report says so (A36, R58, T49)",
    async (what) => {
      const repository = await make.served();
      const { base } = repository;
      const [first, second] = [make.commit(), make.commit()];
      const state = await repository.state({ [MAIN]: first });
      const list = commandList([`${base} ${first} ${MAIN}`], "report-status side-band-64k");
      const body = Buffer.concat([list, work.pack([first], [base])]);
      const push = beginPush(repository.url, body.length);
      push.send(body.subarray(0, body.length - 1));
      await until(async () => quarantines().length > 0);
      if (what === "deleted") await repository.relay.publish(repository.owner.sign(5, [["e", state.id]]));
      else await repository.state({ [MAIN]: second });
      if (what === "replaced and pushed")
        expect(await repository.push(`${second}:${MAIN}`)).toMatchObject({ code: 0 });
      push.send(body.subarray(-1));
      const { lines, remote } = readReport((await push.answer()).body, true);
      expect(lines).toEqual(["unpack ok", expect.stringContaining(`ng ${MAIN} `)]);
      expect(remote).toContain(state.id.slice(0, 8));
      const now = what === "replaced and pushed" ? second : base;
      expect(await repository.refs()).toEqual({ HEAD: now, [MAIN]: now });
      expect([quarantines(), await repository.canRead(first)]).toEqual([[], what === "replaced and pushed"]);
    },
  );

  test("what an older waiting state says is not pushed any more (A22, T20)", async () => {
    const repository = await make.announced();
    const [old, next] = [make.commit(), make.commit()];
    await repository.state({ [MAIN]: old });
    await repository.state({ [MAIN]: next });
    expect((await repository.push(`${old}:${MAIN}`)).code).toBe(1);
    expect(await repository.refs()).toEqual({});
    expect(await repository.push(`${next}:${MAIN}`)).toMatchObject({ code: 0 });
  });

  test("a symbolic branch of a state is no symbolic ref on the disk, and a push to it moves nothing else (A19, T24)", async () => {
    const repository = await make.announced();
    const [base, other] = [make.commit(), make.commit()];
    const alias = "refs/heads/alias";
    await repository.state({ [MAIN]: base, [alias]: `ref: ${MAIN}` });
    expect((await repository.push(`${base}:${MAIN}`, `${other}:${alias}`)).code).toBe(1);
    expect(await repository.push(`${base}:${MAIN}`, `${base}:${alias}`)).toMatchObject({ code: 0 });
    expect(await repository.refs()).toEqual({ HEAD: base, [MAIN]: base, [alias]: base });
    const file = join(server.folder, "data/git", toNpub(repository.owner.key), "repo.git", alias);
    if (existsSync(file)) expect(readFileSync(file, "utf8")).toBe(`${base}\n`);
    await repository.state({ [MAIN]: base, [alias]: other });
    expect(await repository.push(`${other}:${alias}`)).toMatchObject({ code: 0 });
    expect(await repository.refs()).toEqual({ HEAD: base, [MAIN]: base, [alias]: other });
  });
});
