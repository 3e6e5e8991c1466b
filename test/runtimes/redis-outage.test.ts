/**
 * A process whose Redis stops, hangs and recovers: pages work, nothing hangs, each fault is logged once.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configFile } from "../support/config-file.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { behaviours, type PartnerServer, startPartnerServer } from "../support/partner-server.ts";
import { noRedis, type RedisServer, startRedis } from "../support/redis.ts";
import { type ProcessRuntime, runtimes, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";
import { ecCookieOf, eventually, scenarioConfig, type Target, targetOf, type Visitor } from "./target.ts";

const RETURN = "https://partner.example/back";
const KEY = "the-key-of-the-partner-who-uploads";
const IP = "198.51.100.7";

describe.skipIf(noRedis !== undefined)(noRedis ?? "an outage of Redis", () => {
  describe.each(Object.keys(runtimes) as ProcessRuntime[])("on %s", (runtime) => {
    let folder: string;
    let redis: RedisServer;
    let origin: Origin;
    let pulled: PartnerServer;
    let server: RunningProgram;
    let target: Target;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "millrace-outage-"));
      [redis, origin, pulled] = await Promise.all([
        startRedis(),
        startOrigin(),
        startPartnerServer(behaviours.prompt),
      ]);
      const config = {
        ...scenarioConfig(origin.url),
        listen: { port: 0 },
        store: redis.url,
        limiter: redis.url,
        partners: [
          { id: "brings", allowedReturnDomains: ["partner.example"], apiKey: KEY },
          {
            id: "pulled",
            pullSyncEnabled: true,
            pullSyncUrl: pulled.url,
            pullSyncAllowedDomains: ["127.0.0.1"],
            pullToken: "token",
          },
        ],
      };
      writeFileSync(join(folder, "config.json"), JSON.stringify(configFile(config)));
      server = await spawnServer(runtime, [
        "worker/cli/main.ts",
        "serve",
        "--config",
        join(folder, "config.json"),
      ]);
      target = targetOf(runtime, server.url, origin, server.log);
    });

    afterAll(async () => {
      await server?.stop("SIGKILL");
      await Promise.all([pulled?.close(), origin?.close(), redis?.stop()]);
      rmSync(folder, { recursive: true, force: true });
    });

    async function newcomer(): Promise<{ id: string; visitor: Visitor }> {
      const visitor: Visitor = { ip: IP, country: "JP" };
      const answer = await target.visit(visitor);
      expect(answer.status).toBe(200);
      const id = ecCookieOf(answer)!.value;
      return { id, visitor: { ...visitor, cookies: [["ts-ec", id]] } };
    }

    async function ready(): Promise<{ status: number; down?: string[] }> {
      const { status, body } = await target.visit({}, { path: "/_ts/ready" });
      const { down } = JSON.parse(body);
      return { status, down };
    }

    /** The answers to a page, a pixel, an upload and the graph's routes without Redis. */
    async function answersWithout(known: { id: string; visitor: Visitor }): Promise<void> {
      const identity = await target.visit(known.visitor, { path: "/identify" });
      expect(identity.status).toBe(200);
      expect(JSON.parse(identity.body)).toMatchObject({ ec: known.id, degraded: true, uids: {} });
      expect((await target.visit(known.visitor)).status).toBe(200);
      const pixel = await target.visit(known.visitor, {
        path: `/sync?${new URLSearchParams({ partner: "brings", uid: "u", return: RETURN })}`,
      });
      expect(pixel.headers.location).toBe(`${RETURN}?ts_synced=0&ts_reason=write_failed`);
      const body = JSON.stringify({ mappings: [{ ec_id: known.id, partner_uid: "u", timestamp: 1 }] });
      const upload = await target.visit(
        {},
        { method: "POST", path: "/_ts/api/v1/sync", headers: [["authorization", `Bearer ${KEY}`]], body },
      );
      expect(upload.status).toBe(503);
      expect(
        await eventually("what is down", async () => {
          const answer = await ready();
          return answer.status === 503 ? answer : undefined;
        }),
      ).toEqual({ status: 503, down: ["store", "limiter"] });
      expect((await target.visit({}, { path: "/_ts/health" })).status).toBe(200);
    }

    /** Counts of each warning and error from a position in the log on. */
    function complaints(from: number): Record<string, number> {
      const counts: Record<string, number> = {};
      for (const line of server.log().slice(from).split("\n")) {
        if (line === "") continue;
        const { level, message } = JSON.parse(line) as { level: string; message: string };
        if (level !== "info") counts[message] = (counts[message] ?? 0) + 1;
      }
      return counts;
    }

    test("pages and new ids work without Redis, each fault is logged once, and everything recovers", async () => {
      const known = await newcomer();
      await eventually("the entry", async () => (await target.entry(known.id)) ?? undefined);
      expect(await ready()).toEqual({ status: 200 });
      const told = server.log().length;

      await redis.kill();
      const minted = [];
      for (let n = 0; n < 40; n++) minted.push(await newcomer());
      expect(new Set(minted.map(({ id }) => id)).size).toBe(40);
      await answersWithout(known);
      const withdrawal = await target.visit({ ...known.visitor, country: "FR" });
      expect(ecCookieOf(withdrawal)?.value).toBe("");

      await redis.restart();
      await eventually("readiness", async () => ((await ready()).status === 200 ? true : undefined));
      expect((await target.entry(known.id))?.consent.ok).toBe(true);
      const late = minted[0]!;
      await eventually("the entry of an id that was minted meanwhile", async () => {
        const identity = await target.visit(late.visitor, { path: "/identify" });
        expect(JSON.parse(identity.body).degraded).toBe(false);
        // A visit of the same visitor is debounced, so another visitor is used.
        const again = await newcomer();
        return (await target.entry(again.id)) ?? undefined;
      });
      for (const [message, count] of Object.entries(complaints(told))) {
        expect(count, `${message}\n${server.log().slice(told)}`).toBe(1);
      }
      expect(Object.keys(complaints(told)).length).toBeGreaterThan(0);
      expect(server.log()).not.toContain(known.id);
    });

    test("a suspended Redis delays requests only briefly, and is used again afterwards", async () => {
      const known = await newcomer();
      await eventually("the entry", async () => (await target.entry(known.id)) ?? undefined);
      redis.freeze();
      try {
        for (let n = 0; n < 5; n++) await newcomer();
        await answersWithout(known);
      } finally {
        redis.unfreeze();
      }
      await eventually("readiness", async () => ((await ready()).status === 200 ? true : undefined));
      expect((await target.entry(known.id))?.consent.ok).toBe(true);
      expect(await server.stop()).toBe(0);
    });
  });
});
