/**
 * Four instances on a Redis Cluster of three masters and three replicas, under load, while masters fail: each is killed or suspended, its
 * replica takes over, and it comes back. No process is restarted but the one of Redis.
 * @module
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeEntry, isTombstone } from "../../../runtime/ec/graph/entry.ts";
import { batchKey } from "../../../runtime/ec/keys.ts";
import { connectRedis, redisStore } from "../../../runtime/stores/redis.ts";
import { slotOf } from "../../../runtime/stores/redis-slots.ts";
import { configFile } from "../../support/config-file.ts";
import { behaviours, type PartnerServer, startPartnerServer } from "../../support/partner-server.ts";
import { FIRST_SLOTS, type RedisServer, startRedisCluster, waitUntil } from "../../support/redis.ts";
import { type ProcessRuntime, spawnServer } from "../../support/spawn.ts";
import type { RunningProgram } from "../../support/start-program.ts";
import { systemClock } from "../../support/system-clock.ts";
import { uploadUid } from "../soak/ledger.ts";
import { Crowd, OPERATOR_TOKEN, type Tally, UPLOAD_KEY } from "./visitors.ts";

export interface FailoverOptions {
  runtime: ProcessRuntime;
  /** How long it is at least, in seconds. */
  seconds: number;
  /** Requests under way at once. */
  hands: number;
  /** How the masters fail, one after the other; their replicas take over. */
  failures: readonly ("killed" | "suspended")[];
  say(text: string): void;
}

export interface FailoverReport {
  runtime: string;
  seconds: number;
  tallies: Readonly<Record<string, Tally>>;
  /** For each failure, the time until every instance writes again to the slots of the failed master, in milliseconds. */
  failures: { how: string; recoveredMs: number }[];
  /** How many acknowledged writes of each kind the store must have. */
  kept: { pixels: number; uploads: number; deletions: number };
  limits: { name: string; limit: number; most: number }[];
  /** Warnings and errors in the logs of the instances, by message. */
  complaints: Readonly<Record<string, number>>;
  /** All that should not have been. */
  faults: string[];
  /** Answers that the store is down, while no master had failed. */
  unexplained: string[];
}

