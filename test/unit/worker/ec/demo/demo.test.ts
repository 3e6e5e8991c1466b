import { afterEach, describe, expect, it } from "vitest";
import { keyOf } from "../../../../../runtime/ec/graph/entry-writer.ts";
import { createLog } from "../../../../../runtime/observe/log.ts";
import type { Clock, Fetch } from "../../../../../runtime/platform.ts";
import { memoryStore } from "../../../../../runtime/stores/memory.ts";
import { createDemo } from "../../../../../worker/ec/demo/demo.ts";
import type { Gate } from "../../../../../worker/ec/demo/gates.ts";
import { exampleCompanies } from "../../../../../worker/ec/demo/partners/companies.ts";
import { createMossgate } from "../../../../../worker/ec/demo/partners/mossgate.ts";
import { AUCTION_PATH, createQuickbeck } from "../../../../../worker/ec/demo/partners/quickbeck.ts";
import { tcString } from "../../../../../worker/ec/demo/site/consent-strings.js";
import type { Snapshot } from "../../../../../worker/ec/demo/snapshot.ts";
import { edgeCookie, host, type NodeArgs } from "../../../../../worker/entries/node.ts";
import { manualClock } from "../../../../support/manual-clock.ts";
import { faultyStore } from "../../../../support/service.ts";

const BASE = "http://millrace.localhost:8787";
const SESSION = "0123456789abcdef0123456789abcdef";
const GRANTED = `euconsent-v2=${tcString({ granted: true, country: "FR", nowMs: Date.now() })}`;
const REFUSED = `euconsent-v2=${tcString({ granted: false, country: "FR", nowMs: Date.now() })}`;
const socket = { incoming: { socket: { remoteAddress: "127.0.0.1" } } } as unknown as NodeArgs[0];

const API_KEY = "the-key-of-otter-for-these-tests";
const ORIGINS = { quickbeck: "http://127.0.0.1:1001", mossgate: "http://127.0.0.1:1002" };
const TOKEN = "a-token-for-these-tests";

const running: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of running.splice(0)) await end();
});

/** Starts a demonstration with in-process partners. Mossgate responds when `answer` is called. */
function start(clock: Clock = host.clock) {
  const store = faultyStore(memoryStore({ clock }));
  const log: string[] = [];
  const thinking: (() => void)[] = [];
  let isEnding = false;
  const think = () => new Promise<void>((resolve) => void (isEnding ? resolve() : thinking.push(resolve)));
  const partners = new Map([
    [new URL(ORIGINS.quickbeck).host, createQuickbeck(TOKEN)],
    [new URL(ORIGINS.mossgate).host, createMossgate(TOKEN, think)],
  ]);
  const fetch: Fetch = async (url, init) => {
    const aborted = new Promise<never>((_, reject) => {
      init?.signal?.addEventListener("abort", () => reject(init.signal!.reason));
    });
    return Promise.race([aborted, partners.get(new URL(url).host)!.request(url, init)]);
  };
  const demo = createDemo<NodeArgs>({
    edgeCookie,
    options: {
      passphrases: ["only for these tests"],
      throttle: { maxKeys: 100_000 },
      log: createLog({ level: "debug", write: (line) => log.push(line), clock: host.clock }),
    },
    store,
    clock,
    random: host.random,
    fetches: { partners: fetch, others: fetch },
    partners: {
      companies: exampleCompanies({
        ...ORIGINS,
        pullToken: TOKEN,
        apiKey: API_KEY,
        returnDomain: "millrace.localhost",
      }),
      auctionEndpoint: ORIGINS.quickbeck + AUCTION_PATH,
      apiKey: API_KEY,
    },
    site: () => new Response("the page"),
  });
  running.push(async () => {
    isEnding = true;
    for (const answer of thinking) answer();
    demo.endStreams();
    await demo.close();
  });
  const ask = async (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
    demo.answer(new Request(BASE + path, { ...init, headers }), socket);
  /** Waits for a request to Mossgate and responds to it. */
  async function answer(): Promise<void> {
    await expect.poll(() => thinking.length).toBeGreaterThan(0);
    thinking.shift()!();
  }
  /** Waits until this many visitors were tried: their partners were asked, or have them in a queue. */
  const tried = (count: number) =>
    expect.poll(() => log.filter((line) => JSON.parse(line).event === "try-ended").length).toBe(count);
  return { demo, store, ask, answer, tried };
}

const page = (...cookies: string[]) => ({
  accept: "text/html",
  cookie: [`demo-session=${SESSION}`, ...cookies].join("; "),
});
const setCookie = (response: Response, name: string) =>
  response.headers.getSetCookie().find((line) => line.startsWith(`${name}=`));
const idOf = (response: Response) => setCookie(response, "ts-ec")!.slice("ts-ec=".length).split(";")[0]!;

/** Reads a panel's stream, one event after the other. */
async function watch(ask: ReturnType<typeof start>["ask"], session = SESSION) {
  const response = await ask("/_demo/events", { cookie: `demo-session=${session}` });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  /** Returns the next event that starts with this text. */
  async function read<T>(start: string): Promise<T | null> {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return null;
      if (value.startsWith(start)) return JSON.parse(value.slice(start.length));
    }
  }
  const next = () => read<Snapshot>("data: ");
  async function first<T>(start: string, isIt: (state: T) => boolean): Promise<T> {
    for (;;) {
      const state = await read<T>(start);
      if (state === null) throw new Error("the stream ended");
      if (isIt(state)) return state;
    }
  }
  return {
    response,
    next,
    /** The first snapshot that matches. */
    when: (isIt: (snapshot: Snapshot) => boolean) => first<Snapshot>("data: ", isIt),
    /** The first snapshot whose newest line is of this kind. A write of the graph may show before its request is over. */
    until: (kind: string) => first<Snapshot>("data: ", ({ happenings }) => happenings[0]?.kind === kind),
    /** The first state of the gates that matches. */
    async gates(isIt: (gates: { quickbeck: Gate; mossgate: Gate }) => boolean) {
      const byPartner = ([quickbeck, mossgate]: Gate[]) => ({ quickbeck: quickbeck!, mossgate: mossgate! });
      return byPartner(await first<Gate[]>("event: gates\ndata: ", (gates) => isIt(byPartner(gates))));
    },
    leave: () => reader.cancel(),
  };
}

