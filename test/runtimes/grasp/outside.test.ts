/**
 * Rules of pushes, states and pull requests as clients see them over WebSocket, HTTP and system Git, on Node, Bun and Deno: who decides,
 * what a push must bring, what goes along with it, and what is left as it was (V3).
 * @module
 */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataPacket, flushPacket } from "../../../runtime/grasp/git/pkt-line.ts";
import { type WorkTree, workTree } from "../../support/git.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  HOST,
  MAIN,
  PURGATORY,
  runGitClient,
  stateBy,
} from "../../support/grasp-server.ts";
import { HostedRepositories, type HostedRepository } from "../../support/hosted-repository.ts";
import { type Author, author } from "../../support/nostr.ts";
import { ask, fieldOf } from "../../support/raw-http.ts";
import { commandList, creation, rawPush } from "../../support/raw-push.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const SERVED = [true, ""];
const WAITS = [true, PURGATORY];

describe.each<ProcessRuntime>(["node", "bun", "deno"])("seen from outside on %s", (runtime) => {
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
  const isServed = async ({ relay }: HostedRepository, id: string) =>
    (await relay.query({ ids: [id] })).includes(id);
  /** What is on `main` for clients. */
  const mainOf = async (repository: HostedRepository) => (await repository.refs())[MAIN];
  const accepted = { code: 0 };
  const refused = { code: 1 };

  describe("who decides", () => {
    test("a maintainer's newer state decides, the owner's stays served, and its deletion brings no older one back (A16, A17, A18, R42, R60)", async () => {
      const friend = author();
      const repository = await make.announced(author(), [["maintainers", friend.key]]);
      const [one, two] = [make.commit(), make.commit()];
      const first = await repository.state({ [MAIN]: one });
      expect(await repository.push(`${one}:${MAIN}`)).toMatchObject(accepted);
      const second = await repository.state({ [MAIN]: two }, friend);
      expect([second.ok, second.text]).toEqual(WAITS);
      // The owner's state is served and complete, and does not authorise any more.
      expect(await repository.push(`${two}:${MAIN}`)).toMatchObject(accepted);
      expect([await isServed(repository, first.id), await isServed(repository, second.id)]).toEqual([
        true,
        true,
      ]);
      expect(await repository.relay.publish(friend.sign(5, [["e", second.id]]))).toEqual(SERVED);
      expect(await mainOf(repository)).toBe(two);
      expect(await repository.push("--force", `${one}:${MAIN}`)).toMatchObject(refused);
      expect(await mainOf(repository)).toBe(two);
    });

    test("of two states of one second the smaller id decides (A18)", async () => {
      const friend = author();
      const repository = await make.announced(author(), [["maintainers", friend.key]]);
      const commits = [make.commit(), make.commit()] as const;
      const at = 1_800_000_000 - 400_000_000;
      const states = [repository.owner, friend].map((by: Author, n) =>
        stateBy(by, { [MAIN]: commits[n]! }, "repo", at),
      );
      for (const state of states) expect(await repository.relay.publish(state)).toEqual(WAITS);
      const smaller = states[0]!.id < states[1]!.id ? 0 : 1;
      expect(await repository.push(`${commits[1 - smaller]}:${MAIN}`)).toMatchObject(refused);
      expect(await repository.push(`${commits[smaller]}:${MAIN}`)).toMatchObject(accepted);
      expect(await mainOf(repository)).toBe(commits[smaller]);
    });

    test("a state releases its own owner's announcement; a stranger's of the same name goes on waiting (N10, R32, T36)", async () => {
      const stranger = author();
      const repository = await make.announced();
      const other = announcementBy(stranger, "repo");
      expect(await repository.relay.publish(other)).toEqual(WAITS);
      const commit = make.commit();
      await repository.state({ [MAIN]: commit });
      expect(await repository.relay.query({ kinds: [30617], authors: [repository.owner.key] })).toEqual([]);
      expect(await repository.push(`${commit}:${MAIN}`)).toMatchObject(accepted);
      expect((await repository.relay.query({ kinds: [30617], authors: [repository.owner.key] })).length).toBe(
        1,
      );
      expect(await isServed(repository, other.id)).toBe(false);
      expect((await runGitClient(work.path, "ls-remote", server.repository(stranger))).output).toBe("");
    });

    test("an upload, a refused push and a push of nothing release no announcement (N10, T35)", async () => {
      const repository = await make.announced();
      const [one, other] = [make.commit(), make.commit()];
      await repository.state({ [MAIN]: one });
      const event = make.pullRequest(repository, other);
      expect(await repository.push(`${other}:${nostrRef(event.id)}`)).toMatchObject(accepted);
      expect(await repository.push(`${other}:${MAIN}`)).toMatchObject(refused);
      const empty = Buffer.concat([commandList([`${one} ${one} ${MAIN}`]), work.pack([one])]);
      expect((await rawPush(repository.url, empty)).status).toBe(200);
      const announcements = { kinds: [30617], authors: [repository.owner.key] };
      expect(await repository.relay.query(announcements)).toEqual([]);
      expect(await repository.refs()).toEqual({});
      expect(await repository.push(`${one}:${MAIN}`)).toMatchObject(accepted);
      expect(await repository.relay.query(announcements)).toHaveLength(1);
    });

    test("a state without refs withdraws the earlier one: it is served, and no ref is deleted (R43, T37)", async () => {
      const repository = await make.served();
      const withdrawal = await repository.state({});
      expect([withdrawal.ok, withdrawal.text]).toEqual(SERVED);
      expect(await isServed(repository, withdrawal.id)).toBe(true);
      expect(await mainOf(repository)).toBe(repository.base);
      expect(await repository.push("--force", `${make.commit()}:${MAIN}`)).toMatchObject(refused);
    });
  });

  describe("what a push must bring", () => {
    test("all that the state names, at once; what it does not name is deleted along with it (A20, A21, A25)", async () => {
      const repository = await make.announced();
      const [one, two] = [make.commit(), make.commit()];
      const [topic, old, tag] = ["refs/heads/topic", "refs/heads/old", "refs/tags/v1"];
      await repository.state({ [MAIN]: one, [old]: one });
      expect(await repository.push(`${one}:${MAIN}`, `${one}:${old}`)).toMatchObject(accepted);
      const state = await repository.state({ [MAIN]: two, [topic]: one, [tag]: one });
      // One of the named refs is missing; a ref of them has another value; something else is created beside them.
      for (const specs of [
        [`${two}:${MAIN}`],
        [`${two}:${MAIN}`, `${two}:${topic}`, `${one}:${tag}`],
        [`${two}:${MAIN}`, `${one}:${topic}`, `${one}:${tag}`, `${one}:refs/heads/more`],
      ])
        expect([specs, await repository.push(...specs)]).toMatchObject([specs, refused]);
      expect(await repository.refs()).toEqual({ HEAD: one, [MAIN]: one, [old]: one });
      expect(await isServed(repository, state.id)).toBe(false);
      expect(await repository.push(`${two}:${MAIN}`, `${one}:${topic}`, `${one}:${tag}`)).toMatchObject(
        accepted,
      );
      expect(await repository.refs()).toEqual({ HEAD: two, [MAIN]: two, [topic]: one, [tag]: one });
      expect(await isServed(repository, state.id)).toBe(true);
    });

    test("a branch becomes one below its name and comes back; the current branch gets another name, and HEAD follows (N9, R40, G22, T39, T45)", async () => {
      const repository = await make.announced();
      const commit = make.commit();
      const [topic, below] = ["refs/heads/topic", "refs/heads/topic/a"];
      await repository.state({ [MAIN]: commit, [topic]: commit });
      expect(await repository.push(`${commit}:${MAIN}`, `${commit}:${topic}`)).toMatchObject(accepted);
      // Their objects are here: they are applied and served at once.
      for (const name of [below, topic]) {
        const { ok, text } = await repository.state({ [MAIN]: commit, [name]: commit });
        expect([ok, text]).toEqual(SERVED);
        expect(await repository.refs()).toEqual({ HEAD: commit, [MAIN]: commit, [name]: commit });
      }
      const renamed = repository.owner.sign(30618, [
        ["d", "repo"],
        ["refs/heads/next", commit],
        ["HEAD", "ref: refs/heads/next"],
      ]);
      expect(await repository.relay.publish(renamed)).toEqual(SERVED);
      const { output } = await runGitClient(work.path, "ls-remote", "--symref", repository.url, "HEAD");
      expect(output).toContain("ref: refs/heads/next\tHEAD");
    });

    test("a push without a command has no effect (A6)", async () => {
      const repository = await make.announced();
      const commit = make.commit();
      const state = await repository.state({ [MAIN]: commit });
      const { status, body } = await rawPush(
        repository.url,
        Buffer.concat([flushPacket(), work.pack([commit])]),
      );
      expect([status, body]).toEqual([200, ""]);
      expect(await repository.refs()).toEqual({});
      expect(await isServed(repository, state.id)).toBe(false);
    });
  });

  describe("objects", () => {
    const inWork = (input: string | Buffer, ...args: string[]) =>
      execFileSync("git", args, { cwd: work.path, input, encoding: "utf8" }).trim();
    /** A commit whose tree is written as it is. @param entries mode and name of files */
    function commitOf(...entries: string[]): { commit: string; tree: string } {
      const blob = inWork("a trap", "hash-object", "-w", "--stdin");
      const bytes = entries.flatMap((entry) => [Buffer.from(`${entry}\0`), Buffer.from(blob, "hex")]);
      const tree = inWork(Buffer.concat(bytes), "hash-object", "-t", "tree", "-w", "--literally", "--stdin");
      return { tree, commit: work.git("commit-tree", tree, "-m", "crafted") };
    }

    test("traps of file names are refused, by object and check; faults of old projects are not (A41, A49, T32)", async () => {
      for (const [entry, check] of [
        ["100644 .git", "hasDotgit"],
        ["100644 .GIT", "hasDotgit"],
        ["120000 .gitmodules", "gitmodulesSymlink"],
      ] as const) {
        const { commit, tree } = commitOf(entry);
        const repository = await make.announced();
        await repository.state({ [MAIN]: commit });
        const pushed = await repository.push(`${commit}:${MAIN}`);
        expect(pushed).toMatchObject(refused);
        expect(pushed.output).toContain(check);
        expect(pushed.output).toMatch(/object [0-9a-f]{40}/);
        if (check === "hasDotgit") expect(pushed.output).toContain(`object ${tree}`);
        expect(await repository.refs()).toEqual({});
      }
      const repository = await make.announced();
      const { commit } = commitOf("0100644 file");
      await repository.state({ [MAIN]: commit });
      expect(await repository.push(`${commit}:${MAIN}`)).toMatchObject(accepted);
      expect(await mainOf(repository)).toBe(commit);
    });

    test("a maintainer's repository gets the objects that only the owner's has, with their history (N8, P11)", async () => {
      const friend = author();
      const repository = await make.served(author(), [["maintainers", friend.key]]);
      const fork = announcementBy(friend, "repo", [["maintainers", repository.owner.key]]);
      expect(await repository.relay.publish(fork)).toEqual(SERVED);
      const { output } = await runGitClient(work.path, "ls-remote", server.repository(friend), MAIN);
      expect(output.trim()).toBe(`${repository.base}\t${MAIN}`);
      const clone = await runGitClient(
        server.folder,
        ...["clone", "-q", server.repository(friend), `fork-${friend.key.slice(0, 8)}`],
      );
      expect(clone).toMatchObject(accepted);
    });
  });

  describe("pull requests", () => {
    test("a mixed push is granted whole or not at all; what only the upload needs is hidden until its event comes (A24, A29, A32, G14)", async () => {
      const [repository, other] = [await make.announced(), await make.announced()];
      const [one, change, wrong] = [make.commit(), make.commit(), make.commit()];
      const event = make.pullRequest(repository, change);
      const uploads = async (at: HostedRepository) =>
        (await at.status()).waiting.filter(({ what }: { what: string }) => what === "upload").length;
      await other.state({ [MAIN]: one });
      const bad = [`${wrong}:${MAIN}`, `${change}:${nostrRef(event.id)}`];
      expect(await other.push(...bad)).toMatchObject(refused);
      expect([await uploads(other), await other.refs()]).toEqual([0, {}]);
      await repository.state({ [MAIN]: one });
      const good = [`${one}:${MAIN}`, `${change}:${nostrRef(event.id)}`];
      expect(await repository.push(...good)).toMatchObject(accepted);
      expect([await uploads(repository), await repository.refs()]).toEqual([1, { HEAD: one, [MAIN]: one }]);
      expect(await repository.canRead(change)).toBe(false);
      expect(await repository.relay.publish(event)).toEqual(SERVED);
      expect((await repository.refs())[nostrRef(event.id)]).toBe(change);
      expect(await repository.canRead(change)).toBe(true);
      // What a rewound branch led to is kept, in hidden refs.
      await repository.state({ [MAIN]: change });
      await repository.state({ [MAIN]: one });
      expect(Object.keys(await repository.refs()).sort()).toEqual(["HEAD", MAIN, nostrRef(event.id)].sort());
    });

    test("a tag of the commit is not the commit; without a commit or a served repository there is none; an update is its author's (P12, N11, R45, R48)", async () => {
      const repository = await make.served();
      const waiting = await make.announced();
      const change = make.commit();
      const name = `tag-${change.slice(0, 8)}`;
      work.git("tag", "-a", "-m", "tag", name, change);
      const tag = work.git("rev-parse", name);
      const writer = author();
      const event = writer.sign(1618, [
        ["a", repository.coordinate],
        ["c", change],
      ]);
      expect(await repository.relay.publish(event)).toEqual(WAITS);
      expect(await repository.push(`${tag}:${nostrRef(event.id)}`)).toMatchObject(refused);
      expect(await isServed(repository, event.id)).toBe(false);
      expect(await repository.push(`${change}:${nostrRef(event.id)}`)).toMatchObject(accepted);
      expect(await isServed(repository, event.id)).toBe(true);
      const no = async (by: Author, kind: number, ...tags: string[][]) =>
        (await repository.relay.publish(by.sign(kind, tags)))[0];
      expect(await no(writer, 1618, ["a", repository.coordinate])).toBe(false);
      expect(await no(writer, 1618, ["a", repository.coordinate], ["c", "main"])).toBe(false);
      expect(await no(writer, 1618, ["a", `30617:${author().key}:repo`], ["c", change])).toBe(false);
      expect(await no(writer, 1618, ["a", waiting.coordinate], ["c", change])).toBe(false);
      const update = (by: Author) =>
        no(
          by,
          1619,
          ...[
            ["a", repository.coordinate],
            ["c", change],
            ["E", event.id],
            ["e", event.id],
            ["P", writer.key],
          ],
        );
      expect(await update(author())).toBe(false);
      expect(await update(writer)).toBe(true);
      const updates = await repository.relay.query({ kinds: [1619], "#E": [event.id] });
      expect(updates.length).toBe(1);
      expect((await repository.refs())[nostrRef(updates[0]!)]).toBe(change);
    });
  });

  describe("protocol", () => {
    test("a strange Git-Protocol is version 0, which tells what it can; receive-pack is always version 0 (G10, G11)", async () => {
      const { url, base } = await make.served();
      const { pathname, port } = new URL(url);
      const advertised = async (service: string, protocol: string) => {
        const head = [
          `GET ${pathname}/info/refs?service=${service} HTTP/1.1`,
          ...[`host: ${HOST}`, `git-protocol: ${protocol}`],
        ];
        const answer = await ask(
          { host: "127.0.0.1", port: Number(port) },
          Buffer.from(`${head.join("\r\n")}\r\n\r\n`),
        );
        expect(fieldOf(answer.fields, "content-type")).toBe(`application/x-${service}-advertisement`);
        return answer.body;
      };
      expect(await advertised("git-upload-pack", "version=2")).toMatch(/^[0-9a-f]{4}version 2\n/);
      expect(await advertised("git-upload-pack", "version=1")).toContain("version 1\n");
      for (const strange of ["version=3", "version=2;x", `version=2:${"x".repeat(60)}`]) {
        const body = await advertised("git-upload-pack", strange);
        const [, capabilities = ""] = /\0([^\n]*)\n/.exec(body)!;
        expect(body).toContain(`${base} HEAD\0`);
        expect(capabilities.trim().split(" ")).toEqual(
          expect.arrayContaining([
            `symref=HEAD:${MAIN}`,
            "allow-tip-sha1-in-want",
            "allow-reachable-sha1-in-want",
            "filter",
            "multi_ack_detailed",
            "side-band-64k",
            "shallow",
            "deepen-since",
            "deepen-not",
            "deepen-relative",
            "ofs-delta",
            "no-progress",
            "object-format=sha1",
          ]),
        );
      }
      const push = await advertised("git-receive-pack", "version=2");
      expect([push.includes("version 2"), push.includes(`${base} ${MAIN}\0`)]).toEqual([false, true]);
    });

    test("NIP-11 says what is served and by whose rules (O6, O8)", async () => {
      const answer = await fetch(server.url, { headers: { accept: "application/nostr+json" } });
      const about = (await answer.json()) as Record<string, unknown>;
      expect(Object.keys(about)).toEqual(
        expect.arrayContaining([
          ...["name", "description", "icon", "software", "version", "supported_nips"],
          ...["supported_grasps", "repo_acceptance_criteria", "limitation", "quota", "retention"],
        ]),
      );
      expect(about.repo_acceptance_criteria).toMatch(/\S/);
      expect(about).not.toHaveProperty("curation");
    });
  });

  test("CLOSE ends a subscription (R19)", async () => {
    const repository = await make.served();
    const listener = await make.client();
    listener.say("REQ", "live", { "#a": [repository.coordinate] });
    await listener.next(([type]) => type === "EOSE");
    const comment = (text: string) => author().sign(1111, [["a", repository.coordinate]], text);
    const [heard, unheard] = [comment("heard"), comment("unheard")];
    await repository.relay.publish(heard);
    await listener.next(([type, , event]) => type === "EVENT" && (event as { id: string }).id === heard.id);
    listener.say("CLOSE", "live");
    // Answered after it, so that the subscription has ended.
    await listener.query({ ids: [heard.id] });
    await repository.relay.publish(unheard);
    expect(await listener.query({ ids: [unheard.id] })).toEqual([unheard.id]);
    expect(listener.messages.filter(([, name]) => name === "live")).toEqual([]);
  });

  test("a line that is no command refuses the whole push; shallow lines and line ends do not (A1, A4)", async () => {
    const repository = await make.announced();
    const commit = make.commit();
    await repository.state({ [MAIN]: commit });
    for (const line of [`${creation(MAIN, commit)}\nshallow ${commit}`, `${commit} ${MAIN}`, "push"]) {
      const body = Buffer.concat([commandList([line]), work.pack([commit])]);
      const { status, body: answer } = await rawPush(repository.url, body);
      expect([line, status]).toEqual([line, 200]);
      expect(answer).not.toMatch(/unpack ok|\bok refs/);
      expect(await repository.refs()).toEqual({});
    }
    // A line end and a shallow line are part of the form.
    const lines = [`shallow ${"1".repeat(40)}\n`, `${creation(MAIN, commit)}\0 report-status\n`];
    const list = Buffer.concat([...lines.map((line) => dataPacket(Buffer.from(line))), flushPacket()]);
    const { body: answer } = await rawPush(repository.url, Buffer.concat([list, work.pack([commit])]));
    expect(answer).toContain("unpack ok");
    expect(await mainOf(repository)).toBe(commit);
  });
});
