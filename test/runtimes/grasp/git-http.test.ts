/**
 * The Git server of GRASP as clients see it, also clients that no library is: bytes over TCP, on Node, Bun and Deno.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataPacket, flushPacket, wholePackets } from "../../../runtime/grasp/git/pkt-line.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { type WorkTree, workTree } from "../../support/git.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  HOST,
  MAIN,
  runGitClient,
  stateBy,
} from "../../support/grasp-server.ts";
import { type Author, author } from "../../support/nostr.ts";
import { answersOf, ask, fieldOf, open } from "../../support/raw-http.ts";
import { connect, type RelayClient } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const ZERO = "0".repeat(40);

/** A machine whose Git is set up for something else, with hooks that leave a mark (T51). @returns the server's environment */
function settingsOfMachine(folder: string): Record<string, string> {
  const config = join(folder, "gitconfig");
  const template = join(folder, "template");
  const hooks = join(template, "hooks");
  mkdirSync(hooks, { recursive: true });
  for (const name of HOOKS) {
    writeFileSync(join(hooks, name), `#!/bin/sh\ntouch ${folder}/hooked\nexit 1\n`, { mode: 0o755 });
  }
  const lines = [
    `[core]\n\thooksPath = ${hooks}`,
    `[init]\n\tdefaultBranch = trunk\n\ttemplateDir = ${template}`,
    '[url "https://nowhere.invalid/"]\n\tinsteadOf = http://\n\tinsteadOf = /',
    "[transfer]\n\thideRefs = refs/heads\n\tunpackLimit = 1000",
    "[uploadpack]\n\thideRefs = refs/heads\n\tallowFilter = false",
    "[receive]\n\tfsckObjects = false",
    "[fsck]\n\thasDotgit = ignore",
    "[extensions]\n\tobjectFormat = sha256",
  ];
  writeFileSync(config, `${lines.join("\n")}\n`);
  return {
    GIT_CONFIG_GLOBAL: config,
    GIT_CONFIG_SYSTEM: config,
    GIT_TEMPLATE_DIR: template,
    GIT_DIR: join(folder, "elsewhere"),
    GIT_OBJECT_DIRECTORY: join(folder, "objects"),
  };
}
const HOOKS = ["reference-transaction", "update", "post-update", "pre-receive", "post-index-change"];

