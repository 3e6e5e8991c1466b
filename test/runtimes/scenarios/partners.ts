import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gppString, tcfString } from "../../support/consent-strings.ts";
import type { Visit } from "../../support/visit.ts";
import {
  admin,
  DOMAIN,
  ecCookieOf,
  expectedHash,
  type Scenario,
  type Target,
  type Visitor,
} from "../target.ts";
import { freshIp, newcomer } from "./identity.ts";

const RETURN = "https://partner.example/back";
const yes = tcfString({ purposes: [1] });
const no = tcfString({ purposes: [2] });

let nextPartner = 0;

/** Registers a partner of its own for one scenario; its id and key. */
async function partner(target: Target, fields: object = {}): Promise<{ id: string; key: string }> {
  const id = `p${++nextPartner}-${target.name}`;
  const key = `key-of-${id}-0123456789`;
  const answer = await admin(target, "POST", "/_ts/admin/partners/register", {
    id,
    api_key: key,
    allowed_return_domains: ["partner.example"],
    ...fields,
  });
  assert.equal(answer.status, 201, answer.body);
  return { id, key };
}

function pixel(target: Target, visitor: Visitor, query: Record<string, string>) {
  return target.visit(visitor, { path: `/sync?${new URLSearchParams(query)}` });
}

function batch(target: Target, key: string | null, body: unknown, headers: [string, string][] = []) {
  const request: Visit = {
    method: "POST",
    path: "/_ts/api/v1/sync",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: [
      ...(key === null ? [] : ([["authorization", `Bearer ${key}`]] as [string, string][])),
      ...headers,
    ],
  };
  return target.visit({}, request);
}

/** An error body as every route sends it. */
function assertProblem(body: string, error: string): void {
  const problem = JSON.parse(body);
  assert.equal(problem.error, error);
  assert.ok(typeof problem.message === "string" && problem.message.length > 10, body);
}

const seconds = () => Math.floor(Date.now() / 1000);

