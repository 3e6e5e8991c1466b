/**
 * The relay of `millrace serve` over real WebSockets on Node, Bun and Deno: transport, messages, queries, authentication and
 * negentropy. One server a runtime; each test is a client at an address of its own, so that it has buckets of its own.
 * @module
 */
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { nip77 } from "nostr-tools";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { canonicalText, type NostrEvent } from "../../../runtime/grasp/events/event.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  HOST,
  PURGATORY,
} from "../../support/grasp-server.ts";
import { type Author, author } from "../../support/nostr.ts";
import { connect, type RelayClient } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

/** A WebSocket handshake, line by line. */
const HANDSHAKE = [
  `Host: ${HOST}`,
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version: 13",
];

const seconds = () => Math.floor(Date.now() / 1000);
const idOf = ([, , event]: unknown[]) => (event as NostrEvent).id;
const refusal = (prefix: string) => [false, expect.stringMatching(new RegExp(`^${prefix}: `))];

describe.each<ProcessRuntime>(["node", "bun", "deno"])("the relay on %s", (runtime) => {
  let server: GraspServer;
  let operator: Author;
  let root: NostrEvent;
  let quiet: WebSocket;
  let addresses = 0;
  const open: RelayClient[] = [];

  /** A client at an address of its own. */
  async function client(): Promise<RelayClient> {
    const made = await connect(server.url, `127.0.1.${++addresses}`);
    open.push(made);
    return made;
  }

  /** A note that is accepted, because it answers the operator's. Each has an author, and so a bucket, of its own. */
  const note = (content = "", tags: string[][] = [], at?: number) =>
    author().sign(1, [...tags, ["e", root.id]], content, at);

  /** Sends the text of a request, and reads the head of the answer. */
  function ask(lines: readonly string[], path = "/"): Promise<string> {
    const { hostname, port } = new URL(server.url);
    return new Promise((resolve, reject) => {
      const socket = connectTcp(Number(port), hostname, () =>
        socket.write(`${[`GET ${path} HTTP/1.1`, ...lines].join("\r\n")}\r\n\r\n`),
      );
      let text = "";
      socket.on("data", (data) => {
        text += data.toString("latin1");
        if (!text.includes("\r\n\r\n")) return;
        socket.destroy();
        resolve(text);
      });
      socket.on("error", reject);
      socket.on("close", () => resolve(text));
    });
  }

  beforeAll(async () => {
    operator = author();
    server = await graspServer(runtime, { operatorPubkey: operator.key });
    root = operator.sign(1, []);
    expect(await (await client()).publish(root)).toEqual([true, ""]);
    quiet = new WebSocket(server.url.replace("http", "ws"));
    await once(quiet, "open");
  }, 60_000);
  afterAll(async () => {
    for (const one of open) one.close();
    await server?.stop();
  });

  describe("transport", () => {
    test("an upgrade is a token in a list, in any case (R2, T63)", async () => {
      for (const connection of ["Upgrade", "keep-alive, Upgrade", "upgrade , x"]) {
        const lines = HANDSHAKE.map((line) =>
          /^Connection/.test(line) ? `Connection: ${connection}` : line,
        );
        expect([connection, (await ask(lines)).split("\r\n")[0]]).toEqual([
          connection,
          "HTTP/1.1 101 Switching Protocols",
        ]);
      }
      const shouted = HANDSHAKE.map((line) => line.replace(": websocket", ": WebSocket"));
      expect(await ask(shouted)).toMatch(/^HTTP\/1.1 101 /);
    });

    test("without a key 400, another version 426, another path 404 (R1, R2, T63)", async () => {
      const without = (name: string) => HANDSHAKE.filter((line) => !line.startsWith(name));
      expect(await ask(without("Sec-WebSocket-Key"))).toMatch(/^HTTP\/1.1 400 /);
      const old = [...without("Sec-WebSocket-Version"), "Sec-WebSocket-Version: 8"];
      expect(await ask(old)).toMatch(/^HTTP\/1.1 426 [\s\S]*sec-websocket-version: 13\r\n/i);
      expect(await ask(HANDSHAKE, "/else")).toMatch(/^HTTP\/1.1 404 /);
    });

    test("compression is not offered (R75)", async () => {
      const answer = await ask([...HANDSHAKE, "Sec-WebSocket-Extensions: permessage-deflate"]);
      expect(answer).toMatch(/^HTTP\/1.1 101 /);
      expect(answer).not.toMatch(/sec-websocket-extensions/i);
    });

    test("/ answers NIP-11, OPTIONS, pages and HEAD (R3)", async () => {
      const headers = { accept: "application/nostr+json" };
      const about = await fetch(server.url, { headers });
      expect(await about.json()).toMatchObject({
        supported_nips: [1, 9, 11, 34, 40, 42, 45, 62, 70, 77],
        limitation: { max_subscriptions: 500, max_limit: 500, auth_required: false },
      });
      expect((await fetch(server.url, { method: "OPTIONS" })).status).toBe(204);
      const head = await fetch(server.url, { method: "HEAD", headers });
      expect([head.status, head.headers.get("content-type"), await head.text()]).toEqual([
        200,
        "application/nostr+json",
        "",
      ]);
      expect((await fetch(server.url)).headers.get("content-type")).toMatch(/^text\/html/);
    });
  });

  describe("messages", () => {
    test("a refused message is answered under its own name, and the connection lives (R5, R66, T27)", async () => {
      const one = await client();
      const deep = `${"[".repeat(100)}${"]".repeat(100)}`;
      const cases: [unknown[], unknown[]][] = [
        [
          ["REQ", "s", { ids: ["abc"] }],
          ["CLOSED", "s"],
        ],
        [
          ["REQ", "x".repeat(65), {}],
          ["CLOSED", "x".repeat(65)],
        ],
        [
          ["REQ", "s", { ids: Array.from({ length: 10_000 }, () => "a".repeat(64)) }],
          ["CLOSED", "s"],
        ],
        [
          ["REQ", "s", ...Array.from({ length: 101 }, () => ({}))],
          ["CLOSED", "s"],
        ],
        [["REQ", "s", JSON.parse(deep)], ["NOTICE"]],
        [
          ["COUNT", "c", { kinds: ["1"] }],
          ["CLOSED", "c"],
        ],
        [
          ["NEG-OPEN", "n", {}, "xyz"],
          ["NEG-ERR", "n"],
        ],
        [
          ["NEG-MSG", "n", 1],
          ["NEG-ERR", "n"],
        ],
        [
          ["EVENT", "text"],
          ["OK", "text", false],
        ],
        [
          ["EVENT", { id: "short" }],
          ["OK", "short", false],
        ],
        [["EVENT"], ["NOTICE"]],
        [["REQ", 7, {}], ["NOTICE"]],
        [["NOTHING", "x"], ["NOTICE"]],
      ];
      for (const [message, answer] of cases) {
        one.say(...message);
        expect((await one.next(() => true)).slice(0, answer.length)).toEqual(answer);
      }
      expect(await one.query({ ids: [] })).toEqual([]);
    });

    test("__proto__ and constructor are ordinary text (T31)", async () => {
      const one = await client();
      const names = ["__proto__", "constructor"];
      const odd = note(
        "",
        names.map((name) => ["t", name]),
      );
      expect(await one.publish(odd)).toEqual([true, ""]);
      for (const name of names) expect(await one.query({ "#t": [name] })).toEqual([odd.id]);
      one.say("REQ", "__proto__", { "#t": names });
      expect((await one.next(([type]) => type === "EVENT"))[1]).toBe("__proto__");
      expect(await one.next(([type]) => type === "EOSE")).toEqual(["EOSE", "__proto__"]);
    });

    test("events are checked from cheap to expensive (R7, R9, T19)", async () => {
      const one = await client();
      const good = note("checked");
      const cases: object[] = [
        { ...good, kind: 65_536 },
        { ...good, kind: 1.5 },
        { ...good, created_at: -1 },
        { ...good, created_at: 2 ** 31 },
        { ...good, pubkey: good.pubkey.toUpperCase() },
        { ...good, sig: good.sig.slice(2) },
        { ...good, tags: [["a", 1]] },
        { ...good, tags: Array.from({ length: 10_241 }, () => ["t"]) },
        { ...good, content: "x".repeat(1024 ** 2 + 1) },
        { ...good, content: "other" },
        { ...good, sig: note().sig },
        note("ahead", [], seconds() + 1900),
        note("2100", [], 4_102_444_800),
      ];
      for (const event of cases) expect(await one.publish(event as NostrEvent)).toEqual(refusal("invalid"));
      expect(await one.publish(good)).toEqual([true, ""]);
      expect(await one.publish(note("a little ahead", [], seconds() + 1700))).toEqual([true, ""]);
    });

    test("the id is the hash of NIP-01's text, and our own writing is served (R63, R64)", async () => {
      const one = await client();
      const all = `${Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join("")}"\\/\u007f\u2028é€😀`;
      const event = note(all, [["t", all]]);
      const escaped = JSON.stringify(all);
      expect(canonicalText(event)).toContain(escaped);
      one.say("EVENT", { more: 1, ...event, created_at: event.created_at, extra: [2] });
      expect(await one.next(([type]) => type === "OK")).toEqual(["OK", event.id, true, ""]);
      one.say("REQ", "s", { ids: [event.id] });
      const [, , served] = await one.next(([type]) => type === "EVENT");
      const { id, pubkey, created_at, kind, tags, content, sig } = event;
      expect(JSON.stringify(served)).toBe(
        JSON.stringify({ id, pubkey, created_at, kind, tags, content, sig }),
      );
    });

    test("a lone surrogate is refused (R63, T6)", async () => {
      const one = await client();
      const event = note("x");
      expect(await one.publish({ ...event, content: "\ud800" })).toEqual(refusal("invalid"));
    });

    test("a known event is a duplicate, from several connections too (R8, R10, R15)", async () => {
      const [one, two] = [await client(), await client()];
      const event = note("twice");
      const answers = await Promise.all([one.publish(event), two.publish(event)]);
      expect(answers.map(([ok]) => ok)).toEqual([true, true]);
      expect(await one.publish(event)).toEqual([true, expect.stringMatching(/^duplicate: /)]);
      const waits = announcementBy(author());
      expect(await one.publish(waits)).toEqual([true, PURGATORY]);
      expect(await two.publish(waits)).toEqual([true, expect.stringMatching(/^duplicate: /)]);
    });

    test("a flood of bad signatures is refused one by one, and others are served (R6, R11, T28)", async () => {
      const [flood, other] = [await client(), await client()];
      // Far more than the bucket holds, and than comes back meanwhile.
      const bad = Array.from({ length: 400 }, (_, n) => ({
        ...author().sign(1, [], String(n)),
        sig: "0".repeat(128),
      }));
      for (const event of bad) flood.say("EVENT", event);
      expect(await other.publish(note("meanwhile"))).toEqual([true, ""]);
      const prefixes: string[] = [];
      for (const { id } of bad) {
        const [, , ok, text] = await flood.next(([type, of]) => type === "OK" && of === id);
        expect(ok).toBe(false);
        prefixes.push((text as string).split(":")[0]!);
      }
      expect(new Set(prefixes)).toEqual(new Set(["invalid", "rate-limited"]));
      expect(prefixes.filter((prefix) => prefix === "invalid").length).toBeGreaterThanOrEqual(120);
    });
  });

  describe("queries", () => {
    test("newest first, equal times by smaller id; limits, times and lists (R17, R67)", async () => {
      const one = await client();
      const mark = ["t", "order"];
      const events = [5, 7, 7, 9, 3].map((at, n) => note(String(n), [mark], 1_600_000_000 + at));
      for (const event of events) expect(await one.publish(event)).toEqual([true, ""]);
      const sorted = [...events].sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1));
      const ids = sorted.map(({ id }) => id);
      const at = (n: number) => 1_600_000_000 + n;
      expect(await one.query({ "#t": ["order"] })).toEqual(ids);
      expect(await one.query({ "#t": ["order"], limit: 0 })).toEqual([]);
      expect(await one.query({ "#t": ["order"], limit: 2 })).toEqual(ids.slice(0, 2));
      expect(await one.query({ "#t": ["order"], since: at(7), until: at(9) })).toEqual(ids.slice(0, 3));
      expect(await one.query({ "#t": ["order"], kinds: [] })).toEqual([]);
      const twice = [
        { "#t": ["order"], limit: 2 },
        { "#t": ["order"], until: at(5), limit: 1 },
        { ids: [ids[0]] },
      ];
      expect(await one.query(...twice)).toEqual([ids[0], ids[1], ids[3]]);
    });

    test("every single-letter tag, and #a is not #A (R20)", async () => {
      const one = await client();
      const [small, large] = [note("a", [["a", "1:x:case"]]), note("A", [["A", "1:x:case"]])];
      for (const event of [small, large]) await one.publish(event);
      expect(await one.query({ "#a": ["1:x:case"] })).toEqual([small.id]);
      expect(await one.query({ "#A": ["1:x:case"] })).toEqual([large.id]);
    });

    test("COUNT is answered; search is unsupported (R21)", async () => {
      const one = await client();
      for (const n of [1, 2]) await one.publish(note(String(n), [["t", "counted"]]));
      one.say("COUNT", "c", { "#t": ["counted"] }, { "#t": ["counted"], kinds: [1] });
      expect(await one.next(([type]) => type === "COUNT")).toEqual(["COUNT", "c", { count: 2 }]);
      one.say("REQ", "s", { search: "x" });
      expect(await one.next(([, id]) => id === "s")).toEqual([
        "CLOSED",
        "s",
        expect.stringMatching(/^unsupported: /),
      ]);
    });

    test("live events follow EOSE, and a subscription of the same id replaces (R17, R18)", async () => {
      const [one, two] = [await client(), await client()];
      one.say("REQ", "live", { "#t": ["first"] });
      await one.next(([type]) => type === "EOSE");
      one.say("REQ", "live", { "#t": ["second"] });
      await one.next(([type]) => type === "EOSE");
      const [first, second] = [note("", [["t", "first"]]), note("", [["t", "second"]])];
      await two.publish(first);
      await two.publish(second);
      expect(idOf(await one.next(([type]) => type === "EVENT"))).toBe(second.id);
      expect(one.messages).toEqual([]);
    });

    test("1,000 subscriptions of one id in a row: the last one is answered, and nothing else comes (R65, T73)", async () => {
      const one = await client();
      for (let n = 0; n < 1000; n++) {
        one.say("REQ", "s", { "#t": [`none ${n}`] });
        if (n < 999) one.say("CLOSE", "s");
      }
      one.say("COUNT", "end", {});
      await one.next(([type]) => type === "COUNT");
      // How many of the others were begun depends on how the bytes arrive; an unclosed one is answered exactly once.
      const eose = one.messages.filter(([type]) => type === "EOSE");
      expect(eose.length).toBeGreaterThanOrEqual(1);
      expect(one.messages.filter(([type]) => type !== "EOSE")).toEqual([]);
      const event = note("", [["t", "none 999"]]);
      await one.publish(event);
      expect(idOf(await one.next(([type]) => type === "EVENT"))).toBe(event.id);
    });

    test("ephemeral events are passed on and never stored (R22)", async () => {
      const [one, two] = [await client(), await client()];
      one.say("REQ", "live", { kinds: [20_001] });
      await one.next(([type]) => type === "EOSE");
      const event = operator.sign(20_001, []);
      expect(await two.publish(event)).toEqual([true, ""]);
      expect(idOf(await one.next(([type]) => type === "EVENT"))).toBe(event.id);
      expect(await two.query({ ids: [event.id] })).toEqual([]);
      expect(await two.publish(author().sign(20_001, []))).toEqual(refusal("restricted"));
    });

    test("what waits is in no answer: REQ, COUNT, negentropy (R24)", async () => {
      const one = await client();
      const owner = author();
      expect(await one.publish(announcementBy(owner))).toEqual([true, PURGATORY]);
      expect(await one.query({ authors: [owner.key] })).toEqual([]);
      one.say("COUNT", "c", { authors: [owner.key] });
      expect((await one.next(([type]) => type === "COUNT"))[2]).toEqual({ count: 0 });
      expect(await reconcile(one, { authors: [owner.key] }, [])).toEqual({ have: [], need: [] });
    });

    test("500 subscriptions a connection, each of them live (R4, R18, T27)", async () => {
      const one = await client();
      for (let n = 0; n <= 500; n++) one.say("REQ", `s${n}`, { "#t": ["broad"], kinds: [1, n] });
      expect(await one.next(([type]) => type === "CLOSED")).toEqual([
        "CLOSED",
        "s500",
        expect.stringMatching(/^rate-limited: /),
      ]);
      for (let n = 0; n < 500; n++) await one.next(([type, id]) => type === "EOSE" && id === `s${n}`);
      const event = note("", [["t", "broad"]]);
      await one.publish(event);
      for (let n = 0; n < 500; n++) await one.next(([type, id]) => type === "EVENT" && id === `s${n}`);
      expect(one.messages).toEqual([]);
    });

    test("a client that does not read is closed; others go on (R74)", async () => {
      const deaf = new WebSocket(server.url.replace("http", "ws"), { perMessageDeflate: false });
      await once(deaf, "open");
      deaf.send(JSON.stringify(["REQ", "live", { "#t": ["large"] }]));
      await once(deaf, "message");
      deaf.pause();
      const one = await client();
      const content = "x".repeat(900_000);
      // More than the buffers of the system and the bound together.
      for (let n = 0; n < 40; n++)
        expect(
          await one.publish(
            note(content, [
              ["t", "large"],
              ["n", String(n)],
            ]),
          ),
        ).toEqual([true, ""]);
      let heard = 0;
      deaf.on("message", () => heard++);
      const closed = once(deaf, "close");
      deaf.resume();
      expect((await closed)[0]).toBe(1008);
      expect(heard).toBeLessThan(40);
      expect(await one.query({ ids: [root.id] })).toEqual([root.id]);
    }, 120_000);

    test("an answer that is larger than the bound reaches a client that reads (R17, R74)", async () => {
      const one = await client();
      const content = "x".repeat(500_000);
      const events = Array.from({ length: 12 }, (_, n) => note(content, [["t", "many"]], 1_600_000_000 - n));
      for (const event of events) await one.publish(event);
      expect(await one.query({ "#t": ["many"] })).toEqual(events.map(({ id }) => id));
    }, 60_000);
  });

  describe("authentication and protected events (R12, R13, R70, T72)", () => {
    async function challenged(): Promise<{ one: RelayClient; challenge: string; own: NostrEvent }> {
      const one = await client();
      const own = operator.sign(1, [["-"], ["t", "protected"]], String(addresses));
      expect(await one.publish(own)).toEqual(refusal("auth-required"));
      const [, challenge] = await one.next(([type]) => type === "AUTH");
      return { one, challenge: challenge as string, own };
    }
    async function prove(one: RelayClient, tags: string[][], at = seconds(), by = operator) {
      const proof = by.sign(22_242, tags, "", at);
      one.say("AUTH", proof);
      const answer = await one.next(([type, id]) => type === "OK" && id === proof.id);
      expect(await one.query({ ids: [proof.id] })).toEqual([]);
      return answer.slice(2);
    }

    test("a protected event is accepted from its authenticated author only", async () => {
      const { one, challenge, own } = await challenged();
      const stranger = author();
      const tags = [
        ["relay", `wss://${HOST}/`],
        ["challenge", challenge],
      ];
      expect(await prove(one, tags, seconds(), stranger)).toEqual([true, ""]);
      expect(await one.publish(own)).toEqual(refusal("auth-required"));
      expect(await prove(one, tags)).toEqual([true, ""]);
      expect(await one.publish(own)).toEqual([true, ""]);
      const other = await client();
      expect(await other.query({ ids: [own.id] })).toEqual([own.id]);
      const repost = operator.sign(6, [["e", own.id]]);
      expect(await other.publish(repost)).toEqual(refusal("blocked"));
    });

    test("two relays, an old proof, another relay's, another challenge: refused (T72)", async () => {
      const { one, challenge, own } = await challenged();
      const [ours, theirs] = [
        ["relay", `wss://${HOST}`],
        ["relay", "wss://other.example"],
      ];
      const signed = ["challenge", challenge];
      expect(await prove(one, [ours, theirs, signed])).toEqual(refusal("invalid"));
      expect(await prove(one, [ours, signed], seconds() - 700)).toEqual(refusal("invalid"));
      expect(await prove(one, [theirs, signed])).toEqual(refusal("invalid"));
      expect(await prove(one, [ours, ["challenge", "another"]])).toEqual(refusal("invalid"));
      expect(await one.publish(own)).toEqual(refusal("auth-required"));
    });

    test("an expired event is refused, and one that expires later is not served then (R12, NIP-40)", async () => {
      const one = await client();
      expect(await one.publish(note("old", [["expiration", "1700000000"]]))).toEqual(refusal("invalid"));
      const short = note("short", [["expiration", String(seconds() + 2)]]);
      expect(await one.publish(short)).toEqual([true, ""]);
      let found = [short.id];
      // Bounded by the test's own time.
      while (found.length > 0) found = await one.query({ ids: [short.id] });
      expect(seconds()).toBeGreaterThanOrEqual(Number(short.tags[0]![1]));
    });
  });

  /** Lets another implementation reconcile with the relay. */
  async function reconcile(one: RelayClient, filter: object, known: readonly NostrEvent[], first?: string) {
    const storage = new nip77.NegentropyStorageVector();
    for (const { created_at, id } of known) storage.insert(created_at, id);
    storage.seal();
    const negentropy = new nip77.Negentropy(storage);
    const [have, need]: string[][] = [[], []];
    let message: string | null = first ?? negentropy.initiate();
    one.say("NEG-OPEN", "neg", filter, message);
    while (message !== null) {
      const [type, , answer] = await one.next(([, id]) => id === "neg");
      expect(type).toBe("NEG-MSG");
      message = negentropy.reconcile(
        answer as string,
        (id) => have!.push(id),
        (id) => need!.push(id),
      );
      if (message !== null && message.length > 2) one.say("NEG-MSG", "neg", message);
      else message = null;
    }
    one.say("NEG-CLOSE", "neg");
    return { have: have!.sort(), need: need!.sort() };
  }

  test("negentropy with another implementation finds every difference (R23, T52)", async () => {
    const one = await client();
    const events = Array.from({ length: 90 }, (_, n) =>
      note(String(n), [["t", "neg"]], 1_650_000_000 + (n % 7)),
    );
    for (const event of events.slice(0, 80)) await one.publish(event);
    const known = [...events.slice(0, 20), ...events.slice(40)];
    const ids = (list: readonly NostrEvent[]) => list.map(({ id }) => id).sort();
    expect(await reconcile(one, { "#t": ["neg"] }, known)).toEqual({
      have: ids(events.slice(80)),
      need: ids(events.slice(20, 40)),
    });
    one.say("NEG-OPEN", "v", {}, "62");
    expect(await one.next(([, id]) => id === "v")).toEqual(["NEG-MSG", "v", "61"]);
    for (let n = 0; n < 9; n++) one.say("NEG-OPEN", `n${n}`, { kinds: [7] }, "61");
    expect((await one.next(([type]) => type === "NEG-ERR"))[2]).toMatch(/^blocked: /);
    one.say("NEG-MSG", "unknown", "61");
    expect((await one.next(([, id]) => id === "unknown"))[2]).toMatch(/^closed: /);
  });

  test("a quiet client that answers pings stays connected, and its own pings are answered (R73)", async () => {
    quiet.ping();
    await once(quiet, "pong");
    quiet.send(JSON.stringify(["COUNT", "c", { ids: [root.id] }]));
    const [data] = await once(quiet, "message");
    expect(JSON.parse(String(data))).toEqual(["COUNT", "c", { count: 1 }]);
    quiet.close();
  });
});
