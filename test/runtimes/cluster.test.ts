/**
 * Two processes on one Redis share an identity graph and limits, and survive the death of one.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configFile } from "../support/config-file.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import {
  behaviours,
  type PartnerServer,
  type ServerBehavior,
  startPartnerServer,
} from "../support/partner-server.ts";
import { noRedis, type RedisServer, startRedis } from "../support/redis.ts";
import { type ProcessRuntime, runtimes, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";
import {
  ecCookieOf,
  eventually,
  expectedHash,
  scenarioConfig,
  type Target,
  targetOf,
  type Visitor,
} from "./target.ts";

/** Number of visitors in each of three phases: before one process is killed, after that, and after its replacement. */
const VISITORS: Record<ProcessRuntime, number> = { node: 250, bun: 80, deno: 80 };
/** Number of concurrent visitors. */
const AT_ONCE = 12;
/** Limits of the partners. */
const PER_HOUR = 10;
const PER_MINUTE = 15;
/**
 * A start is counted before its call, and a call times out after 5 s. So in this time, in milliseconds, no more than a
 * minute's starts can arrive.
 */
const SURE_WINDOW_MS = 60_000 - 5_000 - 1_000;
/** A response waits up to 250 ms for the write of a new id; a faster one has it written. */
const WRITTEN_BEFORE_MS = 250;
const BATCH_KEY = "the-key-of-the-partner-who-uploads";
const RETURN = "https://partner.example/back";

/** A partner's server that records the time of each pull. */
interface Partner extends PartnerServer {
  arrivedMs: number[];
}

async function startPartner(behave: ServerBehavior): Promise<Partner> {
  const arrivedMs: number[] = [];
  const server = await startPartnerServer((response, pull, n) => {
    arrivedMs.push(performance.now());
    behave(response, pull, n);
  });
  return Object.assign(server, { arrivedMs });
}

const puller = (id: string, server: PartnerServer, fields: object) => ({
  id,
  pullSyncEnabled: true,
  pullSyncUrl: server.url,
  pullSyncAllowedDomains: ["127.0.0.1"],
  pullToken: `token-of-${id}`,
  ...fields,
});

let addresses = 0;
/** A new address. */
const freshIp = () => `198.19.${++addresses >> 8}.${addresses & 255}`;

async function newcomer(target: Target, ip: string): Promise<{ id: string; visitor: Visitor; ms: number }> {
  const began = performance.now();
  const answer = await target.visit({ ip, country: "JP" });
  const ms = performance.now() - began;
  const id = ecCookieOf(answer)!.value;
  return { id, visitor: { ip, country: "JP", cookies: [["ts-ec", id]] }, ms };
}

/** The sum of a metric over several processes, for the given labels. */
async function total(targets: readonly Target[], name: string, ...labels: string[]): Promise<number> {
  let sum = 0;
  for (const target of targets) {
    const { body } = await target.visit({}, { path: "/_ts/metrics" });
    for (const line of body.split("\n")) {
      const [series = "", value] = line.split(" ");
      if (series.split("{")[0] === name && labels.every((label) => series.includes(label)))
        sum += Number(value);
    }
  }
  return sum;
}

/** The acknowledged writes: ids that the graph must have, with the partners' ids. */
type Ledger = Map<string, Record<string, string>>;

/** Makes a visit, a pixel sync and an upload, and records what was acknowledged. */
async function live(target: Target, ip: string, ledger: Ledger): Promise<void> {
  const { id, visitor, ms } = await newcomer(target, ip);
  const uids: Record<string, string> = {};
  if (ms < WRITTEN_BEFORE_MS) ledger.set(id, uids);
  const uid = `uid-of-${id.slice(-6)}`;
  const pixel = await target.visit(visitor, {
    path: `/sync?${new URLSearchParams({ partner: "pixel", uid, return: RETURN })}`,
  });
  if (pixel.headers.location === `${RETURN}?ts_synced=1`) {
    uids.pixel = uid;
    ledger.set(id, uids);
  }
  const upload = await target.visit(
    {},
    {
      method: "POST",
      path: "/_ts/api/v1/sync",
      headers: [["authorization", `Bearer ${BATCH_KEY}`]],
      body: JSON.stringify({
        mappings: [{ ec_id: id, partner_uid: uid, timestamp: Math.floor(Date.now() / 1000) }],
      }),
    },
  );
  if (upload.status === 200) {
    uids.batch = uid;
    ledger.set(id, uids);
  }
}

