import fc from "fast-check";
import { expect, test } from "vitest";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import { type Filter, matches } from "../../../../../runtime/grasp/events/filter.ts";
import { inOrder } from "../../../../../runtime/grasp/relay-sync/batch.ts";
import { askAgainMs, isRateLimit, wantsAuth } from "../../../../../runtime/grasp/relay-sync/complaints.ts";
import { EventRate } from "../../../../../runtime/grasp/relay-sync/event-rate.ts";
import {
  FIRST_LAYER,
  joinTargets,
  NO_TARGETS,
  newTargets,
  targetFilters,
} from "../../../../../runtime/grasp/relay-sync/layers.ts";
import {
  liveBound,
  packed,
  planLive,
  subscriptionBound,
} from "../../../../../runtime/grasp/relay-sync/merging.ts";
import { filterJson, readFromRelay } from "../../../../../runtime/grasp/relay-sync/messages.ts";
import { afterPage, FIRST_PAGE, type Paging } from "../../../../../runtime/grasp/relay-sync/paging.ts";
import {
  avoid,
  type Health,
  healthOf,
  limited,
  lost,
  opened,
  settled,
  UNTRIED,
} from "../../../../../runtime/grasp/relay-sync/relay-health.ts";
import { relayOfClone, relayUrl } from "../../../../../runtime/grasp/relay-sync/relay-url.ts";
import { type Announced, chooseRelays } from "../../../../../runtime/grasp/relay-sync/relays.ts";
import { courseOf, halves, RECONCILED, resumed } from "../../../../../runtime/grasp/relay-sync/resuming.ts";
import { event } from "../life/cast.ts";
import { HOUR, MINUTE, SECOND } from "./world.ts";

const RULES = { ownHosts: ["git.example", "other.example:7334"], allowInsecure: false };

test.each([
  ["wss://Relay.Example", "wss://relay.example"],
  ["WSS://relay.example:443/", "wss://relay.example"],
  [" wss://relay.example./path/ ", "wss://relay.example/path"],
  ["wss://relay.example:8443", "wss://relay.example:8443"],
  ["wss://bücher.example", "wss://xn--bcher-kva.example"],
])("%s is written in one form (L2)", (text, url) => {
  expect(relayUrl(text, RULES)).toEqual({ url });
});

test.each([
  ["wss://git.example", "own"],
  ["wss://GIT.example./x", "own"],
  ["wss://other.example:7334", "own"],
  ["ws://relay.example", "scheme"],
  ["https://relay.example", "scheme"],
  ["wss://user@relay.example", "parts"],
  ["wss://relay.example?x=1", "parts"],
  ["wss://relay.example:22", "port"],
  ["relay", "scheme"],
])("%s is not asked: %s (L2, L4)", (text, fault) => {
  expect(relayUrl(text, RULES)).toEqual({ fault });
});

test("a clone URL names the relay on its host (L2)", () => {
  expect(relayOfClone("https://Grasp.example/npub1x/a.git", RULES)).toEqual({ url: "wss://grasp.example" });
  expect(relayOfClone("https://git.example/npub1x/a.git", RULES)).toEqual({ fault: "own" });
  const insecure = { ...RULES, allowInsecure: true };
  expect(relayOfClone("http://grasp.example:8080/a.git", insecure)).toEqual({
    url: "ws://grasp.example:8080",
  });
});

const one = (owner: string, identifier: string, relays: string[]): Announced => ({
  ...{ owner, identifier, relays, clone: [] },
});

test("one author opens 10 relays, all together 1,000; what another opened is open to all (L4)", () => {
  const urls = Array.from({ length: 12 }, (_, n) => `wss://r${n}.example`);
  const { relays, left } = chooseRelays([one("x", "a", urls), one("y", "b", [urls[11]!])], [], RULES);
  expect(relays.size).toBe(11);
  expect(left).toBe(1);
  expect([...relays.get(urls[11]!)!]).toEqual(["b", "a"]);
  const many = Array.from({ length: 1200 }, (_, n) => one(`o${n}`, "c", [`wss://m${n}.example`]));
  expect(chooseRelays(many, ["wss://boot.example"], RULES).relays.size).toBe(1000);
});

test("a bootstrap relay is asked for everything (L2, L3)", () => {
  const { relays } = chooseRelays([one("x", "a", []), one("y", "b", [])], ["wss://Boot.example/"], RULES);
  expect([...relays]).toEqual([["wss://boot.example", new Set(["a", "b"])]]);
});

const numbered = (count: number, prefix = "") =>
  new Set(Array.from({ length: count }, (_, n) => `${prefix}${n}`));

