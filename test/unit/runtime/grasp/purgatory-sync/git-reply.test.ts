import { describe, expect, test } from "vitest";
import { GitReply } from "../../../../../runtime/grasp/purgatory-sync/git-reply.ts";
import { AskedRests } from "../../../../../runtime/grasp/purgatory-sync/rests.ts";
import { judgeFetch } from "../../../../../runtime/grasp/purgatory-sync/verdict.ts";

const ID = "1".repeat(40);
const at = "01:15:14.513523 http.c:684             ";
const received = (...fields: string[]) => fields.map((field) => `${at} <= Recv header: ${field}\n`).join("");
const GET = `${at} => Send header: GET /a.git/info/refs?service=git-upload-pack HTTP/1.1\n`;
const POST = `${at} => Send header: POST /a.git/git-upload-pack HTTP/1.1\n`;
const OK = GET + received("HTTP/1.1 200 OK", "Content-Type: application/x-git-upload-pack-advertisement");

/** What the texts mean, fed in pieces of seven characters. */
function judged(code: number | null, ...texts: string[]) {
  const reply = new GitReply();
  for (const piece of texts.join("").match(/[\s\S]{1,7}/g) ?? []) reply.add(piece);
  reply.end();
  return judgeFetch(code, reply);
}

/** Texts of Git 2.39 against real servers. */
describe("the end of a fetch counts against the domain, the URL, or nobody (S12, S15, S31 to S33)", () => {
  test.each<[string, string, object]>([
    ["nothing to complain of", OK, { kind: "arrived" }],
    ["not our ref", `${OK}fatal: remote error: upload-pack: not our ref ${ID}\n`, { kind: "lacks", id: ID }],
    ["JGit", `${OK}fatal: remote error: want ${ID} not valid\n`, { kind: "refuses" }],
    [
      "a server of protocol v0",
      `${OK}error: Server does not allow request for unadvertised object ${ID}\n`,
      { kind: "tips_only" },
    ],
    [
      "404",
      `${GET}${received("HTTP/1.1 404 Not Found")}fatal: repository 'http://h/a.git/' not found\n`,
      { kind: "url", reason: "status", forMs: null },
    ],
    [
      "401",
      `${GET}${received("HTTP/1.1 401 Unauthorized")}fatal: could not read Username for 'http://h': terminal prompts disabled\n`,
      { kind: "url", reason: "status", forMs: null },
    ],
    ["403", `${GET}${received("HTTP/1.1 403 Forbidden")}`, { kind: "url", reason: "status", forMs: null }],
    ["410", `${GET}${received("HTTP/1.1 410 Gone")}`, { kind: "url", reason: "status", forMs: null }],
    ["408", `${GET}${received("HTTP/1.1 408 Request Timeout")}`, { kind: "domain", reason: "status" }],
    ["500", `${GET}${received("HTTP/1.1 500 No")}`, { kind: "domain", reason: "status" }],
    ["502", `${OK}${POST}${received("HTTP/1.1 502 No")}`, { kind: "domain", reason: "status" }],
    [
      "429 with a time",
      `${GET}${received("HTTP/1.1 429 Slow down", "Retry-After:  7 ")}`,
      { kind: "limited", retryAfter: "7" },
    ],
    ["429", `${GET}${received("HTTP/1.1 429 Slow down")}`, { kind: "limited", retryAfter: null }],
    [
      "503 to the POST",
      `${OK}${POST}${received("HTTP/1.1 503 Busy", "retry-after: 9")}fatal: expected 'packfile'\n`,
      { kind: "limited", retryAfter: "9" },
    ],
    [
      "301",
      `${GET}${received("HTTP/1.1 301 Moved", "Location: /b.git/info/refs?service=git-upload-pack")}`,
      { kind: "redirect", location: "/b.git/info/refs?service=git-upload-pack" },
    ],
    ["303", `${GET}${received("HTTP/1.1 303 See", "Location: /b")}`, { kind: "url", reason: "redirect" }],
    ["301 without a place", `${GET}${received("HTTP/1.1 301 Moved")}`, { kind: "url", reason: "redirect" }],
    [
      "an object that fsck refuses",
      `${OK}error: object ${ID}: badEmail: invalid author\nfatal: fsck error in packed object\n`,
      { kind: "url", reason: "fsck", forMs: 86_400_000 },
    ],
    [
      "a pack without history",
      `${OK}fatal: did not receive expected object ${ID}\n`,
      { kind: "url", reason: "no_history", forMs: 86_400_000 },
    ],
    [
      "wrong objects",
      `${OK}error: http://h/a.git did not send all necessary objects\n`,
      { kind: "url", reason: "no_history", forMs: 86_400_000 },
    ],
    [
      "no such repository",
      `${OK}fatal: remote error: access denied or repository not exported: /a.git\n`,
      { kind: "url", reason: "remote_error", forMs: null },
    ],
    [
      "a broken repository",
      `${OK}remote: aborting due to possible repository corruption on the remote side.\nfatal: protocol error: bad pack header\n`,
      { kind: "url", reason: "remote_error" },
    ],
    [
      "no name",
      "fatal: unable to access 'http://h/': Could not resolve host: h\n",
      { kind: "domain", reason: "name" },
    ],
    [
      "no connection",
      "fatal: unable to access 'http://h:1/': Failed to connect to h port 1 after 0 ms: Couldn't connect to server\n",
      { kind: "domain", reason: "connection" },
    ],
    [
      "TLS",
      "fatal: unable to access 'https://h/': gnutls_handshake() failed: An unexpected TLS packet was received.\n",
      { kind: "domain", reason: "tls" },
    ],
    [
      "garbage",
      `${OK}fatal: protocol error: bad line length character: zzzz\n`,
      { kind: "domain", reason: "protocol" },
    ],
    [
      "a page",
      `${OK}${at} => Send header: GET /a.git/HEAD HTTP/1.1\n`,
      { kind: "domain", reason: "protocol" },
    ],
    [
      "our own full disk",
      `${OK}fatal: write error: No space left on device\n`,
      { kind: "url", reason: "own_fault", forMs: null },
    ],
  ])("%s", (title, text, verdict) => {
    const code = title === "nothing to complain of" ? 0 : 128;
    expect(judged(code, text)).toMatchObject(verdict);
  });

  test("without a trace the message's status counts", () => {
    const text = "fatal: unable to access 'http://h/a.git/': The requested URL returned error: 429\n";
    expect(judged(128, text)).toEqual({ kind: "limited", retryAfter: null });
  });

  test("a shallow server is told by Git's warning, although it ends with 0 (S29, S33)", () => {
    const text = `warning: rejected ${ID} because shallow roots are not allowed to be updated\n`;
    expect(judged(0, OK, text)).toMatchObject({ kind: "url", reason: "no_history", forMs: 86_400_000 });
  });

  test("what a server sends as progress is no message of Git", () => {
    const text = `remote: fatal: remote error: not our ref ${ID}\rremote: ${at} <= Recv header: HTTP/1.1 429 x\n`;
    expect(judged(128, OK, text)).toMatchObject({ kind: "domain", reason: "protocol" });
  });

  test("a flood of messages is bounded", () => {
    const reply = new GitReply();
    for (let i = 0; i < 10_000; i++) reply.add(`error: ${"x".repeat(1000)}\n`);
    reply.add("y".repeat(1_000_000));
    reply.end();
    expect(reply.lines.length).toBeLessThanOrEqual(200);
    expect(reply.lines.every((line) => line.length <= 500)).toBe(true);
  });
});

test("a domain that asks for fewer requests without a time rests 60 s, doubling to an hour (S32)", () => {
  const rests = new AskedRests();
  const minutes = Array.from({ length: 8 }, () => rests.next("a") / 60_000);
  expect(minutes).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  expect(rests.next("b")).toBe(60_000);
  rests.end("a");
  expect(rests.next("a")).toBe(60_000);
});