describe.each<ProcessRuntime>(["node", "bun", "deno"])("GRASP's Git server on %s", (runtime) => {
  let server: GraspServer;
  let machine: string;
  let work: WorkTree;
  let owner: Author;
  let relay: RelayClient;
  let main: string;
  let url: string;
  let path: string;
  let date = 1_700_000_000;
  const where = () => ({ host: "127.0.0.1", port: Number(new URL(server.url).port) });
  const git = (...args: string[]) => runGitClient(work.path, ...args);
  const publish = (refs: Record<string, string>) => relay.publish(stateBy(owner, refs, "repo", date++));
  const refsOf = async () => (await git("ls-remote", url)).output.trim().split("\n").sort();
  const head = (line: string, fields: Record<string, string | number> = {}) =>
    `${line} HTTP/1.1\r\nhost: ${HOST}\r\n${Object.entries(fields)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join("")}\r\n`;
  const pushHead = (length: number, fields = {}) =>
    head(`POST ${path}/git-receive-pack`, {
      "content-type": "application/x-git-receive-pack-request",
      "content-length": length,
      ...fields,
    });
  const listOf = (...commands: string[]) =>
    Buffer.concat([
      ...commands.map((command, n) =>
        dataPacket(Buffer.from(n === 0 ? `${command}\0 report-status side-band-64k` : command)),
      ),
      flushPacket(),
    ]);
  const push = (body: Buffer, fields = {}) =>
    ask(where(), Buffer.concat([Buffer.from(pushHead(body.length, fields)), body]));

  beforeAll(async () => {
    machine = mkdtempSync(join(tmpdir(), "millrace-machine-"));
    server = await graspServer(runtime, {}, {}, settingsOfMachine(machine));
    work = workTree(server.folder);
    owner = author();
    relay = await connect(server.url);
    url = server.repository(owner);
    path = new URL(url).pathname;
    await relay.publish(announcementBy(owner));
    main = work.commit("a", "one");
    await publish({ [MAIN]: main });
    expect(await git("push", url, "main")).toMatchObject({ code: 0 });
  }, 60_000);
  afterAll(async () => {
    relay?.close();
    await server?.stop();
    rmSync(machine, { recursive: true, force: true });
  });

  test("the advertisement is the same for each spelling of the query, with its length and no caching (G6, G9, G44)", async () => {
    for (const query of ["service=git-upload-pack", "x=1&service=git-upload-pack&y=%2F"]) {
      const answer = await ask(where(), head(`GET ${path}/info/refs?${query}`));
      expect(answer.status).toBe(200);
      expect(Number(fieldOf(answer.fields, "content-length"))).toBe(answer.body.length);
      expect(fieldOf(answer.fields, "content-type")).toBe("application/x-git-upload-pack-advertisement");
      expect(fieldOf(answer.fields, "cache-control")).toBe("no-cache, max-age=0, must-revalidate");
      expect(fieldOf(answer.fields, "content-encoding")).toBeUndefined();
      expect(answer.body).toContain(`${main} HEAD\0`);
    }
    const first = await ask(where(), head(`HEAD ${path}/info/refs?service=git-upload-pack`), true);
    expect([first.status, first.body]).toEqual([200, ""]);
  });

  test("a clone learns the branch of an empty repository, and a HEAD without a commit is told in version 2 only (G21, G22)", async () => {
    const other = author();
    const empty = server.repository(other, "empty");
    await relay.publish(announcementBy(other, "empty"));
    const local = ["-c", "init.defaultBranch=local"];
    for (const [version, branch] of [
      ["2", MAIN],
      ["0", "refs/heads/local"],
    ]) {
      const name = `empty-${version}`;
      const config = [...local, "-c", `protocol.version=${version}`];
      expect(await git(...config, "clone", "-q", empty, name)).toMatchObject({ code: 0 });
      expect((await git("-C", name, "symbolic-ref", "HEAD")).output.trim()).toBe(branch);
    }
    // The state names an absent branch: `HEAD` is not told while it waits, and then stays at `main`, which has no commit.
    const tags = [
      ["d", "empty"],
      ["refs/heads/next", main],
      ["HEAD", "ref: refs/heads/absent"],
    ];
    await relay.publish(other.sign(30618, tags));
    expect(await git(...local, "clone", "-q", empty, "waiting")).toMatchObject({ code: 0 });
    expect((await git("-C", "waiting", "symbolic-ref", "HEAD")).output.trim()).toBe("refs/heads/local");
    expect(await git("push", "-q", empty, `${main}:refs/heads/next`)).toMatchObject({ code: 0 });
    expect((await git("ls-remote", empty)).output.trim()).toBe(`${main}\trefs/heads/next`);
    expect(await git(...local, "clone", "-q", empty, "dangling")).toMatchObject({ code: 0 });
    expect((await git("-C", "dangling", "symbolic-ref", "HEAD")).output.trim()).toBe(MAIN);
    expect((await git("-C", "dangling", "rev-parse", "origin/next")).output.trim()).toBe(main);
  });

  test("strange paths are 404 and no other repository (G1, G3, O26, T6, T63)", async () => {
    const npub = toNpub(owner.key);
    const strange = [
      `/${npub}/..%2frepo.git`,
      `/${npub}/%2e%2e.git`,
      `/x/../${npub}/repo.git`,
      `/${npub}/./repo.git`,
      `/${npub}/repo%00.git`,
      `/${npub}/re%5cpo.git`,
      `/${npub}/%ff.git`,
      `/${npub}/%c0%aerepo.git`,
      `/${npub}/re%2570o.git`,
      `/${npub.toUpperCase()}/repo.git`,
      `/${owner.key}/repo.git`,
      `//${npub}/repo.git`,
    ];
    for (const each of strange) {
      const answer = await ask(where(), head(`GET ${each}/info/refs?service=git-upload-pack`));
      expect([each, answer.status, fieldOf(answer.fields, "access-control-allow-origin")]).toEqual([
        each,
        404,
        "*",
      ]);
    }
    for (const each of [
      "/info/refsx",
      "/HEAD",
      "/objects/info/packs",
      "/info/refs?service=git-x",
      "/info/refs",
    ]) {
      expect([each, (await ask(where(), head(`GET ${path}${each}`))).status]).toEqual([each, 404]);
    }
    // One spelling of the same repository is as good as another for Git (G2).
    const encoded = path.replace("repo", "%72epo");
    expect((await ask(where(), head(`GET ${encoded}/info/refs?service=git-upload-pack`))).status).toBe(200);
  });

  test("a symbolic link in place of a repository is 404, and told once (O26, T7)", async () => {
    const other = author();
    await relay.publish(announcementBy(other));
    const folder = join(server.folder, "data/git", toNpub(other.key));
    renameSync(join(folder, "repo.git"), join(server.folder, "elsewhere.git"));
    symlinkSync(join(server.folder, "elsewhere.git"), join(folder, "repo.git"));
    const request = head(
      `GET ${new URL(server.repository(other)).pathname}/info/refs?service=git-upload-pack`,
    );
    expect((await ask(where(), request)).status).toBe(404);
    expect((await ask(where(), request)).status).toBe(404);
    // It is told once, however often somebody asks.
    expect((await ask(where(), head("GET /metrics"))).body).toMatch(/^grasp_symbolic_links_total 1$/m);
  });

  test("CORS is on answers that the host itself gives, too (G25)", async () => {
    const requests = [
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
      `GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(200_000)}\r\n\r\n`,
      "no request at all\r\n\r\n",
      "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    ];
    for (const request of requests) {
      const answer = await ask(where(), request);
      expect([
        request.slice(0, 60),
        answer.status >= 400,
        fieldOf(answer.fields, "access-control-allow-origin"),
      ]).toEqual([request.slice(0, 60), true, "*"]);
    }
    expect((await ask(where(), head("OPTIONS /any/thing"))).status).toBe(204);
  });

  test("types and encodings of bodies: 415, 400, 413 (G9, G17, T9, T33)", async () => {
    const flush = Buffer.from("0000");
    expect((await push(flush, { "content-type": "text/plain" })).status).toBe(415);
    expect((await push(flush, { "content-encoding": "br" })).status).toBe(415);
    expect((await push(Buffer.from("no gzip"), { "content-encoding": "gzip" })).status).toBe(400);
    expect((await push(gzipSync(flush), { "content-encoding": "gzip" })).status).toBe(200);
    const want = dataPacket(Buffer.from(`want ${main}\n`));
    const bomb = gzipSync(Buffer.alloc(40 * 1024 ** 2, want));
    const fields = {
      "content-type": "application/x-git-upload-pack-request",
      "content-encoding": "gzip",
      "content-length": bomb.length,
    };
    const request = Buffer.concat([Buffer.from(head(`POST ${path}/git-upload-pack`, fields)), bomb]);
    expect((await ask(where(), request)).status).toBe(413);
  });

  test("a lone flush is 200 and empty, with chunks and 100-continue too (G16, G18, T35)", async () => {
    const plain = await push(Buffer.from("0000"));
    expect([plain.status, plain.body]).toEqual([200, ""]);
    const chunked = head(`POST ${path}/git-receive-pack`, {
      "content-type": "application/x-git-receive-pack-request",
      "transfer-encoding": "chunked",
      expect: "100-continue",
    });
    const answer = await ask(where(), `${chunked}4\r\n0000\r\n0\r\n\r\n`);
    expect([answer.status, answer.body, answer.interim.length]).toEqual([200, "", 1]);
  });

  test("a final answer instead of 100 Continue closes the connection, so that no body is read as a request (G42)", async () => {
    const smuggled = "GET / HTTP/1.1\r\nhost: other.example\r\n\r\n";
    const fields = { expect: "100-continue", "content-length": smuggled.length };
    // A second host: the head is refused.
    const refused = head(`POST ${path}/git-receive-pack`, { ...fields, Host: "other.example" });
    const socket = open(where());
    const answers = answersOf(socket);
    socket.write(refused);
    const answer = await answers.next();
    expect([answer.status, answer.interim, fieldOf(answer.fields, "connection")]).toEqual([400, [], "close"]);
    socket.write(smuggled);
    expect(await answers.rest()).toBe("");
    socket.destroy();
  });

  test.each<[string, () => Buffer]>([
    ["nothing to nothing (A7, T2)", () => listOf(`${ZERO} ${ZERO} ${MAIN}`)],
    [
      "a push certificate (A2, T1)",
      () =>
        Buffer.concat([
          dataPacket(Buffer.from("push-cert\0 report-status side-band-64k push-cert")),
          dataPacket(Buffer.from(`${main} ${ZERO} ${MAIN}\n`)),
          flushPacket(),
        ]),
    ],
    [
      "a special packet (A2)",
      () => Buffer.concat([listOf(`${main} ${ZERO} ${MAIN}`).subarray(0, -4), Buffer.from("0001")]),
    ],
    ["the same ref twice (A2)", () => listOf(`${main} ${ZERO} ${MAIN}`, `${main} ${ZERO} ${MAIN}`)],
    ["upper-case ids (A3, T22)", () => listOf(`${main.toUpperCase()} ${ZERO} ${MAIN}`)],
    ["control characters in a name (A3, T21)", () => listOf(`${main} ${ZERO} refs/heads/a\u0007`)],
    [
      "bytes that are no UTF-8 (A3, T21)",
      () => {
        const line = Buffer.from(
          `${main} ${ZERO} refs/heads/a\u00ff\u00fe\0 report-status side-band-64k`,
          "latin1",
        );
        return Buffer.concat([dataPacket(line), flushPacket()]);
      },
    ],
    ["ids of SHA-256 (G23)", () => listOf(`${"0".repeat(64)} ${"1".repeat(64)} ${MAIN}`)],
  ])("a list with %s is refused whole by a report in bands, and no ref moves (G24)", async (_name, make) => {
    const before = await refsOf();
    const answer = await push(make());
    const packets = wholePackets(Buffer.from(answer.body, "latin1"));
    const bands = packets.map(([band]) => band);
    expect([answer.status, [...new Set(bands)].sort()]).toEqual([200, [1, 2]]);
    const status = packets.filter(([band]) => band === 1).map((packet) => packet.subarray(1));
    expect(Buffer.concat(status).toString("latin1")).toMatch(/^....unpack the push is refused/);
    expect(await refsOf()).toEqual(before);
  });

  test("a list that is refused before its client's capabilities were read gets ERR (G24)", async () => {
    const withoutCapabilities = Buffer.concat([
      dataPacket(Buffer.from(`${ZERO} ${ZERO} ${MAIN}`)),
      flushPacket(),
    ]);
    for (const body of [Buffer.from("0001"), withoutCapabilities]) {
      const answer = await push(body);
      expect([answer.status, answer.body.slice(4, 8)]).toEqual([200, "ERR "]);
    }
  });

  test("Git deletes a branch that is not here: it shows the reason beside the ref (A7, A39)", async () => {
    const absent = await git("push", url, ":refs/heads/absent");
    expect([absent.code, absent.output.match(/\[remote rejected\] +absent \(.*nothing to nothing/)]).toEqual([
      1,
      expect.anything(),
    ]);
    expect(absent.output).not.toContain("bad band");
    expect(await refsOf()).toContain(`${main}\t${MAIN}`);
  });

  test("foreign names refuse the whole push, with the names and the line to use (A23, A47, T4)", async () => {
    work.git("update-ref", "refs/notes/x", main);
    work.git("update-ref", `refs/replace/${main}`, main);
    const { code, output } = await git("push", url, "main", "refs/notes/x", `refs/replace/${main}`);
    expect([code === 0, output.includes("refs/heads/*:refs/heads/*")]).toEqual([false, true]);
    work.git("update-ref", "-d", `refs/replace/${main}`);
  });

  test("a push that changes nothing brings nothing, whatever is in its pack (A7, A9, T3)", async () => {
    const secret = work.git("hash-object", "-w", "--stdin-paths");
    expect(secret).toBe("");
    writeFileSync(join(work.path, "junk"), `junk ${runtime}`);
    const junk = work.git("hash-object", "-w", "junk");
    const body = Buffer.concat([listOf(`${main} ${main} ${MAIN}`), work.pack([junk])]);
    const answer = await push(body);
    expect([answer.status, answer.body.includes(`ok ${MAIN}`)]).toEqual([200, true]);
    const empty = mkdtempSync(join(server.folder, "empty-"));
    await git("init", "-q", empty);
    expect((await git("-C", empty, "fetch", "-q", url, junk)).code).not.toBe(0);
    expect(readdirSync(join(server.folder, "data/quarantine"))).toEqual([]);
  });

  test("a client that wants no report gets 200 and nothing, and the refs move all the same (A51)", async () => {
    const next = work.commit("a", `no report ${runtime}`);
    await publish({ [MAIN]: next });
    const list = Buffer.concat([
      dataPacket(Buffer.from(`${main} ${next} ${MAIN}\0 ofs-delta`)),
      flushPacket(),
    ]);
    const answer = await push(Buffer.concat([list, work.pack([next], [main])]));
    expect([answer.status, answer.body]).toEqual([200, ""]);
    expect(await refsOf()).toContain(`${next}\t${MAIN}`);
    main = next;
  });

  test("a body that breaks off has no effect (T63), and its connection ends nothing else", async () => {
    const next = work.commit("a", `broken ${runtime}`);
    await publish({ [MAIN]: next });
    const body = Buffer.concat([listOf(`${main} ${next} ${MAIN}`), work.pack([next], [main])]);
    const socket = open(where());
    socket.write(Buffer.concat([Buffer.from(pushHead(body.length)), body.subarray(0, body.length - 20)]));
    await new Promise((resolve) => setTimeout(resolve, 200));
    socket.destroy();
    expect(await refsOf()).toContain(`${main}\t${MAIN}`);
    expect(await git("push", url, "main")).toMatchObject({ code: 0 });
    main = next;
    const quarantine = join(server.folder, "data/quarantine");
    for (let n = 0; n < 100 && readdirSync(quarantine).length > 0; n++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(readdirSync(quarantine)).toEqual([]);
  });

  test.each([0, 1, 2])(
    "objects that were never accepted are served by no id, in protocol %i (G13, T14)",
    async (version) => {
      const change = work.commit("a", `upload ${version} ${runtime}`);
      const base = main;
      const event = author().sign(1618, [
        ["a", `30617:${owner.key}:repo`],
        ["c", change],
      ]);
      expect(await git("push", url, `${change}:refs/nostr/${event.id}`)).toMatchObject({ code: 0 });
      const read = async (id: string) => {
        const empty = mkdtempSync(join(server.folder, "empty-"));
        await git("init", "-q", empty);
        return (
          (await git("-C", empty, "-c", `protocol.version=${version}`, "fetch", "-q", url, id)).code === 0
        );
      };
      expect([await read(base), await read(change)]).toEqual([true, false]);
      expect((await refsOf()).join("\n")).not.toContain(event.id);
      await relay.publish(event);
      expect([await read(change), (await refsOf()).join("\n").includes(event.id)]).toEqual([true, true]);
      work.git("reset", "-q", "--hard", base);
    },
  );

  test("after a push is reported no client sees the refs of before (G34)", async () => {
    for (let n = 0; n < 5; n++) {
      await refsOf();
      const next = work.commit("a", `version ${n} ${runtime}`);
      await publish({ [MAIN]: next });
      expect(await git("push", url, "main")).toMatchObject({ code: 0 });
      expect(await refsOf()).toContain(`${next}\t${MAIN}`);
      main = next;
    }
  });

  test("wants that the repository lacks, filters that are not offered: ERR or an end, and no hang (G12, G24)", async () => {
    const body = Buffer.concat([
      dataPacket(Buffer.from(`want ${"1".repeat(40)} side-band-64k\n`)),
      flushPacket(),
      dataPacket(Buffer.from("done\n")),
    ]);
    const fields = { "content-type": "application/x-git-upload-pack-request", "content-length": body.length };
    const answer = await ask(
      where(),
      Buffer.concat([Buffer.from(head(`POST ${path}/git-upload-pack`, fields)), body]),
    );
    expect([answer.status, answer.body.includes("ERR "), answer.body.includes(server.folder)]).toEqual([
      200,
      true,
      false,
    ]);
    const filtered = await git(
      "clone",
      "-q",
      "--filter=sparse:oid=HEAD:a",
      url,
      join(server.folder, "sparse"),
    );
    expect(filtered.code).not.toBe(0);
    expect(await git("clone", "-q", "--filter=tree:0", url, join(server.folder, "treeless"))).toMatchObject({
      code: 0,
    });
  });

  test("hooks in the repository's folder and settings of the machine have no influence (O28, T51)", async () => {
    const hooks = join(server.folder, "data/git", toNpub(owner.key), "repo.git/hooks");
    mkdirSync(hooks);
    for (const name of ["reference-transaction", "update", "post-update"]) {
      writeFileSync(join(hooks, name), `#!/bin/sh\ntouch ${server.folder}/hooked\n`, { mode: 0o755 });
    }
    const next = work.commit("a", `hooks ${runtime}`);
    await publish({ [MAIN]: next });
    expect(await git("push", url, "main")).toMatchObject({ code: 0 });
    expect([existsSync(join(server.folder, "hooked")), await refsOf()]).toEqual([
      false,
      expect.arrayContaining([`${next}\t${MAIN}`]),
    ]);
    // All of this file runs on a machine whose Git is set up for something else.
    expect(readdirSync(machine).sort()).toEqual(["gitconfig", "template"]);
    main = next;
  });

  test("a client that sends its request byte by byte does not hold up others (T11)", async () => {
    const socket = open(where());
    const request = head(`GET ${path}/info/refs?service=git-upload-pack`);
    const answers = answersOf(socket);
    for (const character of request.slice(0, -1)) socket.write(character);
    expect((await ask(where(), request)).status).toBe(200);
    socket.write(request.slice(-1));
    expect((await answers.next()).status).toBe(200);
    socket.destroy();
  });
});