export const INSTANCES = 4;
/** Limits: pulls for one address in an hour, pulls in a minute, and requests of a partner in a minute. */
const PER_HOUR = 10;
const PER_MINUTE = 20;
const METERED = 40;
const MINUTE_MS = 60_000;
/** A take is made at most this long before its call arrives: a call times out after 5 s. */
const PULL_SLACK_MS = 6000;
/** Longest time until all instances have recovered. */
const RECOVERY_MS = 60_000;
/** Requests of one stretch of load, also on a slow machine. */
const LEAST_STEPS = 300;
/** How long load goes on before each failure, and after each recovery, as a share of the whole. */
const share = (failures: number) => 1 / (2 * failures + 1);

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export async function runFailover({
  runtime,
  seconds,
  hands,
  failures,
  say,
}: FailoverOptions): Promise<FailoverReport> {
  const cleanups: (() => unknown)[] = [];
  try {
    const folder = mkdtempSync(join(tmpdir(), "millrace-failover-"));
    cleanups.unshift(() => rmSync(folder, { recursive: true, force: true }));
    const cluster = await startRedisCluster({ replicas: 1 });
    cleanups.unshift(cluster.stop);
    const origin = createServer((incoming, outgoing) => {
      incoming.resume();
      outgoing.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<p>page</p>");
    });
    await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
    cleanups.unshift(() => {
      origin.closeAllConnections();
      return new Promise((resolve) => origin.close(resolve));
    });
    const minutelyMs: number[] = [];
    const hourly = await startPartnerServer(behaviours.prompt);
    cleanups.unshift(hourly.close);
    const minutely = await startPartnerServer((response, pull) => {
      minutelyMs.push(performance.now());
      behaviours.prompt(response, pull);
    });
    cleanups.unshift(minutely.close);

    const metered = meteredPartners();
    const config = join(folder, "config.json");
    const site = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
    writeFileSync(config, JSON.stringify(configOf(site, cluster.url, { hourly, minutely, metered })));
    const start = () => spawnServer(runtime, ["worker/cli/main.ts", "serve", "--config", config]);
    const instances = await Promise.all(Array.from({ length: INSTANCES }, start));
    cleanups.unshift(() => Promise.all(instances.map((instance) => instance.stop("SIGKILL"))));

    const urls = instances.map(({ url }) => url);
    const crowd = new Crowd({ urls, metered: metered.map(keyOf) });
    const began = performance.now();
    const work = Promise.all(Array.from({ length: hands }, () => crowd.work()));
    cleanups.unshift(() => {
      crowd.stop();
      return work.catch(() => {});
    });
    const stretchMs = seconds * 1000 * share(failures.length);
    /** Lets the load go on. A fault in the crowd ends the run at once. */
    const load = async () => {
      const enough = crowd.steps + LEAST_STEPS;
      await Promise.race([work, pause(stretchMs)]);
      while (crowd.steps < enough) await Promise.race([work, pause(50)]);
    };

    const outcomes: FailoverReport["failures"] = [];
    let [master, replica] = [cluster.nodes[0]!, cluster.nodes[3]!];
    await load();
    for (const how of failures) {
      const recoveredMs = await failOver(how, master, crowd, { urls, metered: keyOf(metered[0]!) });
      say(`a master was ${how}; all instances write again after ${Math.round(recoveredMs)} ms`);
      outcomes.push({ how, recoveredMs });
      await load();
      if (how === "killed") await master.restart();
      else master.unfreeze();
      await waitUntil([master], "INFO replication", [/role:slave/, /master_link_status:up/]);
      [master, replica] = [replica, master];
      await load();
    }
    crowd.stop();
    await work;
    const lasted = (performance.now() - began) / 1000;
    const complaints: Record<string, number> = {};
    for (const instance of instances) {
      for (const message of complaintsOf(instance)) complaints[message] = (complaints[message] ?? 0) + 1;
    }
    const faults = [...crowd.faults, ...(await losses(crowd, cluster.url))];
    const limits = [
      {
        name: "pulls for one address in an hour",
        limit: PER_HOUR,
        most: mostOf(hourly.pulls.map(({ ecHash }) => ecHash)),
      },
      {
        name: "pulls in a minute",
        limit: PER_MINUTE,
        most: mostWithin(
          minutelyMs.map((at) => ({ fromMs: at, toMs: at })),
          MINUTE_MS - PULL_SLACK_MS,
        ),
      },
      ...[...crowd.admitted].map(([name, times]) => ({
        name: `requests of ${name} in a minute`,
        limit: METERED,
        most: mostWithin(times, MINUTE_MS),
      })),
    ];
    for (const { name, limit, most } of limits)
      if (most > limit) faults.push(`${name}: ${most}, limit ${limit}`);
    for (const instance of instances) {
      if ((await instance.stop()) !== 0) faults.push("an instance did not end with 0");
    }
    const acknowledged = [...crowd.ledger.values()];
    return {
      ...{ runtime, seconds: lasted, tallies: crowd.tallies, failures: outcomes, limits, complaints, faults },
      unexplained: crowd.unexplained,
      kept: {
        pixels: acknowledged.filter(({ pixel }) => pixel !== undefined).length,
        uploads: acknowledged.filter(({ uploaded }) => uploaded !== undefined).length,
        deletions: acknowledged.filter(({ deleted }) => deleted === true).length,
      },
    };
  } finally {
    for (const cleanup of cleanups) await cleanup();
  }
}

/** Lets a master fail. @returns how long it took until every instance writes to its slots and counts in them again. */
async function failOver(
  how: "killed" | "suspended",
  master: RedisServer,
  crowd: Crowd,
  { urls, metered }: { urls: readonly string[]; metered: string },
): Promise<number> {
  const isOfMaster = (id: string) => slotOf(`millrace:entry:ec:${id}`) < FIRST_SLOTS;
  const id = [...crowd.ledger].find(
    ([each, { pixel, mayBeDeleted }]) => pixel !== undefined && !mayBeDeleted && isOfMaster(each),
  )?.[0];
  if (id === undefined) throw new Error("no visitor is on the master yet: the load is too small");
  crowd.keep(id);
  crowd.isDisturbed = true;
  const failedMs = performance.now();
  if (how === "killed") await master.kill();
  else master.freeze();
  for (const url of urls) {
    // Store and limiter have connections of their own.
    while (!(await crowd.pixel(url, id)) || !(await crowd.meter(url, metered))) {
      if (performance.now() - failedMs > RECOVERY_MS) throw new Error(`${url} has not recovered`);
      await pause(100);
    }
  }
  crowd.isDisturbed = false;
  return performance.now() - failedMs;
}

