/**
 * Contributors' pull requests at `/prs/<npub>/<identifier>.git` (GRASP-06), with system Git over real HTTP. On Node, Bun and Deno.
 * @module
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ZERO_ID } from "../../../runtime/grasp/git/command-list.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { type WorkTree, workTree } from "../../support/git.ts";
import {
  type GraspServer,
  graspServer,
  HOST,
  MAIN,
  PURGATORY,
  runGitClient,
} from "../../support/grasp-server.ts";
import { HostedRepositories, type HostedRepository } from "../../support/hosted-repository.ts";
import { type Author, author } from "../../support/nostr.ts";
import { commandList, creation, rawPush, readReport } from "../../support/raw-push.ts";
import { connect, type RelayClient } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const nostrRef = (id: string) => `refs/nostr/${id}`;

describe.each<ProcessRuntime>(["node", "bun", "deno"])("contributors' pull requests on %s", (runtime) => {
  let server: GraspServer;
  let work: WorkTree;
  let make: HostedRepositories;
  let relay: RelayClient;
  let serial = 0;

  beforeAll(async () => {
    server = await graspServer(runtime, { prs: { enabled: true } });
    work = workTree(server.folder);
    make = new HostedRepositories(server, work);
    relay = await connect(server.url, "127.0.8.1");
  }, 60_000);
  afterAll(async () => {
    relay?.close();
    make?.close();
    await server?.stop();
  });

  const git = (...args: string[]) => runGitClient(work.path, ...args);
  const pathOf = (by: Author, identifier: string) =>
    `prs/${toNpub(by.key)}/${encodeURIComponent(identifier)}.git`;
  const urlOf = (by: Author, identifier: string) => `${server.url}/${pathOf(by, identifier)}`;
  const push = (by: Author, identifier: string, ...refspecs: string[]) =>
    git("push", urlOf(by, identifier), ...refspecs);
  async function refsAt(url: string): Promise<Record<string, string>> {
    const { code, output } = await git("ls-remote", url);
    expect(code, output).toBe(0);
    const lines = output.split("\n").filter((line) => /^[0-9a-f]{40}\t/.test(line));
    return Object.fromEntries(lines.map((line) => [line.slice(41), line.slice(0, 40)]));
  }
  /** Whether a repository or an upload of a contributor is on the disk. */
  const onDisk = (by: Author, identifier: string) =>
    ["git", "unclaimed"].filter((folder) =>
      existsSync(join(server.folder, "data", folder, "prs", by.key, `${identifier}.git`)),
    );
  const everything = () => readdirSync(join(server.folder, "data"), { recursive: true }).map(String).sort();
  const freshName = () => `project-${++serial}`;
  /** A pull request whose clone URL names the contributor's path (X9). */
  const pullRequest = (
    by: Author,
    owner: { readonly key: string },
    identifier: string,
    commit: string,
    more: string[][] = [],
  ) =>
    by.sign(1618, [
      ["a", `30617:${owner.key}:${identifier}`],
      ["c", commit],
      ["clone", `https://${HOST}/${pathOf(by, identifier)}`],
      ...more,
    ]);
  async function isServed(id: string): Promise<boolean> {
    return (await relay.query({ ids: [id] })).length === 1;
  }
  async function canRead(url: string, id: string, version: number): Promise<boolean> {
    const empty = join(server.folder, `read-${++serial}`);
    await git("init", "-q", empty);
    return (await git("-C", empty, "-c", `protocol.version=${version}`, "fetch", "-q", url, id)).code === 0;
  }

  test("NIP-11 lists GRASP-06 when it is on (X6, O7)", async () => {
    const answer = await fetch(server.url, { headers: { accept: "application/nostr+json" } });
    expect((await answer.json()).supported_grasps).toContain("GRASP-06");
  });

  test("a path of no repository is empty to both services, and a look writes nothing to the disk (X7)", async () => {
    const by = author();
    const before = everything();
    for (const identifier of ["plain", "mit Leerzeichen: 100% ü", "x".repeat(251)]) {
      const url = urlOf(by, identifier);
      for (const version of [0, 1, 2])
        expect((await git("-c", `protocol.version=${version}`, "ls-remote", url)).output).toBe("");
      const clone = join(server.folder, `clone-${++serial}`);
      expect((await git("clone", "-q", url, clone)).code).toBe(0);
      const answer = await fetch(`${url}/info/refs?service=git-receive-pack`);
      expect([answer.status, await answer.text()]).toEqual([
        200,
        expect.stringContaining(`${ZERO_ID} capabilities^{}`),
      ]);
      // Nothing of another repository is there to be wanted.
      expect(await canRead(url, work.commit("wanted", identifier), 2)).toBe(false);
      const page = await fetch(url);
      expect(page.status).toBe(404);
    }
    const isOurs = (name: string) => !/^(grasp\.db|cache\/)/.test(name);
    expect(everything().filter(isOurs)).toEqual(before.filter(isOurs));
  });

  test("other spellings, keys in hex and paths that leave the folder are 404 (G1 to G4, X7, T6)", async () => {
    const by = author();
    const npub = toNpub(by.key);
    const before = everything();
    for (const path of [
      `prs/${by.key}/x.git`,
      `prs/${npub.toUpperCase()}/x.git`,
      `prs/${npub}/x`,
      `prs/${npub}/.git`,
      `prs/${npub}/%2e%2e.git`,
      `prs/${npub}/..%2fx.git`,
      `prs/${npub}/a%2fb.git`,
      `prs/${npub}/a%5cb.git`,
      `prs/${npub}/a%00.git`,
      `prs/${npub}/%c0%ae.git`,
      `prs/${npub}/u%CC%88.git`,
      `prs/${npub}/-x.git`,
      `prs/${npub}/${"x".repeat(252)}.git`,
      `prs/prs/${npub}/x.git`,
      `prs/x.git`,
      "prs",
    ]) {
      for (const rest of ["info/refs?service=git-upload-pack", "info/refs?service=git-receive-pack"])
        expect((await fetch(`${server.url}/${path}/${rest}`)).status, path).toBe(404);
    }
    expect((await fetch(`${urlOf(by, "x")}/objects/info/packs`)).status).toBe(404);
    expect((await fetch(`${urlOf(by, "x")}/HEAD`)).status).toBe(404);
    const isOurs = (name: string) => !/^(grasp\.db|cache\/)/.test(name);
    expect(everything().filter(isOurs)).toEqual(before.filter(isOurs));
  });

  test("only refs/nostr/<event id> is taken, other names are refused by a report, and nothing is left (X8, X11, T4, T22)", async () => {
    const [by, identifier] = [author(), freshName()];
    const commit = make.commit();
    const right = nostrRef("ab".repeat(32));
    for (const refs of [
      [MAIN],
      ["refs/tags/v1"],
      ["refs/notes/x"],
      ["refs/replace/x"],
      ["refs/nostr/short"],
      [nostrRef("AB".repeat(32))],
      [MAIN, right],
    ]) {
      const body = Buffer.concat([
        commandList(refs.map((ref) => creation(ref, commit))),
        work.pack([commit]),
      ]);
      const { status, body: answer } = await rawPush(urlOf(by, identifier), body);
      expect(status).toBe(200);
      expect(readReport(answer, false).lines.slice(1)).toEqual(
        refs.map((ref) => expect.stringMatching(new RegExp(`^ng ${ref} `))),
      );
      expect(onDisk(by, identifier)).toEqual([]);
      expect(existsSync(join(server.folder, "data/git/prs", by.key))).toBe(false);
    }
    const pushed = await push(by, identifier, `${commit}:${MAIN}`);
    expect([pushed.code, pushed.output]).toEqual([1, expect.stringContaining("refs/nostr/<event id>")]);
    // A broken pack leaves nothing either, although the repository was made for it.
    const broken = Buffer.concat([commandList([creation(right, commit)]), Buffer.from("no pack")]);
    expect((await rawPush(urlOf(by, identifier), broken)).body).toContain("ng ");
    expect(onDisk(by, identifier)).toEqual([]);
  });

  test("a PR whose clone URL is its author's path waits, and one with another URL is refused (X9)", async () => {
    const [by, owner, identifier] = [author(), author(), freshName()];
    const commit = make.commit();
    const waits = pullRequest(by, owner, identifier, commit);
    expect(await relay.publish(waits)).toEqual([true, PURGATORY]);
    expect(await isServed(waits.id)).toBe(false);
    for (const clone of [
      `https://${HOST}/${pathOf(owner, identifier)}`,
      `https://${HOST}/${pathOf(by, "other")}`,
      `https://elsewhere.example/${pathOf(by, identifier)}`,
      `https://${HOST}/${pathOf(by, identifier)}?x`,
      `https://${HOST}/${toNpub(by.key)}/${identifier}.git`,
    ]) {
      const tags = [
        ["a", `30617:${owner.key}:${identifier}`],
        ["c", commit],
        ["clone", clone],
      ];
      const [isTaken, text] = await relay.publish(by.sign(1618, tags));
      expect([isTaken, text]).toEqual([false, expect.stringMatching(/^restricted:/)]);
    }
  });

  test("event first: the push releases it, and the repository is on the disk under the hex key (X10, X14)", async () => {
    const [by, owner, identifier] = [author(), author(), freshName()];
    const commit = make.commit();
    const event = pullRequest(by, owner, identifier, commit);
    await relay.publish(event);
    expect(onDisk(by, identifier)).toEqual([]);
    const pushed = await push(by, identifier, `${commit}:${nostrRef(event.id)}`);
    expect(pushed.code, pushed.output).toBe(0);
    expect(await isServed(event.id)).toBe(true);
    expect(onDisk(by, identifier)).toEqual(["git"]);
    expect(await refsAt(urlOf(by, identifier))).toEqual({ [nostrRef(event.id)]: commit });
    expect(await canRead(urlOf(by, identifier), commit, 2)).toBe(true);
    // A repetition changes nothing.
    expect((await push(by, identifier, `${commit}:${nostrRef(event.id)}`)).code).toBe(0);
    expect((await push(by, identifier, `:${nostrRef(event.id)}`)).code).toBe(1);
    expect(await refsAt(urlOf(by, identifier))).toEqual({ [nostrRef(event.id)]: commit });
  });

  test("push first: nobody reads the upload, and the event releases it (X14, T13, T14)", async () => {
    const [by, owner, identifier] = [author(), author(), freshName()];
    const commit = make.commit();
    const event = pullRequest(by, owner, identifier, commit);
    expect((await push(by, identifier, `${commit}:${nostrRef(event.id)}`)).code).toBe(0);
    expect(await refsAt(urlOf(by, identifier))).toEqual({});
    for (const version of [0, 1, 2])
      expect(await canRead(urlOf(by, identifier), commit, version)).toBe(false);
    expect(await relay.publish(event)).toEqual([true, ""]);
    expect(await isServed(event.id)).toBe(true);
    expect(await refsAt(urlOf(by, identifier))).toEqual({ [nostrRef(event.id)]: commit });
    expect(onDisk(by, identifier)).toEqual(["git"]);
  });

  describe("with announced repositories", () => {
    let first: HostedRepository;
    let second: HostedRepository;
    let untagged: HostedRepository;
    beforeAll(async () => {
      first = await make.served();
      second = await make.served();
      untagged = await make.served();
    }, 60_000);

    test.each(["event", "push"])(
      "%s first: the ref is in every served repository that the event tags, and in no other (X14)",
      async (order) => {
        const by = author();
        const commit = make.commit();
        const event = pullRequest(by, first.owner, "repo", commit, [["a", second.coordinate]]);
        const ref = nostrRef(event.id);
        const steps = [
          async () => expect((await relay.publish(event))[0]).toBe(true),
          async () => expect((await push(by, "repo", `${commit}:${ref}`)).code).toBe(0),
        ];
        for (const step of order === "event" ? steps : steps.reverse()) await step();
        expect(await isServed(event.id)).toBe(true);
        expect((await first.refs())[ref]).toBe(commit);
        expect((await second.refs())[ref]).toBe(commit);
        expect((await untagged.refs())[ref]).toBeUndefined();
        expect(await refsAt(urlOf(by, "repo"))).toEqual({ [ref]: commit });
      },
    );

    test("a push to the standard path is not mirrored to /prs/ (X14)", async () => {
      const by = author();
      const commit = make.commit();
      const event = pullRequest(by, first.owner, "repo", commit);
      await relay.publish(event);
      expect((await first.push(`${commit}:${nostrRef(event.id)}`)).code).toBe(0);
      expect(await isServed(event.id)).toBe(true);
      expect(await refsAt(urlOf(by, "repo"))).toEqual({});
      expect(onDisk(by, "repo")).toEqual([]);
      // Its author may still bring it.
      expect((await push(by, "repo", `${commit}:${nostrRef(event.id)}`)).code).toBe(0);
      expect(await refsAt(urlOf(by, "repo"))).toEqual({ [nostrRef(event.id)]: commit });
    });

    test("a deleted PR takes its ref with it everywhere, and the empty repository (R61, X11)", async () => {
      const by = author();
      const commit = make.commit();
      const event = pullRequest(by, first.owner, "repo", commit);
      await relay.publish(event);
      await push(by, "repo", `${commit}:${nostrRef(event.id)}`);
      expect(await relay.publish(by.sign(5, [["e", event.id]]))).toEqual([true, ""]);
      expect(await isServed(event.id)).toBe(false);
      expect((await first.refs())[nostrRef(event.id)]).toBeUndefined();
      expect(onDisk(by, "repo")).toEqual([]);
      expect((await push(by, "repo", `${commit}:${nostrRef(event.id)}`)).code).toBe(1);
      expect(onDisk(by, "repo")).toEqual([]);
    });
  });

  test("an announcement that is released later gets the PRs that tag it (X15)", async () => {
    const [by, identifier] = [author(), freshName()];
    const owner = author();
    const commit = make.commit();
    const event = pullRequest(by, owner, identifier, commit);
    await relay.publish(event);
    await push(by, identifier, `${commit}:${nostrRef(event.id)}`);
    expect(await isServed(event.id)).toBe(true);
    const repository = await make.announced(owner, [], identifier);
    expect(await repository.refs()).toEqual({});
    const base = make.commit();
    await repository.state({ [MAIN]: base });
    expect((await repository.push(`${base}:${MAIN}`)).code).toBe(0);
    expect(await repository.refs()).toMatchObject({ [MAIN]: base, [nostrRef(event.id)]: commit });
    expect(await repository.canRead(commit)).toBe(true);
    // The announcement goes; the PR has a home of its own.
    await relay.publish(owner.sign(5, [["a", repository.coordinate]]));
    expect(await repository.status()).toBe(404);
    expect(await isServed(event.id)).toBe(true);
    expect(await refsAt(urlOf(by, identifier))).toEqual({ [nostrRef(event.id)]: commit });
  });

  test("a placeholder is for its submitter and identifier, and one id has one path (X12)", async () => {
    const [by, mallory, owner, identifier] = [author(), author(), author(), freshName()];
    const commit = make.commit();
    const event = pullRequest(by, owner, identifier, commit);
    const refspec = `${commit}:${nostrRef(event.id)}`;
    expect((await push(mallory, identifier, refspec)).code).toBe(0);
    // Not at another contributor's path, and not under another identifier.
    expect((await push(by, identifier, refspec)).code).toBe(1);
    expect((await push(mallory, "other", refspec)).code).toBe(1);
    expect(onDisk(mallory, "other")).toEqual([]);
    expect(await relay.publish(event)).toEqual([true, PURGATORY]);
    expect(await isServed(event.id)).toBe(false);
    expect(await refsAt(urlOf(mallory, identifier))).toEqual({});
    expect(onDisk(mallory, identifier)).toEqual([]);
    // The event is known: it is its author's, and the path's identifier is one that it tags.
    expect((await push(mallory, identifier, refspec)).code).toBe(1);
    expect((await push(by, "other", refspec)).code).toBe(1);
    expect((await push(by, identifier, refspec)).code).toBe(0);
    expect(await isServed(event.id)).toBe(true);
  });

  test("an event that names two paths of its author has its ref in one of them (X12)", async () => {
    const [by, owner, x, y] = [author(), author(), freshName(), freshName()];
    const commit = make.commit();
    const event = pullRequest(by, owner, x, commit, [
      ["a", `30617:${owner.key}:${y}`],
      ["clone", `https://${HOST}/${pathOf(by, y)}`],
    ]);
    await relay.publish(event);
    const refspec = `${commit}:${nostrRef(event.id)}`;
    expect((await push(by, y, refspec)).code).toBe(0);
    expect(await isServed(event.id)).toBe(true);
    expect((await push(by, x, refspec)).code).toBe(1);
    expect([onDisk(by, x), onDisk(by, y)]).toEqual([[], ["git"]]);
  });

  test("a commit other than c is refused; an upload of another commit goes when its event comes (X13, X11, T23)", async () => {
    const [by, owner, identifier] = [author(), author(), freshName()];
    const [wrong, right] = [make.commit(), make.commit()];
    const event = pullRequest(by, owner, identifier, right);
    expect((await push(by, identifier, `${wrong}:${nostrRef(event.id)}`)).code).toBe(0);
    expect(onDisk(by, identifier)).toEqual(["git", "unclaimed"]);
    expect(await relay.publish(event)).toEqual([true, PURGATORY]);
    expect(await isServed(event.id)).toBe(false);
    expect(onDisk(by, identifier)).toEqual([]);
    expect((await push(by, identifier, `${wrong}:${nostrRef(event.id)}`)).code).toBe(1);
    expect((await push(by, identifier, `${right}:${nostrRef(event.id)}`)).code).toBe(0);
    expect(await isServed(event.id)).toBe(true);
  });

  test("events and pushes at once release each PR once (T40, X10)", async () => {
    const [by, owner, identifier] = [author(), author(), freshName()];
    const clients = await Promise.all([1, 2, 3].map((n) => connect(server.url, `127.0.8.1${n}`)));
    const prs = Array.from({ length: 12 }, () => {
      const commit = make.commit();
      return { commit, event: pullRequest(by, owner, identifier, commit) };
    });
    await Promise.all(
      prs.flatMap(({ commit, event }, n) => [
        push(by, identifier, `${commit}:${nostrRef(event.id)}`).then(({ code, output }) =>
          expect(code, output).toBe(0),
        ),
        clients[n % 3]!.publish(event).then(([isTaken]) => expect(isTaken).toBe(true)),
      ]),
    );
    const wanted = Object.fromEntries(prs.map(({ commit, event }) => [nostrRef(event.id), commit]));
    expect(await refsAt(urlOf(by, identifier))).toEqual(wanted);
    for (const { event } of prs) expect(await isServed(event.id)).toBe(true);
    for (const client of clients) client.close();
  });

  test("a restart keeps repositories and uploads, and removes what is unused (X11, P27)", async () => {
    const [by, owner, served, unclaimed, empty] = [author(), author(), freshName(), freshName(), freshName()];
    const commit = make.commit();
    const [event, later] = [
      pullRequest(by, owner, served, commit),
      pullRequest(by, owner, unclaimed, commit),
    ];
    await relay.publish(event);
    await push(by, served, `${commit}:${nostrRef(event.id)}`);
    await push(by, unclaimed, `${commit}:${nostrRef(later.id)}`);
    const git = join(server.folder, "data/git/prs", by.key);
    mkdirSync(join(git, `${empty}.git`), { recursive: true });
    await runGitClient(server.folder, "init", "-q", "--bare", join(git, `${empty}.git`));
    relay.close();
    await server.restart("SIGKILL");
    relay = await connect(server.url, "127.0.8.1");
    expect(readdirSync(git).sort()).toEqual([`${served}.git`, `${unclaimed}.git`].sort());
    expect(await refsAt(urlOf(by, served))).toEqual({ [nostrRef(event.id)]: commit });
    expect(await relay.publish(later)).toEqual([true, ""]);
    expect(await refsAt(urlOf(by, unclaimed))).toEqual({ [nostrRef(later.id)]: commit });
  });
});

