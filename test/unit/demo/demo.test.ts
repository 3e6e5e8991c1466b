import { afterEach, describe, expect, it } from "vitest";
import { keyOf } from "../../../runtime/ec/graph.ts";
import { createLog } from "../../../runtime/observe/log.ts";
import { memoryStore } from "../../../runtime/stores/memory.ts";
import { createDemo, type Demo } from "../../../worker/demo/demo.ts";
import { tcString } from "../../../worker/demo/site/consent-strings.js";
import type { Snapshot } from "../../../worker/demo/snapshot.ts";
import { edgeCookie, host, type NodeArgs } from "../../../worker/entries/node.ts";
import { faultyStore } from "../../support/service.ts";

const BASE = "http://millrace.localhost:8787";
const SESSION = "0123456789abcdef0123456789abcdef";
const GRANTED = `euconsent-v2=${tcString({ granted: true, country: "FR", nowMs: Date.now() })}`;
const REFUSED = `euconsent-v2=${tcString({ granted: false, country: "FR", nowMs: Date.now() })}`;
const socket = { incoming: { socket: { remoteAddress: "127.0.0.1" } } } as unknown as NodeArgs[0];

const PARTNER = { id: "example", apiKey: "a-partner's-key-for-these-tests" };

const running: Demo<NodeArgs>[] = [];
afterEach(async () => {
  for (const demo of running.splice(0)) {
    demo.endStreams();
    await demo.close();
  }
});

function start() {
  const store = faultyStore(memoryStore({ clock: host.clock }));
  const log: string[] = [];
  const demo = createDemo<NodeArgs>({
    edgeCookie,
    options: {
      ec: { passphrases: ["only for these tests"] },
      throttle: { maxKeys: 1000 },
      partners: [PARTNER],
      log: createLog({ level: "error", write: (line) => log.push(line), clock: host.clock }),
    },
    store,
    random: host.random,
    site: () => new Response("the page"),
  });
  running.push(demo);
  const ask = async (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
    demo.answer(new Request(BASE + path, { ...init, headers }), socket);
  return { demo, store, ask };
}

const page = (...cookies: string[]) => ({
  accept: "text/html",
  cookie: [`demo-session=${SESSION}`, ...cookies].join("; "),
});
const setCookie = (response: Response, name: string) =>
  response.headers.getSetCookie().find((line) => line.startsWith(`${name}=`));
const idOf = (response: Response) => setCookie(response, "ts-ec")!.slice("ts-ec=".length).split(";")[0]!;

/** The snapshots of a panel's stream, one after the other. */
async function watch(ask: ReturnType<typeof start>["ask"], session = SESSION) {
  const response = await ask("/_demo/events", { cookie: `demo-session=${session}` });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  async function next(): Promise<Snapshot | null> {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return null;
      if (value.startsWith("data: ")) return JSON.parse(value.slice("data: ".length));
    }
  }
  return {
    response,
    next,
    /** The first that tells of this last. A write of the graph may show before the request that made it is over. */
    async until(kind: string): Promise<Snapshot> {
      for (;;) {
        const snapshot = await next();
        if (snapshot === null) throw new Error(`the stream ended before ${kind}`);
        if (snapshot.happenings[0]?.kind === kind) return snapshot;
      }
    },
    leave: () => reader.cancel(),
  };
}

describe("the demonstration's panel", () => {
  it("tells a visitor's story and what the graph holds, up to now and then as it happens", async () => {
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

  it("tells of a partner's id as it lands in the graph", async () => {
    const { ask } = start();
    const id = idOf(await ask("/", page("demo-place=JP")));
    const panel = await watch(ask);
    expect((await panel.next())!.graph.entry!.ids).toEqual({});
    const upload = {
      method: "POST",
      body: JSON.stringify({ mappings: [{ ec_id: id, partner_uid: "u-1", timestamp: 1 }] }),
    };
    const answer = await ask("/_ts/api/v1/sync", { authorization: `Bearer ${PARTNER.apiKey}` }, upload);
    expect(await answer.json()).toMatchObject({ accepted: 1 });
    expect((await panel.next())!.graph.entry!.ids).toEqual({ example: { uid: "u-1", synced: 1 } });
  });

  it("says so where the store does not answer", async () => {
    const { store, ask } = start();
    await ask("/", page("demo-place=JP"));
    store.mode = "down";
    const panel = await watch(ask);
    expect((await panel.next())!.graph).toEqual({ isDown: true, entry: null, tombstone: null });
    store.mode = "sound";
  });

  it("is silent about the files of a page, unless something happens to one", async () => {
    const { ask } = start();
    await ask("/", page());
    await ask("/assets/gazette.css", page());
    await ask("/assets/icon.svg", page("demo-place=JP"));
    const panel = await watch(ask);
    const told = (await panel.next())!.happenings.map(({ request }) => request);
    expect(told).toEqual(["GET /assets/icon.svg", "GET /"]);
  });

  it("keeps the stories of the last 200 browsers, and not one for a request that is for nobody to see", async () => {
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

  it("has no stream for a browser that keeps no cookies", async () => {
    const { ask } = start();
    expect((await ask("/_demo/events")).status).toBe(204);
  });

  it("ends its streams when the server does", async () => {
    const { demo, ask } = start();
    await ask("/", page());
    const panel = await watch(ask);
    await panel.next();
    demo.endStreams();
    expect(await panel.next()).toBeNull();
  });

  it("starts over without a trace", async () => {
    const { store, ask } = start();
    const id = idOf(await ask("/", page("demo-place=JP")));
    const answer = await ask("/_demo/reset", page(), { method: "POST" });
    expect(answer.status).toBe(204);
    expect(setCookie(answer, "ts-ec")).toContain("Domain=.millrace.localhost");
    for (const name of ["ts-ec", "euconsent-v2", "__gpp", "__gpp_sid", "us_privacy", "demo-place"]) {
      expect(setCookie(answer, name)).toContain("Max-Age=0");
    }
    expect(await store.get(keyOf(id))).toBeNull();
    expect((await (await watch(ask)).next())!.steps).toEqual([]);
  });
});

describe("the demonstration's door", () => {
  it("sends browsers to the name that keeps cookies, and lets tools through", async () => {
    const { demo } = start();
    const at = (url: string, headers = {}) => demo.answer(new Request(url, { headers }), socket);
    for (const name of ["127.0.0.1", "localhost", "[::1]"]) {
      const answer = await at(`http://${name}:8787/about?a=1`, { accept: "text/html" });
      expect(answer.status).toBe(307);
      expect(answer.headers.get("location")).toBe(`${BASE}/about?a=1`);
      expect((await at(`http://${name}:8787/`)).status).toBe(200);
    }
  });

  it("is closed to any name of another machine", async () => {
    const { demo } = start();
    for (const path of ["/", "/_demo/events", "/_ts/health"]) {
      const answer = await demo.answer(new Request(`http://rebound.example:8787${path}`), socket);
      expect(answer.status).toBe(421);
    }
  });

  it("takes the place from the demonstration's cookie, and France for anything else", async () => {
    const { ask } = start();
    expect(setCookie(await ask("/", { cookie: "demo-place=CA" }), "ts-ec")).toBeDefined();
    for (const cookie of ["", "demo-place=US-CA", "demo-place=unknown", "demo-place=../JP"]) {
      expect(setCookie(await ask("/", { cookie }), "ts-ec")).toBeUndefined();
    }
  });
});
