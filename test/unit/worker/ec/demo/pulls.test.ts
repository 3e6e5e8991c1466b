import { describe, expect, it } from "vitest";
import type { GraphEntry } from "../../../../../runtime/ec/graph/entry.ts";
import type { Fetch } from "../../../../../runtime/platform.ts";
import { createGates, type Gate } from "../../../../../worker/ec/demo/gates.ts";
import { exampleCompanies } from "../../../../../worker/ec/demo/partners/companies.ts";
import {
  afterVisit,
  NO_PULLS,
  withEvent,
  withWaits,
  withWritten,
} from "../../../../../worker/ec/demo/pulls.ts";
import { type PullEvent, watchedFetch } from "../../../../../worker/ec/demo/watched-fetch.ts";
import type { Services } from "../../../../../worker/ec/service.ts";
import { manualClock } from "../../../../support/manual-clock.ts";

const COMPANIES = exampleCompanies({
  quickbeck: "http://127.0.0.1:1001",
  mossgate: "http://127.0.0.1:1002",
  pullToken: "token",
  apiKey: "the-key-of-otter-for-these-tests",
  returnDomain: "millrace.localhost",
});
const ID = `${"ab".repeat(32)}.abcdef`;

const event = (what: PullEvent["what"], partner = "mossgate", atMs = 0): PullEvent => ({
  partner,
  ecId: ID,
  atMs,
  what,
});

describe("the lines about pulls", () => {
  const say = (what: PullEvent["what"]) => withEvent(NO_PULLS, event(what), "Mossgate").lines[0]!.text;

  it("have one sentence for each event", () => {
    expect(say({ kind: "asked" })).toBe("Mossgate was asked for its id for you.");
    expect(say({ kind: "answered", status: 200, tookMs: 1812 })).toBe("Mossgate answered, after 1.8 s.");
    expect(say({ kind: "answered", status: 200, tookMs: 0 })).toBe("Mossgate answered, after 1 ms.");
    expect(say({ kind: "answered", status: 404, tookMs: 3 })).toBe("Mossgate answered with status 404.");
    expect(say({ kind: "slow down", pauseMs: 8000 })).toContain("It gets no requests for 8 s");
    expect(say({ kind: "dropped" })).toContain("cancelled");
    expect(say({ kind: "failed" })).toBe("Mossgate gave no answer.");
  });

  it("are limited, newest first, with consecutive numbers", () => {
    let pulls = NO_PULLS;
    for (let n = 0; n < 20; n++) pulls = withEvent(pulls, event({ kind: "asked" }), String(n));
    expect(pulls.lines.map(({ number }) => number)).toEqual([20, 19, 18, 17, 16, 15, 14, 13, 12]);
    expect(pulls.lines[0]!.text).toMatch(/^19 /);
  });

  it("name each new or changed id", () => {
    const entry = (ids: GraphEntry["ids"]) => ({ ids }) as GraphEntry;
    const names: Record<string, string> = { a: "Anna", b: "Boots & Sons" };
    const tell = (before: GraphEntry | null, after: GraphEntry | null) =>
      withWritten(NO_PULLS, before, after, (id) => names[id]!, 0).lines.map(({ text }) => text);
    const a = { uid: "1", synced: 1 };
    expect(tell(null, entry({ a }))).toEqual(["Anna’s id for you is in the graph."]);
    expect(tell(entry({ a }), entry({ a, b: a }))).toEqual(["Boots & Sons’ id for you is in the graph."]);
    expect(tell(entry({ a }), entry({ a: { uid: "1", synced: 2 } }))).toHaveLength(1);
    expect(tell(entry({ a }), entry({ a: { ...a } }))).toEqual([]);
    expect(tell(entry({ a }), entry({}))).toEqual([]);
    expect(tell(entry({ a }), null)).toEqual([]);
  });
});

describe("the lines about waiting", () => {
  const open: Gate = {
    partner: "mossgate",
    inFlight: 0,
    maxConcurrent: 1,
    waiting: 0,
    maxPerMinute: 10,
    startsMs: [],
    closed: null,
  };
  const visited = afterVisit(NO_PULLS, true);
  const wait = (gate: Partial<Gate>, pulls = visited, due = ["mossgate"]) =>
    withWaits(pulls, due, [{ ...open, ...gate }], () => "Mossgate", 1000);
  const shut = (because: "pause" | "window" | "rest"): Partial<Gate> => ({
    closed: { because, untilMs: 8200 },
  });

  it.each([
    [shut("pause"), "it asked for a pause, which ends in 8 s"],
    [shut("window"), "it had 10 requests within a minute, which is its limit"],
    [shut("rest"), "it keeps failing, so requests pause"],
    [{ inFlight: 1 }, "it takes one at a time"],
    [{ inFlight: 4, maxConcurrent: 4 }, "it takes 4 at a time"],
  ])("says why: %j", (gate, why) => {
    expect(wait(gate).lines[0]).toMatchObject({
      kind: "waits",
      text: `You are in line for Mossgate: ${why}.`,
    });
  });

  it("appear once, for a due partner that is closed and not requested yet", () => {
    const told = wait(shut("pause"));
    expect(wait(shut("window"), told)).toBe(told);
    expect(wait({})).toBe(visited);
    expect(wait(shut("pause"), visited, ["quickbeck"])).toBe(visited);
    expect(wait(shut("pause"), NO_PULLS)).toBe(NO_PULLS);
    const asked = withEvent(visited, event({ kind: "asked" }), "Mossgate");
    expect(wait({ inFlight: 1 }, asked)).toBe(asked);
  });

  it("appear again after a visit, except during a request", () => {
    const asked = withEvent(visited, event({ kind: "asked" }), "Mossgate");
    const later = afterVisit(asked, true);
    expect(wait({ inFlight: 1 }, later)).toBe(later);
    const refused = withEvent(later, event({ kind: "slow down", pauseMs: 8000 }), "Mossgate");
    expect(wait(shut("pause"), refused)).toBe(refused);
    expect(wait(shut("pause"), afterVisit(refused, true)).lines[0]!.kind).toBe("waits");
    const gone = afterVisit(asked, false);
    expect(wait(shut("pause"), gone)).toBe(gone);
  });
});