const texts = ({ pulls }: Snapshot) => pulls.map(({ text }) => text);
const pixel = (uid: string) =>
  new URLSearchParams({ partner: "otter", uid, return: `${BASE}/_demo/partner#pixel` }).toString();

describe("the demonstration's panel", () => {
  it("shows the visitor's events and the graph's entry, at first and after each change", async () => {
    const { ask } = start();
    await ask("/", page());
    const panel = await watch(ask);
    expect(panel.response.headers.get("content-type")).toContain("text/event-stream");
    expect(await panel.next()).toMatchObject({
      place: "FR",
      address: "127.0.0.1",
      steps: ["visit"],
      id: null,
      consent: { allowed: false, jurisdiction: "GDPR" },
      graph: { isDown: false, entry: null, tombstone: null },
      happenings: [{ number: 1, kind: "denied", request: "GET /", cookies: [] }],
    });

    const id = idOf(await ask("/consent", page(GRANTED), { method: "POST" }));
    const [hash, suffix] = id.split(".");
    expect(await panel.until("new")).toMatchObject({
      steps: ["visit", "accept"],
      id: { hash, suffix },
      graph: { entry: { consent: { ok: true }, geo: { country: "FR" } } },
      happenings: [{ kind: "new", cookies: [expect.stringContaining(id)] }, { kind: "denied" }],
    });

    await ask("/consent", page(REFUSED, `ts-ec=${id}`), { method: "POST" });
    const withdrawn = await panel.until("withdrawal");
    expect(withdrawn).toMatchObject({
      id: null,
      graph: { entry: null, tombstone: { id: { hash, suffix }, entry: { consent: { ok: false } } } },
    });
    const { entry, untilMs } = withdrawn!.graph.tombstone!;
    expect(untilMs).toBe((entry.consent.updated + 24 * 3600) * 1000);

    const next = idOf(await ask("/consent", page(GRANTED), { method: "POST" }));
    expect(await panel.until("again")).toMatchObject({
      steps: ["visit", "accept", "withdraw", "again"],
      id: { hash, suffix: next.split(".")[1] },
      graph: { tombstone: { id: { suffix } } },
      happenings: [{ kind: "again" }, {}, {}, {}],
    });
  });

  it("lists the pulls in their order", async () => {
    const clock = manualClock(Date.now());
    const { ask, answer } = start(clock);
    const panel = await watch(ask);
    const id = idOf(await ask("/", page("demo-place=JP")));
    const refused = await panel.when(({ pulls }) => pulls.length === 5);
    const told = (partner: string) =>
      refused.pulls.filter((line) => line.partner === partner).map(({ text }) => text);
    expect(told("quickbeck")).toEqual([
      "Quickbeck Exchange’s id for you is in the graph.",
      expect.stringMatching(/^Quickbeck Exchange answered, after \d+ ms\.$/),
      "Quickbeck Exchange was asked for its id for you.",
    ]);
    expect(told("mossgate")).toEqual([
      "Mossgate Audiences said “slow down”. It gets no requests for 8 s; your next visit tries again.",
      "Mossgate Audiences was asked for its id for you.",
    ]);
    expect(refused.graph.entry!.ids).toEqual({
      quickbeck: { uid: expect.stringMatching(/^qu-/), synced: expect.any(Number) },
    });
    expect(refused.steps).not.toContain("partners");

    await ask("/", page("demo-place=JP", `ts-ec=${id}`));
    const inLine = await panel.when(({ pulls }) => pulls[0]!.kind === "waits");
    expect(inLine.pulls[0]!.text).toMatch(
      /^You are in line for Mossgate Audiences: it asked for a pause, which ends in \d s\.$/,
    );
    await clock.settle(10_000);
    await answer();
    const landed = await panel.when(({ pulls }) => pulls[0]!.kind === "written");
    expect(landed.pulls.slice(0, 3).map(({ kind, partner }) => [kind, partner])).toEqual([
      ["written", "mossgate"],
      ["answered", "mossgate"],
      ["asked", "mossgate"],
    ]);
    expect(Object.keys(landed.graph.entry!.ids).sort()).toEqual(["mossgate", "quickbeck"]);
    expect(landed.steps).toContain("partners");
  });

  it("shows that a pull is cancelled when consent is withdrawn before the response", async () => {
    const clock = manualClock(Date.now());
    const { ask, answer } = start(clock);
    // Mossgate refuses the first of three requests.
    await ask("/", { cookie: "demo-place=CA" });
    const panel = await watch(ask);
    await panel.gates(({ mossgate }) => mossgate.closed !== null);
    await clock.settle(10_000);
    const id = idOf(await ask("/", page(GRANTED)));
    await panel.when(({ pulls }) =>
      pulls.some(({ kind, partner }) => kind === "asked" && partner === "mossgate"),
    );
    await ask("/", page(REFUSED, `ts-ec=${id}`));
    await panel.when(({ pulls }) =>
      pulls.some(({ kind, partner }) => kind === "dropped" && partner === "mossgate"),
    );
    await answer();
    await ask("/", page(GRANTED));
    const again = await panel.until("again");
    expect(again.graph.tombstone!.entry.ids).toEqual({});
  });

  it("shows a queue of simulated readers", async () => {
    const clock = manualClock(Date.now());
    const { ask, answer, tried } = start(clock);
    await ask("/", page());
    const panel = await watch(ask);
    expect((await ask("/_demo/crowd", {}, { method: "POST" })).status).toBe(403);
    expect((await ask("/_demo/crowd", page(), { method: "POST" })).status).toBe(204);
    await panel.gates(({ mossgate }) => mossgate.closed !== null);
    await tried(8);
    await clock.settle(2000);
    const line = await panel.gates(({ mossgate }) => mossgate.waiting === 7);
    expect(line).toMatchObject({
      quickbeck: { waiting: 0, inFlight: 0, maxConcurrent: 4, closed: null },
      mossgate: { inFlight: 0, maxConcurrent: 1, closed: { because: "pause" } },
    });
    expect(line.quickbeck.startsMs).toHaveLength(8);
    // A crowd is refused while many wait.
    for (let n = 0; n < 4; n++) await ask("/_demo/crowd", page(), { method: "POST" });
    await tried(40);
    await clock.settle(2000);
    // The panel polls on the real clock and may have read a smaller number before.
    expect((await panel.gates(({ mossgate }) => mossgate.waiting >= 39)).mossgate.waiting).toBe(39);
    expect((await ask("/_demo/crowd", page(), { method: "POST" })).status).toBe(429);
    await clock.settle(6000);
    const moving = await panel.gates(({ mossgate }) => mossgate.inFlight === 1);
    expect(moving.mossgate.closed).toBeNull();
    expect(moving.mossgate.startsMs).toHaveLength(2);
    // The crowd is not part of a visitor's events.
    const late = await watch(ask);
    expect((await late.next())!.pulls).toEqual([]);
    await answer();
  });

  it("shows the requests of a partner", async () => {
    const { ask } = start();
    const id = idOf(await ask("/", page("demo-place=JP")));
    const cookies = page("demo-place=JP", `ts-ec=${id}`);
    const panel = await watch(ask);
    const upload = (ecId: string) => ({
      method: "POST",
      body: JSON.stringify({ mappings: [{ ec_id: ecId, partner_uid: "u-1", timestamp: 1 }] }),
    });
    const key = { authorization: `Bearer ${API_KEY}` };
    const answer = await ask("/_ts/api/v1/sync", { ...cookies, ...key }, upload(id));
    expect(await answer.json()).toMatchObject({ accepted: 1 });
    const uploaded = await panel.until("partner");
    expect(uploaded).toMatchObject({
      happenings: [{ request: "POST /_ts/api/v1/sync", text: "Every id in it was accepted." }, {}],
      graph: { entry: { ids: { otter: { uid: "u-1", synced: 1 } } } },
    });
    expect(uploaded.steps).toContain("play");
    expect(texts(uploaded)).toContain("Otter & Daughters’ id for you is in the graph.");

    const asks: [string, RequestInit, string][] = [
      ["/_ts/api/v1/sync", upload("x"), "Some ids were refused, each with its own reason."],
      [`/sync?${pixel("u-2")}`, {}, "Your browser brought the partner’s own id for you."],
      ["/sync?partner=nobody", {}, "It was refused with status 400, and nothing was written."],
      ["/identify", {}, "It got your id, and the ids of partners that share theirs."],
      [
        "/auction",
        { method: "POST", body: "{}" },
        "The bid request was sent with your id and partners’ ids.",
      ],
      ["/auction", { method: "POST", body: "!" }, "It failed with status 400."],
    ];
    for (const [path, init, text] of asks) {
      await ask(path, path.startsWith("/_ts/") ? { ...cookies, ...key } : cookies, init);
      const told = await panel.when(({ happenings }) => happenings[0]!.text.startsWith(text));
      expect(told.happenings[0]!.kind).toBe("partner");
      // None of these is a visit of the site.
      expect(told.steps).not.toContain("return");
    }
    await ask(`/sync?${pixel("u-3")}`, page("demo-place=JP"));
    await panel.when(({ happenings }) => happenings[0]!.text.startsWith("Your browser has no id of ours"));
    await ask("/identify", page());
    await panel.when(({ happenings }) => happenings[0]!.text.endsWith("It got no answer."));
  });

  it("sends an auction the identity only with consent", async () => {
    const { ask } = start();
    const id = idOf(await ask("/", page("demo-place=JP")));
    const panel = await watch(ask);
    await panel.when(({ graph }) => graph.entry?.ids.quickbeck !== undefined);
    const bid = async (...cookies: string[]) => {
      const request = { method: "POST", body: JSON.stringify({ id: "a-1", imp: [] }) };
      return (await ask("/auction", page(...cookies), request)).json();
    };
    const known = await bid("demo-place=JP", `ts-ec=${id}`);
    expect(known.ext.received.user).toMatchObject({ id, eids: [{ source: "quickbeck.example" }] });
    const unknown = await bid("demo-place=FR");
    expect(unknown.ext.received).toEqual({ id: "a-1", imp: [], regs: { gdpr: 1 } });
    expect(known.seatbid[0].bid[0].price).toBeGreaterThan(unknown.seatbid[0].bid[0].price);
  });

  it("shows that an id was deleted on request", async () => {
    const { ask } = start();
    const id = idOf(await ask("/", page("demo-place=JP")));
    const panel = await watch(ask);
    const cookies = page("demo-place=JP", `ts-ec=${id}`);
    expect((await ask("/_ts/api/v1/identity", cookies, { method: "DELETE" })).status).toBe(204);
    expect(await panel.until("erasure")).toMatchObject({ id: null, graph: { entry: null, tombstone: null } });
  });

  it("shows that the store does not answer", async () => {
    const { store, ask } = start();
    await ask("/", page("demo-place=JP"));
    store.mode = "down";
    const panel = await watch(ask);
    expect((await panel.next())!.graph).toEqual({ isDown: true, entry: null, tombstone: null });
    store.mode = "sound";
  });

  it("lists a file of a page only if the request changed the id", async () => {
    const { ask } = start();
    await ask("/", page());
    await ask("/assets/gazette.css", page());
    await ask("/assets/icon.svg", page("demo-place=JP"));
    const panel = await watch(ask);
    const told = (await panel.next())!.happenings.map(({ request }) => request);
    expect(told).toEqual(["GET /assets/icon.svg", "GET /"]);
  });

  it("keeps the events of the last 200 browsers, and none for requests that are not pages", async () => {
    const { ask } = start();
    const first = await ask("/", { accept: "text/html" });
    const session = setCookie(first, "demo-session")!.slice(
      "demo-session=".length,
      -"; Path=/; SameSite=Lax; HttpOnly".length,
    );
    expect(session).toMatch(/^[0-9a-f]{32}$/);
    for (let i = 0; i < 300; i++) expect(setCookie(await ask("/"), "demo-session")).toBeUndefined();
    const early = await watch(ask, session);
    expect((await early.next())!.happenings).toHaveLength(1);
    await early.leave();

    for (let i = 0; i < 200; i++) await ask("/", { accept: "text/html" });
    const late = await watch(ask, session);
    expect((await late.next())!.happenings).toHaveLength(0);
  });

  it("has no stream for a browser without cookies", async () => {
    const { ask } = start();
    expect((await ask("/_demo/events")).status).toBe(204);
  });

  it("ends its streams when the server stops", async () => {
    const { demo, ask } = start();
    await ask("/", page());
    const panel = await watch(ask);
    await panel.next();
    demo.endStreams();
    expect(await panel.next()).toBeNull();
  });

  it("resets a visitor and leaves only the mark of the deletion", async () => {
    const { store, ask } = start();
    const id = idOf(await ask("/", page("demo-place=JP")));
    const answer = await ask("/_demo/reset", page(), { method: "POST" });
    expect(answer.status).toBe(204);
    expect(setCookie(answer, "ts-ec")).toContain("Domain=.millrace.localhost");
    for (const name of ["ts-ec", "euconsent-v2", "__gpp", "__gpp_sid", "us_privacy", "demo-place"]) {
      expect(setCookie(answer, name)).toContain("Max-Age=0");
    }
    expect((await store.get(keyOf(id)))!.metadata).toMatchObject({ deleted: true });
    expect((await (await watch(ask)).next())!.steps).toEqual([]);
  });
});

