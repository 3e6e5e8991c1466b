/** Partners, "Prebid on the page". */
import assert from "node:assert/strict";
import { script } from "../../../worker/admin/built/prebid.ts";
import { tcfString } from "../../support/consent-strings.ts";
import { admin, eventually, type Scenario, type Target } from "../target.ts";
import { freshIp, newcomer } from "./identity.ts";

/** Runs something with partners of these sources, and removes them again. */
async function withSources(
  target: Target,
  sources: Record<string, object>,
  run: () => Promise<void>,
): Promise<void> {
  try {
    for (const [id, fields] of Object.entries(sources)) {
      const record = { id, source_domain: `${id}.example`, bidstream_enabled: true, ...fields };
      const answer = await admin(target, "POST", "/_ts/admin/partners/register", record);
      assert.ok(answer.status === 201 || answer.status === 200, answer.body);
    }
    await run();
  } finally {
    for (const id of Object.keys(sources)) await admin(target, "DELETE", `/_ts/admin/partners/${id}`);
  }
}

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");
const eid = (source: string, id: string) => ({ source, uids: [{ id, atype: 1 }] });

export const prebidScenarios: Scenario[] = [
  {
    name: "prebid: serves the script for pages, which caches may keep",
    async run(target) {
      const answer = await target.visit({ ip: freshIp(), country: "JP" }, { path: "/_ts/prebid.js" });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers["content-type"], "text/javascript; charset=utf-8");
      assert.equal(answer.headers["cache-control"], "public, max-age=3600");
      assert.equal(answer.headers["access-control-allow-origin"], "*");
      assert.equal(answer.body, script);
      assert.deepEqual(answer.setCookies, []);
    },
  },
  // What Prebid.js 11 sends to Prebid Server, shortened: OpenRTB 2.5, EIDs in user.ext.eids, and as text/plain to avoid a preflight.
  {
    name: "prebid: an auction of Prebid.js reaches Prebid Server with all EIDs in user.eids",
    async run(target) {
      const { id, visitor } = await newcomer(target);
      const eids = [eid("pubcid.org", "p1"), { ...eid("id5-sync.com", "p2"), ext: { provider: "id5" } }];
      const request = {
        id: "30c2ee2a",
        imp: [
          { id: "a", banner: { format: [{ w: 300, h: 250 }] }, ext: { prebid: { bidder: { demo: {} } } } },
        ],
        site: { domain: "publisher.example", page: "https://publisher.example/", publisher: { id: "1" } },
        regs: { ext: { gdpr: 0, us_privacy: "1YNN" } },
        test: 0,
        tmax: 1000,
        ext: {
          prebid: {
            channel: { name: "pbjs", version: "v11.36.0" },
            data: { eidpermissions: [{ source: "id5-sync.com", bidders: ["demo"] }] },
          },
        },
      };
      const user = { yob: 1980, ext: { data: { x: 1 }, consent: "stated by the page", eids } };
      const answer = await target.visit(visitor, {
        method: "POST",
        path: "/auction",
        body: JSON.stringify({ ...request, user }),
        headers: [["content-type", "text/plain"]],
      });
      assert.equal(answer.status, 200, answer.body);
      assert.deepEqual(JSON.parse(target.origin.bids.at(-1)!), {
        ...request,
        user: { yob: 1980, ext: { data: { x: 1 }, consent: "stated by the page" }, eids, id },
      });
    },
  },
  {
    name: "prebid: lists the pixels of partners that may have the id and lack theirs",
    async run(target) {
      const pixel_url =
        "https://pixel.example/p?own=1&ec={ec}&gdpr={gdpr}&consent={gdpr_consent}&us={us_privacy}";
      const partners = {
        "px-due": { gvl_id: 5, pixel_url },
        "px-no": { gvl_id: 99, pixel_url },
        "px-none": { gvl_id: 5 },
      };
      await withSources(target, partners, async () => {
        const consent = tcfString({ vendors: [5] });
        const { id, visitor } = await newcomer(target, {
          country: "FR",
          cookies: [["euconsent-v2", consent]],
        });
        const list = (who = visitor) => target.visit(who, { path: "/_ts/sync-pixels" });
        const first = await list();
        assert.equal(first.status, 200, first.body);
        assert.match(first.headers["cache-control"] as string, /no-store/);
        assert.deepEqual(JSON.parse(first.body).pixels, [
          {
            partner: "px-due",
            type: "image",
            url: `https://pixel.example/p?own=1&ec=${id}&gdpr=1&consent=${consent}&us=`,
          },
        ]);
        // The partner's answer comes by `/sync`, or by the page.
        const eids = base64([eid("px-due.example", "u1")]);
        await target.visit({ ...visitor, cookies: [...visitor.cookies!, ["ts-eids", eids]] });
        await eventually("the id is stored", async () => (await target.entry(id))?.ids["px-due"]);
        assert.deepEqual(JSON.parse((await list()).body), { pixels: [] });
        const nobody = { ip: freshIp(), country: "JP" };
        assert.equal((await list(nobody)).status, 204);
        const refusing = await list({ ip: freshIp(), country: "FR" });
        assert.deepEqual([refusing.status, refusing.body], [403, '{"consent":"denied"}']);
      });
    },
  },
  {
    name: "prebid: stores the ids of a page's cookies under the partners of their sources",
    async run(target) {
      const sources = {
        "page-id": { gvl_id: 5 },
        "page-no": { gvl_id: 99 },
        "page-shared": { gvl_id: 5, source_domain: "pubcid.org" },
      };
      await withSources(target, sources, async () => {
        const tcf: [string, string] = ["euconsent-v2", tcfString({ vendors: [5] })];
        const { id, visitor } = await newcomer(target, { country: "FR", cookies: [tcf] });
        const eids = base64([
          eid("page-id.example", "p1"),
          eid("page-no.example", "p2"),
          eid("x.example", "p3"),
        ]);
        const cookies = [...visitor.cookies!, ["ts-eids", eids], ["sharedId", "s1"]] as [string, string][];
        assert.equal((await target.visit({ ...visitor, cookies })).status, 200);
        const ids = await eventually("the ids are stored", async () => {
          const entry = await target.entry(id);
          return Object.keys(entry?.ids ?? {}).length === 2 ? entry!.ids : undefined;
        });
        assert.deepEqual([ids["page-id"]?.uid, ids["page-shared"]?.uid], ["p1", "s1"]);
        const identity = JSON.parse((await target.visit(visitor, { path: "/identify" })).body);
        assert.deepEqual(identity.uids, { "page-id": "p1", "page-shared": "s1" });
      });
    },
  },
];
