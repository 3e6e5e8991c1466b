import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { tcfString } from "../../support/consent-strings.ts";
import {
  DOMAIN,
  ecCookieOf,
  eventually,
  expectedHash,
  type Scenario,
  type Target,
  type Visitor,
} from "../target.ts";

const COOKIE_ATTRIBUTES = `Domain=.${DOMAIN}; Path=/; Secure; SameSite=Lax; Max-Age=31536000`;
const DELETION = { value: "", attributes: `Domain=.${DOMAIN}; Path=/; Secure; SameSite=Lax; Max-Age=0` };

const ID = /^[0-9a-f]{64}\.[0-9A-Za-z]{6}$/;
const JAPAN = { country: "JP" };

/** An address that no other scenario uses, so that none sees another's limits. */
let nextAddress = 0;
export function freshIp(): string {
  nextAddress++;
  return `198.18.${nextAddress >> 8}.${nextAddress & 255}`;
}

/** A first visit that mints; the new id and the visitor who holds it. */
export async function newcomer(
  target: Target,
  from: Visitor = JAPAN,
): Promise<{ id: string; visitor: Visitor }> {
  const visitor = { ip: freshIp(), ...from };
  const answer = await target.visit(visitor);
  const id = ecCookieOf(answer)?.value;
  assert.match(id ?? "", ID);
  return { id: id!, visitor: { ...visitor, cookies: [["ts-ec", id!], ...(visitor.cookies ?? [])] } };
}

const purpose1 = (allowed: boolean): [string, string][] => [
  ["euconsent-v2", tcfString({ purposes: allowed ? [1, 2] : [2] })],
];

