import { createHash } from "node:crypto";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { NostrEvent, ParsedEvent } from "../../../../../runtime/grasp/events/event.ts";
import { matches } from "../../../../../runtime/grasp/events/filter.ts";
import type { Sender } from "../../../../../runtime/grasp/grasp.ts";
import type { Peer } from "../../../../../runtime/grasp/relay/connection.ts";
import { RELAY_LIMITS, type RelayLimits } from "../../../../../runtime/grasp/relay/limits.ts";
import { Negentropy } from "../../../../../runtime/grasp/relay/negentropy.ts";
import { NegentropyRecords } from "../../../../../runtime/grasp/relay/negentropy-records.ts";
import { Relay } from "../../../../../runtime/grasp/relay/relay.ts";

const key = (n: number) => n.toString(16).padStart(64, "0");
const event = (id: number, kind = 1, more: Partial<NostrEvent> = {}): NostrEvent => ({
  id: key(id),
  pubkey: key(1),
  created_at: id,
  kind,
  tags: [],
  content: "",
  sig: "",
  ...more,
});
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

interface TestPeer extends Peer {
  readonly sent: unknown[][];
  writes: number;
  pings: number;
  closed: number | null;
  bufferedBytes: number;
}

let nowMs = 0;
let stored: NostrEvent[];
let relay: Relay;
/** What runs in the next turn of the event loop. */
let later: (() => void)[];
let submitted: { event: unknown; from: Sender }[];
let answer: string;
let looked: number;
/** How often the work of several connections ran together. */
let joined: number;

function start(limits: Partial<RelayLimits> = {}): void {
  relay = new Relay({
    store: {
      *texts(filters) {
        looked++;
        const found = stored.filter((one) => filters.some((filter) => matches(filter, one)));
        for (const one of found) yield JSON.stringify(one);
      },
      count: (filters) => stored.filter((one) => filters.some((filter) => matches(filter, one))).length,
      records: (filter, _now, max) => {
        const found = stored
          .filter((one) => matches(filter, one))
          .sort((a, b) => a.created_at - b.created_at);
        if (found.length > max) return null;
        const ids = new Uint8Array(Buffer.concat(found.map(({ id }) => Buffer.from(id, "hex"))));
        return { times: Uint32Array.from(found, (one) => one.created_at), ids };
      },
    },
    ourselves: { hosts: ["git.example"], basePath: "/" },
    submit: async (value, from) => {
      submitted.push({ event: value, from: { ...from, keys: new Set(from.keys) } });
      return { id: (value as NostrEvent).id, ok: answer === "", text: answer };
    },
    genuine: async (value): Promise<ParsedEvent> => {
      const one = value as NostrEvent;
      return one.sig === "bad" ? { fault: "the signature is not the author's" } : { event: one };
    },
    nowMs: () => nowMs,
    nowSeconds: () => Math.floor(nowMs / 1000),
    soon: (callback) => void later.push(callback),
    together: (work) => {
      joined++;
      work();
    },
    after: (_ms, callback) => {
      later.push(callback);
      return () => {};
    },
    makeChallenge: () => `challenge ${relay.connections}`,
    sha256,
    limits,
  });
}

function peer(address: string | null = "192.0.2.1"): TestPeer {
  const sent: unknown[][] = [];
  const made: TestPeer = {
    address,
    bufferedBytes: 0,
    sent,
    writes: 0,
    pings: 0,
    closed: null,
    send(text) {
      made.writes++;
      sent.push(JSON.parse(text));
    },
    sendAll(texts) {
      made.writes++;
      sent.push(...texts.map((text) => JSON.parse(text)));
    },
    ping() {
      made.pings++;
    },
    close(code) {
      made.closed = code;
    },
  };
  relay.open(made);
  return made;
}

/** One turn of the event loop. */
function turn(): void {
  for (const callback of later.splice(0)) callback();
}

function settle(): void {
  for (let turns = 0; later.length > 0; turns++) {
    expect(turns).toBeLessThan(10_000);
    turn();
  }
}

/** Sends a message, and lets the relay work it off. */
async function say(to: Peer, ...message: unknown[]): Promise<void> {
  await relay.message(to, JSON.stringify(message));
  settle();
}

beforeEach(() => {
  nowMs = 1_800_000_000_000;
  stored = [];
  later = [];
  submitted = [];
  answer = "";
  looked = 0;
  joined = 0;
  start();
});

