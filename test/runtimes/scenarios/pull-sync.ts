import assert from "node:assert/strict";
import { tcfString } from "../../support/consent-strings.ts";
import {
  behaviours,
  compressions,
  type PartnerServer,
  type ServerBehavior,
  startPartnerServer,
} from "../../support/partner-server.ts";
import { admin, ecCookieOf, eventually, expectedHash, type Scenario, type Target } from "../target.ts";
import { freshIp, newcomer } from "./identity.ts";

const JAPAN = { country: "JP" };

/** Registers a partner whose ids are pulled from a server. */
export async function registerPuller(
  target: Target,
  id: string,
  url: string,
  fields: object = {},
): Promise<void> {
  const answer = await admin(target, "POST", "/_ts/admin/partners/register", {
    id,
    pull_sync_enabled: true,
    pull_sync_url: url,
    pull_sync_allowed_domains: [new URL(url).hostname],
    pull_token: `token-of-${id}`,
    ...fields,
  });
  assert.ok(answer.status === 201 || answer.status === 200, answer.body);
}

/** Runs something with partners who behave in these ways, and takes them away again. */
async function withPartners(
  target: Target,
  partners: Record<string, { behave: ServerBehavior; fields?: object }>,
  run: (servers: Record<string, PartnerServer>) => Promise<void>,
): Promise<void> {
  const servers: Record<string, PartnerServer> = {};
  try {
    for (const [id, { behave, fields }] of Object.entries(partners)) {
      servers[id] = await startPartnerServer(behave);
      await registerPuller(target, id, servers[id].url, fields);
    }
    await run(servers);
  } finally {
    for (const id of Object.keys(partners)) await admin(target, "DELETE", `/_ts/admin/partners/${id}`);
    for (const server of Object.values(servers)) await server.close();
  }
}

const called = (server: PartnerServer, times: number) =>
  eventually(`${times} pulls`, async () => (server.pulls.length >= times ? true : undefined));