test("the layers, at most 100 values a filter (L5)", () => {
  const filters = targetFilters({
    identifiers: numbered(250),
    addresses: numbered(101),
    authors: numbered(1),
    roots: numbered(100),
  });
  const sizes = filters.map(({ kinds, authors, tags }) => [
    [...(kinds ?? [])],
    [...tags.keys()][0] ?? "authors",
    ([...tags.values()][0] ?? authors)!.size,
  ]);
  expect(sizes).toEqual([
    ...[100, 100, 50].map((size) => [[30618], "d", size]),
    ...[100, 1].flatMap((size) => ["a", "A", "q"].map((letter) => [[], letter, size])),
    [[5, 62], "authors", 1],
    ...["e", "E", "q"].map((letter) => [[], letter, 100]),
  ]);
  expect(filterJson(FIRST_LAYER[0]!)).toEqual({ kinds: [30617, 10317] });
});

test("what is new is told from what is covered (L12)", () => {
  const all = { identifiers: numbered(3), addresses: numbered(2), authors: numbered(1), roots: numbered(2) };
  const covered = { ...NO_TARGETS, identifiers: numbered(2), roots: numbered(2) };
  const added = newTargets(all, covered);
  expect(added).toEqual({
    identifiers: new Set(["2"]),
    addresses: numbered(2),
    authors: numbered(1),
    roots: new Set(),
  });
  expect(newTargets(all, joinTargets(covered, added))).toEqual(NO_TARGETS);
});

test("subscriptions stay below 70, or the relay's own maximum (L13)", () => {
  expect([
    subscriptionBound(null),
    subscriptionBound(20),
    subscriptionBound(500),
    subscriptionBound(0),
  ]).toEqual([69, 20, 69, 1]);
});

test("any plan has room for old and new subscriptions and for one page (L13)", () => {
  const filter = (n: number): Filter => ({ tags: new Map([["d", new Set([String(n)])]]) });
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 69 }),
      fc.nat(40),
      fc.integer({ min: 1, max: 400 }),
      fc.nat(1200),
      (bound, live, added, rest) => {
        const open = Math.min(live, liveBound(bound));
        const more = Array.from({ length: added }, (_, n) => filter(n));
        const all = Array.from({ length: added + rest }, (_, n) => filter(n));
        const plan = planLive(open, more, () => all, bound);
        const before = plan.kind === "add" ? open : 0;
        expect(before + plan.open.length + 1).toBeLessThanOrEqual(bound);
        expect(open + plan.open.length).toBeLessThanOrEqual(bound);
        const asked = plan.open.reduce((sum, filters) => sum + filters.length, 0);
        expect(asked).toBe(plan.kind === "add" ? added : all.length - plan.left);
        expect(packed(all).flat()).toEqual(all);
      },
    ),
  );
});

test.each([
  ["rate-limited: wait", true],
  ["ERROR: Too many concurrent REQs", true],
  ["please slow down", true],
  ["you are being throttled", true],
  ["Rate limit exceeded", true],
  ["error: bad filter", false],
  ["auth-required: log in", false],
])("%s asks for fewer requests: %s (L16)", (text, expected) => {
  expect(isRateLimit(text)).toBe(expected);
});

test("a closed subscription is asked again after 60 s, doubling to 1 h (L31)", () => {
  expect([1, 2, 3, 7, 60].map(askAgainMs)).toEqual([60, 120, 240, 3600, 3600].map((s) => s * SECOND));
  expect([wantsAuth("auth-required: x"), wantsAuth("not auth-required: x")]).toEqual([true, false]);
});

/** A relay's answer to pages: newest first, at most `most`. */
const pageOf = (events: readonly NostrEvent[], paging: Paging, most: number) =>
  events
    .filter(({ created_at }) => created_at <= (paging.until ?? Infinity))
    .sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1))
    .slice(0, most);

test("pages bring every event, unless more than a page share a second; they end (L10, T58)", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 200 }),
      fc.integer({ min: 2, max: 50 }),
      fc.integer({ min: 1, max: 60 }),
      (times, most, limit) => {
        const events = times.map((at, n) => ({ ...event(1, "0", [], at), id: String(n) }));
        const found = new Set<string>();
        let paging = FIRST_PAGE;
        const stepped: number[] = [];
        for (let pages = 0; ; pages++) {
          expect(pages).toBeLessThan(events.length + 70);
          const page = pageOf(events, paging, Math.min(most, limit));
          for (const { id } of page) found.add(id);
          const after = afterPage(paging, page, limit);
          if (after.kind !== "next") break;
          if (after.stepped !== null) stepped.push(after.stepped);
          paging = after.paging;
        }
        const crowded = (at: number) =>
          times.filter((time) => events[0]!.created_at - times[0]! + time === at).length;
        for (const { id, created_at } of events)
          if (!found.has(id)) {
            expect(stepped).toContain(created_at);
            expect(crowded(created_at)).toBeGreaterThan(Math.min(most, limit) - 1);
          }
      },
    ),
  );
});

