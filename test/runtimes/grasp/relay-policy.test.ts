/**
 * Which events the relay of `millrace serve` accepts, replaces and deletes, over real WebSockets and a real push, on Node, Bun and
 * Deno.
 * @module
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
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
import { type Author, author } from "../../support/nostr.ts";
import { connect, type RelayClient } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const refusal = (prefix: string) => [false, expect.stringMatching(new RegExp(`^${prefix}: `))];
const duplicate = [true, expect.stringMatching(/^duplicate: /)];
const seconds = () => Math.floor(Date.now() / 1000);

describe.each<ProcessRuntime>(["node", "bun", "deno"])("what the relay accepts on %s", (runtime) => {
  let server: GraspServer;
  let work: WorkTree;
  let denied: Author;
  let addresses = 0;
  const open: RelayClient[] = [];

  async function client(): Promise<RelayClient> {
    const made = await connect(server.url, `127.0.2.${++addresses}`);
    open.push(made);
    return made;
  }

  /** A repository that is served, with its announcement and state. */
  async function serve(one: RelayClient, identifier = "repo", owner = author(), at = seconds() - 100) {
    const commit = work.commit("file", `${owner.key} ${identifier}`);
    const announcement = announcementBy(owner, identifier, [], at);
    const state = stateBy(owner, { [MAIN]: commit }, identifier, at);
    expect(await one.publish(announcement)).toEqual([true, PURGATORY]);
    expect(await one.publish(state)).toEqual([true, PURGATORY]);
    const push = await runGitClient(work.path, "push", "-f", server.repository(owner, identifier), "main");
    expect(push).toMatchObject({ code: 0 });
    return { owner, announcement, state, at, address: `30617:${owner.key}:${identifier}` };
  }

  beforeAll(async () => {
    denied = author();
    server = await graspServer(runtime, {
      deny: { authors: [toNpub(denied.key)], repositories: ["forbidden"] },
      quota: { repositoriesPerAuthor: 3 },
    });
    work = workTree(server.folder);
  }, 60_000);
  afterAll(async () => {
    for (const one of open) one.close();
    await server?.stop();
  });

  test("deny lists come first (R26)", async () => {
    const one = await client();
    expect(await one.publish(announcementBy(denied))).toEqual(refusal("blocked"));
    expect(await one.publish(denied.sign(1, []))).toEqual(refusal("blocked"));
    expect(await one.publish(announcementBy(author(), "forbidden"))).toEqual(refusal("blocked"));
  });

  test.each([
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a\\b",
    "a\u0000b",
    "a\nb",
    "a\u0085b",
    "x".repeat(252),
    "x.git",
    "x.lock",
    "-x",
    ".x",
    "e\u0301",
  ])("the identifier %j is refused (R27, T6)", async (identifier) => {
    const one = open[0]!;
    expect(await one.publish(announcementBy(author(), identifier))).toEqual(refusal("invalid"));
  });

  test("an announcement must list us, by URLs that are parsed (R28, R53, T17)", async () => {
    const one = await client();
    const owner = author();
    const path = `${toNpub(owner.key)}/repo.git`;
    const announce = (clone: string, relays: string) =>
      owner.sign(30_617, [
        ["d", "repo"],
        ["clone", clone],
        ["relays", relays],
      ]);
    const [clone, relay] = [`https://${HOST}/${path}`, `wss://${HOST}`];
    const refused: [string, string][] = [
      [`https://evil.example/?${HOST}/${path}`, relay],
      [`https://${HOST}.evil.example/${path}`, relay],
      [`https://not${HOST}/${path}`, relay],
      [`https://${HOST}:444/${path}`, relay],
      [`https://${HOST}/x/${path}`, relay],
      [`https://${HOST}/${toNpub(author().key)}/repo.git`, relay],
      [`https://user@${HOST}/${path}`, relay],
      [`ssh://${HOST}/${path}`, relay],
      [clone, `wss://${HOST}.evil.example`],
      [clone, `https://${HOST}`],
      [clone, `wss://${HOST}/other`],
    ];
    for (const [index, [cloneUrl, relayUrl]] of refused.entries()) {
      const [ok, text] = await one.publish(announce(cloneUrl, relayUrl));
      const missing = index < 8 ? `add ${clone} to clone` : `add ${relay} to relays`;
      expect([ok, text]).toEqual([false, expect.stringContaining(missing)]);
    }
    expect(await one.publish(announce(`HTTPS://${HOST.toUpperCase()}./${path}`, `${relay}/`))).toEqual([
      true,
      PURGATORY,
    ]);
  });

  test("lists may be one tag or many (R30); quotas and private repositories are refused with a reason (R31)", async () => {
    const one = await client();
    const owner = author();
    const path = `${toNpub(owner.key)}/many.git`;
    const many = owner.sign(30_617, [
      ["d", "many"],
      ["clone", "https://other.example/x.git"],
      ["clone", "https://third.example/x.git", `https://${HOST}/${path}`],
      ["relays", "wss://other.example"],
      ["relays", `wss://${HOST}`],
    ]);
    expect(await one.publish(many)).toEqual([true, PURGATORY]);
    expect(await one.publish(announcementBy(owner, "secret", [["private", "true"]]))).toEqual(
      refusal("invalid"),
    );
    for (const name of ["b", "c"])
      expect(await one.publish(announcementBy(owner, name))).toEqual([true, PURGATORY]);
    expect(await one.publish(announcementBy(owner, "d"))).toEqual(refusal("restricted"));
  });

  test("versions: newer replaces, older is a duplicate, a served one is replaced at once (R33, R34, R54, T43)", async () => {
    const one = await client();
    const { owner, announcement, at } = await serve(one);
    expect(await one.publish(announcementBy(owner, "repo", [["name", "old"]], at - 1))).toEqual(duplicate);
    const newer = announcementBy(owner, "repo", [["name", "new"]], at + 1);
    expect(await one.publish(newer)).toEqual([true, ""]);
    expect(await one.query({ kinds: [30_617], authors: [owner.key] })).toEqual([newer.id]);
    expect(await one.publish(announcement)).toEqual(duplicate);
    const waits = author();
    expect(await one.publish(announcementBy(waits, "repo", [], at))).toEqual([true, PURGATORY]);
    expect(await one.publish(announcementBy(waits, "repo", [["name", "x"]], at + 1))).toEqual([
      true,
      PURGATORY,
    ]);
    expect(await one.publish(announcementBy(waits, "repo", [["name", "y"]], at))).toEqual(duplicate);
  });

  test("at equal times the smaller id wins (R54, T19); an old state is never applied (R41, T18)", async () => {
    const one = await client();
    const { owner, state, at } = await serve(one);
    const profiles = [1, 2, 3, 4].map((n) => owner.sign(0, [], String(n), at));
    for (const profile of profiles) await one.publish(profile);
    const [smallest] = profiles.map(({ id }) => id).sort();
    expect(await one.query({ kinds: [0], authors: [owner.key] })).toEqual([smallest]);
    expect(await one.publish(stateBy(owner, { [MAIN]: "a".repeat(40) }, "repo", at - 10))).toEqual(duplicate);
    expect(await one.query({ kinds: [30_618], authors: [owner.key] })).toEqual([state.id]);
  });

  test("states: of strangers, with a ref twice, below one another or with a name that Git refuses or that is too long: invalid (R37, R38, A44, A45, T71)", async () => {
    const one = await client();
    const { owner, at } = await serve(one);
    const value = "b".repeat(40);
    const state = (by: Author, refs: string[][]) => by.sign(30_618, [["d", "repo"], ...refs], "", at + 5);
    const cases: NostrEvent[] = [
      stateBy(owner, { [MAIN]: value }, "unknown"),
      state(author(), [[MAIN, value]]),
      state(owner, [
        [MAIN, value],
        [MAIN, value],
      ]),
      state(owner, [
        ["refs/heads/a", value],
        ["refs/heads/a/b", value],
      ]),
      state(owner, [["refs/heads/a..b", value]]),
      state(owner, [[`refs/heads/${"x".repeat(251)}`, value]]),
      state(owner, [[`refs/heads/${"x/".repeat(500)}x`, value]]),
      state(
        owner,
        Array.from({ length: 10_001 }, (_, n) => [`refs/heads/${n}`, value]),
      ),
    ];
    for (const event of cases) expect(await one.publish(event)).toEqual(refusal("invalid"));
  });

  test("an identifier with a colon, and a matching a that is not the first, are found (R46, T50)", async () => {
    const one = await client();
    const { address } = await serve(one, "a:b");
    const issue = author().sign(1621, [
      ["a", `30617:${"0".repeat(64)}:a:b`],
      ["a", address],
    ]);
    expect(await one.publish(issue)).toEqual([true, ""]);
    const pr = author().sign(1618, [
      ["a", `30617:${"0".repeat(64)}:x`],
      ["a", address],
      ["c", "c".repeat(40)],
    ]);
    expect(await one.publish(pr)).toEqual([true, PURGATORY]);
    expect(await one.publish(author().sign(1618, [["a", address]]))).toEqual(refusal("invalid"));
    expect(
      await one.publish(
        author().sign(1618, [
          ["a", "30617:x:y"],
          ["c", "c".repeat(40)],
        ]),
      ),
    ).toEqual(refusal("restricted"));
  });

  test("everything else: by a tag or a reference; closed kinds are no bridge; no pair of strangers (R49 to R53, T15, T16)", async () => {
    const one = await client();
    const [{ owner, address }, other] = [await serve(one), await serve(one, "theirs")];
    const by = (kind: number, tags: string[][]) => author().sign(kind, tags);
    const issue = by(1621, [["a", address]]);
    expect(await one.publish(issue)).toEqual([true, ""]);
    expect(await one.publish(by(1111, [["E", issue.id]]))).toEqual([true, ""]);
    expect(await one.publish(by(1621, [["a", `30617:${owner.key}:theirs`]]))).toEqual(refusal("restricted"));
    const [text] = (await one.publish(by(1, []))).slice(1) as string[];
    expect(text).toMatch(/tag a repository with a/);
    const hidden = by(1, []);
    for (const kind of [0, 5, 1984, 10_002, 10_317]) {
      // A deletion of the address would delete the repository.
      const tags =
        kind === 5
          ? [["e", hidden.id]]
          : [
              ["e", hidden.id],
              ["a", other.address],
            ];
      const bridge = other.owner.sign(kind, tags);
      expect([kind, await one.publish(bridge)]).toEqual([kind, [true, ""]]);
      expect(await one.publish(by(1, [["e", bridge.id]]))).toEqual(refusal("restricted"));
    }
    expect(await one.publish(hidden)).toEqual(refusal("restricted"));
    await one.publish(
      by(1, [
        ["a", address],
        ["q", hidden.id],
      ]),
    );
    expect(await one.publish(hidden)).toEqual([true, ""]);
    expect(await one.publish(by(10_317, [["g", `wss://${HOST}`]]))).toEqual([true, ""]);
    expect(await one.publish(by(10_317, [["g", `wss://${HOST}.evil.example`]]))).toEqual(
      refusal("restricted"),
    );
  });

  test("a deletion is its author's only, and what it names does not come back (R56, R57, T25)", async () => {
    const one = await client();
    const { address } = await serve(one);
    const writer = author();
    const [issue, later] = [
      writer.sign(1621, [["a", address]]),
      writer.sign(1621, [["a", address]], "later"),
    ];
    await one.publish(issue);
    expect(await one.publish(author().sign(5, [["e", issue.id]]))).toEqual([true, ""]);
    expect(await one.query({ ids: [issue.id] })).toEqual([issue.id]);
    const deletion = writer.sign(5, [
      ["e", issue.id],
      ["e", later.id],
    ]);
    expect(await one.publish(deletion)).toEqual([true, ""]);
    expect(await one.query({ ids: [issue.id] })).toEqual([]);
    expect(await one.publish(issue)).toEqual(refusal("blocked"));
    expect(await one.publish(later)).toEqual(refusal("blocked"));
    // Deleting a deletion does nothing.
    expect(await one.publish(writer.sign(5, [["e", deletion.id]]))).toEqual([true, ""]);
    expect(await one.query({ ids: [deletion.id] })).toEqual([deletion.id]);
    expect(await one.publish(author().sign(5, [["e", "d".repeat(64)]]))).toEqual(refusal("restricted"));
  });

  test("a deleted announcement takes what hangs only on it, and a new one brings it back (R59)", async () => {
    const one = await client();
    const { owner, announcement, state, at, address } = await serve(one);
    const other = await serve(one, "another");
    const issue = author().sign(1621, [["a", address]]);
    const comment = author().sign(1111, [["E", issue.id]]);
    const shared = author().sign(1621, [
      ["a", address],
      ["a", other.address],
    ]);
    for (const event of [issue, comment, shared]) expect(await one.publish(event)).toEqual([true, ""]);
    const all = [announcement, state, issue, comment, shared].map(({ id }) => id);
    expect(await one.publish(owner.sign(5, [["a", address]], "", at + 2))).toEqual([true, ""]);
    expect(await one.query({ ids: all })).toEqual([shared.id]);
    const again = announcementBy(owner, "repo", [], at + 3);
    const [ok] = await one.publish(again);
    expect(ok).toBe(true);
    expect((await one.query({ ids: [issue.id, comment.id] })).sort()).toEqual([issue.id, comment.id].sort());
  });

  test("a request to vanish removes everything of its author, and keeps it away (R62, R71)", async () => {
    const one = await client();
    const { address } = await serve(one);
    const writer = author();
    const now = seconds();
    const issue = writer.sign(1621, [["a", address]], "", now - 10);
    await one.publish(issue);
    expect(await one.publish(writer.sign(62, [["relay", "wss://elsewhere.example"]], "", now))).toEqual(
      refusal("restricted"),
    );
    expect(await one.publish(writer.sign(62, [["relay", "all_relays"]], "", now))).toEqual(
      refusal("restricted"),
    );
    const request = writer.sign(62, [["relay", `wss://${HOST}`]], "", now);
    expect(await one.publish(request)).toEqual([true, ""]);
    expect(await one.query({ authors: [writer.key] })).toEqual([request.id]);
    expect(await one.publish(issue)).toEqual(refusal("blocked"));
    expect(await one.publish(writer.sign(1621, [["a", address]], "old", now - 5))).toEqual(
      refusal("blocked"),
    );
    // A deletion has no effect on it, and later events are judged as new.
    const after = writer.sign(1621, [["a", address]], "new", now + 1);
    expect(await one.publish(after)).toEqual([true, ""]);
    await one.publish(writer.sign(5, [["e", request.id]], "", now + 2));
    expect(await one.query({ ids: [request.id] })).toEqual([request.id]);
  });

  test("the identifier is the first value of the first d tag, and #d matches every d (R69)", async () => {
    const one = await client();
    const { address } = await serve(one);
    const writer = author();
    const list = writer.sign(
      30_003,
      [
        ["d", "first", "x"],
        ["d", "second"],
        ["a", address],
      ],
      "",
      seconds() - 5,
    );
    const bare = writer.sign(30_003, [["a", address]], "", seconds() - 5);
    expect([await one.publish(list), await one.publish(bare)]).toEqual([
      [true, ""],
      [true, ""],
    ]);
    expect(await one.query({ "#d": ["second"] })).toEqual([list.id]);
    const next = writer.sign(
      30_003,
      [
        ["d", "first"],
        ["a", address],
      ],
      "newer",
    );
    await one.publish(next);
    expect((await one.query({ kinds: [30_003], authors: [writer.key] })).sort()).toEqual(
      [next.id, bare.id].sort(),
    );
    expect(
      await one.publish(
        writer.sign(
          30_003,
          [
            ["d", ""],
            ["a", address],
          ],
          "",
          seconds() - 9,
        ),
      ),
    ).toEqual(duplicate);
  });

  test("a maintainer of a repository here need not list us (R29); one who is named later is let in (T44), and one who is dropped is named in the answer (R36)", async () => {
    const one = await client();
    const { owner, at } = await serve(one);
    const maintainer = author();
    const theirs = maintainer.sign(30_617, [
      ["d", "repo"],
      ["clone", "https://elsewhere.example/x.git"],
      ["relays", "wss://elsewhere.example"],
    ]);
    expect(await one.publish(theirs)).toEqual(refusal("restricted"));
    const naming = announcementBy(owner, "repo", [["maintainers", maintainer.key]], at + 1);
    expect(await one.publish(naming)).toEqual([true, ""]);
    let found: string[] = [];
    while (found.length === 0) found = await one.query({ ids: [theirs.id] });
    expect(found).toEqual([theirs.id]);
    const dropping = announcementBy(owner, "repo", [], at + 2);
    expect(await one.publish(dropping)).toEqual([true, expect.stringContaining(toNpub(maintainer.key))]);
  });
});
