import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { tcfString } from "../../support/consent-strings.ts";
import type { Scenario, Target, Visitor } from "../target.ts";
import { freshIp, newcomer } from "./identity.ts";

const auction = (target: Target, visitor: Visitor, body: unknown) =>
  target.visit(visitor, {
    method: "POST",
    path: "/auction",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: [["content-type", "application/json"]],
  });

/** The bid request as the auction endpoint saw it last. */
const lastBid = (target: Target) => JSON.parse(target.origin.bids.at(-1)!);

export const auctionScenarios: Scenario[] = [
  {
    name: "auction: adds the identity to the bid request and to the response",
    async run(target) {
      const tcf = tcfString({ purposes: [1] });
      const { id, visitor } = await newcomer(target, { country: "FR", cookies: [["euconsent-v2", tcf]] });
      const request = {
        id: "r1",
        imp: [{ id: "1" }],
        user: { yob: 1980 },
        site: { page: "https://x.example" },
      };
      const answer = await auction(target, visitor, request);
      assert.equal(answer.status, 200, answer.body);
      assert.deepEqual(JSON.parse(answer.body), { id: "r1", seatbid: [] });
      assert.equal(answer.headers["x-ts-ec"], id);
      assert.deepEqual(lastBid(target), {
        ...request,
        regs: { gdpr: 1 },
        user: { yob: 1980, id, consent: tcf },
      });
    },
  },
  {
    name: "auction: without an id or consent it forwards the request without the identity",
    async run(target) {
      const request = { id: "r2", imp: [] };
      const nobody = await auction(target, { ip: freshIp(), country: "JP" }, request);
      assert.equal(nobody.status, 200);
      assert.equal(nobody.headers["x-ts-ec"], undefined);
      assert.deepEqual(lastBid(target), { ...request, regs: { gdpr: 0 } });
      const { id } = await newcomer(target);
      const refusing = await auction(
        target,
        { ip: freshIp(), country: "FR", cookies: [["ts-ec", id]] },
        request,
      );
      assert.equal(refusing.status, 200);
      assert.equal(refusing.headers["x-ts-ec"], undefined);
      assert.deepEqual(lastBid(target), { ...request, regs: { gdpr: 1 } });
    },
  },
  // Safe first, section 7: compression, and EIDs in one place.
  {
    name: "auction: accepts gzip, named by a header or sent by Prebid.js, and answers 415 to other encodings",
    async run(target) {
      const eids = [{ source: "page.example", uids: [{ id: "p" }] }];
      const body = gzipSync(JSON.stringify({ id: "zipped", imp: [], user: { ext: { eids } } }));
      const ask = (path: string, headers: [string, string][]) =>
        target.visit({ ip: freshIp(), country: "JP" }, { method: "POST", path, body, headers });
      for (const [path, headers] of [
        ["/auction", [["content-encoding", "gzip"]]],
        ["/auction?gzip=1", [["content-type", "text/plain"]]],
      ] as [string, [string, string][]][]) {
        const answer = await ask(path, headers);
        assert.equal(answer.status, 200, answer.body);
        assert.deepEqual(JSON.parse(answer.body), { id: "zipped", seatbid: [] });
        assert.equal(answer.headers["content-encoding"], undefined);
        assert.deepEqual(lastBid(target), { id: "zipped", imp: [], regs: { gdpr: 0 }, user: { eids } });
      }
      const seen = target.origin.bids.length;
      const refused = await ask("/auction", [["content-encoding", "compress"]]);
      assert.equal(refused.status, 415);
      assert.equal(refused.headers["accept-encoding"], "gzip, deflate");
      const bomb = gzipSync(Buffer.alloc(64 * 1024 ** 2, " "));
      const large = await target.visit(
        { ip: freshIp(), country: "JP" },
        { method: "POST", path: "/auction", body: bomb, headers: [["content-encoding", "gzip"]] },
      );
      assert.equal(large.status, 413);
      assert.equal(target.origin.bids.length, seen);
    },
  },
  {
    name: "auction: without consent it removes all identifiers, also those of the page",
    async run(target) {
      const eids = [{ source: "x.example", uids: [{ id: "x" }] }];
      const device = { ip: "203.0.113.77", ipv6: "2001:db8:1:2:3::4", ifa: "a", ua: "u" };
      const user = { id: "a", buyeruid: "b", eids, ext: { eids }, yob: 1980 };
      await auction(target, { ip: freshIp(), country: "FR" }, { id: "r3", user, device });
      assert.deepEqual(lastBid(target), {
        id: "r3",
        regs: { gdpr: 1 },
        user: { yob: 1980, ext: {} },
        device: { ip: "203.0.113.0", ipv6: "2001:db8:1:2::", ua: "u" },
      });
    },
  },
  {
    name: "auction: rejects a body that is not a bid request",
    async run(target) {
      for (const body of ["", "[]", "{", '{"user":5}']) {
        const answer = await auction(target, { ip: freshIp(), country: "JP" }, body);
        assert.equal(answer.status, 400, body);
        assert.ok(JSON.parse(answer.body).message);
      }
    },
  },
];