test("pages of ever new events in one second end too (L10)", () => {
  let paging = FIRST_PAGE;
  const untils: (number | null)[] = [];
  for (let page = 0; page < 50; page++) {
    const events = [0, 1, 2].map((n) => ({
      id: `${page}-${n}`,
      created_at: Math.min(1000, paging.until ?? 1000),
    }));
    const after = afterPage(paging, events, 500);
    if (after.kind !== "next") throw new Error("it ends when the relay has nothing more");
    paging = after.paging;
    untils.push(paging.until);
  }
  expect(Math.min(...untils.map((until) => until!))).toBeLessThan(997);
});

const FIGURES = { baseBackoffMs: 5 * SECOND, maxBackoffMs: HOUR, avoidMs: 12 * HOUR };

test("backoff doubles from 5 s to 1 h, and only a stable connection ends it (L15, L18)", () => {
  let health: Health = UNTRIED;
  const waits: number[] = [];
  for (let n = 0; n < 12; n++) {
    health = opened(health, n);
    health = lost(health, "connection", n, FIGURES);
    waits.push((health.retryAtMs - n) / SECOND);
  }
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
  const open = opened(health, 100);
  expect(healthOf(open, 100 + 4 * MINUTE)).toBe("degraded");
  expect(settled(open, 100 + 4 * MINUTE).failures).toBe(12);
  expect(settled(open, 100 + 5 * MINUTE).failures).toBe(0);
  expect(healthOf(open, 100 + 5 * MINUTE)).toBe("stable");
  expect(lost(open, "connection", 100 + 5 * MINUTE, FIGURES).failures).toBe(1);
});

test("a relay is dead after 24 h of failure, then one try a day; an open connection ends that (L15)", () => {
  let health = lost(UNTRIED, "connection", 0, FIGURES);
  expect(healthOf(health, 24 * HOUR - 1)).toBe("degraded");
  health = lost(health, "connection", 24 * HOUR, FIGURES);
  expect(healthOf(health, 24 * HOUR)).toBe("dead");
  expect(health.retryAtMs).toBe(48 * HOUR);
  expect(healthOf(opened(health, 48 * HOUR), 48 * HOUR)).toBe("degraded");
});

test("the end of a rest does not erase the backoff; a success clears what it disproves and nothing else (L16, L18)", () => {
  let health = lost(lost(UNTRIED, "connection", 0, FIGURES), "connection", 0, FIGURES);
  health = limited(health, 0);
  expect([health.restsUntilMs, healthOf(health, 0)]).toEqual([65 * SECOND, "rate-limited"]);
  health = opened(health, 10 * SECOND);
  expect([health.restsUntilMs, health.failures]).toEqual([65 * SECOND, 2]);
  expect(healthOf(health, 66 * SECOND)).toBe("degraded");
  expect(lost(health, "connection", 70 * SECOND, FIGURES).retryAtMs).toBe(90 * SECOND);
});

test.each(["dns", "tls", "protocol", "address"] as const)(
  "after an error of %s a relay is left alone for 12 h (L15)",
  (because) => {
    const health = lost(UNTRIED, because, 0, FIGURES);
    expect([health.retryAtMs, health.avoided]).toEqual([12 * HOUR, { because, untilMs: 12 * HOUR }]);
    expect(opened(health, 12 * HOUR).avoided).toBeNull();
  },
);

test("misbehaviour is answered with 12 h, whatever the backoff (L19)", () => {
  expect(avoid(opened(UNTRIED, 0), "flood", 5, FIGURES)).toMatchObject({
    retryAtMs: 12 * HOUR + 5,
    openedAtMs: null,
  });
});

test("after less than 15 minutes we resume, after more we start fresh (L17, T59)", () => {
  const cursor = { aliveAtMs: 100 * HOUR, historyAtMs: 99 * HOUR };
  const since = (100 * HOUR) / SECOND - 3600;
  expect(courseOf(cursor, 100 * HOUR + 15 * MINUTE - 1)).toEqual({ kind: "resume", since });
  expect(courseOf(cursor, 100 * HOUR + 15 * MINUTE)).toEqual({ kind: "fresh" });
  expect(courseOf({ ...cursor, historyAtMs: null }, 100 * HOUR)).toEqual({ kind: "fresh" });
  expect(courseOf(null, 0)).toEqual({ kind: "fresh" });
});