export const registryScenarios: Scenario[] = [
  {
    name: "registry: lets only the operator create, update, list and remove partners, and returns no secret",
    async run(target) {
      const path = "/_ts/admin/partners/register";
      const without = await target.visit({}, { method: "POST", path, body: "{}" });
      assert.equal(without.status, 401);
      assertProblem(without.body, "unauthorized");
      const wrong = await target.visit(
        {},
        { method: "POST", path, body: "{}", headers: [["authorization", "Bearer wrong"]] },
      );
      assert.equal(wrong.status, 401);

      const record = {
        id: `reg-${target.name}`,
        name: "A partner",
        api_key: "the-key-that-nobody-may-see",
        pull_token: "the-token-that-nobody-may-see",
      };
      const created = await admin(target, "POST", path, record);
      assert.equal(created.status, 201, created.body);
      const updated = await admin(target, "POST", path, { id: record.id, name: "Another name" });
      assert.equal(updated.status, 200, updated.body);
      const listed = await admin(target, "GET", "/_ts/admin/partners");
      assert.equal(listed.status, 200);
      const found = JSON.parse(listed.body).partners.find(({ id }: { id: string }) => id === record.id);
      assert.equal(found.name, "Another name");
      assert.deepEqual(
        [found.openrtb_atype, found.sync_rate_limit, found.batch_rate_limit, found.pull_sync_ttl_seconds],
        [3, 100, 60, 86_400],
      );
      const hash = /[0-9a-f]{64}/;
      for (const { body } of [created, updated, listed]) {
        assert.ok(!body.includes("nobody-may-see") && !hash.test(body), body);
      }
      assert.equal((await admin(target, "DELETE", `/_ts/admin/partners/${record.id}`)).status, 204);
      assert.equal((await admin(target, "DELETE", `/_ts/admin/partners/${record.id}`)).status, 404);
      const after = await admin(target, "GET", "/_ts/admin/partners");
      assert.ok(!after.body.includes(record.id));
    },
  },
  {
    name: "registry: rejects an invalid record with field and reason, and a long one unread",
    async run(target) {
      const pull = { pull_sync_enabled: true, pull_token: "t", pull_sync_allowed_domains: ["ssp.example"] };
      const cases: [string, object][] = [
        ["id", { id: "Upper" }],
        ["id", { id: "eids" }],
        ["id", { id: "x".repeat(33) }],
        ["pull_sync_url", { id: "x", ...pull, pull_sync_url: "https://other.example/p" }],
        ["pull_sync_url", { id: "x", ...pull, pull_sync_url: "ftp://ssp.example/p" }],
        [
          "pull_sync_url",
          { id: "x", ...pull, pull_sync_allowed_domains: ["10.0.0.1"], pull_sync_url: "https://10.0.0.1/p" },
        ],
        [
          "pull_sync_url",
          {
            id: "x",
            ...pull,
            pull_sync_allowed_domains: ["169.254.169.254"],
            pull_sync_url: "https://169.254.169.254/p",
          },
        ],
        ["sync_rate_limit", { id: "x", sync_rate_limit: "many" }],
        ["pull_sync_ur", { id: "x", pull_sync_ur: "https://ssp.example/" }],
      ];
      for (const [field, record] of cases) {
        const answer = await admin(target, "POST", "/_ts/admin/partners/register", record);
        assert.equal(answer.status, 400, JSON.stringify(record));
        assert.ok(answer.body.includes(`${field}`), answer.body);
        assert.ok(JSON.parse(answer.body).message.length > 0);
      }
      const long = await admin(target, "POST", "/_ts/admin/partners/register", {
        id: "x",
        name: "n".repeat(66_000),
      });
      assert.equal(long.status, 413);
    },
  },
  {
    name: "registry: rejects a rotated key at once, unless it is kept beside the new one",
    async run(target) {
      const { id, key } = await partner(target);
      assert.equal((await batch(target, key, { mappings: [] })).status, 200);
      const rotated = "another-key-0123456789";
      await admin(target, "POST", "/_ts/admin/partners/register", { id, api_key: rotated });
      assert.equal((await batch(target, key, { mappings: [] })).status, 401);
      assert.equal((await batch(target, rotated, { mappings: [] })).status, 200);
      const third = "a-third-key-0123456789";
      await admin(target, "POST", "/_ts/admin/partners/register", { id, api_key: third, keep_api_key: true });
      assert.equal((await batch(target, rotated, { mappings: [] })).status, 200);
      assert.equal((await batch(target, third, { mappings: [] })).status, 200);
      await admin(target, "POST", "/_ts/admin/partners/register", { id, previous_api_key_hash: null });
      assert.equal((await batch(target, rotated, { mappings: [] })).status, 401);
      await admin(target, "DELETE", `/_ts/admin/partners/${id}`);
      assert.equal((await batch(target, third, { mappings: [] })).status, 401);
    },
  },
];

