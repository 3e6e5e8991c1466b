/**
 * Starts the services of a plan, and applies a new configuration to them.
 * @module
 */
import { declareAll } from "../../runtime/observe/metric-list.ts";
import { createMetrics, type MetricsRegistry } from "../../runtime/observe/metrics.ts";
import { createPropagation } from "../../runtime/observe/tracer.ts";
import { changedFields } from "../config/changed-fields.ts";
import type { SharedConfig } from "../config/shared.ts";
import type { Entry, Listen } from "../hosts/server.ts";
import { readClient } from "../http/client.ts";
import type { RunningService, Shared, Workers } from "../service.ts";
import type { Plan, Planned } from "./plan.ts";
import type { ProcessLog } from "./process-log.ts";
import { observeProcess } from "./process-metrics.ts";
import type { App } from "./serve.ts";
import type { Spans } from "./spans.ts";

/** The services of a process. */
export interface RunningServices {
  readonly apps: readonly App[];
  /** The metrics of each service, by title. */
  readonly metrics: ReadonlyMap<string, MetricsRegistry>;
  /**
   * Applies a new plan.
   * @returns the changed fields that need a restart.
   */
  reload(plan: Plan): string[];
}

/**
 * Starts every service of a plan. If one cannot start, closes those that run.
 * @param spans `null`: none are recorded
 * @param workersOf the workers of a service, given its title. Default: this process is the only one.
 * @throws {StartError} saying what cannot be opened.
 */
export async function runServices(
  entry: Entry,
  plan: Plan,
  { logWith }: Pick<ProcessLog, "logWith">,
  spans: Spans | null,
  workersOf: (title: string) => Workers | null = () => null,
): Promise<RunningServices> {
  const running = new Map<string, { planned: Planned; service: RunningService }>();
  const registries = new Map<string, MetricsRegistry>();
  try {
    for (const planned of plan.services) {
      const { module, section, listen } = planned;
      const metrics = createMetrics();
      registries.set(planned.title, metrics);
      declareAll(metrics, module.metrics ?? []);
      observeProcess(metrics, entry.host.name, entry.host.clock, spans?.counts);
      const trustedProxies = module.trustedProxies?.(section) ?? plan.shared.client.trustedProxies;
      const client = { ...plan.shared.client, trustedProxies };
      const shared: Shared = {
        entry,
        config: plan.shared,
        listen,
        workers: workersOf(planned.title),
        log: logWith(module.redact),
        metrics,
        tracer: spans?.tracer ?? createPropagation(entry.host.random),
        client: (request, args) =>
          readClient(request.headers, entry.host.address(request, [...args]), client),
        socketClient: ({ headers, address }) => readClient(headers, address, client),
      };
      running.set(module.name, { planned, service: await module.create(shared, section) });
    }
  } catch (error) {
    // Open handles would keep the process alive.
    await Promise.all([...running.values()].map(({ service }) => service.close?.()));
    throw error;
  }

  return {
    metrics: registries,
    apps: [...running.values()].map(({ planned: { title, listen, hosts }, service }) => ({
      title,
      listen,
      hosts,
      service,
    })),
    reload(next) {
      const added = next.services.filter(({ module }) => !running.has(module.name));
      const fields = [...running].flatMap(([name, { planned, service }]) => {
        const now = next.services.find(({ module }) => module.name === name);
        if (now === undefined) return [name];
        const moved = listenChange(planned.listen, now.listen);
        if (service.reload !== undefined) return [...moved, ...service.reload(now.section, next.shared)];
        return [
          ...moved,
          ...sharedChanges(plan.shared, next.shared),
          ...changedFields(planned.section, now.section, name),
        ];
      });
      return [...new Set([...fields, ...added.map(({ module }) => module.name)])];
    },
  };
}

function listenChange(before: Listen, after: Listen): string[] {
  return changedFields(before, after, "listen");
}

/** The shared fields that a service gets once, when it starts. */
function sharedChanges(before: SharedConfig, after: SharedConfig): string[] {
  return [
    ...changedFields(before.client, after.client, "client"),
    ...changedFields(before.operator, after.operator, "operator"),
  ];
}