test("after a gap the kinds that others hang on are reconciled whole, all else from an hour before (L27)", () => {
  const filters = [
    ...FIRST_LAYER,
    ...targetFilters({
      identifiers: numbered(1),
      addresses: numbered(1),
      authors: numbered(1),
      roots: numbered(1),
    }),
  ];
  const after = filters.flatMap((filter) => resumed(filter, 5000));
  for (const filter of after) {
    const isWhole = filter.kinds !== undefined && [...filter.kinds].every((kind) => RECONCILED.has(kind));
    expect(filter.since).toBe(isWhole ? undefined : 5000);
  }
  fc.assert(
    fc.property(
      fc.constantFrom(...filters),
      fc.constantFrom(1, 5, 1111, 1621, 10317, 30617, 30618),
      fc.constantFrom(10, 9000),
      (filter, kind, at) => {
        const [[letter, values] = ["x", new Set(["x"])]] = filter.tags;
        const given = {
          ...event(kind, [...(filter.authors ?? ["0"])][0]!, [[letter, [...values][0]!]], 0),
          created_at: at,
        };
        const isWanted = matches(filter, given) && (at >= 5000 || RECONCILED.has(kind));
        expect(resumed(filter, 5000).some((part) => matches(part, given))).toBe(isWanted);
      },
    ),
  );
});

test("a filter is split by time until its parts are single seconds, and no second is lost (L8)", () => {
  const now = 1_800_000_000;
  const [early, late] = halves({ tags: new Map() }, now)!;
  expect([early.until! + 1, late.since]).toEqual([late.since, 1_577_836_801]);
  let [filter, depth] = [late, 0];
  for (let parts = halves(filter, now); parts !== null; parts = halves(filter, now)) {
    expect([parts[0].since, parts[1].until, parts[0].until! + 1]).toEqual([
      filter.since,
      filter.until,
      parts[1].since,
    ]);
    filter = parts[0];
    depth++;
  }
  expect([filter.since, depth < 33]).toEqual([filter.until, true]);
});

test("a batch is applied oldest first, deletions and requests to vanish last (L28)", () => {
  const [vanish, deletion, issue, state] = [
    event(62, "1", [], 1),
    event(5, "1", [], 2),
    event(1621, "1", [], 9),
    event(30618, "1", [], 3),
  ];
  expect(inOrder([vanish, deletion, issue, state].reverse()).map(({ kind }) => kind)).toEqual([
    30618, 1621, 62, 5,
  ]);
});

test("more than 6,000 events in a minute are a flood; after the wait, more may be asked for (L19)", () => {
  const rate = new EventRate(6000);
  let now = 1_000_000;
  for (let n = 0; n < 6000; n++) expect(rate.count(now)).toBe(false);
  expect(rate.count(now)).toBe(true);
  expect(rate.waitMs(500, now)).toBe(60 * SECOND);
  now += 60 * SECOND;
  expect(rate.waitMs(500, now)).toBe(0);
  expect(rate.count(now)).toBe(false);
  const paced = new EventRate(5000);
  for (let n = 0; n < 4600; n++) paced.count(now + (n % 10) * SECOND);
  now += 10 * SECOND;
  const wait = paced.waitMs(500, now);
  expect([wait > 0, paced.waitMs(500, now + wait)]).toEqual([true, 0]);
});

test("any order of messages: whoever waits as long as the rate says never floods (L19)", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(5000), fc.integer({ min: 1, max: 500 })), { maxLength: 60 }),
      (steps) => {
        const rate = new EventRate(5000);
        let now = 1_000_000_000;
        for (const [pause, events] of steps) {
          now += pause;
          now += rate.waitMs(events, now);
          for (let n = 0; n < events; n++) expect(rate.count(now)).toBe(false);
        }
      },
    ),
  );
});

test("messages of a relay are read, or are none", () => {
  expect(readFromRelay('["EVENT","x",{"id":1}]')).toEqual({
    type: "EVENT",
    subscription: "x",
    event: { id: 1 },
  });
  expect(readFromRelay('["OK","i",true]')).toEqual({ type: "OK", id: "i", ok: true, text: "" });
  expect(readFromRelay('["NEG-MSG","n","6100"]')).toEqual({
    type: "NEG-MSG",
    subscription: "n",
    message: Uint8Array.of(0x61, 0),
  });
  for (const text of [
    "",
    "{}",
    "[]",
    '["EVENT","x"]',
    '["EOSE"]',
    '["NEG-MSG","n","6"]',
    `["NOTICE",${"[".repeat(50)}${"]".repeat(50)}]`,
    '["WHAT","x"]',
  ])
    expect(readFromRelay(text)).toBeNull();
  fc.assert(fc.property(fc.json(), (text) => void readFromRelay(text)));
});