describe("subscriptions", () => {
  test("stored events come first, then EOSE, then live ones (R17)", async () => {
    stored = [event(2), event(1)];
    const one = peer();
    await say(one, "REQ", "s", { kinds: [1] });
    relay.broadcast(event(3));
    relay.broadcast(event(4, 9));
    expect(one.sent.map(([type, , sent]) => [type, (sent as NostrEvent | undefined)?.id])).toEqual([
      ["EVENT", key(2)],
      ["EVENT", key(1)],
      ["EOSE", undefined],
      ["EVENT", key(3)],
    ]);
  });

  test("an answer waits for a slow client; live events follow it, each once and none lost (R18, R74)", async () => {
    const large = "x".repeat(200_000);
    stored = Array.from({ length: 40 }, (_, n) => event(100 - n, 1, { content: large }));
    const one = peer();
    await relay.message(one, JSON.stringify(["REQ", "s", {}]));
    turn();
    expect(one.sent.length).toBeLessThan(5);
    one.bufferedBytes = 2 * 1024 ** 2;
    relay.broadcast(event(200));
    for (let n = 0; n < 10; n++) turn();
    const before = one.sent.length;
    expect(before).toBeLessThan(10);
    relay.broadcast(event(201));
    one.bufferedBytes = 0;
    settle();
    relay.broadcast(event(202));
    const ids = one.sent.map(([type, , sent]) => (type === "EOSE" ? type : (sent as NostrEvent).id));
    expect(ids).toEqual([...stored.map(({ id }) => id), "EOSE", key(200), key(201), key(202)]);
    expect(one.closed).toBeNull();
  });

  test("nothing comes after CLOSE, and CLOSE has no answer (R65)", async () => {
    const one = peer();
    await say(one, "REQ", "s", {});
    await say(one, "CLOSE", "s");
    await say(one, "CLOSE", "x".repeat(100));
    relay.broadcast(event(1));
    expect(one.sent).toEqual([["EOSE", "s"]]);
  });

  test("CLOSE in the middle of an answer ends it: no EVENT, EOSE or live event follows (R65)", async () => {
    stored = Array.from({ length: 40 }, (_, n) => event(n, 1, { content: "x".repeat(200_000) }));
    const one = peer();
    await relay.message(one, JSON.stringify(["REQ", "s", {}]));
    turn();
    relay.broadcast(event(50));
    const before = one.sent.length;
    await say(one, "CLOSE", "s");
    relay.broadcast(event(51));
    expect(one.sent).toHaveLength(before);
  });

  test("1,000 subscriptions of one id, closed in a row, are looked up once and have one EOSE (R65, T73)", async () => {
    const one = peer();
    for (let n = 0; n < 1000; n++) {
      void relay.message(one, JSON.stringify(["REQ", "s", { kinds: [n] }]));
      if (n < 999) void relay.message(one, JSON.stringify(["CLOSE", "s"]));
    }
    settle();
    relay.broadcast(event(1, 5));
    relay.broadcast(event(2, 999));
    expect([looked, one.sent]).toEqual([
      1,
      [
        ["EOSE", "s"],
        ["EVENT", "s", event(2, 999)],
      ],
    ]);
  });

  test("the same name replaces (R17), and one more than 500 is closed with a reason (R5)", async () => {
    const one = peer();
    for (let n = 0; n < RELAY_LIMITS.subscriptions; n++) await say(one, "REQ", `s${n}`, { kinds: [n] });
    await say(one, "REQ", "s0", { kinds: [1] });
    await say(one, "REQ", "more", {});
    expect(one.sent.at(-1)!.slice(0, 2)).toEqual(["CLOSED", "more"]);
    expect(one.sent.at(-1)![2]).toMatch(/^rate-limited: /);
    expect(relay.subscriptions).toBe(RELAY_LIMITS.subscriptions);
  });

  test("COUNT is answered (R21)", async () => {
    stored = [event(1), event(2, 5)];
    const one = peer();
    await say(one, "COUNT", "c", { kinds: [1] });
    expect(one.sent).toEqual([["COUNT", "c", { count: 1 }]]);
  });

  test("connections take turns: one with 400 queries does not hold up another's (T29)", async () => {
    const [busy, other] = [peer(), peer()];
    for (let n = 0; n < 400; n++) void relay.message(busy, JSON.stringify(["REQ", `s${n}`, {}]));
    void relay.message(other, JSON.stringify(["REQ", "s", {}]));
    turn();
    expect([busy.sent.length, other.sent.length]).toEqual([1, 1]);
  });

  test("questions of several connections in one turn are read together, and one alone is not", async () => {
    const peers = [peer(), peer("192.0.2.2"), peer("192.0.2.3")];
    for (const one of peers) void relay.message(one, JSON.stringify(["REQ", "s", {}]));
    turn();
    expect([joined, looked]).toEqual([1, 3]);
    await say(peers[0]!, "REQ", "t", {});
    expect([joined, looked, later.length]).toEqual([1, 4, 0]);
  });

  test("a short answer is one write in one turn, and its events are not parsed", async () => {
    stored = [event(1), event(2)];
    const one = peer();
    one.sendAll = (texts) => {
      one.writes++;
      expect(texts).toHaveLength(3);
    };
    const parse = vi.spyOn(JSON, "parse");
    await relay.message(one, JSON.stringify(["REQ", "s", {}]));
    expect([one.writes, later.length]).toEqual([0, 1]);
    turn();
    expect([one.writes, later.length, parse.mock.calls.length]).toEqual([1, 0, 1]);
    parse.mockRestore();
  });

  test("queries that wait are bounded (R5, T27)", async () => {
    const one = peer();
    for (let n = 0; n < 1001; n++) void relay.message(one, JSON.stringify(["COUNT", `c${n}`, {}]));
    expect(one.sent).toEqual([["CLOSED", "c1000", expect.stringMatching(/^rate-limited: /)]]);
  });
});

