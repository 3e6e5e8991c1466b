/**
 * `npm run cluster`: a Redis, two millrace processes that share it, a load balancer in front of them, and things to try.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { configFile } from "../../test/support/config-file.ts";
import { noRedis, startRedis } from "../../test/support/redis.ts";
import { readToolOptions } from "../../test/support/tool-options.ts";
import { IP_HEADER, startBalancer, TRY_IP_HEADER } from "./balancer.ts";
import { RESTART_MS, startMember } from "./processes.ts";
import { type CountingPartner, startCountingPartner, startSite } from "./site.ts";

const DOMAIN = "millrace.localhost";
const PORT = 8787;
readToolOptions({
  name: "cluster",
  summary:
    "Starts a Redis, two millrace processes that share it and a load balancer. MILLRACE_LISTEN_PORT sets the port,\n" +
    "MILLRACE_REDIS names a running Redis.",
});

/** Limit of partner "hourly" for each client address, in requests an hour. */
const PER_HOUR = 10;
/** Limit of partner "minutely", in requests a minute. */
const PER_MINUTE = 10;
/** Interval of the progress line, in milliseconds. */
const PROGRESS_MS = 1000;

const say = (text: string) => process.stderr.write(`${text}\n`);

/** Cleanup functions, the newest first. */
const cleanups: (() => unknown)[] = [];

async function start(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-cluster-"));
  cleanups.unshift(() => rmSync(folder, { recursive: true, force: true }));
  const redis = await redisToUse();
  const [site, hourly, minutely] = await Promise.all([
    startSite(),
    startCountingPartner("hourly"),
    startCountingPartner("minutely"),
  ]);
  cleanups.unshift(site.close, hourly.close, minutely.close);
  const config = join(folder, "config.json");
  writeFileSync(
    config,
    JSON.stringify(configFile(configuration(redis.url, site.url, hourly.url, minutely.url))),
  );
  const starts = ["one", "two"].map((name) => startMember(name, config, (text) => say(`  ${text}`)));
  cleanups.unshift(() =>
    Promise.all(starts.map((one) => one.then((member) => member.stop()).catch(() => {}))),
  );
  const members = await Promise.all(starts);
  const balancer = await onAnyPort((port) => startBalancer(members, port));
  cleanups.unshift(balancer.close);
  const progress = setInterval(createProgress(hourly, minutely), PROGRESS_MS);
  cleanups.unshift(() => clearInterval(progress));
  say(welcome(balancer.port, members[0]!.pid, redis));
  process.stdout.write(`millrace listening on http://127.0.0.1:${balancer.port}\n`);
}

/** The Redis that MILLRACE_REDIS names, or a new one, which is removed with its data at the end. */
async function redisToUse(): Promise<{ url: string; pid: number | null }> {
  const named = process.env.MILLRACE_REDIS;
  if (named !== undefined) return { url: named, pid: null };
  if (noRedis !== undefined) {
    throw new Error(
      "Cannot start Redis: redis-server is not installed. Install it (on Debian: apt-get install redis-server), " +
        "or name a running Redis: MILLRACE_REDIS='redis://127.0.0.1:6379?prefix=cluster:' npm run cluster",
    );
  }
  const server = await startRedis();
  cleanups.unshift(server.stop);
  return server;
}

function configuration(redis: string, origin: string, hourly: string, minutely: string): object {
  const puller = (id: string, url: string, fields: object) => ({
    id,
    bidstreamEnabled: true,
    sourceDomain: `${id}.example`,
    pullSyncEnabled: true,
    pullSyncUrl: `${url}/pull`,
    pullSyncAllowedDomains: ["127.0.0.1"],
    pullToken: "no-secret",
    ...fields,
  });
  return {
    listen: { port: 0 },
    store: redis,
    limiter: redis,
    publisher: { domain: DOMAIN, origin },
    client: { ipHeader: IP_HEADER },
    // For this demonstration only: a public secret, and a country without consent rules.
    passphrases: ["only for this demonstration"],
    allowInsecurePartners: true,
    consent: { assumeCountry: "JP" },
    partners: [
      puller("hourly", hourly, { pullSyncRateLimit: PER_HOUR }),
      puller("minutely", minutely, { pullSyncRateLimit: 10_000, maxPerMinute: PER_MINUTE }),
    ],
  };
}

/** Listens on MILLRACE_LISTEN_PORT; without it, on the usual port or a free one. */
async function onAnyPort<T>(listen: (port: number) => Promise<T>): Promise<T> {
  const chosen = process.env.MILLRACE_LISTEN_PORT;
  if (chosen !== undefined) return listen(Number(chosen));
  return listen(PORT).catch(() => listen(0));
}

/** Returns a function that logs the number of requests to the partners when it has changed. */
function createProgress(hourly: CountingPartner, minutely: CountingPartner): () => void {
  let last = "";
  return () => {
    const { total, lastMinute } = minutely.requests();
    const now = `  requests: hourly ${hourly.requests().total}, minutely ${total}, ${lastMinute} of them in the last minute`;
    if (now !== last) say(now);
    last = now;
  };
}

function welcome(port: number, pid: number | undefined, redis: { url: string; pid: number | null }): string {
  const url = `http://127.0.0.1:${port}`;
  return `
  Two millrace processes on ${redis.url} share one identity graph and one set of limits.

  Open  http://${DOMAIN}:${port}  and watch: the processes answer in turn, and both know your id. In a terminal:

    Visitors from one address; "hourly" gets at most ${PER_HOUR} requests an hour for it, from both processes together:
      for i in $(seq 40); do curl -so /dev/null ${url} -H '${TRY_IP_HEADER}: 203.0.113.7'; done

    Visitors from many addresses; "minutely" gets at most ${PER_MINUTE} requests a minute, the others are queued:
      for i in $(seq 40); do curl -so /dev/null ${url} -H "${TRY_IP_HEADER}: 198.51.100.$i"; done

    A process is killed; the other one continues, and the first one restarts after ${RESTART_MS / 1000} s:
      kill -9 ${pid}
${
  redis.pid === null
    ? ""
    : `
    Redis stops for a moment; pages and new ids still work, /_ts/ready says what is down:
      kill -STOP ${redis.pid}; curl -s ${url}/_ts/ready; kill -CONT ${redis.pid}
`
}
  Ctrl-C ends everything.
`;
}

let isEnding = false;

async function end(): Promise<void> {
  isEnding = true;
  for (const cleanup of cleanups.splice(0)) await cleanup();
}

// The handlers stay: without one, the helper that starts programs ends this process at once.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (!isEnding) void end().then(() => process.exit(0));
  });
}
try {
  await start();
} catch (error) {
  say(`millrace: ${error instanceof Error ? error.message : String(error)}`);
  await end();
  process.exit(1);
}
