/**
 * Runs servers in this process until a signal stops it.
 * @module
 */
import process from "node:process";
import { isPending, settlesWithin } from "../../runtime/lib/within.ts";
import type { Tracer } from "../../runtime/observe/tracer.ts";
import type { Log } from "../../runtime/platform.ts";
import { ConfigError } from "../config/compose.ts";
import {
  type Entry,
  type FieldsByName,
  type Listen,
  type ServedHandler,
  type Server,
  urlOf,
} from "../hosts/server.ts";
import type { AccessLog } from "../http/access-log.ts";
import type { RunningService } from "../service.ts";
import { byAddress } from "./plan.ts";
import type { Spans } from "./spans.ts";
import { StartError } from "./start-error.ts";

/** Timeout for requests in flight when the process stops, in milliseconds, unless a service has work that may take longer. */
const GRACE_MS = 10_000;
/** Timeout for background work and for closing the stores after that, in milliseconds. */
const CLOSE_MS = 5_000;
/** Timeout for the last spans, in milliseconds. */
const FLUSH_MS = 3_000;

/** A service and where it is served. */
export interface App {
  /** Its name in the readiness line. */
  readonly title: string;
  readonly listen: Listen;
  /** As in {@link Served.hosts}. */
  readonly hosts?: readonly string[] | undefined;
  readonly service: RunningService;
  /** Whether another free port is used if the chosen one is taken. Default: false. */
  readonly anyPort?: boolean;
  /** Called with the address when the server listens, after the readiness line. */
  listening?(url: string): void;
}

/** What tells a process what to do, and whom it tells that it is ready. */
export interface Orders {
  /** Begins to listen for the order to stop. Resolves with its name, such as `SIGTERM`. */
  stop(): Promise<string>;
  /** Calls `end` if the order to stop comes once more. */
  onSecondStop(end: () => void): void;
  /** Calls `reload` when the configuration has to be read again. */
  onReload(reload: () => void): void;
  /** A service listens. */
  ready(title: string, url: string): void;
  /** The services are closed, and the process ends. */
  ended?(): Promise<unknown>;
}

/** Options of {@link serveUntilSignal}. */
export interface ServeOptions {
  /**
   * Called on SIGHUP: reads the configuration again. Default: SIGHUP changes nothing.
   * @returns the changed fields that need a restart.
   */
  reload?(): Promise<string[]>;
  /** How long requests are still accepted after the signal, while the services are not ready, in milliseconds. Default: 0. */
  drainDelayMs?(): number;
  /** Whether requests are logged. Default: no. */
  logsAccess?(): boolean;
  /** The spans of requests. Default: none are recorded. */
  spans?: Spans | null;
  /** Default: signals; readiness is a line on standard output. */
  orders?: Orders;
}

/**
 * Serves until the order to stop. The process then ends: with 0 if everything is finished, with 1 if closing fails. A second
 * order ends it immediately.
 * @throws {StartError} if it cannot listen.
 */
export async function serveUntilSignal(
  entry: Pick<Entry, "host" | "serve">,
  apps: readonly App[],
  log: Log,
  {
    reload,
    drainDelayMs = () => 0,
    logsAccess = () => false,
    spans = null,
    orders = signals,
  }: ServeOptions = {},
): Promise<void> {
  orders.onReload(() => void reloadConfig(log, reload));
  // Before the readiness line: Deno takes a moment to begin listening to signals.
  const told = orders.stop();
  const servers = await listenAll(entry, apps, log, { isOn: logsAccess, log }, spans, orders);

  log.info("stopping", { signal: await told });
  orders.onSecondStop(() => process.exit(1));
  const services = apps.map(({ service }) => service);
  for (const service of services) service.draining?.();
  // Not a timer of the host: those do not keep the process alive.
  if (drainDelayMs() > 0) await new Promise((resolve) => setTimeout(resolve, drainDelayMs()));
  for (const service of services) service.stopping?.();
  // Timers of the host keep no process alive: Node would end with 13 while it waits for what no event brings.
  setInterval(() => {}, CLOSE_MS);
  try {
    const graceMs = Math.max(GRACE_MS, ...services.map((service) => service.graceMs?.() ?? 0));
    const closed = Promise.all(servers.map((server) => server.close(graceMs)));
    for (const service of services) service.endStreams?.();
    await closed;
    const closing = Promise.all(services.map((service) => service.close?.()));
    const inTime = await settlesWithin(closing, CLOSE_MS, entry.host.clock);
    // After the services: what they had in the background has spans, too.
    if (spans !== null) await settlesWithin(spans.flush(), FLUSH_MS, entry.host.clock);
    if (!inTime) throw new Error(`background work did not end within ${CLOSE_MS} ms`);
    await orders.ended?.();
    log.info("stopped");
    process.exit(0);
  } catch (error) {
    log.error("closing failed", { error });
    process.exit(1);
  }
}