/** Partners whose requests are limited, one for each master, in the order of the masters. */
function meteredPartners(): string[] {
  const found = new Map<number, string>();
  for (let n = 0; found.size < 3; n++) {
    const id = `metered-${n}`;
    const master = Math.floor(slotOf(`millrace:rate:${batchKey(id)}`) / FIRST_SLOTS);
    if (!found.has(master)) found.set(master, id);
  }
  return [0, 1, 2].map((master) => found.get(master)!);
}

const keyOf = (partner: string) => `key-of-${partner}`;
const hashOf = (secret: string) => createHash("sha256").update(secret).digest("hex");

function configOf(
  origin: string,
  redis: string,
  {
    hourly,
    minutely,
    metered,
  }: { hourly: PartnerServer; minutely: PartnerServer; metered: readonly string[] },
): object {
  const puller = (id: string, { url }: PartnerServer, fields: object) => ({
    ...{ id, pullSyncEnabled: true, pullSyncUrl: url, pullSyncAllowedDomains: ["127.0.0.1"] },
    ...{ pullToken: `token-of-${id}`, ...fields },
  });
  return configFile({
    publisher: { domain: "publisher.example", origin },
    ...{ listen: { port: 0 }, store: redis, limiter: redis },
    client: { ipHeader: "x-ip", countryHeader: "x-country" },
    ...{ passphrases: ["publisher-chosen-secret"], allowInsecurePartners: true },
    operator: { tokenHash: hashOf(OPERATOR_TOKEN) },
    mintPerAddressPerHour: 1_000_000,
    partners: [
      puller("hourly", hourly, { pullSyncRateLimit: PER_HOUR, maxPerMinute: 100_000 }),
      puller("minutely", minutely, { pullSyncRateLimit: 10_000, maxPerMinute: PER_MINUTE }),
      { id: "pixel", allowedReturnDomains: ["partner.example"], syncRateLimit: 1_000_000 },
      { id: "uploader", apiKeyHash: hashOf(UPLOAD_KEY), batchRateLimit: 1_000_000 },
      ...metered.map((id) => ({ id, apiKeyHash: hashOf(keyOf(id)), batchRateLimit: METERED })),
    ],
  });
}

/** Holds the ledger against the store. */
async function losses(crowd: Crowd, url: string): Promise<string[]> {
  const store = redisStore({ redis: connectRedis({ url, clock: systemClock }), clock: systemClock });
  const found: string[] = [];
  try {
    for (const [id, { pixel, uploaded, deleted, mayBeDeleted }] of crowd.ledger) {
      const stored = await store.get(`ec:${id}`);
      const entry = stored === null ? null : decodeEntry(stored.value);
      const isLive = entry !== null && !isTombstone(entry);
      const lost = (what: string) => found.push(`${id.slice(0, 8)}: ${what}`);
      if (deleted === true) {
        if (isLive) lost("deleted, and still there");
        continue;
      }
      if (mayBeDeleted === true) continue;
      if (pixel !== undefined && (!isLive || entry.ids.pixel?.uid !== pixel))
        lost("an acknowledged pixel is gone");
      if (uploaded !== undefined) {
        const upload = isLive ? entry.ids.uploader : undefined;
        if (upload === undefined || upload.synced < uploaded || upload.uid !== uploadUid(upload.synced)) {
          lost("an acknowledged upload is gone");
        }
      }
    }
  } finally {
    await store.close();
  }
  return found;
}

function mostOf(texts: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

/** The largest number of requests that began and ended within a time. */
function mostWithin(times: readonly { fromMs: number; toMs: number }[], windowMs: number): number {
  return Math.max(
    0,
    ...times.map(
      ({ fromMs }) => times.filter((each) => each.fromMs >= fromMs && each.toMs < fromMs + windowMs).length,
    ),
  );
}

/** The messages of warnings and errors in an instance's log. */
function complaintsOf(instance: RunningProgram): string[] {
  return instance
    .log()
    .split("\n")
    .filter(Boolean)
    .flatMap((line) => {
      try {
        const { level, message } = JSON.parse(line) as { level: string; message: string };
        return level === "info" || level === "debug" ? [] : [`${level}: ${message}`];
      } catch {
        return /listening/.test(line) ? [] : [line];
      }
    });
}
