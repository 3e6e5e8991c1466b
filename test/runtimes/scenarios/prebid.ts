/** Partners, "Prebid on the page". */
import assert from "node:assert/strict";
import { tcfString } from "../../support/consent-strings.ts";
import { admin, eventually, type Scenario, type Target } from "../target.ts";
import { newcomer } from "./identity.ts";

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