describe.skipIf(noRedis !== undefined)(noRedis ?? "two processes on one Redis", () => {
  describe.each(Object.keys(runtimes) as ProcessRuntime[])("on %s", (runtime) => {
    let folder: string;
    let redis: RedisServer;
    let origin: Origin;
    let hourly: Partner;
    let minutely: Partner;
    let servers: RunningProgram[];
    let targets: Target[];

    const start = () =>
      spawnServer(runtime, ["worker/cli/main.ts", "serve", "--config", join(folder, "config.json")]);
    const target = ({ url, log }: RunningProgram) => targetOf(runtime, url, origin, log);

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "millrace-cluster-"));
      [redis, origin, hourly, minutely] = await Promise.all([
        startRedis(),
        startOrigin(),
        startPartner(behaviours.prompt),
        startPartner(behaviours.prompt),
      ]);
      const config = {
        ...scenarioConfig(origin.url),
        listen: { port: 0 },
        store: redis.url,
        limiter: redis.url,
        partners: [
          puller("hourly", hourly, { pullSyncRateLimit: PER_HOUR, maxPerMinute: 100_000 }),
          puller("minutely", minutely, { pullSyncRateLimit: 10_000, maxPerMinute: PER_MINUTE }),
          { id: "pixel", allowedReturnDomains: ["partner.example"], syncRateLimit: 10_000 },
          { id: "batch", apiKey: BATCH_KEY, batchRateLimit: 100_000 },
        ],
      };
      writeFileSync(join(folder, "config.json"), JSON.stringify(configFile(config)));
      servers = await Promise.all([start(), start()]);
      targets = servers.map(target);
    });

    afterAll(async () => {
      await Promise.all((servers ?? []).map((server) => server.stop("SIGKILL")));
      await Promise.all([hourly?.close(), minutely?.close(), origin?.close(), redis?.stop()]);
      rmSync(folder, { recursive: true, force: true });
    });

    /** Checks that the processes together have exceeded no limit. */
    function noLimitExceeded(): void {
      const perHash = new Map<string, number>();
      for (const { ecHash } of hourly.pulls) perHash.set(ecHash, (perHash.get(ecHash) ?? 0) + 1);
      expect(Math.max(0, ...perHash.values())).toBeLessThanOrEqual(PER_HOUR);
      const { arrivedMs } = minutely;
      for (let n = PER_MINUTE; n < arrivedMs.length; n++) {
        expect(arrivedMs[n]! - arrivedMs[n - PER_MINUTE]!).toBeGreaterThan(SURE_WINDOW_MS);
      }
    }

    test("an id that one process stores or deletes is stored or deleted for both", async () => {
      const [one, other] = targets as [Target, Target];
      const { id, visitor } = await newcomer(one, freshIp());
      await eventually("the pulled id", async () => (await other.entry(id))?.ids.hourly);
      const identity = await other.visit(visitor, { path: "/identify" });
      expect(JSON.parse(identity.body)).toMatchObject({ ec: id, degraded: false });
      const withdrawal = await other.visit({ ...visitor, country: "FR" });
      expect(ecCookieOf(withdrawal)?.value).toBe("");
      expect(await one.entry(id)).toMatchObject({ consent: { ok: false }, ids: {} });
    });

    test("a partner's limit for an id counts the pulls of both processes exactly", async () => {
      const ip = freshIp();
      const visits = 3 * PER_HOUR;
      const limited = ['partner="hourly"', 'outcome="rate_limited"'];
      const before = await total(targets, "millrace_pull_sync_total", ...limited);
      await Promise.all(Array.from({ length: visits }, (_, n) => newcomer(targets[n % 2]!, ip)));
      await eventually("every visit to be decided on", async () => {
        const refused = (await total(targets, "millrace_pull_sync_total", ...limited)) - before;
        return refused === visits - PER_HOUR || undefined;
      });
      const pulls = () => hourly.pulls.filter(({ ecHash }) => ecHash === expectedHash(ip)).length;
      await eventually("the pulls", async () => pulls() >= PER_HOUR || undefined);
      expect(pulls()).toBe(PER_HOUR);
    });

    test("both processes share a domain's window and use it up", async () => {
      await Promise.all(
        Array.from({ length: 3 * PER_MINUTE }, (_, n) => newcomer(targets[n % 2]!, freshIp())),
      );
      await eventually("the window to be full", async () => minutely.pulls.length >= PER_MINUTE || undefined);
      // In the background: a process may take a while to queue its visitors.
      await eventually("the others to wait, at both", async () => {
        const queued = await Promise.all(targets.map((at) => total([at], "millrace_sync_queue_size")));
        const [one, other] = queued as [number, number];
        const known = one + other + minutely.pulls.length;
        return (one > 0 && other > 0 && known >= 3 * PER_MINUTE) || undefined;
      });
      noLimitExceeded();
    });

    test("only one process at a time pulls an id", async () => {
      // The window of the other partner is full; this one answers late, with an id.
      const slow = await startPartner(behaviours.hanging);
      const register = {
        id: "slow",
        pull_sync_enabled: true,
        pull_sync_url: slow.url,
        pull_sync_allowed_domains: ["127.0.0.1"],
        pull_token: "token-of-slow",
      };
      const token: [string, string][] = [["authorization", "Bearer an-admin-token-for-the-scenarios"]];
      const [one, other] = targets as [Target, Target];
      try {
        await one.visit(
          {},
          {
            method: "POST",
            path: "/_ts/admin/partners/register",
            headers: token,
            body: JSON.stringify(register),
          },
        );
        await eventually("the other to know the partner", async () => {
          await other.visit({});
          const { body } = await other.visit({}, { path: "/_ts/admin/partners", headers: token });
          return body.includes('"slow"') || undefined;
        });
        const { id, visitor } = await newcomer(one, freshIp());
        await eventually("the pull", async () => slow.pulls.length > 0 || undefined);
        const before = await total([other], "millrace_sync_attempts_total");
        await other.visit(visitor);
        await eventually("the other's attempt", async () => {
          return (await total([other], "millrace_sync_attempts_total")) > before || undefined;
        });
        slow.release("known-at-last");
        await eventually("the id", async () => ((await other.entry(id))?.ids.slow ? true : undefined));
        expect(slow.pulls.length).toBe(1);
      } finally {
        await one.visit({}, { method: "DELETE", path: "/_ts/admin/partners/slow", headers: token });
        await slow.close();
      }
    });

    test("a process killed under load loses no acknowledged write, exceeds no limit, and is replaced", async () => {
      const ledger: Ledger = new Map();
      const addresses = Array.from({ length: 8 }, freshIp);
      let come = 0;
      let doomed: RunningProgram | null = null;

      /** Makes concurrent visits to the targets in turn until there were this many. */
      async function visitUntil(until: number, at: () => readonly Target[]): Promise<void> {
        await Promise.all(
          Array.from({ length: AT_ONCE }, async () => {
            while (come < until) {
              const n = come++;
              const choice = at();
              try {
                await live(choice[n % choice.length]!, addresses[n % addresses.length]!, ledger);
              } catch (error) {
                if (doomed === null) throw error;
              }
            }
          }),
        );
      }

      const many = VISITORS[runtime];
      const first = visitUntil(many, () => (doomed === null ? targets : [targets[1]!]));
      await eventually("half of the visitors", async () => come > many / 2 || undefined);
      doomed = servers[0]!;
      doomed.kill("SIGKILL");
      await first;
      await visitUntil(2 * many, () => [targets[1]!]);
      doomed = null;
      servers[0] = await start();
      targets[0] = target(servers[0]);
      await visitUntil(3 * many, () => targets);

      const lost: string[] = [];
      let kept = 0;
      for (const [id, uids] of ledger) {
        const entry = await targets[1]!.entry(id);
        if (entry?.consent.ok !== true) lost.push(id);
        for (const [partner, uid] of Object.entries(uids)) {
          kept++;
          if (entry?.ids[partner]?.uid !== uid) lost.push(`${id} ${partner}`);
        }
      }
      expect(lost).toEqual([]);
      expect(ledger.size).toBeGreaterThan(2 * many);
      expect(kept).toBeGreaterThan(4 * many);
      noLimitExceeded();
    });
  });
});
