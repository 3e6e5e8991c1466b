import fc from "fast-check";
import { expect, test } from "vitest";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import { amount } from "../../../../support/amount.ts";
import { AUTHORS, event, state } from "../life/cast.ts";
import type { FakeRelay, Intercept } from "./fake-relay.ts";
import { announced, FORGED, HOUR, MINUTE, SECOND, World } from "./world.ts";

const OWNERS = AUTHORS.slice(0, 3);
const STRANGER = AUTHORS[3]!;
const IDENTIFIERS = ["one", "two", "three"];
/** `cast.ts` counts dates from here. */
const EPOCH = 1_700_000_000;

/** How an honest relay differs from others. */
interface Trait {
  readonly negentropy: "answers" | "notice" | "silent" | "closed" | "small";
  readonly maxLimit: number;
  readonly latencyMs: number;
  readonly maxSubscriptions: number | null;
  /** Each so many requests it asks for a rest; 0: never. */
  readonly limitsEach: number;
}

const trait: fc.Arbitrary<Trait> = fc.record({
  negentropy: fc.constantFrom(
    "answers" as const,
    "answers" as const,
    "notice" as const,
    "silent" as const,
    "closed" as const,
    "small" as const,
  ),
  maxLimit: fc.constantFrom(3, 20, 500),
  latencyMs: fc.constantFrom(1, 50, 2000),
  maxSubscriptions: fc.constantFrom(null, null, 2, 5, 20),
  limitsEach: fc.constantFrom(0, 0, 0, 25),
});

const liars: Record<string, (relay: FakeRelay) => Intercept> = {
  closes:
    () =>
    ([type, name], peer) => {
      if (type === "REQ") peer.tell(["CLOSED", name, "error: no"]);
      return type === "REQ";
    },
  silent: () => () => true,
  forges:
    () =>
    ([type, name], peer) => {
      if (type === "REQ")
        peer.tell(
          ["EVENT", name, { ...event(30617, STRANGER, [["d", "x"]], 5), sig: FORGED }],
          ["EOSE", name],
        );
      return type === "REQ";
    },
  "sends what it likes":
    () =>
    ([type, name], peer) => {
      if (type === "REQ") peer.tell(["EVENT", name, event(1, STRANGER, [], 5)], ["EOSE", name]);
      return type === "REQ";
    },
  "never ends":
    (relay) =>
    ([type, name, filter], peer) => {
      const { until = relay.nowSeconds } = (filter ?? {}) as { until?: number };
      if (type === "REQ") {
        peer.tell(
          ...[0, 1].map((n) => [
            "EVENT",
            name,
            event(30617, STRANGER, [["d", `${until}-${n}`]], until - EPOCH),
          ]),
          ["EOSE", name],
        );
      }
      return type === "REQ";
    },
  hangs: () => (_, peer) => {
    peer.end("connection");
    return true;
  },
  limits:
    () =>
    ([type, name], peer) => {
      if (type === "REQ") peer.tell(["CLOSED", name, "rate-limited: too many"]);
      return type === "REQ";
    },
  babbles: () => (_, peer) => {
    peer.tell(
      ["NOTICE", "x"],
      ["EOSE", "x"],
      ["NEG-MSG", "x", "61"],
      ["CLOSED", "x", ""],
      ["OK", "x", true],
      [],
    );
    return false;
  },
};

type Step =
  /** Events appear on a relay: live if it is up, else while it is away. */
  | { readonly kind: "events"; readonly relay: number; readonly what: readonly Draft[] }
  | { readonly kind: "drop"; readonly relay: number }
  | {
      readonly kind: "outage";
      readonly relay: number;
      readonly minutes: number;
      readonly what: readonly Draft[];
    }
  | {
      readonly kind: "restart";
      readonly minutes: number;
      readonly relay: number;
      readonly what: readonly Draft[];
    }
  | { readonly kind: "relist"; readonly repository: number; readonly relays: readonly number[] };

/** An event to be made. `ago`: its date, in seconds before now, for kinds that are reconciled whole. */
interface Draft {
  readonly kind: "issue" | "patch" | "comment" | "reply" | "state" | "deletion" | "spam";
  readonly repository: number;
  readonly ago: number;
}

const draft: fc.Arbitrary<Draft> = fc.record({
  kind: fc.constantFrom(
    "issue" as const,
    "issue" as const,
    "patch" as const,
    "comment" as const,
    "reply" as const,
    "state" as const,
    "deletion" as const,
    "spam" as const,
  ),
  repository: fc.nat(2),
  ago: fc.constantFrom(0, 0, 3, 1000, 10_000_000),
});
const relayIndex = fc.nat(3);
const drafts = fc.array(draft, { minLength: 1, maxLength: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("events" as const), relay: relayIndex, what: drafts }),
  fc.record({ kind: fc.constant("events" as const), relay: relayIndex, what: drafts }),
  fc.record({ kind: fc.constant("drop" as const), relay: relayIndex }),
  fc.record({
    kind: fc.constant("outage" as const),
    relay: relayIndex,
    minutes: fc.constantFrom(1, 10, 14, 16, 120),
    what: drafts,
  }),
  fc.record({
    kind: fc.constant("restart" as const),
    minutes: fc.constantFrom(0, 5, 30),
    relay: relayIndex,
    what: drafts,
  }),
  fc.record({
    kind: fc.constant("relist" as const),
    repository: fc.nat(2),
    relays: fc.uniqueArray(relayIndex, { maxLength: 4 }),
  }),
);

