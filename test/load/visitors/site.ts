import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configFile } from "../../support/config-file.ts";
import { tcfString } from "../../support/consent-strings.ts";
import { behaviours, startPartnerServer } from "../../support/partner-server.ts";
import { spawnServer } from "../../support/spawn.ts";

/** Browsers resolve names below localhost to this machine and give them a secure context. */
const DOMAIN = "publisher.localhost";

const ADMIN_TOKEN = "operator-of-the-load";

/** State of an id in the graph. */
export type IdState = "live" | "withdrawn" | "absent";

/** A site with a consent banner behind millrace. */
export interface Site {
  /** The URL for browsers. */
  url: string;
  /** The URL for clients that do not resolve names below localhost. */
  plainUrl: string;
  /** Looks an id up in the graph with the operator's API. */
  stateOf(id: string): Promise<IdState>;
  log(): string;
  close(): Promise<void>;
}

const [yes, no] = [tcfString({ purposes: [1, 2, 3, 4] }), tcfString({ purposes: [] })];

const page = (path: string) => `<!doctype html><html lang="en"><title>The Weir</title>
<h1>The Weir</h1><p>${"Water finds its way. ".repeat(60)}</p><p><a href="/article">${path}</a></p>
<button id="accept">Accept</button> <button id="withdraw">Withdraw</button>
<script>
  const say = (text) => { document.cookie = "euconsent-v2=" + text + "; Path=/; Max-Age=86400"; location.reload(); };
  accept.onclick = () => say("${yes}");
  withdraw.onclick = () => say("${no}");
</script>`;

/** Starts the site, three partners (one answers, one is slow, one hangs), and millrace on Node with SQLite. */
export async function startSite(): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-load-"));
  const origin = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(page(request.url ?? "/"));
  });
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  const servers = await Promise.all(
    [behaviours.prompt, behaviours.dripping, behaviours.hanging].map((behaviour) =>
      startPartnerServer(behaviour),
    ),
  );
  const config = join(folder, "config.json");
  writeFileSync(
    config,
    JSON.stringify(
      configFile({
        publisher: { domain: DOMAIN, origin: `http://127.0.0.1:${(origin.address() as AddressInfo).port}` },
        listen: { port: 0 },
        store: `sqlite:${join(folder, "graph.db")}`,
        client: { ipHeader: "x-ip", countryHeader: "x-country" },
        passphrases: ["publisher-chosen-secret"],
        operator: { tokenHash: createHash("sha256").update(ADMIN_TOKEN).digest("hex") },
        allowInsecurePartners: true,
        partners: servers.map(({ url }, i) => ({
          id: `partner-${i}`,
          pullSyncEnabled: true,
          pullSyncUrl: url,
          pullSyncAllowedDomains: ["127.0.0.1"],
          pullToken: `token-${i}`,
          maxPerMinute: 100_000,
        })),
      }),
    ),
  );
  const server = await spawnServer("node", ["worker/cli/main.ts", "serve", "--config", config], {
    MILLRACE_LOG: "error",
  });
  return {
    url: `http://www.${DOMAIN}:${new URL(server.url).port}`,
    plainUrl: server.url,
    async stateOf(id) {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
      const answer = await fetch(`${server.url}/_ts/admin/identity/${id}`, { headers });
      const body = await answer.text();
      if (answer.status === 404) return "absent";
      if (answer.status !== 200) throw new Error(`Cannot look up an id: status ${answer.status}: ${body}`);
      return JSON.parse(body).entry.consent.ok ? "live" : "withdrawn";
    },
    log: server.log,
    async close() {
      await server.stop();
      for (const partner of servers) await partner.close();
      origin.closeAllConnections();
      await new Promise((resolve) => origin.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