export const pullSyncScenarios: Scenario[] = [
  // Safe first, section 7: compression.
  {
    name: "pull: reads a compressed answer, and rejects a decompression bomb",
    async run(target) {
      const good = { zipper: compressions.compressing, deflater: compressions.deflating };
      const bad = {
        bomber: compressions.bomb,
        liar: compressions.notGzip,
        stranger: compressions.unknownCoding,
      };
      const partners = Object.entries({ ...good, ...bad }).map(([id, behave]) => [id, { behave }]);
      await withPartners(target, Object.fromEntries(partners), async (servers) => {
        const { id } = await newcomer(target, { ip: freshIp(), ...JAPAN });
        const entry = await eventually("the uids", async () => {
          const now = await target.entry(id);
          return now?.ids.zipper && now.ids.deflater ? now : undefined;
        });
        for (const name of Object.keys(bad)) await called(servers[name]!, 1);
        assert.equal(entry.ids.zipper?.uid, `uid-${id.slice(-6)}`);
        assert.equal(entry.ids.deflater?.uid, `uid-${id.slice(-6)}`);
        const later = await target.entry(id);
        assert.deepEqual(Object.keys(later!.ids).sort(), Object.keys(good).sort());
      });
    },
  },
  {
    name: "pull: requests a partner once, as documented, and stores its id",
    async run(target) {
      await withPartners(target, { prompt: { behave: behaviours.prompt } }, async ({ prompt }) => {
        const ip = "2001:db8:77:1::9";
        const { id, visitor } = await newcomer(target, { ip, ...JAPAN });
        const entry = await eventually("the uid", async () => {
          const now = await target.entry(id);
          return now?.ids.prompt === undefined ? undefined : now;
        });
        assert.equal(entry.ids.prompt?.uid, `uid-${id.slice(-6)}`);
        const [pull] = prompt!.pulls;
        assert.equal(pull?.ecId, id);
        assert.equal(pull.ecHash, expectedHash("20010db800770001"));
        assert.equal(pull.ip, "20010db800770001");
        assert.ok(pull.query.startsWith("?account=7&"), pull.query);
        assert.equal(pull.headers.authorization, "Bearer token-of-prompt");
        assert.equal(pull.headers.cookie, undefined);
        for (let i = 0; i < 3; i++) await target.visit(visitor);
        assert.equal(prompt!.pulls.length, 1);
      });
    },
  },
  {
    name: "pull: faulty partners affect neither pages nor other partners",
    async run(target) {
      const names = Object.keys(behaviours) as (keyof typeof behaviours)[];
      const partners = Object.fromEntries(
        names.map((name) => [name.toLowerCase(), { behave: behaviours[name] }]),
      );
      await withPartners(target, partners, async (servers) => {
        const { id, visitor } = await newcomer(target);
        // The page does not wait for hanging partners.
        for (const [name, server] of Object.entries(servers)) {
          await eventually(`the turn of ${name}`, async () => (server.pulls.length > 0 ? true : undefined));
        }
        const entry = await eventually("the prompt partner's uid", async () => {
          const now = await target.entry(id);
          return now?.ids.prompt === undefined ? undefined : now;
        });
        assert.deepEqual(Object.keys(entry.ids), ["prompt"]);
        for (const [name, { pulls }] of Object.entries(servers)) assert.equal(pulls.length, 1, name);
        assert.equal((await target.visit(visitor)).status, 200);
      });
    },
  },
  {
    name: "pull: keeps the partner's limit for a hash",
    async run(target) {
      const partner = { behave: behaviours.none, fields: { pull_sync_rate_limit: 4 } };
      await withPartners(target, { seldom: partner }, async ({ seldom }) => {
        const { visitor } = await newcomer(target);
        await called(seldom!, 1);
        for (let i = 2; i <= 4; i++) {
          await eventually(`pull ${i}`, async () => {
            if (seldom!.pulls.length < i) await target.visit(visitor);
            return seldom!.pulls.length >= i ? true : undefined;
          });
        }
        for (let i = 0; i < 10; i++) await target.visit(visitor);
        // Another visitor behind the same address shares the limit.
        await newcomer(target, { ip: visitor.ip!, ...JAPAN });
        await target.visit({ ip: freshIp(), ...JAPAN });
        await called(seldom!, 5);
        assert.equal(seldom!.pulls.filter(({ ip }) => ip === visitor.ip).length, 4);
      });
    },
  },
  {
    name: "pull: requests an old uid again, and not a fresh one",
    async run(target) {
      const fields = { pull_sync_ttl_seconds: 1 };
      await withPartners(target, { ageing: { behave: behaviours.prompt, fields } }, async ({ ageing }) => {
        const { id, visitor } = await newcomer(target);
        const first = await eventually("the uid", async () => (await target.entry(id))?.ids.ageing);
        await eventually("its old age", async () =>
          Date.now() / 1000 > first.synced + 1.1 ? true : undefined,
        );
        await target.visit(visitor);
        await called(ageing!, 2);
        assert.equal(ageing!.pulls.length, 2);
      });
    },
  },
  {
    name: "pull: requests and stores no forged id",
    async run(target) {
      await withPartners(target, { prompt: { behave: behaviours.prompt } }, async ({ prompt }) => {
        const ip = freshIp();
        const forged = Array.from({ length: target.isOneAtATime ? 40 : 200 }, (_, i) =>
          `${expectedHash(`forged-${i}`)}.Frg${i % 1000}00`.slice(0, 71),
        );
        for (const id of forged) await target.visit({ ip, ...JAPAN, cookies: [["ts-ec", id]] });
        // Whoever is honest behind that address is asked about, after all of them.
        const { id } = await newcomer(target, { ip, ...JAPAN });
        await called(prompt!, 1);
        assert.deepEqual(
          prompt!.pulls.map(({ ecId }) => ecId),
          [id],
        );
        for (const id of forged.slice(0, 20)) assert.equal(await target.entry(id), null);
      });
    },
  },
  {
    name: "pull: drops an answer that arrives after the withdrawal",
    async run(target) {
      await withPartners(target, { late: { behave: behaviours.hanging } }, async ({ late }) => {
        const ip = freshIp();
        const consenting = tcfString({ purposes: [1] });
        const refusing = tcfString({ purposes: [2] });
        const answer = await target.visit({ ip, country: "FR", cookies: [["euconsent-v2", consenting]] });
        const id = ecCookieOf(answer)!.value;
        await called(late!, 1);
        await target.visit({
          ip,
          country: "FR",
          cookies: [
            ["ts-ec", id],
            ["euconsent-v2", refusing],
          ],
        });
        late!.release("too-late");
        assert.equal((await target.entry(id))?.consent.ok, false);
        // It still exists after a whole pull of another visitor.
        await newcomer(target);
        await called(late!, 2);
        assert.deepEqual((await target.entry(id))?.ids, {});
      });
    },
  },
];
