/**
 * What `npm start` serves where nothing is configured.
 * @module
 */

import { createHash } from "node:crypto";
import process from "node:process";
import { EC_REDACTION } from "../../../runtime/ec/redaction.ts";
import { isLoopbackHost } from "../../../runtime/lib/addresses.ts";
import { toHex } from "../../../runtime/lib/hex.ts";
import { createLog } from "../../../runtime/observe/log.ts";
import type { Random } from "../../../runtime/platform.ts";
import { composeConfig } from "../../config/compose.ts";
import type { Entry } from "../../hosts/server.ts";
import { proxyTo } from "../../http/fetch-proxy.ts";
import { rawFetch } from "../../http/raw-fetch.ts";
import { StartError } from "../../serve/start-error.ts";
import type { Demonstration } from "../../service.ts";
import { edgeCookieIn, edgeCookieSection } from "../config.ts";
import { createEdgeCookie } from "../edge-cookie.ts";
import { loadAllRoutes } from "../routes/load.ts";
import { createDemo, DOMAIN } from "./demo.ts";
import { createGazette } from "./gazette.ts";
import { startPartners } from "./partners/start.ts";

/** What the demonstration runs with; the environment may say otherwise. */
const STORE = "sqlite:./data/demo.db";
const DEFAULTS = {
  edgeCookie: {
    store: STORE,
    publisher: { domain: DOMAIN },
    // Not a secret: anyone who reads this may make ids of 127.0.0.1.
    passphrases: ["only for the demonstration"],
  },
};

/** How long the paper's own server may take to finish, in milliseconds. */
const ORIGIN_GRACE_MS = 500;

/**
 * Starts the demonstration, without its listener.
 * @throws {ConfigError} if an environment variable is wrong; {StartError} if it would listen for others.
 */
export async function startDemo(entry: Entry): Promise<Demonstration> {
  const composed = composeConfig([edgeCookieSection], DEFAULTS, { env: process.env });
  const config = edgeCookieIn(composed)!;
  const listen = config.listen ?? composed.shared.listen;
  if (!isLoopbackHost(listen.host)) {
    throw new StartError("the demonstration is for this machine alone: leave listen.host at 127.0.0.1");
  }
  const { host } = entry;
  // A newcomer sees what to try, and what goes wrong: a partner that asks for a pause is no fault.
  const level = process.env.MILLRACE_LOG === undefined ? "error" : host.logLevel;
  const log = createLog({ level, write: host.writeLog, clock: host.clock, redact: EC_REDACTION });
  const store = host.openStore(config.store ?? STORE, []);
  const operator = operatorOf(config.operator.tokenHash, host.random);
  const [origin, partners] = await Promise.all([
    entry.serve([{ handler: createGazette() }], { host: "127.0.0.1", port: 0 }, log),
    startPartners(entry, host.random, DOMAIN, log),
  ]);
  const demo = createDemo({
    edgeCookie: createEdgeCookie(host, loadAllRoutes),
    options: { ...config, operator: { tokenHash: operator.tokenHash }, log, boundTo: listen.host },
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
  return {
    listen,
    anyPort: process.env.MILLRACE_LISTEN_PORT === undefined,
    log,
    listening: (url) => process.stderr.write(welcome(url, config.store ?? STORE, operator.token)),
    service: {
      handler: demo.answer,
      endStreams: demo.endStreams,
      status: () => ({}),
      close: async () => {
        await Promise.all([demo.close(), partners.close(), origin.close(ORIGIN_GRACE_MS)]);
      },
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