describe("the partner's page", () => {
  it("has the visitor's id, the withdrawn id, and the key", async () => {
    const { ask } = start();
    const id = idOf(await ask("/", page(GRANTED)));
    await ask("/", page(REFUSED, `ts-ec=${id}`));
    const next = idOf(await ask("/", page(GRANTED)));
    const answer = await ask("/_demo/partner", page(GRANTED, `ts-ec=${next}`));
    expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
    const text = await answer.text();
    expect(text).toContain(API_KEY);
    expect([...text.matchAll(/name="ec_id" value="([^"]*)"/g)].map((match) => match[1])).toEqual([
      next,
      id,
      `${"5eed".repeat(16)}.nobody`,
      "not-an-ec-id",
    ]);
  });

  it("escapes the value of a cookie", async () => {
    const { ask } = start();
    const text = await (await ask("/_demo/partner", page("ts-ec=<img>"))).text();
    expect(text).not.toContain("<img>");
    expect(text).toContain("&lt;img&gt;");
  });

  it("starts a session for a browser that comes here first", async () => {
    const { ask } = start();
    const answer = await ask("/_demo/partner", { accept: "text/html" });
    expect(setCookie(answer, "demo-session")).toBeDefined();
    expect(await answer.text()).toContain("nobody yet");
  });
});