export const pixelScenarios: Scenario[] = [
  {
    name: "pixel: stores the id and redirects to the unchanged return URL",
    async run(target) {
      const { id: name } = await partner(target);
      const { id, visitor } = await newcomer(target);
      const cases: [string, string][] = [
        [RETURN, `${RETURN}?ts_synced=1`],
        [`${RETURN}?a=%20b&a=c`, `${RETURN}?a=%20b&a=c&ts_synced=1`],
        [`${RETURN}?x=1#part`, `${RETURN}?x=1&ts_synced=1#part`],
      ];
      for (const [back, location] of cases) {
        const answer = await pixel(target, visitor, { partner: name, uid: "u-1", return: back });
        assert.equal(answer.status, 302, answer.body);
        assert.equal(answer.headers.location, location);
      }
      assert.equal((await target.entry(id))?.ids[name]?.uid, "u-1");
    },
  },
  {
    name: "pixel: answers 400 to missing, unknown and forbidden parameters",
    async run(target) {
      const { id: name } = await partner(target);
      const { visitor } = await newcomer(target);
      const sound = { partner: name, uid: "u", return: RETURN };
      const faulty: Record<string, string>[] = [
        { uid: "u", return: RETURN },
        { partner: name, return: RETURN },
        { partner: name, uid: "u" },
        { ...sound, surplus: "1" },
        { ...sound, partner: "nobody" },
        { ...sound, uid: "" },
        { ...sound, uid: "a\u0007b" },
        { ...sound, uid: "u".repeat(257) },
        { ...sound, return: "http://partner.example/back" },
        { ...sound, return: "https://evil.example/?partner.example" },
        { ...sound, return: "https://sub.partner.example/" },
        { ...sound, return: "https://partner.example@evil.example/" },
        { ...sound, return: "javascript:alert(1)" },
        { ...sound, return: "//partner.example/" },
      ];
      for (const query of faulty) {
        const answer = await pixel(target, visitor, query);
        assert.equal(answer.status, 400, JSON.stringify(query));
        assert.ok(JSON.parse(answer.body).message);
      }
    },
  },
  {
    name: "pixel: reports a missing cookie and missing consent, and uses its consent parameter only without other signals",
    async run(target) {
      const { id: name } = await partner(target);
      const back = (answer: { headers: { location?: string | undefined } }) => answer.headers.location;
      const query = { partner: name, uid: "u", return: RETURN };
      assert.equal(
        back(await pixel(target, { ip: freshIp(), country: "JP" }, query)),
        `${RETURN}?ts_synced=0&ts_reason=no_ec`,
      );
      const cookies: [string, string][] = [["euconsent-v2", yes]];
      const { id } = await newcomer(target, { country: "FR", cookies });
      const bare: Visitor = { ip: freshIp(), country: "FR", cookies: [["ts-ec", id]] };

      const stated = await pixel(target, bare, { ...query, consent: yes });
      assert.equal(back(stated), `${RETURN}?ts_synced=1`);
      assert.equal(ecCookieOf(stated), null, "finalize goes by the parameter too");
      assert.equal((await target.entry(id))?.consent.tcf, createHash("sha256").update(yes).digest("hex"));

      const refusing = {
        ...bare,
        cookies: [
          ["ts-ec", id],
          ["euconsent-v2", no],
        ] as [string, string][],
      };
      const refused = await pixel(target, refusing, { ...query, consent: yes });
      assert.equal(back(refused), `${RETURN}?ts_synced=0&ts_reason=no_consent`);
      assert.equal(ecCookieOf(refused)?.value, "", "a withdrawal, as on any route");
      assert.equal((await target.entry(id))?.consent.ok, false);
    },
  },
  {
    name: "pixel: limits the syncs an hour of one partner and hash",
    async run(target) {
      const { id: name } = await partner(target, { sync_rate_limit: 3 });
      const { visitor } = await newcomer(target);
      const query = { partner: name, uid: "u", return: RETURN };
      for (let i = 0; i < 3; i++) assert.equal((await pixel(target, visitor, query)).status, 302);
      const refused = await pixel(target, visitor, query);
      assert.equal(refused.status, 429);
      assertProblem(refused.body, "rate_limit_exceeded");
      const { visitor: other } = await newcomer(target);
      assert.equal((await pixel(target, other, query)).status, 302);
    },
  },
  {
    name: "pixel: stores no forged id",
    async run(target) {
      const { id: name } = await partner(target);
      const forged = `${expectedHash("someone else")}.Forged`;
      const visitor: Visitor = { ip: freshIp(), country: "JP", cookies: [["ts-ec", forged]] };
      const answer = await pixel(target, visitor, { partner: name, uid: "u", return: RETURN });
      assert.equal(answer.headers.location, `${RETURN}?ts_synced=0&ts_reason=write_failed`);
      assert.equal(await target.entry(forged), null);
    },
  },
];

