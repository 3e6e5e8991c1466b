import { expect, onTestFinished, test } from "vitest";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import type { RelaySyncSettings } from "../../../../../runtime/grasp/relay-sync/ports.ts";
import { AUTHORS, event, state } from "../life/cast.ts";
import type { ClientText, FakeRelay, Intercept } from "./fake-relay.ts";
import { announced, FIRST_SECOND, FORGED, HOUR, MINUTE, SECOND, World } from "./world.ts";

const [owner, stranger, maintainer, other] = AUTHORS as [string, string, string, string];
const ADDRESS = `30617:${owner}:a`;
/** Dates of events count from here, in seconds before the world's first moment. */
const LONG_AGO = 0;
const LATELY = FIRST_SECOND - 1_700_000_000 - 600;

const issue = (n: number, at = LONG_AGO + n): NostrEvent =>
  event(
    1621,
    stranger,
    [
      ["a", ADDRESS],
      ["n", String(n)],
    ],
    at,
  );
const issues = (count: number, at = LONG_AGO) => Array.from({ length: count }, (_, n) => issue(n, at + n));

/** A world with one relay, which a served announcement lists. */
async function worldWithRelay(settings: Partial<RelaySyncSettings> = {}) {
  const world = new World(settings);
  onTestFinished(() => world.store.close());
  const relay = world.relay("one");
  await world.serve(event(30617, owner, announced(owner, "a", [relay.url]), LONG_AGO));
  return { world, relay };
}

function missing(world: World, events: readonly NostrEvent[]): number {
  return events.filter((one) => !world.has(one)).length;
}

/** Answers every message of a type with other messages. */
const answering =
  (type: string, ...answers: ((name: string) => unknown[])[]): Intercept =>
  ([given, name], peer) => {
    if (given !== type) return false;
    peer.tell(...answers.map((answer) => answer(name as string)));
    return true;
  };

test("live subscriptions come first, with limit 0; the history asks for the same filters (L1, L7)", async () => {
  const { world, relay } = await worldWithRelay();
  await world.start();
  await world.run(MINUTE);
  const [[first, , ...live], ...rest] = relay.received as [ClientText, ...ClientText[]];
  expect(first).toBe("REQ");
  expect(live.every((filter) => (filter as { limit: number }).limit === 0)).toBe(true);
  const negotiated = rest.filter(([type]) => type === "NEG-OPEN").map(([, , filter]) => filter);
  const asked = live.map((filter) => ({ ...(filter as object), limit: undefined }));
  expect(negotiated.slice(0, asked.length)).toEqual(asked);
  const late = issue(1, LATELY);
  relay.publish(late);
  await world.run(SECOND);
  expect(world.has(late)).toBe(true);
});

test("a waiting announcement is asked for its states only; a served one for all layers (L6)", async () => {
  const world = new World();
  const relay = world.relay("one");
  await world.start();
  const waiting = event(30617, owner, announced(owner, "a", [relay.url]), LATELY);
  await world.grasp.submit(waiting, { source: "direct", address: "x" });
  expect(world.grasp.purgatory.event(waiting.id)).not.toBeNull();
  await world.run(MINUTE);
  const letters = () =>
    new Set(
      relay.received
        .filter(([type]) => type === "NEG-OPEN")
        .flatMap(([, , filter]) => Object.keys(filter as object)),
    );
  expect([...letters()].sort()).toEqual(["#d", "kinds"]);
  // Its first state brings it out of purgatory: it withdraws and needs no objects.
  await world.serve(waiting);
  world.grasp.onHappening(() => {});
  await world.restart(HOUR);
  await world.run(MINUTE);
  expect([...letters()].sort()).toEqual(["#A", "#a", "#d", "#q", "authors", "kinds"]);
});

test.each<[string, Intercept]>([
  ["a NOTICE", answering("NEG-OPEN", () => ["NOTICE", "ERROR: bad msg: unknown cmd"])],
  ["a CLOSED", answering("NEG-OPEN", () => ["CLOSED", "", "unsupported"])],
  ["silence", ([type]) => type === "NEG-OPEN"],
])(
  "%s after the first NEG-OPEN means that this connection knows no NIP-77: pages follow (L8, L30)",
  async (_, intercept) => {
    const { world, relay } = await worldWithRelay();
    relay.add(...issues(1200));
    relay.intercept = intercept;
    await world.start();
    await world.run(2 * MINUTE);
    expect([relay.count("NEG-OPEN"), missing(world, issues(1200))]).toEqual([1, 0]);
    expect(world.all("no-negentropy")).toHaveLength(1);
    // The next connection tries again.
    relay.drop();
    await world.run(MINUTE);
    expect(relay.count("NEG-OPEN")).toBe(2);
  },
);