describe.each<ProcessRuntime>(["node", "bun", "deno"])(
  "a server that takes no pull requests at /prs/, on %s",
  (runtime) => {
    let server: GraspServer;
    beforeAll(async () => {
      server = await graspServer(runtime);
    }, 60_000);
    afterAll(() => server?.stop());

    test("everything under /prs/ is 404, NIP-11 lists no GRASP-06, and X9 lets nothing in (X6)", async () => {
      const by = author();
      const base = `${server.url}/prs/${toNpub(by.key)}/x.git`;
      for (const path of [
        "",
        "/",
        "/status.json",
        "/info/refs?service=git-upload-pack",
        "/info/refs?service=git-receive-pack",
      ])
        expect((await fetch(base + path)).status).toBe(404);
      for (const service of ["git-upload-pack", "git-receive-pack"]) {
        const headers = { "content-type": `application/x-${service}-request` };
        expect((await fetch(`${base}/${service}`, { method: "POST", headers, body: "0000" })).status).toBe(
          404,
        );
      }
      const answer = await fetch(server.url, { headers: { accept: "application/nostr+json" } });
      expect((await answer.json()).supported_grasps).not.toContain("GRASP-06");
      const relay = await connect(server.url);
      const tags = [
        ["a", `30617:${author().key}:x`],
        ["c", "1".repeat(40)],
        ["clone", `https://${HOST}/prs/${toNpub(by.key)}/x.git`],
      ];
      expect(await relay.publish(by.sign(1618, tags))).toEqual([
        false,
        expect.stringMatching(/^restricted:/),
      ]);
      relay.close();
    });

    test("a private announcement is refused, a search is closed as unsupported (X18, X19)", async () => {
      const relay = await connect(server.url);
      const owner = author();
      const path = `${toNpub(owner.key)}/secret.git`;
      const tags = [
        ["d", "secret"],
        ["clone", `https://${HOST}/${path}`],
        ["relays", `wss://${HOST}`],
      ];
      const [isTaken, text] = await relay.publish(owner.sign(30617, [...tags, ["private", "true"]]));
      expect([isTaken, text]).toEqual([false, expect.stringMatching(/^invalid: private/)]);
      expect((await fetch(`${server.url}/${path}`)).status).toBe(404);
      for (const kind of ["REQ", "COUNT"]) {
        relay.say(kind, `search ${kind}`, { search: "secret" });
        const [, , reason] = await relay.next(([type, id]) => type === "CLOSED" && id === `search ${kind}`);
        expect(reason).toMatch(/^unsupported:/);
      }
      relay.close();
    });

    test("the tag u is shown on the page, and gives no right (X20)", async () => {
      const make = new HostedRepositories(server, workTree(server.folder));
      const upstream = await make.served();
      const fork = await make.announced(author(), [["u", upstream.coordinate]], "fork");
      expect(await (await fetch(fork.url)).text()).toContain(upstream.coordinate);
      expect((await fork.status()).announcement.fork_of).toEqual([upstream.coordinate]);
      expect((await fork.state({ [MAIN]: upstream.base }, upstream.owner)).ok).toBe(false);
      make.close();
    });
  },
);
