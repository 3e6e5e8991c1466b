import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  lsRefsAnswer,
  uploadAdvertisement,
  type VisibleRefs,
  visibleRefs,
} from "../../../../../runtime/grasp/git/advertisement.ts";
import { frame, framedBytes, PACKET_DATA_BYTES } from "../../../../../runtime/grasp/git/pack-answer.ts";
import { joinPackets, sideBand } from "../../../../../runtime/grasp/git/pkt-line.ts";
import {
  type LsRefs,
  protocolVersion,
  readUploadRequest,
} from "../../../../../runtime/grasp/git/upload-request.ts";
import type { DiskRepository } from "../../../../../worker/grasp/git/repository.ts";
import { type WorkTree, workTree } from "../../../../support/git.ts";
import { repositoriesIn } from "../../../../support/grasp.ts";

const OWNER = "1".repeat(64);
const ZERO = "0".repeat(40);
const SETTINGS = [
  "uploadpack.allowTipSHA1InWant=true",
  "uploadpack.allowReachableSHA1InWant=true",
  "uploadpack.allowFilter=true",
  "transfer.hideRefs=refs/nostr",
].flatMap((setting) => ["-c", setting]);

let folder: string;
let work: WorkTree;
let repository: DiskRepository;
let visible: VisibleRefs;

/** What Git itself answers, with our name as the server's. */
function byGit(version: number, args: string[], input = ""): string {
  const answer = execFileSync(
    "git",
    [...SETTINGS, "upload-pack", "--strict", "--stateless-rpc", ...args, "."],
    {
      cwd: repository.path,
      input,
      env: { PATH: process.env.PATH, GIT_PROTOCOL: `version=${version}`, GIT_CONFIG_GLOBAL: "/dev/null" },
    },
  ).toString("latin1");
  return answer;
}

/** Lines without their lengths, which the server's name changes. */
const linesOf = (answer: string) =>
  answer
    .replaceAll(/agent=\S+/g, "agent")
    .split("\n")
    .map((line) => line.replace(/^(0000)*[0-9a-f]{4}/, (found) => "#".repeat(found.length / 4)));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const packet = (line: string) => (line.length + 4).toString(16).padStart(4, "0") + line;

