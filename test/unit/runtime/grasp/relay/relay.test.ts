import { beforeEach, describe, expect, test } from "vitest";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import { matches } from "../../../../../runtime/grasp/events/filter.ts";
import {
  MAX_CONNECTIONS,
  MAX_SUBSCRIPTIONS,
  MAX_UNSENT_BYTES,
  type Peer,
  Relay,
} from "../../../../../runtime/grasp/relay/relay.ts";

const key = (n: number) => n.toString(16).padStart(64, "0");
const event = (id: number, kind = 1): NostrEvent => ({
  id: key(id),
  pubkey: key(1),
  created_at: id,
  kind,
  tags: [],
  content: "",
  sig: "",
});

interface TestPeer extends Peer {
  readonly sent: unknown[][];
  closed: number | null;
  bufferedBytes: number;
}

let nowMs = 0;
let stored: NostrEvent[];
let relay: Relay;

function peer(address: string | null = "192.0.2.1"): TestPeer {
  const sent: unknown[][] = [];
  const made: TestPeer = {
    address,
    bufferedBytes: 0,
    sent,
    closed: null,
    send: (text) => void sent.push(JSON.parse(text)),
    close(code) {
      made.closed = code;
    },
  };
  relay.open(made);
  return made;
}
const say = (to: Peer, ...message: unknown[]) => relay.message(to, JSON.stringify(message));

beforeEach(() => {
  nowMs = 1_800_000_000_000;
  stored = [];
  relay = new Relay({
    store: {
      query: (filters) => stored.filter((one) => filters.some((filter) => matches(filter, one))),
      count: (filters) => stored.filter((one) => filters.some((filter) => matches(filter, one))).length,
    },
    submit: async (value) => ({ id: (value as NostrEvent).id, ok: true, text: "" }),
    nowMs: () => nowMs,
  });
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

  test("nothing comes after CLOSE, and CLOSE has no answer (R65)", async () => {
    const one = peer();
    await say(one, "REQ", "s", {});
    await say(one, "CLOSE", "s");
    relay.broadcast(event(1));
    expect(one.sent).toEqual([["EOSE", "s"]]);
  });

  test("the same name replaces (R17), and one more than 500 is closed with a reason (R5)", async () => {
    const one = peer();
    for (let n = 0; n < MAX_SUBSCRIPTIONS; n++) await say(one, "REQ", `s${n}`, { kinds: [n] });
    await say(one, "REQ", "s0", { kinds: [1] });
    await say(one, "REQ", "more", {});
    expect(one.sent.at(-1)!.slice(0, 2)).toEqual(["CLOSED", "more"]);
    expect(one.sent.at(-1)![2]).toMatch(/^rate-limited: /);
  });

  test("COUNT is answered (R21)", async () => {
    stored = [event(1), event(2, 5)];
    const one = peer();
    await say(one, "COUNT", "c", { kinds: [1] });
    expect(one.sent).toEqual([["COUNT", "c", { count: 1 }]]);
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

  test("an address has 100 connections", () => {
    const all = Array.from({ length: MAX_CONNECTIONS.address + 1 }, () => peer());
    expect(all.filter(({ closed }) => closed !== null)).toHaveLength(1);
    relay.close(all[0]!);
    expect(peer().closed).toBeNull();
  });

  test("a connection with too much unsent is closed, and gets nothing half (R74)", async () => {
    const one = peer();
    await say(one, "REQ", "s", {});
    one.bufferedBytes = MAX_UNSENT_BYTES;
    relay.broadcast(event(1));
    relay.broadcast(event(2));
    expect([one.closed, one.sent]).toEqual([1008, [["EOSE", "s"]]]);
  });

  test("a malformed message is answered, and the connection lives (R5)", async () => {
    const one = peer();
    await relay.message(one, "{");
    await relay.message(one, new Uint8Array(3));
    await say(one, "REQ", "s", {});
    expect(one.sent.map(([type]) => type)).toEqual(["NOTICE", "NOTICE", "EOSE"]);
  });
});

test("closeAll closes with 1001 (O21)", () => {
  const one = peer();
  relay.closeAll();
  expect([one.closed, relay.connections]).toEqual([1001, 0]);
});
