/**
 * The demonstration that `npm start` serves without a configuration.
 * @module
 */

import { createHash } from "node:crypto";
import process from "node:process";
import { EC_REDACTION } from "../../../runtime/ec/redaction.ts";
import { isLoopbackHost } from "../../../runtime/lib/addresses.ts";
import { toHex } from "../../../runtime/lib/hex.ts";
import { createLog } from "../../../runtime/observe/log.ts";
import { createPropagation } from "../../../runtime/observe/tracer.ts";
import type { Random } from "../../../runtime/platform.ts";
import { composeConfig } from "../../config/compose.ts";
import type { Environment } from "../../config/environment.ts";
import type { Entry } from "../../hosts/server.ts";
import { proxyTo } from "../../http/proxy/fetch-proxy.ts";
import { rawFetch } from "../../http/raw-fetch.ts";
import { StartError } from "../../serve/start-error.ts";
import type { Demonstration } from "../../service.ts";
import { edgeCookieIn, edgeCookieSection } from "../config.ts";
import { createEdgeCookie } from "../edge-cookie.ts";
import { isOwnField } from "../own-fields.ts";
import { loadAllRoutes } from "../routes/load.ts";
import { createDemo, DOMAIN } from "./demo.ts";
import { createGazette } from "./gazette.ts";
import { startPartners } from "./partners/start.ts";

/** The default configuration. Environment variables override it. */
const STORE = "sqlite:./data/demo.db";
const DEFAULTS = {
  edgeCookie: {
    store: STORE,
    publisher: { domain: DOMAIN },
    // Not a secret: the demonstration mints ids for 127.0.0.1 only.
    passphrases: ["only for the demonstration"],
  },
};

/** Grace period of the newspaper's server when it stops, in milliseconds. */
const ORIGIN_GRACE_MS = 500;

/**
 * Starts the demonstration, without its listener.
 * @throws {ConfigError} if an environment variable is wrong; {StartError} if it would listen beyond loopback.
 */
export async function startDemo(entry: Entry, env: Environment): Promise<Demonstration> {
  const composed = composeConfig([edgeCookieSection], DEFAULTS, { env });
  const config = edgeCookieIn(composed)!;
  const listen = config.listen ?? composed.shared.listen;
  if (!isLoopbackHost(listen.host)) {
    throw new StartError("the demonstration is for this machine only: leave listen.host at 127.0.0.1");
  }
  const { host } = entry;
  // Show errors only: a partner that asks for a pause logs a warning by design.
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
      isOwnField,
      clientOf: (request, args) => ({ ip: host.address(request, args), protocol: null }),
      clock: host.clock,
      log,
      tracer: createPropagation(host.random),
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

/** The operator's token: random for each start, unless the environment has a hash. */
function operatorOf(configured: string | null, random: Random): { token: string | null; tokenHash: string } {
  if (configured !== null) return { token: null, tokenHash: configured };
  const bytes = new Uint8Array(16);
  random.fill(bytes);
  const token = toHex(bytes);
  return { token, tokenHash: createHash("sha256").update(token).digest("hex") };
}

/** The text that is printed once the server listens. */
function welcome(url: string, store: string, token: string | null): string {
  const { port } = new URL(url);
  const page = `http://${DOMAIN}${port === "" ? "" : `:${port}`}`;
  return `
  The demonstration is at  ${page}
  Open it in Chrome or Edge (Firefox should work, too): a small newspaper, millrace in front of it, three
  partners behind it, and a panel beside the page that shows what millrace does. Prebid.js holds an auction on each page, and finds
  two more partners' ids. Try these seven steps:

    1  Visit the front page from France: no id, since you have not consented.
    2  Accept in the banner: the next request mints your id, and two partners are asked for theirs.
    3  Open another page: the id stays the same.
    4  Watch the partners: one answers at once, the other is slow and sometimes asks for a pause.
    5  Act as the third partner: send a pixel, upload ids, identify, hold an auction, delete your id.
    6  Withdraw under "Privacy choices": the cookie is deleted, and a tombstone stays in the graph.
    7  Accept again: a new id, with the same hash and another suffix.

  Then choose California, Japan, or an unknown place. In a terminal:

    curl -si ${url} -H 'Cookie: demo-place=JP' | grep -i ts-ec

  The operator's page is at ${page}/_ts/admin/ (${token === null ? "your own token" : `token ${token}`}).
  The graph is in ${store.replace(/\/\/[^@/]*@/, "//")}. To serve your own site: npm start -- --config FILE. Ctrl-C stops the demonstration.

`;
}