export const batchScenarios: Scenario[] = [
  {
    name: "batch: a partner reads and deletes its own mapping, and knows its limit",
    async run(target) {
      const { id: name, key } = await partner(target, { batch_rate_limit: 50 });
      const { id } = await newcomer(target);
      const own = (method: string) =>
        target.visit(
          {},
          {
            method,
            path: `/_ts/api/v1/sync/${id}`,
            headers: [["authorization", `Bearer ${key}`]],
          },
        );
      const timestamp = seconds();
      const mappings = [{ ec_id: id, partner_uid: `uid-of-${name}`, timestamp }];
      const sent = await batch(target, key, { mappings });
      assert.equal(sent.status, 200, sent.body);
      assert.equal(sent.headers["ratelimit-policy"], '"minute";q=50;w=60');
      assert.match(String(sent.headers.ratelimit), /^"minute";r=\d+$/);
      const read = await own("GET");
      assert.deepEqual([read.status, JSON.parse(read.body)], [200, mappings[0]]);
      assert.equal((await own("DELETE")).status, 204);
      const gone = await own("GET");
      assert.equal(gone.status, 404);
      assertProblem(gone.body, "mapping_not_found");
    },
  },
  {
    name: "batch: answers 200, or 207 with a reason for each rejected mapping",
    async run(target) {
      const { id: name, key } = await partner(target);
      const { id: first } = await newcomer(target);
      const { id: second } = await newcomer(target);
      const cookies: [string, string][] = [["euconsent-v2", yes]];
      const { id: gone, visitor } = await newcomer(target, { country: "FR", cookies });
      await target.visit({
        ...visitor,
        cookies: [
          ["ts-ec", gone],
          ["euconsent-v2", no],
        ],
      });
      const now = seconds();
      const mapping = (ec_id: unknown, partner_uid: unknown = "u", timestamp: unknown = now) => ({
        ec_id,
        partner_uid,
        timestamp,
      });

      const all = await batch(target, key, { mappings: [mapping(first, "u1"), mapping(second, "u2")] });
      assert.equal(all.status, 200, all.body);
      assert.deepEqual(JSON.parse(all.body), { accepted: 2, rejected: 0, errors: [] });
      assert.deepEqual((await target.entry(first))?.ids[name], { uid: "u1", synced: now });

      const unknown = `${"0".repeat(64)}.AAAAAA`;
      const some = await batch(target, key, {
        mappings: [
          mapping("nonsense"),
          mapping(first, ""),
          mapping(unknown),
          mapping(gone),
          mapping(second, "u", now + 3700),
          mapping(second, "older", now - 10),
          mapping(first, "newest", now + 2),
          mapping(first, "newer", now + 1),
          "not an object",
        ],
      });
      assert.equal(some.status, 207);
      assert.deepEqual(JSON.parse(some.body), {
        accepted: 3,
        rejected: 6,
        errors: [
          { index: 0, reason: "invalid_ec_id" },
          { index: 1, reason: "invalid_uid" },
          { index: 2, reason: "ec_id_not_found" },
          { index: 3, reason: "consent_withdrawn" },
          { index: 4, reason: "invalid_timestamp" },
          { index: 8, reason: "invalid_ec_id" },
        ],
      });
      assert.equal((await target.entry(first))?.ids[name]?.uid, "newest");
      assert.equal((await target.entry(second))?.ids[name]?.uid, "u2");
      assert.deepEqual((await target.entry(gone))?.ids, {}, "the tombstone stands");
      assert.equal(await target.entry(unknown), null);
    },
  },
  {
    name: "batch: answers 400, 401, 413 and 429",
    async run(target) {
      const { key } = await partner(target, { batch_rate_limit: 12 });
      assert.equal((await batch(target, null, { mappings: [] })).status, 401);
      assert.equal((await batch(target, "nobody's-key-0123456789", { mappings: [] })).status, 401);
      for (const body of ["", "{", "[]", "{}", '{"mappings":{}}', '{"mappings":1}', "\u0000"]) {
        const answer = await batch(target, key, body);
        assert.equal(answer.status, 400, JSON.stringify(body));
        assert.ok(JSON.parse(answer.body).message);
      }
      const mapping = { ec_id: "x", partner_uid: "u", timestamp: 1 };
      const many = await batch(target, key, { mappings: new Array(1001).fill(mapping) });
      assert.equal(many.status, 400);
      const most = await batch(target, key, { mappings: new Array(1000).fill(mapping) });
      assert.equal(most.status, 207);
      const long = await batch(target, key, {
        mappings: [{ ...mapping, partner_uid: "u".repeat(1_100_000) }],
      });
      assert.equal(long.status, 413);
      let last = long;
      for (let i = 0; i < 12 && last.status !== 429; i++) last = await batch(target, key, { mappings: [] });
      assert.equal(last.status, 429);
      assertProblem(last.body, "rate_limit_exceeded");
      const wait = Number(last.headers["retry-after"]);
      assert.ok(Number.isInteger(wait) && wait >= 1 && wait <= 60, `retry-after ${wait}`);
    },
  },
  {
    name: "batch: two concurrent partners lose no mapping of the same thousand ids",
    async run(target) {
      const ids: string[] = [];
      for (let i = 0; i < 50; i++) ids.push((await newcomer(target)).id);
      const partners = [
        await partner(target),
        await partner(target),
        await partner(target),
        await partner(target),
      ];
      const now = seconds();
      await Promise.all(
        partners.map(async ({ id, key }) => {
          const mappings = ids.map((ec_id) => ({ ec_id, partner_uid: `${id}-uid`, timestamp: now }));
          assert.equal((await batch(target, key, { mappings })).status, 200);
        }),
      );
      for (const id of ids) {
        const entry = await target.entry(id);
        for (const { id: name } of partners) assert.equal(entry?.ids[name]?.uid, `${name}-uid`);
      }
    },
  },
];