describe("the partners' gates", () => {
  function start() {
    const clock = manualClock();
    const view: ReturnType<Services["inspectSync"]> = { queued: 0, domains: [] };
    const gates = createGates(COMPANIES, clock, () => view);
    const mossgate = () => gates.now().find(({ partner }) => partner === "mossgate")!;
    return { clock, view, gates, mossgate };
  }
  const record = (gates: ReturnType<typeof start>["gates"], what: PullEvent["what"], atMs: number) =>
    gates.record(event(what, "mossgate", atMs));

  it("exist for all pulled partners, whether or not the engine knows them", () => {
    const { gates, view } = start();
    expect(gates.now()).toMatchObject([
      { partner: "quickbeck", inFlight: 0, waiting: 0, maxConcurrent: 4, maxPerMinute: 60, closed: null },
      { partner: "mossgate", inFlight: 0, waiting: 0, maxConcurrent: 1, maxPerMinute: 10, closed: null },
    ]);
    const known = { domain: "127.0.0.1:1002", inFlight: 1, waiting: 3, opensInMs: 0 };
    view.domains.push({ ...known, maxConcurrent: 1, maxPerMinute: 10, remaining: 9, failures: 0, rests: 0 });
    expect(gates.now()[1]).toMatchObject({ inFlight: 1, waiting: 3, closed: null });
    Object.assign(view.domains[0]!, { opensInMs: 29_500 });
    expect(gates.now()[1]!.closed).toEqual({ because: "rest", untilMs: 1_800_000_030_000 });
  });

  it("are closed during a pause", () => {
    const { clock, gates, mossgate } = start();
    record(gates, { kind: "slow down", pauseMs: 8000 }, clock.now());
    const untilMs = clock.now() + 8000;
    clock.advance(7999);
    expect(mossgate().closed).toEqual({ because: "pause", untilMs });
    clock.advance(1);
    expect(mossgate().closed).toBeNull();
  });

  it("are closed while the minute is full, until its oldest request is a minute old", () => {
    const { clock, gates, mossgate } = start();
    const first = clock.now();
    for (let n = 0; n < 10; n++) {
      expect(mossgate().closed).toBeNull();
      record(gates, { kind: "asked" }, clock.now());
      clock.advance(1000);
    }
    expect(mossgate().startsMs).toHaveLength(10);
    expect(mossgate().closed).toEqual({ because: "window", untilMs: first + 60_000 });
    clock.advance(50_000);
    expect(mossgate().closed).toBeNull();
    expect(mossgate().startsMs).toHaveLength(9);
  });
});

describe("the watched fetch", () => {
  function start(partners: Fetch) {
    const clock = manualClock();
    const events: PullEvent[] = [];
    const others: string[] = [];
    const fetch = watchedFetch(
      {
        partners,
        others: async (url) => {
          others.push(url);
          return new Response("other");
        },
      },
      COMPANIES,
      clock,
      (told) => events.push(told),
    );
    return { clock, events, others, fetch, kinds: () => events.map(({ what }) => what.kind) };
  }
  const url = `http://127.0.0.1:1002/pull?ec_id=${ID}&ip=1.2.3.4`;

  it("reports the partner, the id and the duration of a pull", async () => {
    const { clock, events, fetch, others } = start(async () => {
      clock.advance(250);
      return new Response("{}");
    });
    await fetch(url);
    expect(events).toMatchObject([
      { partner: "mossgate", ecId: ID, atMs: 1_800_000_000_000, what: { kind: "asked" } },
      { atMs: 1_800_000_000_250, what: { kind: "answered", status: 200, tookMs: 250 } },
    ]);
    expect(others).toEqual([]);
  });

  it("does not report other requests", async () => {
    const { events, fetch, others } = start(async () => new Response());
    const urls = ["http://127.0.0.1:1002/other", "http://127.0.0.1:1003/pull", "https://127.0.0.1:1002/pull"];
    for (const each of urls) await fetch(each);
    expect(others).toEqual(urls);
    expect(events).toEqual([]);
  });

  it("reports the length of a pause", async () => {
    const headers: Record<string, string>[] = [{ "retry-after": "8" }, {}];
    const { events, fetch } = start(
      async () => new Response(null, { status: 429, headers: headers.shift()! }),
    );
    await fetch(url);
    await fetch(url);
    expect(events.map(({ what }) => what).filter(({ kind }) => kind === "slow down")).toEqual([
      { kind: "slow down", pauseMs: 8000 },
      { kind: "slow down", pauseMs: 60_000 },
    ]);
  });

  it("distinguishes a cancelled pull from a failed one", async () => {
    const reason = (name: string) => Object.assign(new Error("over"), { name });
    const { fetch, kinds } = start(async (_, init) => {
      throw init?.signal?.reason ?? new Error("refused");
    });
    const ask = (name: string) => fetch(url, { signal: AbortSignal.abort(reason(name)) });
    await expect(ask("AbortError")).rejects.toThrow("over");
    await expect(ask("TimeoutError")).rejects.toThrow("over");
    await expect(fetch(url)).rejects.toThrow("refused");
    expect(kinds()).toEqual(["asked", "dropped", "asked", "failed", "asked", "failed"]);
  });
});
