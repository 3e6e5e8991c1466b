import process from "node:process";
import type { LogLevel } from "../../runtime/observe/log.ts";
import type { LogFields } from "../../runtime/platform.ts";
import { configPath } from "../config/configured.ts";
import { type Environment, variableOf } from "../config/environment.ts";
import { entryHere } from "../hosts/process/here.ts";
import type { Entry } from "../hosts/server.ts";
import { requestFields, timersOutside } from "../http/request-scope.ts";
import { type Plan, type PlanOptions, readPlan, titleOf } from "../serve/plan.ts";
import { createProcessLog } from "../serve/process-log.ts";
import { runServices } from "../serve/run-services.ts";
import { serveUntilSignal } from "../serve/serve.ts";
import { logStrayOutput } from "../serve/stray-output.ts";
import type { Demonstration, ServiceModule } from "../service.ts";
import { type Command, configOption, textOf, UsageError, workersIn, workersOption } from "./command.ts";

/** `millrace serve`: runs the services that the configuration has a section for. */
export function serveCommand(services: readonly ServiceModule[]): Command {
  return {
    summary: "serve every service that the configuration has a section for",
    details:
      "Configured by a file and by environment variables: MILLRACE_ and the field's path, for example\n" +
      "MILLRACE_LISTEN_PORT. MILLRACE_LOG sets the log's level: debug, info, warn, error or silent.\n" +
      "SIGTERM and SIGINT stop it after the requests in flight. SIGHUP reads the configuration again.\n" +
      "With --workers, SIGUSR2 replaces one process after the other.",
    options: {
      ...configOption,
      ...workersOption,
      "demo-if-unconfigured": { summary: "without any configuration, serve the demonstrations" },
    },
    async run(values) {
      const path = configPath(textOf(values, "config"));
      const workers = workersIn(values);
      const entry = await entryHere();
      if (values["demo-if-unconfigured"] && path === undefined && !isConfiguredByEnvironment(services)) {
        if (workers !== undefined) throw new UsageError("--workers needs a configuration");
        return serveDemonstrations(services, entry);
      }
      await servePlan(services, path, entry, { workers });
    },
  };
}

/** Whether the environment sets a field by which a service counts as configured. */
function isConfiguredByEnvironment(services: readonly ServiceModule[]): boolean {
  return services.some(({ name, demonstration }) =>
    demonstration?.unless.some((field) => process.env[variableOf([name, ...field.split(".")])] !== undefined),
  );
}

/**
 * Serves what a configuration plans, until a signal ends the process.
 * @param path of the configuration file; `undefined`: the environment alone.
 */
export async function servePlan(
  services: readonly ServiceModule[],
  path: string | undefined,
  given: Entry,
  options: PlanOptions = {},
): Promise<void> {
  const entry = { ...given, host: { ...given.host, clock: timersOutside(given.host.clock) } };
  if (options.workers === undefined) return serveAlone(services, path, entry, options);
  const { isWorker } = await import("../serve/workers/worker.ts");
  if (isWorker()) return serveAsWorker(services, path, entry, options);
  const { serveWorkers } = await import("../serve/workers/serve-workers.ts");
  const { plan, log, configure, drainDelayMs } = await prepare(services, path, entry, options);
  for (const warning of plan.warnings) log.warn(warning);
  await serveWorkers({
    ...{ entry, plan, count: options.workers, log, drainDelayMs },
    async reload() {
      await configure();
      return [];
    },
  });
}

/** Reads the plan, and gives the process its log. @param facts fields of a line; asked for each. Default: those of the request. */
async function prepare(
  services: readonly ServiceModule[],
  path: string | undefined,
  entry: Entry,
  options: PlanOptions,
  facts: () => LogFields | undefined = requestFields,
) {
  const plan = await readPlan(services, path, entry, options);
  const processLog = createProcessLog(entry.host, facts);
  processLog.configure(plan, environmentLevel());
  logStrayOutput(processLog.log);
  const { log } = processLog;
  const spans =
    plan.otlp === null ? null : (await import("../serve/spans.ts")).openSpans(plan.otlp, entry.host, log);
  let { shared } = plan;
  return {
    ...{ plan, processLog, log, spans },
    logsAccess: () => shared.log.access,
    drainDelayMs: () => shared.stop.drainDelaySeconds * 1000,
    /** Reads the plan again, and takes over what concerns the process. */
    async configure(): Promise<Plan> {
      const next = await readPlan(services, path, entry, options);
      shared = next.shared;
      processLog.configure(next, environmentLevel());
      return next;
    },
  };
}

async function serveAlone(
  services: readonly ServiceModule[],
  path: string | undefined,
  entry: Entry,
  options: PlanOptions,
): Promise<void> {
  const prepared = await prepare(services, path, entry, options);
  const { plan, processLog, log, spans, logsAccess, drainDelayMs, configure } = prepared;
  for (const warning of plan.warnings) log.warn(warning);
  const running = await runServices(entry, plan, processLog, spans);
  const reload = async () => running.reload(await configure());
  await serveUntilSignal(entry, running.apps, log, { logsAccess, drainDelayMs, reload, spans });
}

/** Serves as one of several processes. The parent has logged the warnings. */
async function serveAsWorker(
  services: readonly ServiceModule[],
  path: string | undefined,
  given: Entry,
  options: PlanOptions,
): Promise<void> {
  const { Worker } = await import("../serve/workers/worker.ts");
  const worker = await Worker.join();
  const entry = worker.entry(given);
  try {
    const facts = () => ({ worker: worker.place.number, ...requestFields() });
    const prepared = await prepare(services, path, entry, options, facts);
    const { plan, processLog, log, spans, logsAccess, drainDelayMs, configure } = prepared;
    const running = await runServices(entry, plan, processLog, spans, (title) => worker.workersOf(title));
    const reload = async () => running.reload(await configure());
    const orders = worker.orders(running);
    const apps = worker.placed(running.apps);
    await serveUntilSignal(entry, apps, log, { logsAccess, drainDelayMs, reload, spans, orders });
  } catch (error) {
    await worker.fail(error);
    process.exit(1);
  }
}

/** The log's level in the environment, which overrides the file's. The configuration is valid, and so is this. */
function environmentLevel(): LogLevel | undefined {
  return process.env.MILLRACE_LOG as LogLevel | undefined;
}

/** The environment without the variables of other services' fields, which are no faults of a service that runs alone. */
function environmentFor(module: ServiceModule, services: readonly ServiceModule[]): Environment {
  const others = services.filter((other) => other !== module).map(({ name }) => `${variableOf([name])}_`);
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !others.some((prefix) => name.startsWith(prefix))),
  );
}

/** Serves the demonstration of every service that has one. */
async function serveDemonstrations(services: readonly ServiceModule[], entry: Entry): Promise<void> {
  const demonstrations: { title: string; demonstration: Demonstration }[] = [];
  try {
    for (const module of services) {
      const demonstration = await module.demonstration?.start(entry, environmentFor(module, services));
      if (demonstration !== undefined) demonstrations.push({ title: titleOf(module), demonstration });
    }
  } catch (error) {
    // Open handles would keep the process alive.
    await Promise.all(demonstrations.map(({ demonstration }) => demonstration.service.close?.()));
    throw error;
  }
  const apps = demonstrations.map(({ title, demonstration }) => ({
    title,
    listen: demonstration.listen,
    service: demonstration.service,
    anyPort: demonstration.anyPort,
    listening: (url: string) => demonstration.listening(url),
  }));
  const { log } = demonstrations[0]!.demonstration;
  logStrayOutput(log);
  await serveUntilSignal(entry, apps, log);
}
