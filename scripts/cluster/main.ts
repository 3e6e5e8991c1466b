/**
 * `npm run cluster`: a Redis, two millrace processes on it, a balancer in front of them, and things to try.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { configFile } from "../../test/support/config-file.ts";
import { noRedis, startRedis } from "../../test/support/redis.ts";
import { IP_HEADER, startBalancer, TRY_IP_HEADER } from "./balancer.ts";
import { RESTART_MS, startMember } from "./processes.ts";
import { type CountingPartner, startCountingPartner, startSite } from "./site.ts";

const DOMAIN = "millrace.localhost";
const PORT = 8787;
/** What the partners bear: the one for all behind an address, the other altogether. */
const PER_HOUR = 10;
const PER_MINUTE = 10;
/** How often it is told how often they were asked, in milliseconds. */
const TELL_MS = 1000;

const say = (text: string) => process.stderr.write(`${text}\n`);

/** What has to be ended, the newest first. */
const endings: (() => unknown)[] = [];

async function start(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-cluster-"));
  endings.unshift(() => rmSync(folder, { recursive: true, force: true }));
  const redis = await redisToUse();
  const [site, hourly, minutely] = await Promise.all([
    startSite(),
    startCountingPartner("hourly"),
    startCountingPartner("minutely"),
  ]);
  endings.unshift(site.close, hourly.close, minutely.close);
  const config = join(folder, "config.json");
  writeFileSync(
    config,
    JSON.stringify(configFile(configuration(redis.url, site.url, hourly.url, minutely.url))),
  );
  const starts = ["one", "two"].map((name) => startMember(name, config, (text) => say(`  ${text}`)));
  endings.unshift(() =>
    Promise.all(starts.map((one) => one.then((member) => member.stop()).catch(() => {}))),
  );
  const members = await Promise.all(starts);
  const balancer = await onAnyPort((port) => startBalancer(members, port));
  endings.unshift(balancer.close);
  const telling = setInterval(tellOf(hourly, minutely), TELL_MS);
  endings.unshift(() => clearInterval(telling));
  say(welcome(balancer.port, members[0]!.pid, redis));
  process.stdout.write(`millrace listening on http://127.0.0.1:${balancer.port}\n`);
}

/** The Redis that the environment names, or one of our own, which goes with all that is in it. */
async function redisToUse(): Promise<{ url: string; pid: number | null }> {
  const named = process.env.MILLRACE_REDIS;
  if (named !== undefined) return { url: named, pid: null };
  if (noRedis !== undefined) {
    throw new Error(
      "there is no redis-server here; install it (on Debian: apt-get install redis-server), " +
        "or name a Redis that runs already: MILLRACE_REDIS='redis://127.0.0.1:6379?prefix=cluster:' npm run cluster",
    );
  }
  const server = await startRedis();
  endings.unshift(server.stop);
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
    // For trying out: a secret for nobody, and a country without rules.
    passphrases: ["only for trying out"],
    allowInsecurePartners: true,
    consent: { assumeCountry: "JP" },
    partners: [
      puller("hourly", hourly, { pullSyncRateLimit: PER_HOUR }),
      puller("minutely", minutely, { pullSyncRateLimit: 10_000, maxPerMinute: PER_MINUTE }),
    ],
  };
}

/** The port that was asked for; where none was, the usual one or a free one. */
async function onAnyPort<T>(listen: (port: number) => Promise<T>): Promise<T> {
  const chosen = process.env.MILLRACE_LISTEN_PORT;
  if (chosen !== undefined) return listen(Number(chosen));
  return listen(PORT).catch(() => listen(0));
}

/** Tells how often the partners were asked, whenever that has changed. */
function tellOf(hourly: CountingPartner, minutely: CountingPartner): () => void {
  let told = "";
  return () => {
    const { ever, lastMinute } = minutely.asked();
    const now = `  asked: hourly ${hourly.asked().ever} times, minutely ${ever} times, ${lastMinute} of them within a minute`;
    if (now !== told) say(now);
    told = now;
  };
}

function welcome(port: number, pid: number | undefined, redis: { url: string; pid: number | null }): string {
  const url = `http://127.0.0.1:${port}`;
  return `
  Two millrace processes on ${redis.url} share one identity graph and one set of limits.

  Open  http://${DOMAIN}:${port}  and watch: they answer by turns, and both know who you are. In a terminal:

    Visitors behind one address; "hourly" bears ${PER_HOUR} questions an hour about it, from both together:
      for i in $(seq 40); do curl -so /dev/null ${url} -H '${TRY_IP_HEADER}: 203.0.113.7'; done

    Visitors from everywhere; "minutely" bears ${PER_MINUTE} questions a minute, the others wait for their turn:
      for i in $(seq 40); do curl -so /dev/null ${url} -H "${TRY_IP_HEADER}: 198.51.100.$i"; done

    A process that dies; the other one goes on, and it comes back in ${RESTART_MS / 1000} s:
      kill -9 ${pid}
${
  redis.pid === null
    ? ""
    : `
    A Redis that falls silent and wakes up; pages and new ids go on, /_ts/ready says what is down:
      kill -STOP ${redis.pid}; curl -s ${url}/_ts/ready; kill -CONT ${redis.pid}
`
}
  Ctrl-C ends all of it.
`;
}

async function end(): Promise<void> {
  for (const ending of endings.splice(0)) await ending();
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => end().then(() => process.exit(0)));
}
try {
  await start();
} catch (error) {
  say(`millrace: ${error instanceof Error ? error.message : String(error)}`);
  await end();
  process.exit(1);
}