describe("limits (R5, R6)", () => {
  test("120 events at once, then 60 a minute", async () => {
    const one = peer();
    for (let n = 0; n < 121; n++) await say(one, "EVENT", event(n));
    expect(one.sent.filter(([, , ok]) => ok === true)).toHaveLength(120);
    expect(one.sent.at(-1)).toEqual(["OK", key(120), false, expect.stringMatching(/^rate-limited: /)]);
    nowMs += 1000;
    await say(one, "EVENT", event(500));
    expect(one.sent.at(-1)![2]).toBe(true);
  });

  test("an address's connections share its bucket, and so do an author's", async () => {
    const [one, two, three] = [peer("a"), peer("a"), peer("b")];
    for (let n = 0; n < 120; n++) await say(one, "EVENT", event(n));
    await say(two, "EVENT", { ...event(200), pubkey: key(2) });
    await say(three, "EVENT", event(201));
    expect([two.sent, three.sent].map((sent) => sent.at(-1)![2])).toEqual([false, false]);
  });

  test("an address has 100 connections, and is reported from 10 on", () => {
    const all = Array.from({ length: 9 }, () => peer());
    expect([relay.addresses, relay.reportedAddresses]).toEqual([1, 0]);
    all.push(...Array.from({ length: 92 }, () => peer()));
    expect(all.filter(({ closed }) => closed !== null)).toHaveLength(1);
    expect(relay.reportedAddresses).toBe(1);
    relay.close(all[0]!);
    expect(peer().closed).toBeNull();
  });

  test("a connection with too much unsent is closed, and gets nothing half (R74)", async () => {
    const one = peer();
    await say(one, "REQ", "s", {});
    one.bufferedBytes = RELAY_LIMITS.unsentBytes;
    relay.broadcast(event(1));
    relay.broadcast(event(2));
    expect([one.closed, one.sent]).toEqual([1008, [["EOSE", "s"]]]);
  });

  test("unsent text counts as bytes of UTF-8 (R74)", async () => {
    const [ascii, wide] = [peer(), peer()];
    for (const one of [ascii, wide]) await say(one, "REQ", "s", {});
    ascii.bufferedBytes = RELAY_LIMITS.unsentBytes - 6000;
    wide.bufferedBytes = RELAY_LIMITS.unsentBytes - 6000;
    relay.close(wide);
    relay.broadcast(event(1, 1, { content: "a".repeat(5000) }));
    expect(ascii.closed).toBeNull();
    relay.broadcast(event(2, 1, { content: "€".repeat(5000) }));
    expect(ascii.closed).toBe(1008);
  });

  test("a malformed message is answered, and the connection lives (R5)", async () => {
    const one = peer();
    await relay.message(one, "{");
    await relay.message(one, new Uint8Array(3));
    await say(one, "REQ", "s", {});
    expect(one.sent.map(([type]) => type)).toEqual(["NOTICE", "NOTICE", "EOSE"]);
  });
});