export const identifyScenarios: Scenario[] = [
  {
    name: "identify: returns the identity in the body and in headers",
    async run(target) {
      const fields = { bidstream_enabled: true, source_domain: "ssp.example", openrtb_atype: 1 };
      const { id: shown } = await partner(target, fields);
      const { id: hidden } = await partner(target);
      const { id, visitor } = await newcomer(target);
      for (const name of [shown, hidden]) {
        await pixel(target, visitor, { partner: name, uid: `uid-of-${name}`, return: RETURN });
      }
      const answer = await target.visit(visitor, { path: "/identify" });
      assert.equal(answer.status, 200);
      const eids = [{ source: "ssp.example", uids: [{ id: `uid-of-${shown}`, atype: 1 }] }];
      assert.deepEqual(JSON.parse(answer.body), {
        ec: id,
        consent: "ok",
        degraded: false,
        uids: { [shown]: `uid-of-${shown}` },
        eids,
      });
      assert.equal(answer.headers["x-ts-ec"], id);
      assert.equal(answer.headers["x-ts-ec-consent"], "ok");
      assert.deepEqual(
        JSON.parse(Buffer.from(String(answer.headers["x-ts-eids"]), "base64").toString()),
        eids,
      );
      assert.equal(answer.headers["x-ts-eids-truncated"], undefined);
      assert.equal(answer.headers[`x-ts-${shown}`], `uid-of-${shown}`);
      assert.equal(answer.headers[`x-ts-${hidden}`], undefined);
      assert.equal(answer.headers["cache-control"], "private, no-store");
      assert.equal(answer.headers["access-control-allow-origin"], undefined);
      assert.equal(ecCookieOf(answer), null);
    },
  },
  {
    name: "identify: answers 204 without an id, 403 without consent, and never mints",
    async run(target) {
      const nobody = await target.visit({ ip: freshIp(), country: "JP" }, { path: "/identify" });
      assert.equal(nobody.status, 204);
      assert.deepEqual(nobody.setCookies, []);
      const { id } = await newcomer(target);
      for (const visitor of [
        { ip: freshIp(), country: "FR" },
        { ip: freshIp(), country: "FR", cookies: [["ts-ec", id]] as [string, string][] },
      ]) {
        const answer = await target.visit(visitor, { path: "/identify" });
        assert.equal(answer.status, 403);
        assert.deepEqual(JSON.parse(answer.body), { consent: "denied" });
        assert.equal(answer.headers["x-ts-ec"], undefined);
      }
    },
  },
  {
    name: "identify: allows CORS for the publisher's own pages only",
    async run(target) {
      const { visitor } = await newcomer(target);
      const from = (origin: string, method = "GET") =>
        target.visit(visitor, { method, path: "/identify", headers: [["origin", origin]] });
      for (const origin of [`https://${DOMAIN}`, `https://www.${DOMAIN}`, `https://a.b.${DOMAIN}:8443`]) {
        const answer = await from(origin);
        assert.equal(answer.status, 200, origin);
        assert.equal(answer.headers["access-control-allow-origin"], origin);
        assert.equal(answer.headers["access-control-allow-credentials"], "true");
        assert.match(String(answer.headers.vary), /\borigin\b/i);
        assert.match(String(answer.headers["access-control-expose-headers"]), /x-ts-ec\b/i);
      }
      for (const origin of [
        "null",
        `http://${DOMAIN}`,
        `https://evil${DOMAIN}`,
        `https://${DOMAIN}.evil.example`,
      ]) {
        const answer = await from(origin);
        assert.equal(answer.status, 403, origin);
        assert.equal(answer.headers["access-control-allow-origin"], undefined);
      }
      const preflight = await target.visit(
        { country: "JP" },
        {
          method: "OPTIONS",
          path: "/identify",
          headers: [
            ["origin", `https://${DOMAIN}`],
            ["access-control-request-method", "GET"],
          ],
        },
      );
      assert.ok(preflight.status === 204 || preflight.status === 200, String(preflight.status));
      assert.equal(preflight.headers["access-control-allow-origin"], `https://${DOMAIN}`);
      assert.match(String(preflight.headers["access-control-allow-methods"]), /GET/);
    },
  },
  {
    name: "identify: limits x-ts-eids and x-ts-<partner>, and keeps the newest ids",
    async run(target) {
      const { id, visitor } = await newcomer(target);
      const now = seconds();
      const partners: { id: string; key: string }[] = [];
      for (let i = 0; i < 25; i++) {
        partners.push(await partner(target, { bidstream_enabled: true, source_domain: `s${i}.example` }));
      }
      for (const [i, { key }] of partners.entries()) {
        const mappings = [{ ec_id: id, partner_uid: `${i}-`.padEnd(200, "u"), timestamp: now - 1000 + i }];
        assert.equal((await batch(target, key, { mappings })).status, 200);
      }
      const answer = await target.visit(visitor, { path: "/identify" });
      const header = String(answer.headers["x-ts-eids"]);
      assert.ok(header.length <= 4096, String(header.length));
      assert.equal(answer.headers["x-ts-eids-truncated"], "true");
      const eids: { source: string }[] = JSON.parse(Buffer.from(header, "base64").toString());
      const newest = partners.map((_, i) => `s${i}.example`).slice(-eids.length);
      assert.deepEqual(eids.map(({ source }) => source).sort(), newest.sort());
      const named = partners.filter(({ id: name }) => answer.headers[`x-ts-${name}`] !== undefined);
      assert.deepEqual(named, partners.slice(-20));
      assert.equal(JSON.parse(answer.body).eids.length, 25);
    },
  },
];