test("NEG-ERR is followed by one retry, then by pages for that filter; others negotiate (L8)", async () => {
  const { world, relay } = await worldWithRelay();
  relay.add(...issues(10));
  relay.intercept = ([type, name, filter], peer) => {
    if (type !== "NEG-OPEN" || !("#a" in (filter as object))) return false;
    peer.tell(["NEG-ERR", name, "error: out of luck"]);
    return true;
  };
  await world.start();
  await world.run(MINUTE);
  const asked = relay.received.filter(
    ([type, , filter]) => type === "NEG-OPEN" && "#a" in (filter as object),
  );
  expect([asked.length, missing(world, issues(10))]).toEqual([2, 0]);
  expect(world.stateOf(relay)).toBe("connected");
});

test("NIP-11 without 77 is believed, and so is the setting (L8)", async () => {
  const { world, relay } = await worldWithRelay();
  relay.information = { supportedNips: [1, 11], maxSubscriptions: null, maxLimit: 100 };
  relay.add(...issues(250));
  await world.start();
  await world.run(MINUTE);
  expect([relay.count("NEG-OPEN"), missing(world, issues(250))]).toEqual([0, 0]);
  const limits = relay.received.filter(([type, name]) => type === "REQ" && String(name).startsWith("page"));
  expect(new Set(limits.map(([, , filter]) => (filter as { limit: number }).limit))).toEqual(new Set([100]));
  const off = await worldWithRelay({ negentropy: false });
  await off.world.start();
  await off.world.run(MINUTE);
  expect([off.relay.count("NEG-OPEN"), off.relay.count("REQ") > 3]).toEqual([0, true]);
});

test("too many records for one negotiation: the filter is split by time (L8)", async () => {
  const { world, relay } = await worldWithRelay();
  relay.maxRecords = 100;
  relay.add(...issues(900));
  await world.start();
  await world.run(10 * MINUTE);
  expect(missing(world, issues(900))).toBe(0);
  expect(world.all("abandoned")).toEqual([]);
});

test("what waits, what expired and what was refused is not fetched; 300 ids at a time (L9, L23)", async () => {
  const { world, relay } = await worldWithRelay();
  const refused = event(
    30617,
    other,
    [
      ["d", "b"],
      ["a", ADDRESS],
      ["clone", "https://x.example/y.git"],
      ["relays", "wss://x.example"],
    ],
    LONG_AGO,
  );
  const waiting = state(owner, "a", [["refs/heads/main", "1".repeat(40)]], LATELY);
  const expired = state(owner, "a", [["refs/heads/main", "2".repeat(40)]], LATELY + 1);
  relay.add(refused, waiting, expired, ...issues(700));
  await world.store.transaction((changes) => changes.rememberExpired(expired.id, world.nowSeconds + 9999));
  await world.grasp.submit(waiting, { source: "direct", address: "x" });
  await world.start();
  await world.run(MINUTE);
  const fetched = () =>
    relay.received
      .filter(([type, , filter]) => type === "REQ" && "ids" in (filter as object))
      .map(([, , filter]) => (filter as { ids: string[] }).ids);
  expect(fetched().flat()).not.toContain(waiting.id);
  expect(fetched().flat()).not.toContain(expired.id);
  expect(
    fetched()
      .flat()
      .filter((id) => id === refused.id),
  ).toHaveLength(1);
  expect(
    fetched()
      .map(({ length }) => length)
      .filter((length) => length > 1),
  ).toEqual([300, 300, 100]);
  const before = fetched().length;
  relay.drop();
  await world.run(MINUTE);
  expect(fetched().slice(before).flat()).not.toContain(refused.id);
  expect(missing(world, issues(700))).toBe(0);
});

test("a second look follows after 6 s (L9)", async () => {
  const { world, relay } = await worldWithRelay();
  const late = issue(5);
  await world.start();
  await world.run(MINUTE, () => relay.count("NEG-OPEN") === 6);
  await world.run(SECOND);
  // It is older than the subscription, and nobody is told of it.
  relay.add(late);
  const before = world.nowMs;
  await world.run(MINUTE, () => world.has(late));
  expect(world.nowMs - before).toBeLessThan(8 * SECOND);
});

test("pages whose events are all refused end; a second with 2,000 events is left, and reported (L10, T58)", async () => {
  const { world, relay } = await worldWithRelay({ negentropy: false });
  const unwanted = Array.from({ length: 1200 }, (_, n) =>
    event(
      30617,
      other,
      [
        ["d", `x${n}`],
        ["relays", "wss://x.example"],
        ["clone", "https://x.example/x.git"],
      ],
      n,
    ),
  );
  const crowd = Array.from({ length: 2000 }, (_, n) => issue(n, 500));
  relay.add(...unwanted, ...crowd, ...issues(20), ...issues(20, 600));
  await world.start();
  await world.run(10 * MINUTE);
  expect(world.stateOf(relay)).toBe("connected");
  expect(world.all("received").filter(({ outcome }) => outcome === "later")).toHaveLength(1200);
  expect(missing(world, [...issues(20), ...issues(20, 600)])).toBe(0);
  expect(missing(world, crowd)).toBe(1500);
  expect(world.all("stepped-below").length).toBeGreaterThan(0);
});

