/**
 * The running Edge Cookie service: its handler, and the proxy to the site behind it.
 * @module
 */
import { START_KEY } from "../../runtime/ec/keys.ts";
import type { TableView } from "../../runtime/platform.ts";
import { STORE_METRIC, storeCountsOf } from "../admin/figures.ts";
import { PastFigures } from "../admin/past.ts";
import { problem } from "../http/problem.ts";
import { StartError } from "../serve/start-error.ts";
import type { RunningService, Shared } from "../service.ts";
import { FIGURE_METRICS, figuresOf } from "./admin/figures.ts";
import { readPast, readStatus, type Status } from "./admin/status.ts";
import { allWorkersOf } from "./all-workers.ts";
import type { EdgeCookieSection } from "./config.ts";
import { withConfig } from "./edge-cookie.ts";
import { reload } from "./reload.ts";
import { loadAllRoutes } from "./routes/load.ts";
import { createSite } from "./site.ts";

/** The metrics that the figures of the last minutes are read from. */
const PAST_METRICS: readonly string[] = [...FIGURE_METRICS, STORE_METRIC];

/**
 * Opens the store and the limiter, and starts the service.
 * @throws {StartError} saying what cannot be opened.
 */
export async function startEdgeCookie(
  { entry, config: { client, operator }, listen, log, metrics, tracer, workers }: Shared,
  section: EdgeCookieSection,
): Promise<RunningService> {
  const { host } = entry;
  const config = runningConfig(section, { client, operator });
  const all = workers === null ? null : allWorkersOf(workers);
  const figures = (status: Status) => ({
    ...{ at_ms: status.now_ms, ...figuresOf(status) },
    store: storeCountsOf(status),
  });
  const past = new PastFigures(() => {
    const { services } = handler.service();
    return all === null ? figures(readStatus(services, PAST_METRICS)) : all.status().then(figures);
  });
  const own = { log, metrics, tracer, boundTo: listen.host, past, workers: all };
  const handler = withConfig(host, loadAllRoutes, config, own)(notFound);
  const service = handler.service();
  const { store, limiter, readiness, tables } = service.services;
  await opened("store", async () => store.get("start"));
  await opened("limiter", async () => limiter.take(START_KEY, NOTHING));
  past.start();
  return {
    handler,
    proxy: createSite(service, config, host.clock, log),
    facts: tableFacts(tables()),
    draining: () => readiness.drain(),
    reload: (next, shared) =>
      reload(service.services, runningConfig(next as EdgeCookieSection, shared)).map(fieldInFile),
    status: () => ({ ...readStatus(service.services) }),
    past: () => readPast(service.services),
    close() {
      past.stop();
      return handler.close();
    },
  };
}

/** The section with the shared ones that the service reads. A served section has an origin. */
function runningConfig(
  { publisher, ...section }: EdgeCookieSection,
  { client, operator }: Pick<Shared["config"], "client" | "operator">,
) {
  return { ...section, client, operator, publisher: { ...publisher, origin: publisher.origin! } };
}

/** A field of the running configuration by its name in the configuration file. */
function fieldInFile(field: string): string {
  return /^(?:client|operator)\./.test(field) ? field : `edgeCookie.${field}`;
}

/** Answers a path of our own that no route has. The proxy answers the site's requests. */
function notFound(): Response {
  return Response.json(problem("not_found", "there is no such path"), { status: 404 });
}

/** The capacity of each table in keys, and the memory of all of them. */
function tableFacts(tables: readonly TableView[]) {
  const bytes = tables.reduce((sum, view) => sum + view.bytes, 0);
  return {
    tables: Object.fromEntries(tables.map(({ table, maxKeys }) => [table, maxKeys])),
    tablesMiB: Math.ceil(bytes / 1_048_576),
  };
}

/** A rate that asks the limiter without taking anything. */
const NOTHING = { limit: 0, windowMs: 1 };

/** Uses a store or limiter before the first visitor. If that fails, the start fails. */
async function opened(what: string, use: () => Promise<unknown>): Promise<void> {
  try {
    await use();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(`cannot open the ${what}: ${reason}`, { cause: error });
  }
}