export const deletionScenarios: Scenario[] = [
  {
    name: "deletion: accepts the visitor's own browser and the operator only",
    async run(target) {
      const path = "/_ts/api/v1/identity";
      const { id, visitor } = await newcomer(target);
      const foreign = await target.visit(visitor, {
        method: "DELETE",
        path,
        headers: [["origin", "https://evil.example"]],
      });
      assert.equal(foreign.status, 403);
      const byHeader = await target.visit(
        { ip: freshIp(), country: "JP" },
        { method: "DELETE", path, headers: [["x-ts-ec", id]] },
      );
      assert.equal(byHeader.status, 401);
      assert.ok(await target.entry(id));

      const own = await target.visit(visitor, { method: "DELETE", path });
      assert.equal(own.status, 204);
      assert.equal(ecCookieOf(own)?.value, "");
      assert.match(ecCookieOf(own)?.attributes ?? "", /Max-Age=0$/);
      assert.equal(await target.entry(id), null);

      const { id: other } = await newcomer(target);
      const deleted = await admin(target, "DELETE", path, { ec_id: other });
      assert.equal(deleted.status, 204, deleted.body);
      assert.equal(await target.entry(other), null);
      assert.equal((await admin(target, "DELETE", path, { ec_id: "nonsense" })).status, 400);
    },
  },
  {
    name: "deletion: pixels in flight do not restore the id",
    async run(target) {
      const { id: name } = await partner(target);
      for (let i = 0; i < (target.isOneAtATime ? 4 : 20); i++) {
        const { id, visitor } = await newcomer(target);
        const sync = () => pixel(target, visitor, { partner: name, uid: `u-${i}`, return: RETURN });
        await Promise.all([
          sync(),
          sync(),
          target.visit(visitor, { method: "DELETE", path: "/_ts/api/v1/identity" }),
          sync(),
          sync(),
          target.visit(visitor),
        ]);
        await sync();
        assert.equal(await target.entry(id), null);
      }
    },
  },
  {
    name: "deletion: a new partner does not get the ids of a removed one with its name",
    async run(target) {
      const { id: name, key } = await partner(target, {
        bidstream_enabled: true,
        source_domain: "a.example",
      });
      const { id, visitor } = await newcomer(target);
      const mapping = (partner_uid: string) => ({ ec_id: id, partner_uid, timestamp: 1_700_000_000 });
      assert.equal((await batch(target, key, { mappings: [mapping("old-uid")] })).status, 200);
      assert.match((await target.visit(visitor, { path: "/identify" })).body, /old-uid/);
      await admin(target, "DELETE", `/_ts/admin/partners/${name}`);
      const successor = {
        id: name,
        api_key: `${key}-another`,
        bidstream_enabled: true,
        source_domain: "b.example",
      };
      assert.equal((await admin(target, "POST", "/_ts/admin/partners/register", successor)).status, 201);
      assert.doesNotMatch((await target.visit(visitor, { path: "/identify" })).body, /old-uid/);
      assert.equal((await batch(target, `${key}-another`, { mappings: [mapping("new-uid")] })).status, 200);
      assert.match((await target.visit(visitor, { path: "/identify" })).body, /new-uid/);
    },
  },
];