test("a relay that has ever new events in one second does not hold us (L10)", async () => {
  const { world, relay } = await worldWithRelay({ negentropy: false });
  let made = 0;
  relay.intercept = ([type, name, filter], peer) => {
    const { until = Infinity, limit } = (filter ?? {}) as { until?: number; limit?: number };
    if (type !== "REQ" || limit === 0 || !("#a" in (filter as object))) return false;
    const events = until < 1_700_000_100 ? [] : Array.from({ length: 50 }, () => issue(made++, 100));
    peer.tell(...events.map((one) => ["EVENT", name, one]), ["EOSE", name]);
    return true;
  };
  await world.start();
  await world.run(10 * MINUTE);
  expect([world.stateOf(relay), made < 1000]).toEqual(["connected", true]);
});

test.each<[string, Intercept, string]>([
  [
    "CLOSED at once",
    ([type, name], peer) => {
      if (type !== "REQ" || !String(name).startsWith("page")) return false;
      peer.open.delete(name as string);
      peer.tell(["CLOSED", name, "error: no"]);
      return true;
    },
    "closed",
  ],
  [
    "no EOSE",
    ([type, name], peer) => {
      if (type !== "REQ" || !String(name).startsWith("page")) return false;
      peer.open.set(name as string, []);
      return true;
    },
    "timeout",
  ],
])(
  "%s ends a page as failed; it is retried, then abandoned visibly, and nothing stays open (L11, T58)",
  async (_, intercept, because) => {
    const { world, relay } = await worldWithRelay({ negentropy: false });
    relay.intercept = intercept;
    await world.start();
    await world.run(HOUR);
    expect(new Set(world.all("abandoned").map((one) => one.because))).toEqual(new Set([because]));
    // Six filters, each tried three times.
    expect(
      relay.received.filter(([type, name]) => type === "REQ" && String(name).startsWith("page")),
    ).toHaveLength(18);
    expect(world.stateOf(relay)).toBe("connected-history-failed");
    expect([...relay.peers].flatMap(({ open }) => [...open.keys()])).toEqual(["live-0"]);
    // The next whole reconciliation heals it.
    relay.intercept = () => false;
    relay.add(issue(1));
    await world.run(26 * HOUR);
    expect([world.stateOf(relay), world.has(issue(1))]).toEqual(["connected", true]);
  },
);

test("a first sync that is slow is not ended (L3, T60)", async () => {
  const { world, relay } = await worldWithRelay();
  relay.latencyMs = 9 * SECOND;
  relay.add(...issues(30));
  await world.start();
  await world.run(10 * MINUTE);
  expect([missing(world, issues(30)), relay.connections]).toEqual([0, 1]);
});

test("events that come in too slowly for 30 s are kept, and asked for in smaller pages (L11)", async () => {
  const { world, relay } = await worldWithRelay({ negentropy: false });
  relay.add(...issues(100));
  relay.intercept = ([type, name, filter], peer) => {
    if (type !== "REQ" || !String(name).startsWith("page")) return false;
    const { "#a": wanted, until, limit } = filter as { "#a"?: string[]; until?: number; limit: number };
    const found =
      wanted === undefined
        ? []
        : relay.stored({
            tags: new Map([["a", new Set(wanted)]]),
            ...(until === undefined ? {} : { until }),
            limit,
          });
    // One event a second.
    let at = 0;
    for (const one of found) world.clock.after(SECOND * ++at, () => peer.tell(["EVENT", name, one]));
    world.clock.after(SECOND * (at + 1), () => peer.tell(["EOSE", name]));
    return true;
  };
  await world.start();
  await world.run(HOUR);
  expect([missing(world, issues(100)), world.all("abandoned").length, world.stateOf(relay)]).toEqual([
    0,
    0,
    "connected",
  ]);
});