/** Our answer to a request for refs, and Git's. */
function answers(args: readonly string[]): [ours: string, git: string] {
  const lines = args.map((line) => (line === "0001" ? line : packet(`${line}\n`)));
  const request = `${packet("command=ls-refs\n")}${packet("agent=git/2.39.5")}${lines.join("")}0000`;
  const read = readUploadRequest(Buffer.from(request, "latin1"), 2);
  expect(read.kind).toBe("ls-refs");
  const git = execFileSync("git", [...SETTINGS, "upload-pack", "--stateless-rpc", "."], {
    cwd: repository.path,
    input: Buffer.from(request, "latin1"),
    env: { PATH: process.env.PATH, GIT_PROTOCOL: "version=2", GIT_CONFIG_GLOBAL: "/dev/null" },
  });
  return [text(lsRefsAnswer(visible, read as LsRefs)), git.toString("latin1")];
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-advertisement-"));
  work = workTree(folder);
  const { repositories } = await repositoriesIn(join(folder, "data"));
  await repositories.create(OWNER, "repo");
  repository = repositories.open(OWNER, "repo")!;
  const commit = work.commit("a", "one");
  work.git("tag", "-a", "-m", "one", "v1");
  work.git("tag", "-a", "-m", "two", "v2", "v1");
  const [v1, v2] = [work.git("rev-parse", "v1"), work.git("rev-parse", "v2")];
  execFileSync("git", ["-C", repository.path, "unpack-objects", "-q"], {
    input: work.pack([commit, v1, v2]),
  });
  const refs = {
    "refs/heads/main": commit,
    "refs/heads/a/b": commit,
    "refs/heads/grüße": commit,
    "refs/heads/\u{1f600}": commit,
    "refs/heads/\uff5e": commit,
    "refs/tags/light": commit,
    "refs/tags/v1": v1,
    "refs/tags/v2": v2,
    [`refs/nostr/${"2".repeat(64)}`]: commit,
  };
  await repository.updateRefs(Object.entries(refs).map(([ref, id]) => ({ ref, old: ZERO, new: id })));
  visible = visibleRefs(
    await repository.refs(),
    await repository.peeled(await repository.refs()),
    () => false,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("our own advertisements are Git's (G11, G14, G32)", () => {
  test.each([0, 1] as const)("version %i: every line, its order, and what tags lead to", (version) => {
    const git = byGit(version, ["--http-backend-info-refs"]);
    const ours = text(uploadAdvertisement(visible, version));
    expect(linesOf(ours.slice("001e# service=git-upload-pack\n0000".length))).toEqual(linesOf(git));
  });

  test("version 2: the same capabilities, apart from object-info", () => {
    const git = byGit(2, ["--http-backend-info-refs"]);
    const ours = linesOf(text(uploadAdvertisement(visible, 2)));
    expect(ours).toEqual(linesOf(git).filter((line) => line !== "#object-info"));
  });

  test.each([
    ["0001", "peel", "symrefs"],
    [
      "0001",
      "peel",
      "symrefs",
      "unborn",
      "ref-prefix refs/heads/",
      "ref-prefix refs/tags/",
      "ref-prefix HEAD",
    ],
    ["0001", "ref-prefix refs/tags/v"],
    ["0001", "peel", "ref-prefix refs/heads/gr\u00c3\u00bc"],
    ["0001", "ref-prefix refs/nostr/"],
    [],
  ])("ls-refs: byte for byte what Git answers (%j %j %j)", (...args) => {
    const [ours, git] = answers(args);
    expect(ours).toBe(git);
  });

  test.each([
    ["0001", "peel", "symrefs", "unborn"],
    ["0001", "symrefs", "unborn", "ref-prefix HEAD"],
    ["0001", "symrefs", "unborn", "ref-prefix refs/heads/"],
    ["0001", "unborn"],
    ["0001", "symrefs"],
  ])(
    "ls-refs while HEAD names an absent branch: byte for byte what Git answers (G21) (%j %j %j %j)",
    async (...args) => {
      const { head } = await repository.refs();
      await repository.setHead("refs/heads/absent");
      try {
        visible = visibleRefs(
          await repository.refs(),
          await repository.peeled(await repository.refs()),
          () => false,
        );
        const [ours, git] = answers(args);
        expect(ours).toBe(git);
        const isTold = ["symrefs", "unborn"].every((line) => args.includes(line));
        expect(ours.includes("unborn HEAD symref-target:refs/heads/absent")).toBe(
          isTold && !args.includes("ref-prefix refs/heads/"),
        );
      } finally {
        await repository.setHead(head);
        visible = visibleRefs(
          await repository.refs(),
          await repository.peeled(await repository.refs()),
          () => false,
        );
      }
    },
  );

  test("a pull request is visible while its event is served (G14)", async () => {
    const shown = visibleRefs(await repository.refs(), new Map(), (id) => id === "2".repeat(64));
    expect(shown.refs.map(({ name }) => name)).toContain(`refs/nostr/${"2".repeat(64)}`);
    expect(visible.refs.map(({ name }) => name)).not.toContain(`refs/nostr/${"2".repeat(64)}`);
  });
});

describe("requests of upload-pack", () => {
  const key = (lines: string[], version: 0 | 2) => {
    const read = readUploadRequest(
      Buffer.from(lines.map((line) => (line.startsWith("000") ? line : packet(line))).join("")),
      version,
    );
    return read.kind === "shareable" ? read.key : read.kind;
  };
  const want = `want ${"a".repeat(40)}`;

  test("fetches without haves are shareable, whatever the client's name is (G32, G33)", () => {
    const first = key([`${want} ofs-delta agent=git/2.39\n`, "0000", "done\n"], 0);
    expect(first).not.toBe("other");
    expect(key([`${want} ofs-delta agent=git/2.50\n`, "0000", "done\n"], 0)).toBe(first);
    expect(key([`${want} agent=git/2.39\n`, "0000", "done\n"], 0)).not.toBe(first);
    const second = key(["command=fetch", "agent=a", "0001", `${want}\n`, "done\n", "0000"], 2);
    expect(key(["command=fetch", "agent=b", "0001", `${want}\n`, "done\n", "0000"], 2)).toBe(second);
  });

  test("a name inside another line is part of the request", () => {
    const line = (name: string) =>
      key(["command=fetch", "0001", `${want}\n`, `deepen-not refs/heads/x agent=${name}\n`, "0000"], 2);
    expect(line("a")).not.toBe(line("b"));
  });

  test("haves, other commands and broken lines are Git's; a lone flush is none (G18)", () => {
    expect(key([`${want}\n`, "0000", `have ${"b".repeat(40)}\n`, "done\n"], 0)).toBe("other");
    expect(key(["command=object-info", "0000"], 2)).toBe("other");
    expect(key(["command=ls-refs", "object-format=sha256", "0000"], 2)).toBe("other");
    expect(readUploadRequest(Buffer.from("00zz"), 0)).toEqual({ kind: "other" });
    expect(readUploadRequest(Buffer.from("0000"), 0)).toEqual({ kind: "flush" });
  });

  test("a clone is told from what only Git can answer: conditions, negotiations, clients that cannot read its pack (G32)", () => {
    const other = `want ${"b".repeat(40)}`;
    const wants = ["a".repeat(40), "b".repeat(40)];
    const clone = (lines: string[], version: 0 | 1 | 2) => {
      const body = lines.map((line) => (line.startsWith("000") ? line : packet(line))).join("");
      const read = readUploadRequest(Buffer.from(body), version);
      return read.kind === "shareable" ? read.clone : read.kind;
    };
    const now = (more: string[], start = ["command=fetch", "agent=a", "object-format=sha1"]) =>
      clone([...start, "0001", "thin-pack", "ofs-delta", `${want}\n`, `${other}\n`, ...more, "0000"], 2);
    expect(now(["done\n"])).toEqual(wants);
    for (const more of [[], ["done", "deepen 1"], ["done", "filter blob:none"], ["done", "sideband-all"]])
      expect([more, now(more)]).toEqual([more, null]);
    expect(now(["done"], ["command=fetch", "server-option=x"])).toBeNull();
    expect(clone(["command=fetch", "0001", want, "done", "0000"], 2)).toBeNull();
    expect(clone(["command=fetch", "0001", "ofs-delta", "done", "0000"], 2)).toBeNull();
    const before = (capabilities: string, ...more: string[]) =>
      clone([`${want} ${capabilities}\n`, `${other}\n`, ...more], 1);
    const usual = "multi_ack_detailed no-done side-band-64k ofs-delta agent=a deepen-since";
    expect(before(usual, "0000", "done\n")).toEqual(wants);
    expect(before(usual, "0000")).toBeNull();
    expect(before(usual, "deepen 1", "0000", "done\n")).toBeNull();
    expect(before(`${usual} strange`, "0000", "done\n")).toBeNull();
    expect(before("side-band ofs-delta", "0000", "done\n")).toBeNull();
    expect(before("side-band-64k", "0000", "done\n")).toBeNull();
  });

  test.each([0, 1, PACKET_DATA_BYTES, PACKET_DATA_BYTES + 1, 4 * PACKET_DATA_BYTES, 300_001])(
    "%i bytes become packets in place, as long as may be",
    (count) => {
      const bytes = randomBytes(count);
      const buffer = Buffer.alloc(framedBytes(count));
      buffer.set(bytes, buffer.length - count);
      frame(buffer, count);
      expect(buffer.equals(joinPackets([...sideBand(1, bytes)]))).toBe(true);
    },
  );

  test("the version of the protocol; strange headers are ignored (G10)", () => {
    expect(
      ["version=2", "version=1", "a=b:version=2", "version=3", "version=2;x", null].map(protocolVersion),
    ).toEqual([2, 1, 2, 0, 0, 0]);
  });
});
