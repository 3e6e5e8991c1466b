import process from "node:process";
import { createLog } from "../../runtime/observe/log.ts";
import { createMetrics, describeAll } from "../../runtime/observe/metrics.ts";
import { mergeRedactions, type Redaction } from "../../runtime/observe/redaction.ts";
import { configPath } from "../config/configured.ts";
import { variableOf } from "../config/environment.ts";
import { entryHere } from "../entries/here.ts";
import type { Entry } from "../hosts/server.ts";
import { type Plan, readPlan } from "../serve/plan.ts";
import { type App, serveUntilSignal } from "../serve/serve.ts";
import type { Demonstration, RunningService, ServiceModule } from "../service.ts";
import { type Command, configOption, textOf } from "./command.ts";

/** `millrace serve`: runs the services that the configuration has a section for. */
export function serveCommand(services: readonly ServiceModule[]): Command {
  return {
    summary: "serve what the configuration has a section for",
    details:
      "Configured by a JSON file and by environment variables: MILLRACE_ and the field's path, such as\n" +
      "MILLRACE_LISTEN_PORT. MILLRACE_LOG sets the log's level: debug, info, warn, error or silent.\n" +
      "SIGTERM and SIGINT end it once everything in flight is finished. SIGHUP reads the configuration again.",
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
      await servePlan(services, await readPlan(services, path, entry), path, entry);
    },
  };
}

/** Whether the environment sets a field that has no default. */
function isConfiguredByEnvironment(services: readonly ServiceModule[]): boolean {
  return services.some(({ name, requiredFields }) =>
    requiredFields.some((field) => process.env[variableOf([name, ...field.split(".")])] !== undefined),
  );
}

async function servePlan(
  services: readonly ServiceModule[],
  plan: Plan,
  path: string | undefined,
  entry: Entry,
): Promise<void> {
  const { host } = entry;
  const level =
    process.env.MILLRACE_LOG === undefined ? (plan.shared.log.level ?? host.logLevel) : host.logLevel;
  const logWith = (redact: Redaction) =>
    createLog({ level, write: host.writeLog, clock: host.clock, redact });
  const log = logWith(mergeRedactions(services.map(({ redact }) => redact)));
  for (const warning of plan.warnings) log.warn(warning);
  const running: { module: ServiceModule; service: RunningService }[] = [];
  const apps: App[] = [];
  try {
    for (const { module, section, listen } of plan.services) {
      const metrics = createMetrics();
      describeAll(metrics, module.metrics);
      const service = await module.create(
        { entry, config: plan.shared, listen, log: logWith(module.redact), metrics },
        section,
      );
      running.push({ module, service });
      apps.push({ title: module.title, listen, service });
    }
  } catch (error) {
    // What is open would keep the process alive.
    await Promise.all(running.map(({ service }) => service.close()));
    throw error;
  }

  async function reload(): Promise<void> {
    const next = await readPlan(services, path, entry);
    for (const { module, section } of next.services) {
      const service = running.find((one) => one.module === module)?.service;
      const unchanged = service?.reload?.(section, next.shared) ?? [];
      log.info("the new configuration holds", { service: module.title, needsRestart: unchanged });
    }
  }
  await serveUntilSignal(entry, apps, log, { reload });
}

/** Serves the demonstration of every service that has one. */
async function serveDemonstrations(services: readonly ServiceModule[], entry: Entry): Promise<void> {
  const demonstrations: { title: string; demonstration: Demonstration }[] = [];
  for (const { title, demonstrate } of services) {
    if (demonstrate !== undefined) demonstrations.push({ title, demonstration: await demonstrate(entry) });
  }
  const apps = demonstrations.map(({ title, demonstration }) => ({
    title,
    listen: demonstration.listen,
    service: demonstration.service,
    anyPort: demonstration.anyPort,
    listening: (url: string) => demonstration.listening(url),
  }));
  await serveUntilSignal(entry, apps, demonstrations[0]!.demonstration.log);
}