/** Listens once on each address, and tells so of each service. */
async function listenAll(
  entry: Pick<Entry, "host" | "serve">,
  apps: readonly App[],
  log: Log,
  access: AccessLog,
  spans: Spans | null,
  orders: Pick<Orders, "ready">,
): Promise<Server[]> {
  const servers: Server[] = [];
  try {
    for (const group of byAddress(apps)) {
      const server = await listen(entry, group, log, access, spans?.tracer ?? null);
      servers.push(server);
      for (const { title, service, listening } of group) {
        orders.ready(title, server.url);
        log.info("listening", {
          service: title,
          url: server.url,
          pid: process.pid,
          runtime: entry.host.name,
          ...service.facts,
        });
        listening?.(server.url);
      }
    }
    return servers;
  } catch (error) {
    // Open servers and stores would keep the process alive.
    await Promise.all(servers.map((server) => server.close(0)));
    await Promise.all(apps.map(({ service }) => service.close?.()));
    throw error;
  }
}

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Writes the line of a service that listens. */
export function writeReadiness(title: string, url: string): void {
  process.stdout.write(`millrace ${title} listening on ${url}\n`);
}

/** Orders by signal. */
export const signals: Orders = {
  stop: firstSignal,
  onSecondStop(end) {
    for (const name of SIGNALS) process.on(name, end);
  },
  // SIGHUP never ends the process: a closed terminal sends it, too.
  onReload: (reload) => void process.on("SIGHUP", reload),
  ready: writeReadiness,
};

/** Reads the configuration again, and logs what came of it. */
export async function reloadConfig(log: Log, reload: ServeOptions["reload"]): Promise<void> {
  if (reload === undefined) return log.info("SIGHUP: there is no configuration to read again");
  try {
    const needsRestart = await reload();
    if (needsRestart.length === 0) log.info("SIGHUP: the configuration was read again");
    else log.warn("SIGHUP: the configuration was read again; some fields need a restart", { needsRestart });
  } catch (error) {
    const faults = error instanceof ConfigError ? { faults: error.faults } : { error };
    log.error("SIGHUP: the new configuration has faults; the old one stays in force", faults);
  }
}

function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    const onSignal = (name: string) => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
      resolve(name);
    };
    for (const signal of SIGNALS) process.on(signal, onSignal);
  });
}

async function listen(
  entry: Pick<Entry, "host" | "serve">,
  apps: readonly App[],
  log: Log,
  access: AccessLog,
  tracer: Tracer | null,
): Promise<Server> {
  const served = apps.map(({ service, hosts }) => ({
    ...service,
    ...(hosts === undefined ? {} : { hosts }),
    handler: guarded(service.handler, log),
  }));
  const wanted = apps[0]!.listen;
  try {
    return await entry.serve(served, wanted, log, access, tracer);
  } catch (error) {
    if (apps.every(({ anyPort }) => anyPort))
      return entry.serve(served, { ...wanted, port: 0 }, log, access, tracer);
    throw new StartError(`cannot listen on ${urlOf(wanted)}: ${listenFault(error)}`, { cause: error });
  }
}

/** A handler that answers 500 if the given one throws. Synchronous where that is: its answer is sent with less work. */
function guarded(handler: ServedHandler, log: Log): ServedHandler {
  const { withFields } = handler;
  function guard(request: Request, answer: () => Response | Promise<Response>): Response | Promise<Response> {
    const fail = (error: unknown) => failed(request, error, log);
    try {
      const response = answer();
      return isPending(response) ? response.catch(fail) : response;
    } catch (error) {
      return fail(error);
    }
  }
  const own = (request: Request, ...args: unknown[]) => guard(request, () => handler(request, ...args));
  if (withFields === undefined) return own;
  return Object.assign(own, {
    withFields: (request: Request, fields: FieldsByName, ...args: unknown[]) =>
      guard(request, () => withFields(request, fields, ...args)),
  });
}

function failed(request: Request, error: unknown, log: Log): Response {
  // Bun and Deno pass on requests whose Host header makes no URL.
  if (!URL.canParse(request.url)) return plain(400, "the request's host or path makes no URL");
  log.error("a request failed", { error });
  return plain(500, "the request failed; the log has the cause");
}

function plain(status: number, message: string): Response {
  return new Response(`${message}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}

/** Explains a failure to listen. Each runtime has its own names for the same three mistakes. */
export function listenFault(error: unknown): string {
  const {
    code = "",
    name = "",
    message = String(error),
  } = error as { code?: string; name?: string; message?: string };
  const said = `${code} ${name} ${message}`;
  if (/EADDRINUSE|AddrInUse/.test(said)) {
    return "another program does so already; end it, or choose another listen.port (0: any free one)";
  }
  if (/EACCES|EPERM|PermissionDenied/.test(said)) {
    return "this user may not; choose a listen.port of 1024 or more";
  }
  if (/EADDRNOTAVAIL|AddrNotAvailable|EINVAL|ENOTFOUND|EAI_|lookup|resolve/i.test(said)) {
    return "this machine has no such address; look at listen.host";
  }
  return message;
}
