/**
 * The Edge Cookie as one of the services of a millrace process: in front of `publisher.origin`.
 * @module
 */
import { METRICS } from "../../runtime/ec/metrics.ts";
import { EC_REDACTION } from "../../runtime/ec/redaction.ts";
import type { Fault } from "../../runtime/lib/schema.ts";
import type { TableView } from "../../runtime/platform.ts";
import type { Entry, Listen } from "../hosts/server.ts";
import { problem } from "../http/problem.ts";
import { StartError } from "../serve/start-error.ts";
import type { RunningService, ServiceModule, Shared } from "../service.ts";
import { mint } from "./commands/mint.ts";
import { configWarnings, type EdgeCookieSection, edgeCookieSection, servingFaults } from "./config.ts";
import { withConfig } from "./edge-cookie.ts";
import { loadAllRoutes } from "./routes/load.ts";
import { createSite } from "./site.ts";

export const edgeCookieService: ServiceModule<EdgeCookieSection> = {
  ...edgeCookieSection,
  title: "edge-cookie",
  requiredFields: ["publisher.domain", "publisher.origin", "passphrases"],
  metrics: METRICS,
  redact: EC_REDACTION,
  commands: { mint },
  listen: ({ listen }) => listen,
  servingFaults: (section, listen, entry) => [
    ...servingFaults(section, listen),
    ...addressFaults(section, listen, entry),
  ],
  warnings: (section, { client, operator }) => configWarnings({ ...section, client, operator }),
  create,
  demonstrate: async (entry) => (await import("./demo/main.ts")).startDemo(entry),
};

async function create(
  { entry, config: { client, operator }, listen, log, metrics }: Shared,
  section: EdgeCookieSection,
): Promise<RunningService> {
  const { host } = entry;
  const { publisher } = section;
  const config = { ...section, client, operator, publisher: { ...publisher, origin: publisher.origin! } };
  const own = { log, metrics, boundTo: listen.host };
  const handler = withConfig(host, loadAllRoutes, config, own)(notFound);
  const service = handler.service();
  const { store, limiter, readiness, tables } = service.services;
  await opened("store", async () => store.get("start"));
  await opened("limiter", async () => limiter.take("start", NOTHING));
  return {
    handler,
    proxy: createSite(service, config, host.clock, log),
    facts: tableFacts(tables()),
    stopping: () => readiness.drain(),
    status: () => ({ queued: service.services.inspectSync().queued, tables: tables().length }),
    close: () => handler.close(),
  };
}

/** The proxy has answered the site's requests. What is left is a path of ours that no route has. */
function notFound(): Response {
  return Response.json(problem("not_found", "there is no such path"), { status: 404 });
}

/** Faults of the URLs of store and limiter that only the host can tell. Nothing is opened: stores open at their first use. */
function addressFaults({ store, limiter }: EdgeCookieSection, _listen: Listen, { host }: Entry): Fault[] {
  const faults: Fault[] = [];
  const storeFault = host.storeFault(store ?? host.defaultStore);
  if (storeFault !== null) {
    faults.push({
      field: "edgeCookie.store",
      found: "a store that this host does not have",
      expected: storeFault,
    });
  }
  const limiterFault = host.limiterFault(limiter);
  if (limiterFault !== null) {
    faults.push({
      field: "edgeCookie.limiter",
      found: "a limiter that this host does not have",
      expected: limiterFault,
    });
  }
  return faults;
}

/** The number of keys that each table has room for, and the memory that all of them take at most. */
function tableFacts(tables: readonly TableView[]) {
  const bytes = tables.reduce((sum, view) => sum + view.bytes, 0);
  return {
    tables: Object.fromEntries(tables.map(({ table, maxKeys }) => [table, maxKeys])),
    tablesMiB: Math.ceil(bytes / 1_048_576),
  };
}

/** Asks the limiter without taking anything. */
const NOTHING = { limit: 0, windowMs: 1 };

/** Before the first visitor: a store that cannot be opened now is a mistake in the configuration. */
async function opened(what: string, use: () => Promise<unknown>): Promise<void> {
  try {
    await use();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(`cannot open the ${what}: ${reason}`, { cause: error });
  }
}