test("new announcements and roots reach the filters, gathered over 5 s; a burst loses none (L12, T61)", async () => {
  const { world, relay } = await worldWithRelay();
  await world.start();
  await world.run(MINUTE);
  const added = event(30617, maintainer, announced(maintainer, "b", [relay.url]), LATELY);
  const root = issue(1, LATELY);
  const comment = event(1111, stranger, [["e", root.id]], LATELY + 1);
  const lateState = state(maintainer, "b", [["refs/heads/main", "1".repeat(40)]], LATELY + 2);
  relay.add(comment, lateState);
  await world.grasp.submit(added, { source: "direct", address: "x" });
  await world.grasp.submit(root, { source: "direct", address: "x" });
  const before = relay.count("REQ");
  await world.run(4900);
  expect(relay.count("REQ")).toBe(before);
  await world.run(10 * SECOND);
  expect([world.has(comment), world.has(lateState)]).toEqual([true, true]);
  // A burst.
  const burst = Array.from({ length: 1500 }, (_, n) => {
    const key = (n + 100).toString(16).padStart(64, "0");
    return event(30617, key, announced(key, `burst-${n}`, [relay.url]), LATELY);
  });
  const states = burst.map(({ pubkey }, n) =>
    state(pubkey, `burst-${n}`, [["refs/heads/main", "1".repeat(40)]], LATELY + 5),
  );
  for (const one of burst) await world.grasp.submit(one, { source: "sync", address: null });
  expect(missing(world, burst)).toBe(0);
  await world.run(10 * SECOND);
  // Live subscriptions have them all.
  for (const one of states) relay.publish(one);
  await world.run(MINUTE);
  expect(missing(world, states)).toBe(0);
  expect(relay.mostOpen).toBeLessThan(70);
});

test.each([[null], [20], [5], [2]])(
  "subscriptions are merged before %s; the bound is never exceeded and no event is missed (L13)",
  async (maxSubscriptions) => {
    const { world, relay } = await worldWithRelay();
    const bound = maxSubscriptions ?? 69;
    relay.information = { supportedNips: null, maxSubscriptions, maxLimit: null };
    relay.maxSubscriptions = bound;
    await world.start();
    await world.run(MINUTE);
    const published: NostrEvent[] = [];
    for (let n = 0; n < 80; n++) {
      // Each root opens filters of its own; an event comes at every moment of the merging.
      await world.grasp.submit(issue(n, LATELY), { source: "direct", address: "x" });
      for (let step = 0; step < 14; step++) {
        await world.run(500);
        const live = event(
          1111,
          stranger,
          [
            ["a", ADDRESS],
            ["x", `${n}-${step}`],
          ],
          LATELY,
        );
        published.push(live);
        relay.publish(live);
        // It is nowhere but in live subscriptions.
        relay.events.delete(live.id);
      }
    }
    await world.run(MINUTE);
    expect([missing(world, published), relay.mostOpen <= bound]).toEqual([0, true]);
    expect(world.all("subscription-closed")).toEqual([]);
    expect(world.all("merged").length).toBeGreaterThan(0);
  },
);

test("a slow relay delays no other (L14)", async () => {
  const world = new World();
  const [slow, fast] = [world.relay("slow"), world.relay("fast")];
  slow.latencyMs = 25 * SECOND;
  await world.serve(event(30617, owner, announced(owner, "a", [slow.url, fast.url]), LONG_AGO));
  fast.add(...issues(1000));
  await world.start();
  await world.run(20 * SECOND);
  expect([missing(world, issues(1000)), world.stateOf(fast)]).toEqual([0, "connected"]);
  expect(world.stateOf(slow)).toBe("connecting");
  await world.stop();
});

test("states of a connection follow each other (L15)", async () => {
  const { world, relay } = await worldWithRelay();
  await world.start();
  await world.run(6 * MINUTE);
  relay.drop();
  await world.run(SECOND);
  const told = world.all("state").map(({ state: name, health }) => `${name} ${health}`);
  expect(told).toEqual([
    "disconnected healthy",
    "connecting healthy",
    "syncing healthy",
    "connected healthy",
    "connected stable",
    "disconnected degraded",
  ]);
});

test("a relay says 'slow down' in the middle of pages: it rests 65 s and resumes from the same place; others go on (L16, T53)", async () => {
  const world = new World({ negentropy: false });
  const [limiting, honest] = [world.relay("limiting"), world.relay("honest")];
  await world.serve(event(30617, owner, announced(owner, "a", [limiting.url, honest.url]), LONG_AGO));
  limiting.add(...issues(2000));
  const onHonest = issues(1000, 5000);
  honest.add(...onHonest);
  let pages = 0;
  let restsFrom = 0;
  const duringRest: unknown[] = [];
  limiting.intercept = ([type, name, filter], peer) => {
    if (type !== "REQ") return false;
    if (restsFrom > 0 && world.nowMs < restsFrom + 65 * SECOND) duringRest.push(filter);
    if (!("#a" in (filter as object)) || (filter as { limit: number }).limit === 0 || ++pages !== 3)
      return false;
    restsFrom = world.nowMs;
    peer.tell(["CLOSED", name, "rate-limited: slow down"]);
    return true;
  };
  await world.start();
  await world.run(30 * SECOND);
  expect([world.healthOf(limiting), world.healthOf(honest), missing(world, onHonest)]).toEqual([
    "rate-limited",
    "healthy",
    0,
  ]);
  await world.run(3 * MINUTE);
  expect([missing(world, issues(2000)), duringRest, limiting.connections]).toEqual([0, [], 1]);
  const untils = limiting.received.flatMap(([type, , filter]) =>
    type === "REQ" && "#a" in (filter as object) ? [(filter as { until?: number }).until] : [],
  );
  // The page that was refused is asked for again, and none before it.
  expect(untils.filter((until) => until === untils[3])).toHaveLength(2);
  expect(new Set(untils).size).toBe(untils.length - 1 - Number(untils[0] === untils[1]));
});

