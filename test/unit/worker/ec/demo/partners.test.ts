import { afterEach, describe, expect, it } from "vitest";
import { createLog } from "../../../../../runtime/observe/log.ts";
import { uidFor } from "../../../../../worker/ec/demo/partners/answer-pulls.ts";
import { createMossgate, PAUSE_SECONDS, THINKS_MS } from "../../../../../worker/ec/demo/partners/mossgate.ts";
import { AUCTION_PATH, createQuickbeck } from "../../../../../worker/ec/demo/partners/quickbeck.ts";
import { type ExamplePartners, startPartners } from "../../../../../worker/ec/demo/partners/start.ts";
import { host, serve } from "../../../../../worker/entries/node.ts";

const TOKEN = "a-token-for-these-tests";
const ID = `${"ab".repeat(32)}.abcdef`;
const known = { headers: { authorization: `Bearer ${TOKEN}` } };
const pull = `/pull?ec_id=${ID}&ec_hash=${"ab".repeat(32)}&ip=127.0.0.1`;

describe("Quickbeck", () => {
  it("answers with one id for each visitor, with the token only", async () => {
    const quickbeck = createQuickbeck(TOKEN);
    const { uid } = await (await quickbeck.request(pull, known)).json();
    expect(uid).toBe(uidFor("quickbeck", ID));
    expect(uid).not.toContain(ID.slice(0, 8));
    expect(uidFor("quickbeck", `${ID.slice(0, -1)}g`)).not.toBe(uid);
    expect(uidFor("mossgate", ID).slice(3)).not.toBe(uid.slice(3));
    for (const authorization of ["", "Bearer another"]) {
      const refused = await quickbeck.request(pull, { headers: { authorization } });
      expect([400, 401]).toContain(refused.status);
      expect(await refused.text()).not.toContain(uid);
    }
  });

  it("bids more for a known visitor, and echoes the request", async () => {
    const quickbeck = createQuickbeck(TOKEN);
    const bid = async (request: unknown) => {
      const answer = await quickbeck.request(AUCTION_PATH, { method: "POST", body: JSON.stringify(request) });
      const body = await answer.json();
      expect(body.ext.received).toEqual(request);
      return body.seatbid[0].bid[0].price;
    };
    const known = await bid({ id: "a", user: { id: ID, eids: [{ source: "quickbeck.example" }] } });
    for (const user of [undefined, null, "x", {}, { eids: [] }, { eids: "x" }]) {
      expect(await bid(JSON.parse(JSON.stringify({ id: "a", user })))).toBeLessThan(known);
    }
    await bid([]);
  });
});

describe("Mossgate", () => {
  it("refuses the first of three requests, and delays the others", async () => {
    const waits: number[] = [];
    const mossgate = createMossgate(TOKEN, async (ms) => void waits.push(ms));
    const statuses: number[] = [];
    for (let n = 0; n < 7; n++) {
      const answer = await mossgate.request(pull, known);
      statuses.push(answer.status);
      expect(answer.headers.get("retry-after")).toBe(answer.status === 429 ? String(PAUSE_SECONDS) : null);
    }
    expect(statuses).toEqual([429, 200, 200, 429, 200, 200, 429]);
    expect(waits).toEqual([THINKS_MS, THINKS_MS, THINKS_MS, THINKS_MS]);
  });

  it("does not count a request without the token", async () => {
    const mossgate = createMossgate(TOKEN, async () => {});
    expect((await mossgate.request(pull)).status).toBe(401);
    expect((await mossgate.request(pull, known)).status).toBe(429);
  });
});

describe("the partners' servers", () => {
  const running: ExamplePartners[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((partners) => partners.close()));
  });

  async function start(): Promise<ExamplePartners> {
    const log = createLog({ level: "silent", write: () => {}, clock: host.clock });
    const partners = await startPartners({ serve }, host.random, "millrace.localhost", log);
    running.push(partners);
    return partners;
  }

  const recordOf = ({ companies }: ExamplePartners, id: string) =>
    companies.find(({ record }) => record.id === id)!.record;

  it("listen on their own ports with their own secrets", async () => {
    const [one, other] = [await start(), await start()];
    const urls = [one, other].flatMap(({ companies }) => companies.map(({ record }) => record.pullSyncUrl));
    expect(new Set(urls.filter((url) => url !== undefined)).size).toBe(4);
    expect(one.apiKey).not.toBe(other.apiKey);
    const { pullSyncUrl, pullToken } = recordOf(one, "quickbeck");
    const ask = (token: string) =>
      fetch(`${pullSyncUrl}?ec_id=${ID}`, { headers: { authorization: `Bearer ${token}` } });
    expect((await ask(pullToken!)).status).toBe(200);
    const foreign = await ask(recordOf(other, "quickbeck").pullToken!);
    expect(foreign.status).toBe(401);
  });

  it("answer pending requests when they are closed, and no later ones", async () => {
    const partners = await start();
    const { pullSyncUrl, pullToken } = recordOf(partners, "mossgate");
    const ask = () =>
      fetch(`${pullSyncUrl}?ec_id=${ID}`, { headers: { authorization: `Bearer ${pullToken}` } });
    expect((await ask()).status).toBe(429);
    const slow = ask();
    // The question is there once the server has answered a later one.
    await (await fetch(new URL("/", pullSyncUrl!))).text();
    await partners.close();
    expect((await slow).status).toBe(200);
    await expect(ask()).rejects.toThrow();
  });
});
