import process from "node:process";
import type { LogLevel } from "../../runtime/observe/log.ts";
import { configPath } from "../config/configured.ts";
import { type Environment, variableOf } from "../config/environment.ts";
import { entryHere } from "../hosts/process/here.ts";
import type { Entry } from "../hosts/server.ts";
import { readPlan, titleOf } from "../serve/plan.ts";
import { createProcessLog } from "../serve/process-log.ts";
import { runServices } from "../serve/run-services.ts";
import { serveUntilSignal } from "../serve/serve.ts";
import { logStrayOutput } from "../serve/stray-output.ts";
import type { Demonstration, ServiceModule } from "../service.ts";
import { type Command, configOption, textOf } from "./command.ts";

/** `millrace serve`: runs the services that the configuration has a section for. */
export function serveCommand(services: readonly ServiceModule[]): Command {
  return {
    summary: "serve every service that the configuration has a section for",
    details:
      "Configured by a file and by environment variables: MILLRACE_ and the field's path, for example\n" +
      "MILLRACE_LISTEN_PORT. MILLRACE_LOG sets the log's level: debug, info, warn, error or silent.\n" +
      "SIGTERM and SIGINT stop it after the requests in flight. SIGHUP reads the configuration again.",
    options: {
      ...configOption,
      "demo-if-unconfigured": { summary: "without any configuration, serve the demonstrations" },
    },
    async run(values) {
      const path = configPath(textOf(values, "config"));
      const entry = await entryHere();
      if (values["demo-if-unconfigured"] && path === undefined && !isConfiguredByEnvironment(services)) {
        return serveDemonstrations(services, entry);
      }
      await servePlan(services, path, entry);
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
 * @param only the section of the one service that runs. Default: every service that has a section.
 * @throws {ConfigError} naming every fault at once.
 * @throws {StartError} saying what cannot be opened.
 */
export async function servePlan(
  services: readonly ServiceModule[],
  path: string | undefined,
  entry: Entry,
  only?: string,
): Promise<void> {
  const plan = await readPlan(services, path, entry, only);
  const processLog = createProcessLog(entry.host);
  processLog.configure(plan, environmentLevel());
  const { log } = processLog;
  logStrayOutput(log);
  for (const warning of plan.warnings) log.warn(warning);
  const running = await runServices(entry, plan, processLog);
  let { shared } = plan;
  await serveUntilSignal(entry, running.apps, log, {
    logsAccess: () => shared.log.access,
    drainDelayMs: () => shared.stop.drainDelaySeconds * 1000,
    async reload() {
      const next = await readPlan(services, path, entry, only);
      shared = next.shared;
      processLog.configure(next, environmentLevel());
      return running.reload(next);
    },
  });
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