test("events that appear elsewhere during a gap of 5 minutes or a day are found, whatever their date (L17, L27, T59)", async () => {
  for (const gap of [5 * MINUTE, 24 * HOUR + MINUTE]) {
    const { world, relay } = await worldWithRelay();
    relay.add(...issues(50));
    await world.start();
    await world.run(10 * MINUTE);
    const before = relay.received.length;
    relay.refuses = "connection";
    relay.drop();
    const comment = event(1111, stranger, [["a", ADDRESS]], LATELY + 700);
    relay.add(issue(900, LONG_AGO), event(5, owner, [["e", "0".repeat(64)]], LONG_AGO), comment);
    await world.run(gap);
    relay.refuses = null;
    await world.run(25 * HOUR, () => world.has(comment) && world.stateOf(relay) === "connected");
    expect(missing(world, [...relay.events.values()])).toBe(0);
    const since = relay.received
      .slice(before)
      .flatMap(([type, , filter]) => (type === "NEG-OPEN" ? [(filter as { since?: number }).since] : []));
    const isResumed = gap < 15 * MINUTE;
    expect(since.some((one) => one !== undefined)).toBe(isResumed);
  }
});

test("a gap that follows a gap whose history was not complete is not forgotten (L17)", async () => {
  const { world, relay } = await worldWithRelay();
  await world.start();
  await world.run(10 * MINUTE);
  const early = event(1111, stranger, [["a", ADDRESS]], LATELY + 700);
  relay.add(early);
  // Connections are stable, and none of them brings a history.
  relay.intercept = ([type, name]) =>
    type === "NEG-OPEN" || (type === "REQ" && !String(name).startsWith("live"));
  relay.drop();
  for (let n = 0; n < 20; n++) {
    await world.run(5.5 * MINUTE);
    relay.drop();
  }
  expect([world.has(early), world.all("abandoned").length]).toEqual([false, 0]);
  relay.intercept = () => false;
  await world.run(10 * MINUTE);
  expect(world.has(early)).toBe(true);
});

test("a fresh start that breaks off is followed by a fresh start (L17)", async () => {
  const { world, relay } = await worldWithRelay();
  await world.start();
  await world.run(10 * MINUTE);
  relay.refuses = "connection";
  relay.drop();
  await world.run(HOUR);
  const inGap = event(1111, stranger, [["a", ADDRESS]], LATELY + 700 + 3600);
  relay.add(inGap);
  await world.run(5 * HOUR);
  relay.refuses = null;
  let breaks = 1;
  relay.intercept = ([type], peer) => {
    if (type !== "NEG-OPEN" || breaks-- <= 0) return false;
    peer.end("connection");
    return true;
  };
  await world.run(2.5 * HOUR);
  expect([world.has(inGap), breaks < 0]).toEqual([true, true]);
});

test("a whole reconciliation follows each 23 to 25 h (table of health)", async () => {
  const { world, relay } = await worldWithRelay();
  await world.start();
  await world.run(MINUTE);
  const hidden = event(1111, stranger, [["a", ADDRESS]], LONG_AGO);
  relay.add(hidden);
  await world.run(22 * HOUR);
  expect(world.has(hidden)).toBe(false);
  await world.run(3 * HOUR + MINUTE);
  expect(world.has(hidden)).toBe(true);
});

test.each<[string, (relay: FakeRelay) => void, string]>([
  [
    "forged events",
    (relay) => relay.publish(...[1, 2, 3].map((n) => ({ ...issue(n, LATELY), sig: FORGED }))),
    "invalid-signature",
  ],
  [
    "events that were not asked for",
    (relay) => {
      for (const peer of relay.peers)
        for (const n of [1, 2, 3])
          peer.tell([
            "EVENT",
            "live-0",
            event(
              1621,
              stranger,
              [
                ["a", `30617:${other}:z`],
                ["n", String(n)],
              ],
              LATELY,
            ),
          ]);
    },
    "not-asked-for",
  ],
  [
    "events of a subscription that never was",
    (relay) => {
      for (const peer of relay.peers) for (const n of [1, 2, 3]) peer.tell(["EVENT", "what", issue(n)]);
    },
    "not-asked-for",
  ],
  [
    "more than 6,000 events a minute",
    (relay) => {
      const one = issue(1);
      for (const peer of relay.peers)
        peer.tell(...Array.from({ length: 6100 }, () => ["EVENT", "live-0", one]));
    },
    "flood",
  ],
])("%s close a relay for 12 h (L19, L29)", async (_, misbehave, because) => {
  const { world, relay } = await worldWithRelay();
  await world.start();
  await world.run(MINUTE);
  misbehave(relay);
  await world.run(SECOND);
  expect(world.all("avoided").map((one) => one.because)).toEqual([because]);
  await world.run(12 * HOUR - MINUTE);
  expect([relay.connections, world.stateOf(relay)]).toEqual([1, "avoided"]);
  await world.run(2 * MINUTE);
  expect(relay.connections).toBe(2);
});