describe("silent connections (R73, table of limits)", () => {
  test("a ping each 30 s; no answer for 60 s closes", () => {
    const [silent, alive] = [peer(), peer()];
    for (let ms = 0; ms < 90_000; ms += 5000) {
      relay.tick(5000);
      relay.pong(alive);
    }
    expect([silent.closed, alive.closed, alive.pings, relay.connections]).toEqual([1008, null, 3, 1]);
  });

  test("a message is an answer, too", async () => {
    const one = peer();
    for (let ms = 0; ms < 300_000; ms += 30_000) {
      relay.tick(30_000);
      await say(one, "CLOSE", "s");
    }
    expect(one.closed).toBeNull();
  });

  test("time in which our own event loop stood still does not count", () => {
    const one = peer();
    relay.tick(30_000);
    nowMs += 600_000;
    relay.tick(5000);
    expect([one.pings, one.closed]).toEqual([1, null]);
  });
});

describe("authentication (R13, R70)", () => {
  const proof = (tags: string[][], more: Partial<NostrEvent> = {}) =>
    event(77, 22_242, { created_at: nowMs / 1000, tags, ...more });
  /** Asks for a challenge. */
  async function challenged(): Promise<{ one: TestPeer; challenge: string }> {
    const one = peer();
    answer = "auth-required: only its author may publish a protected event";
    await say(one, "EVENT", event(1));
    expect(one.sent.map(([type]) => type)).toEqual(["AUTH", "OK"]);
    return { one, challenge: one.sent[0]![1] as string };
  }

  test("a challenge is sent with the first auth-required, and only then", async () => {
    const { one } = await challenged();
    await say(one, "EVENT", event(2));
    expect(one.sent.map(([type]) => type)).toEqual(["AUTH", "OK", "OK"]);
  });

  test("a proof gives the connection its key, and no other connection", async () => {
    const { one, challenge } = await challenged();
    await say(
      one,
      "AUTH",
      proof([
        ["relay", "wss://git.example/"],
        ["challenge", challenge],
      ]),
    );
    expect(one.sent.at(-1)).toEqual(["OK", key(77), true, ""]);
    await say(one, "EVENT", event(2));
    const other = peer();
    await say(other, "EVENT", event(3));
    expect(submitted.map(({ from }) => [...from.keys!])).toEqual([[], [key(1)], []]);
  });

  test("it is never stored or passed on", async () => {
    const { one, challenge } = await challenged();
    await say(one, "REQ", "s", {});
    await say(
      one,
      "AUTH",
      proof([
        ["relay", "wss://git.example"],
        ["challenge", challenge],
      ]),
    );
    expect([submitted.length, one.sent.filter(([type]) => type === "EVENT")]).toEqual([1, []]);
  });

  const relayTag = ["relay", "wss://git.example"];
  test.each<[string, (challenge: string) => NostrEvent]>([
    ["of another kind", (challenge) => proof([relayTag, ["challenge", challenge]], { kind: 1 })],
    ["with a bad signature", (challenge) => proof([relayTag, ["challenge", challenge]], { sig: "bad" })],
    [
      "that is 11 minutes old",
      (c) => proof([relayTag, ["challenge", c]], { created_at: nowMs / 1000 - 660 }),
    ],
    [
      "that is 11 minutes ahead",
      (c) => proof([relayTag, ["challenge", c]], { created_at: nowMs / 1000 + 660 }),
    ],
    ["with another challenge", () => proof([relayTag, ["challenge", "another"]])],
    ["without a challenge", () => proof([relayTag])],
    ["with two challenges", (c) => proof([relayTag, ["challenge", c], ["challenge", "x"]])],
    ["without a relay", (challenge) => proof([["challenge", challenge]])],
    [
      "for another relay",
      (c) =>
        proof([
          ["relay", "wss://git.example.evil"],
          ["challenge", c],
        ]),
    ],
    [
      "for another port",
      (c) =>
        proof([
          ["relay", "wss://git.example:444"],
          ["challenge", c],
        ]),
    ],
    [
      "for another path",
      (c) =>
        proof([
          ["relay", "wss://git.example/x"],
          ["challenge", c],
        ]),
    ],
    [
      "for another scheme",
      (c) =>
        proof([
          ["relay", "https://git.example/"],
          ["challenge", c],
        ]),
    ],
    [
      "for no URL",
      (c) =>
        proof([
          ["relay", "git.example"],
          ["challenge", c],
        ]),
    ],
    ["with two relays", (c) => proof([relayTag, ["relay", "wss://other.example"], ["challenge", c]])],
  ])("a proof %s is refused (T72)", async (_name, make) => {
    const { one, challenge } = await challenged();
    await say(one, "AUTH", make(challenge));
    expect(one.sent.at(-1)).toEqual(["OK", key(77), false, expect.stringMatching(/^invalid: /)]);
    await say(one, "EVENT", event(2));
    expect([...submitted.at(-1)!.from.keys!]).toEqual([]);
  });

  test("a proof of another connection's challenge, and one before any challenge, are refused (T72)", async () => {
    const { challenge } = await challenged();
    const other = peer();
    await say(other, "AUTH", proof([relayTag, ["challenge", challenge]]));
    expect(other.sent).toEqual([["OK", key(77), false, expect.stringMatching(/^invalid: /)]]);
  });

  test("one connection holds 16 keys", async () => {
    const { one, challenge } = await challenged();
    for (let n = 1; n <= 17; n++)
      await say(one, "AUTH", proof([relayTag, ["challenge", challenge]], { pubkey: key(n) }));
    const results = one.sent.filter(([type, id]) => type === "OK" && id === key(77)).map(([, , ok]) => ok);
    expect(results).toEqual([...new Array(16).fill(true), false]);
    await say(one, "AUTH", proof([relayTag, ["challenge", challenge]], { pubkey: key(16) }));
    expect(one.sent.at(-1)![2]).toBe(true);
  });
});