export const identityScenarios: Scenario[] = [
  {
    name: "mint: a first visit with consent sets one cookie with the HMAC of the address",
    async run(target) {
      const addresses: [string, string][] = [
        ["203.0.113.1", "f380e72f656b9995f6bcffe9605c25ab43a65c4a5137b94e2511755e58f8d4ca"],
        ["::ffff:203.0.113.1", "f380e72f656b9995f6bcffe9605c25ab43a65c4a5137b94e2511755e58f8d4ca"],
        ["2001:db8:85a3::8a2e:370:7334", "caf0eb6d42a451c19c57f306ed3014082f2674c613cba0c9cc58c18c0ada2da6"],
        ["2001:0DB8:85A3::1", "caf0eb6d42a451c19c57f306ed3014082f2674c613cba0c9cc58c18c0ada2da6"],
        ["192.168.1.100", expectedHash("192.168.1.100")],
      ];
      for (const [ip, hash] of addresses) {
        const answer = await target.visit({ ip, country: "FR", cookies: purpose1(true) });
        assert.equal(answer.status, 200);
        const cookie = ecCookieOf(answer);
        assert.equal(cookie?.attributes, COOKIE_ATTRIBUTES);
        assert.match(cookie.value, ID);
        assert.equal(cookie.value.slice(0, 64), hash, ip);
        assert.equal(answer.headers["x-ts-ec"], cookie.value);
        assert.match(answer.headers["cache-control"] ?? "", /\bprivate\b/);
      }
    },
  },
  {
    name: "mint: stores an entry with consent and country, without the address",
    async run(target) {
      const tcf = tcfString({ purposes: [1] });
      const ip = freshIp();
      const answer = await target.visit({ ip, country: "FR", cookies: [["euconsent-v2", tcf]] });
      const id = ecCookieOf(answer)!.value;
      const entry = await target.entry(id);
      assert.ok(entry);
      assert.equal(entry.v, 1);
      assert.equal(entry.created, entry.lastSeen);
      assert.ok(Math.abs(entry.created - Date.now() / 1000) < 120);
      const evidence = createHash("sha256").update(tcf).digest("hex");
      assert.deepEqual(entry.consent, { tcf: evidence, ok: true, updated: entry.created });
      assert.deepEqual(entry.geo, { country: "FR" });
      assert.deepEqual(entry.ids, {});
      assert.ok(!JSON.stringify(entry).includes(ip));
    },
  },
  {
    name: "mint: two visitors with one address get the same hash and different ids",
    async run(target) {
      const ip = freshIp();
      const first = ecCookieOf(await target.visit({ ip, ...JAPAN }))!.value;
      const second = ecCookieOf(await target.visit({ ip, ...JAPAN }))!.value;
      assert.equal(first.slice(0, 64), second.slice(0, 64));
      assert.notEqual(first, second);
    },
  },
  {
    name: "mint: serves the page without an id if consent or a valid address is missing",
    async run(target) {
      const visitors: Visitor[] = [
        { ip: freshIp(), country: "DE" },
        { ip: freshIp(), country: "DE", cookies: purpose1(false) },
        { ip: freshIp(), country: "US", region: "CA" },
        { ip: freshIp() },
        { ...JAPAN },
        ...[
          "999.1.1.1",
          "1.2.3",
          "::1::2",
          "not an address",
          "1.2.3.4.5",
          "0x7f.1.1.1",
          "01.02.03.04",
          "%00",
        ].map((ip) => ({ ip, ...JAPAN })),
      ];
      for (const visitor of visitors) {
        const answer = await target.visit(visitor);
        assert.equal(answer.status, 200, JSON.stringify(visitor));
        assert.deepEqual(answer.setCookies, [], JSON.stringify(visitor));
        assert.equal(answer.headers["x-ts-ec"], undefined);
      }
    },
  },
  {
    name: "return: sets no cookie for a returning visitor",
    async run(target) {
      const { id, visitor } = await newcomer(target);
      for (let i = 0; i < 3; i++) {
        const answer = await target.visit(visitor);
        assert.equal(answer.status, 200);
        assert.deepEqual(answer.setCookies, []);
      }
      // From another network too: people's addresses change.
      assert.deepEqual((await target.visit({ ...visitor, ip: freshIp() })).setCookies, []);
      assert.ok(await target.entry(id));
    },
  },
  {
    name: "mismatch: the id of the header replaces that of the cookie",
    async run(target) {
      const { id: cookieId, visitor } = await newcomer(target);
      const { id: headerId } = await newcomer(target);
      const answer = await target.visit(visitor, { headers: [["x-ts-ec", headerId]] });
      assert.deepEqual(ecCookieOf(answer), { value: headerId, attributes: COOKIE_ATTRIBUTES });
      assert.notEqual(cookieId, headerId);
    },
  },
  {
    name: "mismatch: ignores a malformed header or cookie beside a valid one",
    async run(target) {
      const { id, visitor } = await newcomer(target);
      for (const bad of [
        "nonsense",
        id.toUpperCase(),
        `${id}x`,
        id.slice(0, 70),
        `${id.slice(0, 64)}.${"é".repeat(3)}`,
      ]) {
        const withBadHeader = await target.visit(visitor, { headers: [["x-ts-ec", bad]] });
        assert.deepEqual(withBadHeader.setCookies, [], bad);
        const withBadCookie = await target.visit(
          { ...visitor, cookies: [["ts-ec", bad]] },
          { headers: [["x-ts-ec", id]] },
        );
        assert.equal(ecCookieOf(withBadCookie)?.value, id, bad);
      }
    },
  },
  {
    name: "duplicate ts-ec cookies: uses the first valid one",
    async run(target) {
      const { id, visitor } = await newcomer(target);
      const cookies: [string, string][] = [
        ["ts-ec", "broken"],
        ["ts-ec", id],
        ["ts-ec", "also-broken"],
      ];
      const answer = await target.visit({ ...visitor, cookies });
      assert.deepEqual(answer.setCookies, []);
    },
  },
  {
    name: "withdrawal: deletes the cookie, writes a tombstone, and is idempotent",
    async run(target) {
      const { id, visitor } = await newcomer(target, { country: "FR", cookies: purpose1(true) });
      const refusing: Visitor = { ...visitor, cookies: [["ts-ec", id], ...purpose1(false)] };
      const answer = await target.visit(refusing, { path: "/ec-headers" });
      assert.deepEqual(ecCookieOf(answer), DELETION);
      assert.match(answer.headers["cache-control"] ?? "", /\bprivate\b/);
      for (const name of [
        "x-ts-ec",
        "x-ts-eids",
        "x-ts-ec-consent",
        "x-ts-eids-truncated",
        "x-ts-somepartner",
      ]) {
        assert.equal(answer.headers[name], undefined, name);
      }
      assert.equal(answer.headers["x-ts-version"], "7");
      const tombstone = await target.entry(id);
      assert.equal(tombstone?.consent.ok, false);
      assert.deepEqual(tombstone.ids, {});
      await target.visit(refusing);
      assert.deepEqual(await target.entry(id), tombstone);
    },
  },
  {
    name: "withdrawal: writes a tombstone for the ids of cookie and header",
    async run(target) {
      const { id: first, visitor } = await newcomer(target, { country: "FR", cookies: purpose1(true) });
      const { id: second } = await newcomer(target, { country: "FR", cookies: purpose1(true) });
      const refusing: Visitor = { ...visitor, cookies: [["ts-ec", first], ...purpose1(false)] };
      const answer = await target.visit(refusing, { headers: [["x-ts-ec", second]] });
      assert.deepEqual(ecCookieOf(answer), DELETION);
      assert.equal((await target.entry(first))?.consent.ok, false);
      assert.equal((await target.entry(second))?.consent.ok, false);
    },
  },
  {
    name: "withdrawal: removes the entries of all ids in several cookies, and so does a deletion",
    async run(target) {
      for (const how of ["withdrawal", "deletion"]) {
        const ids: string[] = [];
        for (let i = 0; i < 3; i++) ids.push((await newcomer(target)).id);
        const cookies = ids.map((id): [string, string] => ["ts-ec", id]);
        const answer =
          how === "deletion"
            ? await target.visit(
                { ip: freshIp(), cookies },
                { method: "DELETE", path: "/_ts/api/v1/identity" },
              )
            : await target.visit({ ip: freshIp(), country: "FR", cookies: [...cookies, ...purpose1(false)] });
        assert.deepEqual(ecCookieOf(answer), DELETION, how);
        for (const id of ids) {
          const entry = await target.entry(id);
          assert.equal(how === "deletion" ? entry : entry?.consent.ok, how === "deletion" ? null : false);
        }
      }
    },
  },
  {
    name: "withdrawal: one address can end 20 ids of other addresses an hour, and always its own",
    async run(target) {
      const ip = freshIp();
      const refuse = (id: string) =>
        target.visit({ ip, country: "FR", cookies: [["ts-ec", id], ...purpose1(false)] });
      const { id: own } = await newcomer(target, { ip, country: "JP" });
      const ids: string[] = [];
      for (let i = 0; i < 25; i++) ids.push((await newcomer(target)).id);
      for (const id of ids) assert.deepEqual(ecCookieOf(await refuse(id)), DELETION);
      const entries = await Promise.all(ids.map((id) => target.entry(id)));
      assert.equal(entries.filter((entry) => entry?.consent.ok).length, 5);
      await refuse(own);
      assert.equal((await target.entry(own))?.consent.ok, false);
    },
  },
  {
    name: "withdrawal: deletes a malformed cookie and leaves the graph unchanged",
    async run(target) {
      const answer = await target.visit({ ip: freshIp(), country: "FR", cookies: [["ts-ec", "broken"]] });
      assert.deepEqual(ecCookieOf(answer), DELETION);
    },
  },
  {
    name: "denied: removes EC headers of the origin and sets no cookie",
    async run(target) {
      const { id } = await newcomer(target);
      const answer = await target.visit(
        { ip: freshIp(), country: "FR" },
        { path: "/ec-headers", headers: [["x-ts-ec", id]] },
      );
      assert.deepEqual(answer.setCookies, []);
      assert.equal(answer.headers["x-ts-ec"], undefined);
      assert.equal(answer.headers["x-ts-somepartner"], undefined);
      assert.equal(answer.headers["x-ts-version"], "7");
      assert.equal((await target.entry(id))?.consent.ok, true);
    },
  },
  {
    name: "unknown jurisdiction: removes EC headers and leaves cookie and graph unchanged",
    async run(target) {
      const { id, visitor } = await newcomer(target);
      const answer = await target.visit(
        { ip: visitor.ip!, cookies: [["ts-ec", id]] },
        { path: "/ec-headers" },
      );
      assert.deepEqual(answer.setCookies, []);
      assert.equal(answer.headers["x-ts-ec"], undefined);
      assert.equal((await target.entry(id))?.consent.ok, true);
    },
  },
  {
    name: "re-consent: mints a new id and keeps the tombstone of the old one",
    async run(target) {
      const { id, visitor } = await newcomer(target, { country: "FR", cookies: purpose1(true) });
      await target.visit({ ...visitor, cookies: [["ts-ec", id], ...purpose1(false)] });
      const answer = await target.visit({ ...visitor, cookies: purpose1(true) });
      const again = ecCookieOf(answer)?.value;
      assert.match(again ?? "", ID);
      assert.notEqual(again, id);
      assert.equal((await target.entry(id))?.consent.ok, false);
      assert.equal((await target.entry(again!))?.consent.ok, true);
    },
  },
  {
    name: "revival: activates the old id of a visitor who kept the cookie and consents later",
    async run(target) {
      const { id, visitor } = await newcomer(target, { country: "FR", cookies: purpose1(true) });
      await target.visit({ ...visitor, cookies: [["ts-ec", id], ...purpose1(false)] });
      const tombstone = await target.entry(id);
      // A tombstone is in whole seconds; a visit in the same second does not revive.
      await eventually("the clock's next second", async () =>
        Date.now() / 1000 > tombstone!.consent.updated + 1.1 ? true : undefined,
      );
      await target.visit(visitor);
      const entry = await eventually("the revival", async () => {
        const now = await target.entry(id);
        return now?.consent.ok === true ? now : undefined;
      });
      assert.ok(entry.created > tombstone!.consent.updated);
    },
  },
  {
    name: "adoption: restores a lost entry for its own address, and stores no forged id",
    async run(target) {
      const ip = freshIp();
      const own = `${expectedHash(ip)}.Abc123`;
      const older = `${expectedHash(ip, "an-older-passphrase")}.Abc123`;
      const forged = `${expectedHash("203.0.113.77")}.Abc123`;
      for (const id of [forged, own, older]) {
        const answer = await target.visit({ ip, ...JAPAN, cookies: [["ts-ec", id]] });
        assert.deepEqual(answer.setCookies, [], "served as an id");
      }
      await eventually("the adoption", async () => (await target.entry(own)) ?? undefined);
      await eventually("the adoption", async () => (await target.entry(older)) ?? undefined);
      assert.equal(await target.entry(forged), null);
      // Nor does a withdrawal leave a tombstone for what was never known.
      await target.visit({ ip, country: "FR", cookies: [["ts-ec", forged]] });
      assert.equal(await target.entry(forged), null);
    },
  },
  {
    name: "adoption: restores at most 20 entries an hour for one hash",
    async run(target) {
      const ip = freshIp();
      const ids = Array.from(
        { length: 30 },
        (_, i) => `${expectedHash(ip)}.Lim${String(i).padStart(3, "0")}`,
      );
      for (const id of ids)
        await target.visit({ ip, country: "FR", cookies: [["ts-ec", id], ...purpose1(false)] });
      const known = await Promise.all(ids.map((id) => target.entry(id)));
      assert.equal(known.filter((entry) => entry !== null).length, 20);
    },
  },
];
