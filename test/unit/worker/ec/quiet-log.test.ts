/**
 * What the log has after a thousand requests. Safe first, section 5: in good health a request writes nothing above debug.
 */
import { expect, test } from "vitest";
import { operator, type TestService, testService } from "../../../support/service.ts";

const REQUESTS = 1000;
const KEY = "the-key-of-the-partner-who-uploads";
/** Few enough to be read. */
const HANDFUL = 5;

const partners = [
  { id: "uploads", apiKey: KEY, allowedReturnDomains: ["partner.example"], batchRateLimit: 1_000_000 },
  {
    id: "pulled",
    pullSyncEnabled: true,
    pullSyncUrl: "https://pulled.example/pull",
    pullSyncAllowedDomains: ["pulled.example"],
    pullToken: "token",
    // Most pulls wait.
    maxPerMinute: 60,
  },
];

/** Every kind of request that visitors and partners make, in turns, by many visitors. */
async function visits(t: TestService): Promise<void> {
  const ids: string[] = [];
  for (let n = 0; n < REQUESTS; n++) {
    const client = { ip: `198.51.${n >> 8}.${n & 255}` };
    const id = ids[n % 40];
    const cookies: Record<string, string> = id === undefined ? {} : { "ts-ec": id };
    const upload = JSON.stringify({ mappings: [{ ec_id: id, partner_uid: `u${n}`, timestamp: 1 }] });
    const kinds: (() => Promise<Response>)[] = [
      () => t.ask("/", { client }),
      () => t.ask("/", { client, cookies }),
      () => t.ask("/identify", { client, cookies }),
      () => t.ask(`/sync?partner=uploads&uid=u${n}&return=https://partner.example/back`, { client, cookies }),
      () =>
        t.ask("/_ts/api/v1/sync", {
          method: "POST",
          headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
          body: upload,
        }),
      () => t.ask("/", { client: { ...client, country: "FR" }, cookies }),
      () => t.ask("/_ts/api/v1/identity", { method: "DELETE", client, cookies }),
      () => t.ask("/_ts/ready"),
      () => t.ask("/_ts/nothing"),
      () => t.ask("/_ts/metrics", { headers: operator }),
    ];
    const response = await kinds[n % kinds.length]!();
    expect(response.status).toBeLessThan(500);
    const minted = /ts-ec=([^;]{71});/.exec(response.headers.get("set-cookie") ?? "")?.[1];
    if (minted !== undefined) ids.push(minted);
    if (n % 50 === 0) await t.clock.settle(1000);
  }
  await t.settled();
  // What waits is pulled, or expires.
  await t.clock.settle(40 * 60_000);
}

const above = (t: TestService, least: RegExp) =>
  t.log
    .map((line) => JSON.parse(line) as { level: string; message: string })
    .filter(({ level }) => least.test(level));

test("a thousand requests log nothing above debug without faults", async () => {
  const t = testService({ config: { partners }, fetch: async () => Response.json({ uid: "u" }) });
  await visits(t);
  expect(t.services.metrics.text()).toMatch(
    /millrace_pull_sync_total\{outcome="obtained",partner="pulled"\} [1-9]\d\d/,
  );
  expect(above(t, /info|warn|error/)).toEqual([]);
  expect(above(t, /debug/).length).toBeGreaterThan(REQUESTS / 10);
  await t.service.close();
});

test.each([
  ["fails", async () => new Response("", { status: 500 })],
  ["answers what is no answer", async () => new Response("not JSON")],
  ["cannot be reached", async () => Promise.reject(new Error("ECONNREFUSED"))],
  ["allows no more", async () => new Response("", { status: 429, headers: { "retry-after": "1" } })],
])("a partner that %s is logged at most once a minute", async (_what, fetch) => {
  const t = testService({ config: { partners }, fetch });
  const minutes = () => t.clock.now() / 60_000;
  const began = minutes();
  await visits(t);
  const lines = above(t, /info|warn|error/);
  const kinds = new Map<string, number>();
  for (const { message } of lines) kinds.set(message, (kinds.get(message) ?? 0) + 1);
  expect(t.calls.length).toBeGreaterThan(HANDFUL);
  expect(kinds.size).toBeGreaterThan(0);
  expect(kinds.size).toBeLessThanOrEqual(HANDFUL);
  for (const [message, count] of kinds) expect(count, message).toBeLessThanOrEqual(minutes() - began + 1);
  await t.service.close();
});

test("a thousand requests with every second answer of a partner failing log a few lines a minute", async () => {
  let answers = 0;
  const t = testService({
    config: { partners: [{ ...partners[1]!, maxPerMinute: 100_000 }] },
    // The domain does not rest: what is between succeeds.
    fetch: async () =>
      answers++ % 2 === 0 ? new Response("", { status: 503 }) : Response.json({ uid: "u" }),
  });
  for (let n = 0; n < REQUESTS; n++) {
    await t.ask("/", { client: { ip: `198.51.${n >> 8}.${n & 255}` } });
    if (n % 20 === 0) await t.clock.settle(500);
  }
  await t.settled();
  expect(t.calls.length).toBeGreaterThan(REQUESTS / 2);
  const lines = above(t, /info|warn|error/);
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.length).toBeLessThanOrEqual(HANDFUL);
  await t.service.close();
});
