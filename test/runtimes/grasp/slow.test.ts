/**
 * What takes long: Git that prepares an answer, a push that is checked, a connection that is idle. All of it runs at the same time,
 * because it only waits.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, test } from "vitest";
import { dataPacket, flushPacket } from "../../../runtime/grasp/git/pkt-line.ts";
import { fromNpub } from "../../../runtime/grasp/npub.ts";
import { workTree } from "../../support/git.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  HOST,
  MAIN,
  runGitClient,
  stateBy,
} from "../../support/grasp-server.ts";
import { author } from "../../support/nostr.ts";
import { answersOf, open } from "../../support/raw-http.ts";
import { connect } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

/** Signs of life come each 5 s. */
const SIGNS = 2;
const packet = (text: string) => dataPacket(Buffer.from(text));

type Held = "packing" | "index-pack" | "cat-file";

/** Git for a server: some commands, and the packing of an answer, wait while a file of that name is there. */
function slowGit(folder: string) {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const begun = (name: Held) => join(folder, `${name}.begun`);
  const wait = (name: Held) =>
    `while [ -e '${join(folder, name)}' ]; do : > '${begun(name)}'; sleep 0.1; done`;
  const hook = join(bin, "pack-objects-hook");
  writeFileSync(hook, `#!/bin/sh\n${wait("packing")}\nexec "$@"\n`, { mode: 0o755 });
  const script = [
    "#!/bin/sh",
    `PATH='${process.env.PATH}'`,
    'for word in "$@"; do case "$word" in',
    `  index-pack) ${wait("index-pack")};;`,
    `  cat-file) ${wait("cat-file")};;`,
    `  upload-pack) exec git -c uploadpack.packObjectsHook='${hook}' "$@";;`,
    "esac; done",
    'exec git "$@"',
  ];
  writeFileSync(join(bin, "git"), `${script.join("\n")}\n`, { mode: 0o755 });
  return {
    path: `${bin}:${process.env.PATH}`,
    hold: (name: Held) => writeFileSync(join(folder, name), ""),
    /** Whether a command waits, or did. */
    isHeld: (name: Held) => existsSync(begun(name)),
    letGo: (name: Held) => rmSync(join(folder, name), { force: true }),
  };
}

/** Runs work with a server of its own, whose Git can be held up. */
async function withServer<T>(
  runtime: ProcessRuntime,
  work: (server: GraspServer, git: ReturnType<typeof slowGit>) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-slow-"));
  const git = slowGit(folder);
  const server = await graspServer(runtime, {}, {}, { PATH: git.path });
  try {
    return await work(server, git);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A repository with one commit that is pushed, and one that is not. */
async function repositoryOn(server: GraspServer) {
  const work = workTree(server.folder);
  const owner = author();
  const url = server.repository(owner);
  const git = (...args: string[]) => runGitClient(work.path, ...args);
  const relay = await connect(server.url);
  await relay.publish(announcementBy(owner));
  const first = work.commit("a", "one");
  await relay.publish(stateBy(owner, { [MAIN]: first }, "repo", 1_700_000_000));
  expect(await git("push", url, "main")).toMatchObject({ code: 0 });
  const next = work.commit("a", "two");
  await relay.publish(stateBy(owner, { [MAIN]: next }, "repo", 1_700_000_001));
  relay.close();
  return { work, git, url, first, next };
}

/** Sends one request of Git, and reads pieces of its chunked answer. */
function ask(url: string, service: string, body: Buffer) {
  const { hostname, port, pathname } = new URL(url);
  const socket = open({ host: hostname, port: Number(port) });
  const head = [
    `POST ${pathname}/git-${service} HTTP/1.1`,
    `host: ${HOST}`,
    `content-type: application/x-git-${service}-request`,
    `content-length: ${body.length}`,
    "connection: close",
  ];
  socket.write(Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]));
  let text = "";
  socket.on("data", (part) => {
    text += part.toString("latin1");
  });
  const ended = answersOf(socket).rest();
  return {
    /** Waits for this number of empty packets of band 1: signs of life. */
    async signs(count: number): Promise<void> {
      while (text.split("0005\u0001").length - 1 < count && !socket.destroyed)
        await new Promise((resolve) => setTimeout(resolve, 50));
    },
    async rest(): Promise<string> {
      const all = await ended;
      socket.destroy();
      return all;
    },
  };
}

describe.concurrent.each<ProcessRuntime>(["node", "bun", "deno"])("what takes long, on %s", (runtime) => {
  test(
    "while an answer is prepared, all who wait for it get bytes, and then the pack (G37, G33)",
    () =>
      withServer(runtime, async (server, git) => {
        const { url, first } = await repositoryOn(server);
        git.hold("packing");
        const body = Buffer.concat([
          packet(`want ${first} side-band-64k no-progress\n`),
          flushPacket(),
          packet("done\n"),
        ]);
        // The second one shares the answer of the first, and reads it from the spool.
        const readers = [ask(url, "upload-pack", body), ask(url, "upload-pack", body)];
        await Promise.all(readers.map((reader) => reader.signs(SIGNS)));
        git.letGo("packing");
        // Each has the pack and the last chunk.
        for (const reader of readers) expect(await reader.rest()).toMatch(/PACK.*\r\n0\r\n\r\n$/s);
      }),
    120_000,
  );

  test(
    "while a push is checked, its client gets signs of life, and then the report (A43)",
    () =>
      withServer(runtime, async (server, git) => {
        const { work, git: client, url, first, next } = await repositoryOn(server);
        git.hold("index-pack");
        const list = packet(`${first} ${next} ${MAIN}\0 report-status side-band-64k`);
        const push = ask(
          url,
          "receive-pack",
          Buffer.concat([list, flushPacket(), work.pack([next], [first])]),
        );
        await push.signs(SIGNS);
        git.letGo("index-pack");
        expect(await push.rest()).toContain(`ok ${MAIN}`);
        expect((await client("ls-remote", url, MAIN)).output).toBe(`${next}\t${MAIN}\n`);
      }),
    120_000,
  );

  test(
    "a server that is asked to end waits for an event that is being judged, and leaves no Git process (O21, V2)",
    () =>
      withServer(runtime, async (server, git) => {
        const { url, first } = await repositoryOn(server);
        const owner = fromNpub(new URL(url).pathname.split("/")[1]!);
        git.hold("cat-file");
        const relay = await connect(server.url);
        const pr = author().sign(1618, [
          ["a", `30617:${owner}:repo`],
          ["c", first.replace(/^../, "00")],
        ]);
        relay.publish(pr).catch(() => {});
        while (!git.isHeld("cat-file")) await new Promise((resolve) => setTimeout(resolve, 20));
        const ended = server.program.stop().then((code) => `ended with ${code}`);
        const later = new Promise((resolve) => setTimeout(resolve, 2_000, "still there"));
        expect(await Promise.race([ended, later])).toBe("still there");
        git.letGo("cat-file");
        expect(await ended).toBe("ended with 0");
        relay.close();
      }),
    120_000,
  );

  test(
    "an idle connection is kept for 75 s (G40)",
    () =>
      withServer(runtime, async (server) => {
        const socket = open({ host: "127.0.0.1", port: Number(new URL(server.url).port) });
        socket.setTimeout(0);
        const answers = answersOf(socket);
        // Before the request: what is slow here makes the time longer.
        const begunMs = performance.now();
        socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
        expect((await answers.next()).status).toBe(200);
        expect(await answers.rest()).toBe("");
        expect(performance.now() - begunMs).toBeGreaterThanOrEqual(74_000);
        socket.destroy();
      }),
    180_000,
  );
});