export const operationScenarios: Scenario[] = [
  {
    name: "operation: answers health, metrics, and 404 for unknown paths",
    async run(target) {
      const health = await target.visit({}, { path: "/_ts/health" });
      assert.equal(health.status, 200);
      assert.deepEqual(JSON.parse(health.body), { status: "ok" });
      const ready = await target.visit({}, { path: "/_ts/ready" });
      assert.deepEqual([ready.status, JSON.parse(ready.body)], [200, { status: "ok" }]);
      await newcomer(target);
      const metrics = await target.visit({}, { path: "/_ts/metrics" });
      assert.equal(metrics.status, 200);
      assert.match(String(metrics.headers["content-type"]), /^text\/plain; version=0\.0\.4/);
      assert.match(metrics.body, /^millrace_ec_minted_total [1-9]\d*$/m);
      const missing = await target.visit({}, { path: "/_ts/nothing" });
      assert.equal(missing.status, 404);
      assertProblem(missing.body, "not_found");
      const wrong = await target.visit({}, { method: "POST", path: "/_ts/health", body: "" });
      assert.deepEqual([wrong.status, wrong.headers.allow], [405, "GET, HEAD"]);
      assertProblem(wrong.body, "method_not_allowed");
    },
  },
  {
    name: "operation: logs no whole id, no key and no token",
    async run(target) {
      const { id } = await newcomer(target, {
        country: "US",
        region: "CA",
        cookies: [["__gpp", gppString({ saleOptOut: { usca: 2 } })]],
      });
      const { key } = await partner(target);
      await batch(target, key, { mappings: [{ ec_id: id, partner_uid: "u", timestamp: seconds() }] });
      const log = target.log();
      assert.ok(!log.includes(id) && !log.includes(key) && !log.includes("token-of-"), "a secret in the log");
    },
  },
];