test("a closed subscription's events that are on their way are no fault (L29)", async () => {
  const { world, relay } = await worldWithRelay({ negentropy: false });
  relay.add(...issues(5));
  let told = 0;
  relay.intercept = ([type, name], peer) => {
    if (type !== "CLOSE") return false;
    const found = peer.open.get(name as string)!.flatMap((filter) => relay.stored(filter));
    told += found.length;
    peer.tell(...found.map((one) => ["EVENT", name, one]));
    return false;
  };
  await world.start();
  await world.run(MINUTE);
  expect([told > 3, world.all("avoided").length, relay.connections]).toEqual([true, 0, 1]);
});

test.each([
  [6000, []],
  [6001, ["flood"]],
])("%i events of a page beyond those that we asked for: %j (L19)", async (more, expected) => {
  const { world, relay } = await worldWithRelay({ negentropy: false });
  relay.intercept = ([type, name, filter], peer) => {
    const { limit, "#a": about } = (filter ?? {}) as { limit: number; "#a"?: string[] };
    if (type !== "REQ" || !String(name).startsWith("page") || about === undefined) return false;
    peer.tell(...Array.from({ length: limit + more }, () => ["EVENT", name, issue(1)]));
    return true;
  };
  await world.start();
  await world.run(SECOND);
  expect(world.all("avoided").map(({ because }) => because)).toEqual(expected);
});

test("what we ask for ourselves is no flood: a history of 7,000 events comes within a minute (L19)", async () => {
  const { world, relay } = await worldWithRelay({ negentropy: false });
  relay.add(...issues(7_000));
  await world.start();
  await world.run(MINUTE);
  expect([missing(world, issues(7_000)), world.all("avoided").length]).toEqual([0, 0]);
}, 17_000);

test("a page of large events is cut off at 12 MiB and goes on in smaller pages (L19)", async () => {
  const { world, relay } = await worldWithRelay({ negentropy: false });
  const large = Array.from({ length: 40 }, (_, n) =>
    event(
      1621,
      stranger,
      [
        ["a", ADDRESS],
        ["x", "x".repeat(900_000)],
      ],
      n,
    ),
  );
  relay.add(...large);
  await world.start();
  await world.run(10 * MINUTE);
  expect([missing(world, large), relay.connections, world.all("abandoned").length]).toEqual([0, 1, 0]);
}, 17_000);

test("a state from a relay waits with source sync; served events are told to those who listen (L20)", async () => {
  const { world, relay } = await worldWithRelay();
  const waiting = state(owner, "a", [["refs/heads/main", "1".repeat(40)]], LATELY);
  const served: string[] = [];
  world.grasp.onHappening((one) => {
    if (one.kind === "served") served.push(one.event.id);
  });
  relay.add(waiting, issue(1));
  await world.start();
  await world.run(MINUTE);
  expect(world.grasp.purgatory.event(waiting.id)).toMatchObject({ source: "sync", address: null });
  expect(served).toEqual([issue(1).id]);
});

test("refused events of new maintainers are judged again: hot ones at once, cold ones by a fetch (L21, L22, L24, T44)", async () => {
  for (const age of [MINUTE, HOUR]) {
    const { world, relay } = await worldWithRelay();
    // It lists neither us nor anybody; the maintainer's state waits for authority.
    const unlisted = event(
      30617,
      maintainer,
      [
        ["d", "a"],
        ["clone", "https://x.example/y.git"],
        ["relays", "wss://x.example"],
      ],
      LONG_AGO,
    );
    const early = state(maintainer, "a", [["refs/heads/main", "1".repeat(40)]], LONG_AGO);
    relay.add(unlisted, early);
    await world.start();
    await world.run(age);
    expect(missing(world, [unlisted, early])).toBe(2);
    expect(world.sync.view()).toMatchObject({ refusedCold: 2, refusedHot: age < 2 * MINUTE ? 2 : 0 });
    expect(world.all("received").map(({ outcome }) => outcome)).toEqual(["later", "later"]);
    await world.grasp.submit(
      event(30617, owner, [...announced(owner, "a", [relay.url]), ["maintainers", maintainer]], LATELY),
      { source: "direct", address: "x" },
    );
    await world.run(age < 2 * MINUTE ? 10 : 2 * SECOND);
    expect(missing(world, [unlisted, early])).toBe(0);
    expect(world.sync.view()).toMatchObject({ refusedCold: 0, refusedHot: 0 });
  }
});