describe("negotiations (R23)", () => {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  const initiator = () =>
    new Negentropy(new NegentropyRecords({ times: new Uint32Array(), ids: new Uint8Array() }, sha256), true);

  test("a client that has nothing learns every id, and ids are apart from those of REQ", async () => {
    stored = [event(1), event(2), event(3, 9)];
    const one = peer();
    const own = initiator();
    await say(one, "REQ", "n", { kinds: [7] });
    await say(one, "NEG-OPEN", "n", { kinds: [1] }, hex(own.open()));
    const [type, id, message] = one.sent.at(-1) as string[];
    expect([type, id]).toEqual(["NEG-MSG", "n"]);
    const { need, reply } = own.step(Buffer.from(message!, "hex"));
    expect([[...need].sort(), reply]).toEqual([[key(1), key(2)], null]);
    await say(one, "NEG-CLOSE", "n");
    relay.broadcast(event(9, 7));
    expect(one.sent.at(-1)![0]).toBe("EVENT");
    await say(one, "NEG-MSG", "n", "61");
    expect(one.sent.at(-1)).toEqual(["NEG-ERR", "n", expect.stringMatching(/^closed: /)]);
  });

  test("more records than allowed are blocked; so are more than 8 negotiations, and too many records in all", async () => {
    start({ negotiationRecords: 2, allNegotiationRecords: 18 });
    const one = peer();
    stored = [event(1), event(2), event(3)];
    await say(one, "NEG-OPEN", "n", {}, "61");
    expect(one.sent.at(-1)).toEqual(["NEG-ERR", "n", expect.stringMatching(/^blocked: /)]);
    stored = [event(1), event(2)];
    for (let n = 0; n < 9; n++) await say(one, "NEG-OPEN", `n${n}`, {}, "61");
    expect(one.sent.slice(1).map(([type]) => type)).toEqual([...new Array(8).fill("NEG-MSG"), "NEG-ERR"]);
    const other = peer();
    for (const id of ["a", "b"]) await say(other, "NEG-OPEN", id, {}, "61");
    expect(other.sent.map(([type]) => type)).toEqual(["NEG-MSG", "NEG-ERR"]);
    relay.close(one);
    await say(other, "NEG-OPEN", "b", {}, "61");
    expect(other.sent.at(-1)![0]).toBe("NEG-MSG");
  });

  test("one that nobody goes on with for 60 s is abandoned", async () => {
    const one = peer();
    await say(one, "NEG-OPEN", "n", {}, "61");
    for (let ms = 0; ms < 60_000; ms += 5000) {
      relay.tick(5000);
      relay.pong(one);
    }
    expect(one.sent.at(-1)).toEqual(["NEG-ERR", "n", expect.stringMatching(/^closed: /)]);
  });

  test("another version is answered with 0x61; what cannot be read ends it", async () => {
    const one = peer();
    await say(one, "NEG-OPEN", "n", {}, "62aabb");
    expect(one.sent.at(-1)).toEqual(["NEG-MSG", "n", "61"]);
    await say(one, "NEG-MSG", "n", "6101");
    expect(one.sent.at(-1)).toEqual(["NEG-ERR", "n", expect.stringMatching(/^invalid: /)]);
  });
});

test("closeAll closes with 1001 (O21)", () => {
  const one = peer();
  relay.closeAll();
  expect([one.closed, relay.connections]).toEqual([1001, 0]);
});
