import process from "node:process";
import { createLog } from "../../runtime/observe/log.ts";
import type { TableView } from "../../runtime/platform.ts";
import { configPath, readConfig, type ServeConfig } from "../config/configured.ts";
import { configWarnings } from "../ec/config.ts";
import { createSite } from "../ec/site.ts";
import { entryHere } from "../entries/here.ts";
import type { Entry } from "../hosts/server.ts";
import { problem } from "../http/problem.ts";
import { StartError, serveUntilSignal } from "../serve/serve.ts";
import { type Command, configOption, textOf } from "./command.ts";

export const serve: Command = {
  summary: "serve the Edge Cookie in front of publisher.origin",
  details:
    "Configured by a JSON file and by environment variables: MILLRACE_ and the field's path, such as\n" +
    "MILLRACE_LISTEN_PORT. MILLRACE_LOG sets the log's level: debug, info, warn, error or silent.\n" +
    "SIGTERM and SIGINT end it once everything in flight is finished.",
  options: {
    ...configOption,
    "demo-if-unconfigured": { summary: "without any configuration, serve the demonstration" },
  },
  async run(values) {
    const path = configPath(textOf(values, "config"));
    if (values["demo-if-unconfigured"] && path === undefined && !isConfiguredByEnvironment()) {
      const { startDemo } = await import("../ec/demo/main.ts");
      await startDemo();
      return;
    }
    const config = await readConfig(path);
    await serveConfigured(await entryHere(), config);
  },
};

/** The fields that have no default: whoever set one of them means to configure. */
function isConfiguredByEnvironment(): boolean {
  const required = ["MILLRACE_PUBLISHER_DOMAIN", "MILLRACE_PUBLISHER_ORIGIN", "MILLRACE_EC_PASSPHRASES"];
  return required.some((name) => process.env[name] !== undefined);
}

async function serveConfigured(entry: Entry, config: ServeConfig): Promise<void> {
  const { host } = entry;
  const log = createLog({ level: host.logLevel, write: host.writeLog, clock: host.clock });
  for (const warning of configWarnings(config)) log.warn(warning);
  const handler = entry.edgeCookie({
    ...config,
    store: config.store ?? host.defaultStore,
    log,
    boundTo: config.listen.host,
  })(notFound);
  const service = handler.service();
  const { store, limiter } = service.services;
  await opened("store", async () => store.get("start"));
  await opened("limiter", async () => limiter.take("start", NOTHING));
  const facts = tableFacts(service.services.tables());
  const site = createSite(service, config, host.clock, log);
  const app = {
    handler,
    listen: config.listen,
    proxy: site,
    facts,
    stopping: () => service.services.readiness.drain(),
    close: () => handler.close(),
  };
  await serveUntilSignal(entry, app, log);
}

/** What is behind the proxy has been answered by it; a path of ours that turns out to be none is left. */
function notFound(): Response {
  return Response.json(problem("not_found", "there is no such path"), { status: 404 });
}

/** How many keys each table has room for, and the memory that all of them take at most. */
function tableFacts(tables: readonly TableView[]) {
  const bytes = tables.reduce((sum, view) => sum + view.bytes, 0);
  return {
    tables: Object.fromEntries(tables.map(({ table, maxKeys }) => [table, maxKeys])),
    tablesMiB: Math.ceil(bytes / 1_048_576),
  };
}

/** Asks the limiter without taking anything. */
const NOTHING = { limit: 0, windowMs: 1 };

/** Before the first visitor: what cannot be opened is a mistake to mend, not an outage to live through. */
async function opened(what: string, use: () => Promise<unknown>): Promise<void> {
  try {
    await use();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(`cannot open the ${what}: ${reason}`, { cause: error });
  }
}