test("refused ids and cursors survive a restart; no task and no timer is left (L22, L23, L25)", async () => {
  const { world, relay } = await worldWithRelay();
  const refused = event(
    30617,
    other,
    [
      ["d", "b"],
      ["clone", "https://x.example/y.git"],
      ["relays", "wss://x.example"],
    ],
    LONG_AGO,
  );
  relay.add(refused, ...issues(20));
  await world.start();
  await world.run(10 * MINUTE);
  await world.stop();
  expect([world.timers, relay.peers.size, world.memory.flushes, world.judging]).toEqual([0, 0, 1, 0]);
  const before = relay.received.length;
  const late = event(1111, stranger, [["a", ADDRESS]], LATELY + 600);
  relay.add(late);
  await world.restart(5 * MINUTE);
  await world.run(MINUTE);
  const after = relay.received.slice(before);
  expect(JSON.stringify(after.filter(([type]) => type === "REQ"))).not.toContain(refused.id);
  expect(after.some(([type, , filter]) => type === "NEG-OPEN" && "since" in (filter as object))).toBe(true);
  expect(world.has(late)).toBe(true);
});

test("a stop in the middle of everything ends everything (L25)", async () => {
  for (const ms of [0, 5, 15, 25, 40, 60, 100, 1000, 7000]) {
    const { world, relay } = await worldWithRelay();
    relay.add(...issues(400));
    await world.start();
    await world.run(ms);
    await world.stop();
    // What the relay still sends goes nowhere.
    await world.run(20);
    expect([world.timers, relay.peers.size, world.judging]).toEqual([0, 0, 0]);
    const sent = relay.received.length;
    await world.run(HOUR);
    expect([world.timers, relay.received.length]).toEqual([0, sent]);
  }
});

test("a relay that no announcement lists any more is closed; a bootstrap relay never is (L3)", async () => {
  const { world, relay } = await worldWithRelay({ bootstrap: ["wss://boot.example/"] });
  const boot = world.relay("boot");
  await world.start();
  await world.run(MINUTE);
  expect([relay.peers.size, boot.peers.size]).toEqual([1, 1]);
  await world.grasp.submit(event(30617, owner, announced(owner, "a", []), LATELY), {
    source: "direct",
    address: "x",
  });
  await world.run(6 * SECOND);
  expect([relay.peers.size, boot.peers.size]).toEqual([0, 1]);
  expect(world.memory.saved.has(relay.url)).toBe(false);
  await world.run(25 * HOUR);
  expect([relay.connections, boot.connections]).toEqual([1, 1]);
});

test("a deletion takes effect, and what it deleted does not come back, whatever comes first (L28)", async () => {
  const { world, relay } = await worldWithRelay();
  const doomed = event(1621, owner, [["a", ADDRESS]], 10);
  const comment = event(1111, stranger, [["e", doomed.id]], 5);
  const answer = event(
    1111,
    stranger,
    [
      ["e", issue(1).id],
      ["a", ADDRESS],
    ],
    0,
  );
  relay.add(event(5, owner, [["e", doomed.id]], 1), doomed, comment, answer, issue(1));
  await world.start();
  await world.run(2 * MINUTE);
  expect([doomed, answer, issue(1)].map((one) => world.has(one))).toEqual([false, true, true]);
});

test("what is refused for want of another event of its batch is tried once more (L28)", async () => {
  const { world, relay } = await worldWithRelay();
  // A list of GRASP servers belongs here because its author has something here, which is newer.
  const list = event(10317, other, [["g", "wss://x.example"]], 10);
  const own = event(30617, other, announced(other, "b", []), 20);
  const foreign = event(10317, stranger, [["g", "wss://x.example"]], 10);
  relay.add(list, own, foreign);
  await world.start();
  await world.run(SECOND);
  expect([list, own, foreign].map((one) => world.has(one))).toEqual([true, true, false]);
});

