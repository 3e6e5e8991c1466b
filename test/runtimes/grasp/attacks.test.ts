/**
 * Attacks on GRASP over real WebSocket, HTTP and Git, on Node, Bun and Deno. Each title names the row of the list of attacks.
 * @module
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataPacket, flushPacket } from "../../../runtime/grasp/git/pkt-line.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { type WorkTree, workTree } from "../../support/git.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  HOST,
  MAIN,
  PURGATORY,
  stateBy,
} from "../../support/grasp-server.ts";
import { HostedRepositories } from "../../support/hosted-repository.ts";
import { author } from "../../support/nostr.ts";
import { ask } from "../../support/raw-http.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const refusal = (prefix: string) => [false, expect.stringMatching(new RegExp(`^${prefix}: `))];
const HOUR = 3600;

describe.each<ProcessRuntime>(["node", "bun", "deno"])("attacks on %s", (runtime) => {
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

  test("words that Git could read as options or refspecs reach no command line, wherever they come (T5, O27)", async () => {
    const repository = await make.served();
    const before = await repository.refs();
    const evil = ["--upload-pack=touch hacked", "+refs/heads/x:refs/heads/main", "-c", "$(touch hacked)"];
    for (const text of evil) {
      const pr = author().sign(1618, [
        ["a", repository.coordinate],
        ["c", text],
      ]);
      expect(await repository.relay.publish(pr)).toEqual(refusal("invalid"));
      // A value that is no id names no ref, and the push that fits the rest is not affected.
      const { ok } = await repository.state({ [MAIN]: repository.base, "refs/heads/x": text });
      expect([text, ok, await repository.refs()]).toEqual([text, expect.any(Boolean), before]);
    }
    const owner = author();
    const withUrls = announcementBy(owner, "urls", [
      ["clone", ...evil, "ext::sh -c touch% hacked", "file:///etc"],
    ]);
    expect(await repository.relay.publish(withUrls)).toEqual([true, PURGATORY]);
    const dash = announcementBy(owner, "--upload-pack=touch hacked");
    expect(await repository.relay.publish(dash)).toEqual(refusal("invalid"));
    expect([existsSync("hacked"), existsSync(join(server.folder, "hacked"))]).toEqual([false, false]);
  });

  test("a stranger's announcement of the identifier, replaced, de-listed and deleted, leaves the victim as it was (T12)", async () => {
    const victim = await make.served();
    const { base } = victim;
    const next = make.commit();
    const waiting = await victim.state({ [MAIN]: next });
    const stranger = author();
    const at = 1_700_100_000;
    const relay = await make.client();
    const delisted = stranger.sign(30_617, [["d", "repo"]], "", at + 2);
    expect(await relay.publish(announcementBy(stranger, "repo", [], at))).toEqual([true, PURGATORY]);
    const naming = announcementBy(stranger, "repo", [["maintainers", victim.owner.key]], at + 1);
    expect((await relay.publish(naming))[0]).toBe(true);
    await relay.publish(delisted);
    await relay.publish(announcementBy(stranger, "repo", [], at + 3));
    await relay.publish(stranger.sign(5, [["a", `30617:${stranger.key}:repo`]], "", at + 4));
    expect(await victim.refs()).toEqual({ HEAD: base, [MAIN]: base });
    expect(await relay.query({ kinds: [30_617, 30_618], authors: [victim.owner.key] })).toHaveLength(2);
    expect(await victim.push(`${next}:${MAIN}`)).toMatchObject({ code: 0 });
    expect(await relay.query({ ids: [waiting.id] })).toEqual([waiting.id]);
  });

  test("role tags bring nobody in who does not acknowledge them; a flat list does, and status.json shows by whom (A11, A12, T26)", async () => {
    for (const [roles, acknowledges, isIn] of [
      [true, false, false],
      [true, true, true],
      [false, false, true],
    ] as const) {
      const [maintainer, invited] = [author(), author()];
      const repository = await make.served(author(), [["maintainers", maintainer.key]]);
      const invitation = roles
        ? [
            ["m", maintainer.key],
            ["m", invited.key],
          ]
        : [["maintainers", invited.key]];
      await repository.relay.publish(announcementBy(maintainer, "repo", invitation));
      // A fork of the same identifier, with a newer state.
      const back = acknowledges ? [["maintainers", maintainer.key]] : [];
      expect((await repository.relay.publish(announcementBy(invited, "repo", back)))[0]).toBe(true);
      const theirs = make.commit();
      await repository.relay.publish(stateBy(invited, { [MAIN]: theirs }, "repo"));
      const granted = (await repository.push(`+${theirs}:${MAIN}`)).code === 0;
      expect([roles, acknowledges, granted]).toEqual([roles, acknowledges, isIn]);
      const pushers = () =>
        repository.status().then((status) => status.may_push.map((one: { npub: string }) => one.npub));
      while ((await pushers()).length < (isIn ? 3 : 2))
        await new Promise((resolve) => setTimeout(resolve, 100));
      expect((await pushers()).includes(toNpub(invited.key))).toBe(isIn);
      expect((await repository.refs())[MAIN]).toBe(isIn ? theirs : repository.base);
    }
  });

  test("10,000 ids, 100,000 wants of one fetch and 10,000 refs of a state are answered within bounds (G15, R4, T27)", async () => {
    const repository = await make.served();
    const client = await make.client();
    const ids = Array.from({ length: 10_000 }, (_, n) => n.toString(16).padStart(64, "0"));
    client.say("REQ", "many", { ids });
    expect((await client.next(([, name]) => name === "many"))[0]).toBe("CLOSED");
    const want = dataPacket(Buffer.from(`want ${repository.base}\n`));
    const body = Buffer.concat([
      ...Array(100_000).fill(want),
      flushPacket(),
      dataPacket(Buffer.from("done\n")),
    ]);
    const { port, pathname } = new URL(repository.url);
    const head = [
      `POST ${pathname}/git-upload-pack HTTP/1.1`,
      `host: ${HOST}`,
      "content-type: application/x-git-upload-pack-request",
      `content-length: ${body.length}`,
    ];
    const answer = await ask(
      { host: "127.0.0.1", port: Number(port) },
      Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]),
    );
    expect([answer.status, answer.body.includes("PACK"), answer.body.length < 10_000]).toEqual([
      200,
      true,
      true,
    ]);
    const refs = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`refs/tags/v${n}`, repository.base]));
    const tooMany = await repository.state(refs(10_001));
    expect([tooMany.ok, tooMany.text]).toEqual([false, expect.stringMatching(/^invalid: /)]);
    // Another client was served all the while.
    expect(await client.query({ authors: [repository.owner.key], kinds: [30_617] })).toHaveLength(1);
  });

  test("an upload and its event that arrive at once are one served PR, each time (R47, T40)", async () => {
    const repository = await make.served();
    const prs = Array.from({ length: 12 }, () => make.pullRequest(repository, make.commit()));
    const live = await make.client();
    live.say("REQ", "live", { kinds: [1618], "#a": [repository.coordinate] });
    for (let n = 0; n < prs.length; n += 6) {
      const some = prs.slice(n, n + 6);
      const commits = some.map(({ tags }) => tags[1]![1]!);
      await Promise.all([
        ...some.map(async (pr, i) => {
          const pushed = await repository.push(`${commits[i]}:refs/nostr/${pr.id}`);
          expect(pushed).toMatchObject({ code: 0 });
        }),
        ...some.map(async (pr) => expect((await repository.relay.publish(pr))[0]).toBe(true)),
      ]);
    }
    const refs = await repository.refs();
    for (const pr of prs) expect(refs[`refs/nostr/${pr.id}`]).toBe(pr.tags[1]![1]);
    const heard = live.messages
      .filter(([type]) => type === "EVENT")
      .map(([, , event]) => (event as { id: string }).id);
    expect(heard.sort()).toEqual(prs.map(({ id }) => id).sort());
    // Where an upload came first, the folders above it stay.
    const left = readdirSync(join(server.folder, "data/unclaimed"), { recursive: true }) as string[];
    expect(left.filter((name) => /[0-9a-f]{64}$/.test(name))).toEqual([]);
  }, 60_000);

  test("a state that comes while the last one of its identifier is deleted waits, and the other is gone (P34, T41)", async () => {
    const repository = await make.announced();
    const other = await make.client();
    const commit = make.commit();
    for (let n = 0; n < 10; n++) {
      const gone = await repository.state({ [MAIN]: "1".repeat(40) });
      const [next] = await Promise.all([
        repository.state({ [MAIN]: commit }),
        other.publish(repository.owner.sign(5, [["e", gone.id]])),
      ]);
      expect([next.ok, next.text]).toEqual([true, PURGATORY]);
      if (n === 9) expect(await repository.push(`${commit}:${MAIN}`)).toMatchObject({ code: 0 });
      else await other.publish(repository.owner.sign(5, [["e", next.id]]));
    }
    expect(await other.query({ kinds: [30_618], authors: [repository.owner.key] })).toHaveLength(1);
  });

  test.each(["de-listed", "deleted"])(
    "a served announcement that is %s: Git is 404 and nothing of it is served; a new one brings refs and data back (R35, R59, T47)",
    async (how) => {
      const repository = await make.served();
      const neighbour = await make.served();
      const { owner, base, relay } = repository;
      const now = Math.floor(Date.now() / 1000);
      const end =
        how === "deleted"
          ? owner.sign(5, [["a", repository.coordinate]], "", now - HOUR)
          : owner.sign(30_617, [["d", "repo"]], "", now - HOUR);
      // The version that takes the repository back is not served itself.
      expect(await relay.publish(end)).toEqual(how === "deleted" ? [true, ""] : refusal("restricted"));
      const page = await fetch(`${repository.url}/info/refs?service=git-upload-pack`);
      expect([page.status, await repository.status()]).toEqual([404, 404]);
      expect(await relay.query({ kinds: [30_617, 30_618], authors: [owner.key] })).toEqual([]);
      expect(await neighbour.refs()).toEqual({ HEAD: neighbour.base, [MAIN]: neighbour.base });
      expect((await relay.publish(announcementBy(owner, "repo", [], now)))[0]).toBe(true);
      await relay.publish(stateBy(owner, { [MAIN]: base }, "repo", now));
      expect(await repository.refs()).toEqual({ HEAD: base, [MAIN]: base });
    },
  );
});