const scenario = fc.record({
  traits: fc.tuple(trait, trait, trait, trait),
  /** Who lies beside them. */
  liar: fc.constantFrom(...Object.keys(liars)),
  lists: fc.tuple(...[0, 1, 2].map(() => fc.uniqueArray(relayIndex, { minLength: 1, maxLength: 4 }))),
  atFirst: fc.tuple(...[0, 1, 2, 3].map(() => fc.array(draft, { maxLength: 40 }))),
  steps: fc.array(fc.tuple(step, fc.constantFrom(0, 1, 20, 600)), { maxLength: 14 }),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** One run of a scenario. */
class Run {
  readonly world = new World();
  readonly relays: FakeRelay[];
  readonly liar: FakeRelay;
  /** The relays of each repository now. */
  readonly lists: number[][];
  /** Every event that was made, with the relays that have it. */
  readonly made: { readonly event: NostrEvent; readonly draft: Draft; readonly relay: FakeRelay }[] = [];
  readonly deleted = new Set<string>();
  #count = 0;
  #lastList = 0;
  readonly #moments = new Set<number>();

  constructor({ traits, liar, lists }: Scenario) {
    this.relays = traits.map((one, n) => this.#honest(`relay${n}`, one));
    this.liar = this.world.relay("liar");
    this.liar.intercept = liars[liar]!(this.liar);
    this.lists = lists.map((list) => [...list]);
  }

  #honest(name: string, { negentropy, maxLimit, latencyMs, maxSubscriptions, limitsEach }: Trait): FakeRelay {
    const relay = this.world.relay(name);
    Object.assign(relay, { maxLimit, latencyMs, maxSubscriptions: maxSubscriptions ?? 69 });
    if (maxSubscriptions !== null) relay.information = { supportedNips: null, maxSubscriptions, maxLimit };
    if (negentropy === "small") relay.maxRecords = 7;
    let requests = 0;
    relay.intercept = ([type, id], peer) => {
      if (type === "NEG-OPEN") {
        if (negentropy === "notice") peer.tell(["NOTICE", "unknown message"]);
        if (negentropy === "closed") peer.tell(["CLOSED", id, "error: unsupported"]);
        return negentropy === "notice" || negentropy === "closed" || negentropy === "silent";
      }
      if (type !== "REQ" || limitsEach === 0 || ++requests % limitsEach !== 0) return false;
      peer.tell(["CLOSED", id, "rate-limited: slow down"]);
      return true;
    };
    return relay;
  }

  async begin(): Promise<void> {
    for (const repository of [0, 1, 2]) await this.world.serve(this.#announcement(repository, 0));
  }

  #announcement(repository: number, at: number): NostrEvent {
    const urls = [this.liar, ...this.lists[repository]!.map((n) => this.relays[n]!)].map(({ url }) => url);
    return event(
      30617,
      OWNERS[repository]!,
      announced(OWNERS[repository]!, IDENTIFIERS[repository]!, urls),
      at,
    );
  }

  /** Makes an event for a relay; `null`: there is nothing that it could refer to. */
  make(given: Draft, relay: FakeRelay): NostrEvent | null {
    const { repository, kind } = given;
    const owner = OWNERS[repository]!;
    const identifier = IDENTIFIERS[repository]!;
    const address = ["a", `30617:${owner}:${identifier}`];
    const now = this.#moment(0);
    const at = given.ago === 0 ? now : this.#moment(given.ago);
    const mark = ["x", String(this.#count++)];
    const roots = this.made.filter(
      (one) =>
        one.relay === relay &&
        one.draft.repository === repository &&
        (one.draft.kind === "issue" || one.draft.kind === "patch") &&
        !this.deleted.has(one.event.id),
    );
    const root = roots[this.#count % Math.max(1, roots.length)];
    switch (kind) {
      case "issue":
        return this.#add(given, relay, event(1621, owner, [address, mark], at));
      case "patch":
        return this.#add(given, relay, event(1617, STRANGER, [address, mark], at));
      case "comment":
        return this.#add(given, relay, event(1111, STRANGER, [address, mark], now));
      case "reply":
        return root === undefined
          ? null
          : this.#add(given, relay, event(1111, STRANGER, [["e", root.event.id], mark], now));
      case "state":
        // Eight of an author wait (P5).
        if (
          this.made.filter(({ draft: one }) => one.kind === "state" && one.repository === repository)
            .length >= 6
        )
          return null;
        return this.#add(
          given,
          relay,
          state(owner, identifier, [["refs/heads/main", mark[1]!.padStart(40, "0")]], at),
        );
      case "deletion": {
        const own = roots.filter(({ event: one }) => one.pubkey === owner);
        const target = own[this.#count % Math.max(1, own.length)];
        // What refers to it may be here already, or come too late.
        if (
          target === undefined ||
          this.made.some(({ event: one }) =>
            one.tags.some(([name, id]) => name === "e" && id === target.event.id),
          )
        )
          return null;
        this.deleted.add(target.event.id);
        return this.#add(given, relay, event(5, owner, [["e", target.event.id], mark], now));
      }
      default:
        return this.#add(
          given,
          relay,
          event(
            30617,
            STRANGER,
            [
              ["d", mark[1]!],
              ["clone", "https://x.example/x.git"],
              ["relays", relay.url],
            ],
            at,
          ),
        );
    }
  }

  /** A second that no other event has: what shares one with more than a page is out of reach of pages (L10). */
  #moment(ago: number): number {
    let at = this.world.nowSeconds - EPOCH - ago;
    while (this.#moments.has(at)) at--;
    this.#moments.add(at);
    return at;
  }

  #add(given: Draft, relay: FakeRelay, one: NostrEvent): NostrEvent {
    this.made.push({ event: one, draft: given, relay });
    return one;
  }

  fill(relay: FakeRelay, what: readonly Draft[]): void {
    for (const one of what) {
      const made = this.make(one, relay);
      if (made !== null) relay.publish(made);
    }
  }

  async do(one: Step): Promise<void> {
    const { world } = this;
    const relay = "relay" in one ? this.relays[one.relay]! : this.liar;
    switch (one.kind) {
      case "events":
        this.fill(relay, one.what);
        break;
      case "drop":
        relay.drop();
        break;
      case "outage":
        relay.refuses = "connection";
        relay.drop();
        this.fill(relay, one.what);
        await world.run(one.minutes * MINUTE);
        relay.refuses = null;
        break;
      case "restart": {
        await world.stop();
        this.fill(relay, one.what);
        await world.restart(one.minutes * MINUTE);
        break;
      }
      default: {
        this.lists[one.repository] = [...one.relays];
        // Newer than any before it.
        this.#lastList = Math.max(this.#lastList + 1, world.nowSeconds - EPOCH);
        const at = this.#lastList;
        await world.grasp.submit(this.#announcement(one.repository, at), { source: "direct", address: "x" });
      }
    }
  }

  /** Events that must be here and are not. */
  lost(): string[] {
    return this.made.flatMap(({ event: one, draft: { kind, repository }, relay }) => {
      const isListed = this.lists[repository]!.some((n) => this.relays[n] === relay);
      if (!isListed || kind === "spam" || this.deleted.has(one.id)) return [];
      return this.world.has(one) ? [] : [`${kind} of ${IDENTIFIERS[repository]} on ${relay.url}`];
    });
  }
}

test("whatever relays do and whenever they are away, every event that an honest one has and the policy accepts is here in the end (L1, L7 to L19, L23, L27, L28, L30, T58, T59)", async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const run = new Run(given);
      const { world } = run;
      try {
        await run.begin();
        for (const [n, what] of given.atFirst.entries()) run.fill(run.relays[n]!, what);
        await world.start();
        for (const [one, seconds] of given.steps) {
          await run.do(one);
          await world.run(seconds * SECOND);
        }
        // Long enough for the longest backoff and for rests, too short for the daily reconciliation to help.
        await world.run(3 * HOUR);
        expect(run.lost()).toEqual([]);
        for (const { event: one } of run.made)
          if (one.kind === 5 && world.has(one)) expect(world.store.get(one.tags[0]![1]!)).toBeNull();
        for (const relay of run.relays) {
          expect([relay.url, relay.mostOpen <= relay.maxSubscriptions]).toEqual([relay.url, true]);
          const isListed = run.lists.flat().some((n) => run.relays[n] === relay);
          expect([relay.url, world.stateOf(relay)]).toEqual([relay.url, isListed ? "connected" : undefined]);
        }
        expect(world.all("failed")).toEqual([]);
        expect(world.all("avoided").filter(({ relay }) => relay !== run.liar.url)).toEqual([]);
        // Nothing loops: what a liar gets from us is bounded.
        expect(run.liar.received.length).toBeLessThan(20_000);
        await world.stop();
        await world.run(10 * SECOND);
        expect(world.timers).toBe(0);
      } finally {
        await world.stop();
        await world.store.close();
      }
    }),
    { numRuns: Number(process.env.RELAY_SYNC_RUNS ?? amount(25, 10)) },
  );
}, 300_000);