test("a live subscription that the relay closes is asked again after 60 s, then 120 s; nothing of the gap is lost (L31)", async () => {
  const { world, relay } = await worldWithRelay();
  await world.start();
  await world.run(MINUTE);
  const at: number[] = [];
  relay.intercept = ([type, name], peer) => {
    if (type !== "REQ" || !String(name).startsWith("live")) return false;
    at.push(world.nowMs);
    if (at.length > 2) return false;
    peer.tell(["CLOSED", name, "error: restarting"]);
    return true;
  };
  const closedAt = world.nowMs;
  for (const peer of relay.peers) {
    peer.open.delete("live-0");
    peer.tell(["CLOSED", "live-0", "error: restarting"], ["NOTICE", "closing all"]);
  }
  const unseen = event(1111, stranger, [["a", ADDRESS]], LATELY + 700);
  relay.publish(unseen);
  await world.run(10 * MINUTE);
  const minutes = at.map((ms, n) => Math.round((ms - (at[n - 1] ?? closedAt)) / MINUTE));
  expect([minutes, world.has(unseen), relay.connections]).toEqual([[1, 2, 4], true, 1]);
});

test("auth-required is asked again once, after the relay key's proof was taken (L4, L31)", async () => {
  const { world, relay } = await worldWithRelay();
  relay.add(issue(1));
  const proved = new Set<unknown>();
  relay.intercept = ([type, name], peer) => {
    if (type === "AUTH") {
      proved.add(peer);
      peer.tell(["OK", (name as { id: string }).id, true, ""]);
      return true;
    }
    if (proved.has(peer) || (type !== "REQ" && type !== "NEG-OPEN")) return false;
    peer.tell(
      ["AUTH", "challenge-1"],
      [type === "REQ" ? "CLOSED" : "NEG-ERR", name, "auth-required: who are you"],
    );
    return true;
  };
  await world.start();
  await world.run(MINUTE);
  expect([world.has(issue(1)), world.stateOf(relay)]).toEqual([true, "connected"]);
  expect(world.signed).toEqual([
    [
      ["relay", relay.url],
      ["challenge", "challenge-1"],
    ],
  ]);
  const live = event(1111, stranger, [["a", ADDRESS]], LATELY);
  relay.publish(live);
  await world.run(SECOND);
  expect(world.has(live)).toBe(true);
});

test("a relay that never takes the proof is asked once more, then as rarely as any other (L31)", async () => {
  const { world, relay } = await worldWithRelay({ negentropy: false });
  relay.intercept = ([type, name], peer) => {
    if (type === "REQ") peer.tell(["AUTH", "c"], ["CLOSED", name, "auth-required: who are you"]);
    else if (type === "AUTH") peer.tell(["OK", (name as { id: string }).id, false, "restricted: no"]);
    return type === "REQ" || type === "AUTH";
  };
  await world.start();
  await world.run(HOUR);
  expect([world.signed.length, relay.connections, world.stateOf(relay)]).toEqual([
    1,
    1,
    "connected-history-failed",
  ]);
  expect(relay.count("REQ")).toBeLessThan(30);
});

test("a relay that takes the proof and asks for it again is asked once more and no more (L31)", async () => {
  const { world, relay } = await worldWithRelay();
  relay.intercept = ([type, name], peer) => {
    if (type === "REQ" || type === "NEG-OPEN")
      peer.tell(["AUTH", "c"], [type === "REQ" ? "CLOSED" : "NEG-ERR", name, "auth-required: again"]);
    else if (type === "AUTH") peer.tell(["OK", (name as { id: string }).id, true, ""]);
    return true;
  };
  await world.start();
  await world.run(HOUR);
  expect([world.signed.length, relay.connections, world.stateOf(relay)]).toEqual([
    1,
    1,
    "connected-history-failed",
  ]);
  expect(relay.received.length).toBeLessThan(80);
});

test("a NOTICE alone never reconnects (L31)", async () => {
  const { world, relay } = await worldWithRelay();
  await world.start();
  await world.run(MINUTE);
  for (const peer of relay.peers) peer.tell(["NOTICE", "error: bad"], ["NOTICE", ""], ["what"]);
  await world.run(10 * MINUTE);
  expect([relay.connections, relay.peers.size]).toEqual([1, 1]);
});

test("a relay that ends every connection is tried with backoff, and found again (L15)", async () => {
  const { world, relay } = await worldWithRelay();
  relay.intercept = (_, peer) => {
    peer.end("connection");
    return true;
  };
  await world.start();
  await world.run(HOUR);
  expect(relay.connections).toBeLessThan(12);
  relay.intercept = () => false;
  relay.add(issue(1));
  await world.run(HOUR + MINUTE);
  expect(world.has(issue(1))).toBe(true);
});

test("an operator's wish is a whole reconciliation now (O14)", async () => {
  const { world, relay } = await worldWithRelay();
  await world.start();
  await world.run(MINUTE);
  relay.add(issue(1));
  expect(world.sync.syncNow("wss://One.example/")).toEqual([relay.url]);
  await world.run(MINUTE);
  expect(world.has(issue(1))).toBe(true);
  expect([world.sync.syncNow("a"), world.sync.syncNow("b")]).toEqual([[relay.url], []]);
});