describe("the demonstration's host guard", () => {
  it("redirects pages to millrace.localhost, and answers tools on any loopback name", async () => {
    const { demo } = start();
    const at = (url: string, headers = {}) => demo.answer(new Request(url, { headers }), socket);
    for (const name of ["127.0.0.1", "localhost", "[::1]"]) {
      const answer = await at(`http://${name}:8787/about?a=1`, { accept: "text/html" });
      expect(answer.status).toBe(307);
      expect(answer.headers.get("location")).toBe(`${BASE}/about?a=1`);
      expect((await at(`http://${name}:8787/`)).status).toBe(200);
    }
  });

  it.each(["rebound.example", "127.0.0.1.evil.example", "localhost.evil.example"])(
    "refuses requests for the host name %s",
    async (name) => {
      const { demo } = start();
      for (const path of ["/", "/_demo/events", "/_ts/health"]) {
        const answer = await demo.answer(new Request(`http://${name}:8787${path}`), socket);
        expect(answer.status).toBe(421);
      }
    },
  );

  it("reads the place from the cookie, with France as the default", async () => {
    const { ask } = start();
    expect(setCookie(await ask("/", { cookie: "demo-place=CA" }), "ts-ec")).toBeDefined();
    for (const cookie of ["", "demo-place=US-CA", "demo-place=unknown", "demo-place=../JP"]) {
      expect(setCookie(await ask("/", { cookie }), "ts-ec")).toBeUndefined();
    }
  });
});
