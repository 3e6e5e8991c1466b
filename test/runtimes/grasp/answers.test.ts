/**
 * What clients, browsers and proxies see of answers of Git and of the relay, on Node, Bun and Deno.
 * @module
 */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
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
import { answersOf, ask, fieldOf, open } from "../../support/raw-http.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const PREFIXES = ["duplicate", "invalid", "blocked", "restricted", "rate-limited", "auth-required"];

describe.each<ProcessRuntime>(["node", "bun", "deno"])("answers on %s", (runtime) => {
  let server: GraspServer;
  let work: WorkTree;
  let make: HostedRepositories;
  const denied = author();

  beforeAll(async () => {
    server = await graspServer(runtime, { deny: { authors: [toNpub(denied.key)] } });
    work = workTree(server.folder);
    make = new HostedRepositories(server, work);
  }, 60_000);
  afterAll(async () => {
    make?.close();
    await server?.stop();
  });

  /** A request of upload-pack as bytes. */
  function uploadPack(url: string, packets: readonly (string | null)[]): Buffer {
    const body = Buffer.concat(
      packets.map((line) => (line === null ? flushPacket() : dataPacket(Buffer.from(line)))),
    );
    const head = [
      `POST ${new URL(url).pathname}/git-upload-pack HTTP/1.1`,
      `host: ${HOST}`,
      "content-type: application/x-git-upload-pack-request",
      `content-length: ${body.length}`,
    ];
    return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
  }
  /** The head of an answer, and the sizes of its chunks. */
  async function pieces(request: Buffer): Promise<{ head: string; sizes: number[] }> {
    const socket = open(where());
    const text = answersOf(socket).rest();
    socket.write(request.toString("latin1").replace("host:", "connection: close\r\nhost:"), "latin1");
    const raw = await text;
    socket.destroy();
    const end = raw.indexOf("\r\n\r\n");
    const sizes: number[] = [];
    for (let at = end + 4; ; ) {
      const size = Number.parseInt(raw.slice(at, raw.indexOf("\r\n", at)), 16);
      if (!(size > 0)) return { head: raw.slice(0, end).toLowerCase(), sizes };
      sizes.push(size);
      at = raw.indexOf("\r\n", at) + 2 + size + 2;
    }
  }
  const where = () => ({ host: "127.0.0.1", port: Number(new URL(server.url).port) });

  test("a repository's page is chosen by its path; it names the repository and says how to clone it (G26)", async () => {
    const waiting = await make.announced(author(), [["name", "A project"]]);
    const name = `${toNpub(waiting.owner.key)}/repo`;
    for (const accept of ["text/html", "application/json", "*/*"]) {
      const answer = await fetch(waiting.url, { headers: { accept } });
      const page = await answer.text();
      expect([answer.status, answer.headers.get("content-type")]).toEqual([
        200,
        expect.stringContaining("text/html"),
      ]);
      for (const text of [
        "A project",
        `git clone nostr://${name}`,
        `https://${HOST}/${name}.git`,
        `https://gitworkshop.dev/${name}`,
      ])
        expect(page).toContain(text);
    }
    const none = await fetch(server.repository(author()));
    expect([none.status, none.headers.get("content-type")]).toEqual([
      404,
      expect.stringContaining("text/html"),
    ]);
  });

  test("the answer tells how long an idle connection is kept (G40)", async () => {
    const request = `GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`;
    const socket = open(where());
    const answers = answersOf(socket);
    for (const _ of [1, 2]) {
      socket.write(request);
      expect(fieldOf((await answers.next()).fields, "keep-alive")).toBe("timeout=75");
    }
    socket.destroy();
  });

  test("a request that ends in the middle of a negotiation is answered, because Git's input ends with it (G35)", async () => {
    const repository = await make.served();
    const unknown = "1".repeat(40);
    const packets = [`want ${repository.base} multi_ack_detailed side-band-64k\n`, null, `have ${unknown}\n`];
    const answer = await ask(where(), uploadPack(repository.url, packets));
    expect(answer.status).toBe(200);
  });

  test("a pack leaves unbuffered and unencoded (G41)", async () => {
    const repository = await make.announced();
    writeFileSync(join(work.path, "large"), randomBytes(3 * 1024 ** 2));
    work.git("add", "large");
    const commit = make.commit();
    await repository.state({ [MAIN]: commit });
    expect(await repository.push(`${commit}:${MAIN}`)).toMatchObject({ code: 0 });
    // One that others share, and one with haves, which they do not.
    for (const haves of [[], [`have ${"1".repeat(40)}\n`]]) {
      const packets = [`want ${commit} side-band-64k no-progress\n`, null, ...haves, "done\n"];
      const { head, sizes } = await pieces(uploadPack(repository.url, packets));
      expect(head).toContain("x-accel-buffering: no");
      expect(head).not.toContain("\ncontent-encoding:");
      const bytes = sizes.reduce((all, size) => all + size, 0);
      expect(bytes).toBeGreaterThan(3 * 1024 ** 2);
    }
  });

  test("each refusal has a prefix of NIP-01, and what waits says so (R14)", async () => {
    const repository = await make.served();
    const { relay, owner, base } = repository;
    const seen = new Map<string, boolean>();
    const publish = async (event: Parameters<typeof relay.publish>[0], by = relay) => {
      const [ok, text] = await by.publish(event);
      seen.set(text.split(":")[0]!, ok);
      return text;
    };
    const now = Math.floor(Date.now() / 1000);
    const issue = author().sign(1621, [["a", repository.coordinate]]);
    await publish(issue);
    await publish(issue);
    await publish({ ...issue, id: "0".repeat(64) });
    await publish(denied.sign(1, []));
    await publish(author().sign(1, []));
    await publish(owner.sign(1621, [["a", repository.coordinate], ["-"]]));
    expect(await publish(stateBy(owner, { [MAIN]: "1".repeat(40) }, "repo", now))).toBe(PURGATORY);
    // One connection may send 120 events at once.
    const flood = await make.client();
    for (let n = 0; n < 130; n++)
      flood.say("EVENT", { ...issue, content: String(n), id: n.toString(16).padStart(64, "0") });
    const [, , ok, text] = await flood.next(
      ([type, , , text]) => type === "OK" && String(text).startsWith("rate-limited"),
    );
    seen.set(String(text).split(":")[0]!, ok as boolean);
    expect(Object.fromEntries(seen)).toEqual({
      ...Object.fromEntries(PREFIXES.map((prefix) => [prefix, prefix === "duplicate"])),
      purgatory: true,
      "": true,
    });
    expect((await repository.refs())[MAIN]).toBe(base);
  });

  test("what may not be shown does not count for a limit: waiting, expired and replaced events (R68)", async () => {
    const repository = await make.served();
    const { relay, owner } = repository;
    const now = Math.floor(Date.now() / 1000);
    const tag = ["a", repository.coordinate];
    const old = author().sign(1621, [tag], "", now - 100);
    const expires = author().sign(1621, [tag, ["expiration", String(now + 3)]], "", now - 50);
    for (const event of [old, expires]) expect(await relay.publish(event)).toEqual([true, ""]);
    expect(await relay.publish(stateBy(owner, { [MAIN]: "1".repeat(40) }, "repo", now))).toEqual([
      true,
      PURGATORY,
    ]);
    const served = await relay.query({ kinds: [30_618], authors: [owner.key] });
    expect(await relay.query({ kinds: [30_618], authors: [owner.key], limit: 1 })).toEqual(served);
    expect(served).toHaveLength(1);
    const newest = () => relay.query({ kinds: [1621], "#a": [repository.coordinate], limit: 1 });
    while ((await newest())[0] === expires.id) await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await newest()).toEqual([old.id]);
  });

  test("what was public stays readable by its id after its branch went (G13, O31)", async () => {
    const repository = await make.announced();
    const [kept, gone] = [make.commit(), make.commit()];
    await repository.state({ [MAIN]: kept, "refs/heads/old": gone });
    expect(await repository.push(`${kept}:${MAIN}`, `${gone}:refs/heads/old`)).toMatchObject({ code: 0 });
    await repository.state({ [MAIN]: kept });
    expect(await repository.refs()).toEqual({ HEAD: kept, [MAIN]: kept });
    expect(await repository.canRead(gone)).toBe(true);
  });

  test("a new repository is ready as soon as its announcement is answered (O11, P7)", async () => {
    const owner = author();
    const relay = await make.client();
    expect(await relay.publish(announcementBy(owner))).toEqual([true, PURGATORY]);
    const path = new URL(server.repository(owner)).pathname;
    for (const service of ["git-upload-pack", "git-receive-pack"]) {
      const answer = await ask(
        where(),
        `GET ${path}/info/refs?service=${service} HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`,
      );
      expect([answer.status, fieldOf(answer.fields, "content-type")]).toEqual([
        200,
        `application/x-${service}-advertisement`,
      ]);
    }
  });
});
