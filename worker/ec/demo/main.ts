/**
 * What `npm start` serves where nothing is configured.
 * @module
 */
import { createHash } from "node:crypto";
import process from "node:process";
import { isLoopbackHost } from "../../../runtime/lib/addresses.ts";
import { toHex } from "../../../runtime/lib/hex.ts";
import { createLog } from "../../../runtime/observe/log.ts";
import type { Random } from "../../../runtime/platform.ts";
import { entryHere } from "../../entries/here.ts";
import type { Entry } from "../../hosts/server.ts";
import { proxyTo } from "../../http/fetch-proxy.ts";
import { rawFetch } from "../../http/raw-fetch.ts";
import { StartError, serveUntilSignal } from "../../serve/serve.ts";
import { parseConfig } from "../config.ts";
import { createDemo, DOMAIN } from "./demo.ts";
import { createGazette } from "./gazette.ts";
import { startPartners } from "./partners/start.ts";

/** What the demonstration runs with; the environment may say otherwise. */
const DEFAULTS = {
  listen: { host: "127.0.0.1", port: 8787 },
  store: "sqlite:./data/demo.db",
  publisher: { domain: DOMAIN },
  // No secret: whoever reads this may make ids of 127.0.0.1.
  ec: { passphrases: ["only for the demonstration"] },
};

/** How long the paper's own server may take to finish, in milliseconds. */
const ORIGIN_GRACE_MS = 500;

/**
 * Serves the demonstration until the process is told to stop.
 * @throws {ConfigError} if an environment variable is wrong; {StartError} if it cannot listen.
 */
export async function startDemo(): Promise<void> {
  const config = parseConfig(DEFAULTS, process.env);
  if (!isLoopbackHost(config.listen.host)) {
    throw new StartError("the demonstration is for this machine alone: leave listen.host at 127.0.0.1");
  }
  const entry = await entryHere();
  const { host } = entry;
  // A newcomer is to see what to try, and what goes wrong, but no more: a partner that asks for a pause is no fault.
  const level = process.env.MILLRACE_LOG === undefined ? "error" : host.logLevel;
  const log = createLog({ level, write: host.writeLog, clock: host.clock });
  const store = host.openStore(config.store ?? DEFAULTS.store, []);
  const operator = operatorOf(config.ec.adminTokenHash, host.random);
  const [origin, partners] = await Promise.all([
    entry.serve(createGazette(), { host: "127.0.0.1", port: 0 }, log),
    startPartners(entry, host.random, DOMAIN, log),
  ]);
  const demo = createDemo({
    edgeCookie: entry.edgeCookie,
    options: {
      ...config,
      ec: { ...config.ec, adminTokenHash: operator.tokenHash },
      log,
      boundTo: config.listen.host,
    },
    store,
    clock: host.clock,
    random: host.random,
    fetches: { partners: host.fetchPublic(true), others: host.fetch },
    partners,
    site: proxyTo({
      origin: origin.url,
      timeoutMs: config.publisher.originTimeoutMs,
      fetch: rawFetch,
      fetchDecodes: false,
      told: (request, args) => ({ ip: host.address(request, args), protocol: null }),
      clock: host.clock,
      log,
    }),
  });
  const app = {
    handler: demo.answer,
    listen: config.listen,
    listening: (url: string) =>
      process.stderr.write(welcome(url, config.store ?? DEFAULTS.store, operator.token)),
    endStreams: demo.endStreams,
    close: async () => {
      await Promise.all([demo.close(), partners.close(), origin.close(ORIGIN_GRACE_MS)]);
    },
  };
  const isPortChosen = process.env.MILLRACE_LISTEN_PORT !== undefined;
  try {
    await serveUntilSignal(isPortChosen ? entry : onAnyPort(entry), app, log);
  } catch (error) {
    // The paper's server would keep the process alive.
    await app.close();
    throw error;
  }
}

/** The same host, whose server takes a free port where the usual one cannot be had. */
function onAnyPort(entry: Entry): Entry {
  return {
    ...entry,
    async serve(handler, listen, log) {
      try {
        return await entry.serve(handler, listen, log);
      } catch {
        process.stderr.write(
          `millrace: port ${listen.port} is taken, so the demonstration takes a free one\n`,
        );
        return entry.serve(handler, { ...listen, port: 0 }, log);
      }
    },
  };
}

/** The operator's token: a new one for each start, unless the environment has the hash of one. */
function operatorOf(configured: string | null, random: Random): { token: string | null; tokenHash: string } {
  if (configured !== null) return { token: null, tokenHash: configured };
  const bytes = new Uint8Array(16);
  random.fill(bytes);
  const token = toHex(bytes);
  return { token, tokenHash: createHash("sha256").update(token).digest("hex") };
}

/** What there is to see, and where. */
function welcome(url: string, store: string, token: string | null): string {
  const { port } = new URL(url);
  const page = `http://${DOMAIN}${port === "" ? "" : `:${port}`}`;
  return `
  The demonstration is at  ${page}
  Open it in Chrome or Edge (Firefox should do, too): a small newspaper, millrace in front of it, three
  partners behind it, and beside the page a panel that tells what millrace does. Try these seven steps:

    1  Visit the front page as somebody in France: no id, for nobody has agreed to one.
    2  Accept in the banner: the next request mints your id, and two partners are asked for theirs.
    3  Open another page: the id stays the same.
    4  Watch the partners: one answers at once, the other is slow and wants to be left alone now and then.
    5  Play the third partner: send a pixel, upload ids, ask who you are, hold an auction, be forgotten.
    6  Withdraw under "Privacy choices": the cookie goes, and a tombstone stays in the graph.
    7  Accept again: a new id, with the same hash and another suffix.

  Then be in California, in Japan, or nowhere known. In a terminal:

    curl -si ${url} -H 'Cookie: demo-place=JP' | grep -i ts-ec

  The operator's page is at ${page}/_ts/admin/ (${token === null ? "your own token" : `token ${token}`}).
  The graph is in ${store.replace(/\/\/[^@/]*@/, "//")}. To serve a site of your own: npm start -- --config FILE. Ctrl-C ends this.

`;
}
