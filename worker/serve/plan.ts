/**
 * Which services a configuration runs, and where each listens.
 * @module
 */
import process from "node:process";
import type { Fault } from "../../runtime/lib/schema.ts";
import { ConfigError, type InspectedConfig } from "../config/compose.ts";
import { readConfig } from "../config/configured.ts";
import { type OtlpSettings, otlpSettings } from "../config/otlp-settings.ts";
import type { SharedConfig } from "../config/shared.ts";
import { type Entry, type Listen, urlOf } from "../hosts/server.ts";
import type { ServiceModule } from "../service.ts";
import { StartError } from "./start-error.ts";

/** One service that will run. */
export interface Planned {
  readonly module: ServiceModule;
  /** The service's name in readiness lines and logs: `edge-cookie` for the section `edgeCookie`. */
  readonly title: string;
  readonly section: unknown;
  readonly listen: Listen;
  /** As in {@link ServiceModule.hosts}. */
  readonly hosts: readonly string[] | undefined;
}

/** What a process will run. */
export interface Plan {
  readonly shared: SharedConfig;
  readonly services: readonly Planned[];
  readonly warnings: readonly string[];
  /** Where spans go; `null`: none are recorded. */
  readonly otlp: OtlpSettings | null;
}

/** What of a configuration runs. */
export interface PlanOptions {
  /** The section of the one service that runs. Default: every service that has a section. */
  readonly only?: string | undefined;
  /** Number of processes that serve it. Default: this process alone. */
  readonly workers?: number | undefined;
}

/**
 * Reads a configuration and plans what it runs. `serve` and `check` both begin with this, so that they accept the same.
 * Opens and starts nothing.
 * @param path of the configuration file; `undefined`: the environment alone.
 * @throws {ConfigError} naming every fault at once.
 * @throws {StartError} if the section that `only` names is not there, or if this runtime has no workers.
 */
export async function readPlan(
  modules: readonly ServiceModule[],
  path: string | undefined,
  entry: Entry,
  { only, workers }: PlanOptions = {},
): Promise<Plan> {
  const plan = planOf(modules, await readConfig(modules, path), entry, otlpSettings(process.env));
  const services =
    only === undefined ? plan.services : plan.services.filter((each) => each.module.name === only);
  if (services.length === 0)
    throw new StartError(`the configuration has no section ${only}; name a file that has one with --config`);
  if (workers !== undefined) mustAllowWorkers(services, entry);
  return { ...plan, services };
}

/** @throws {ConfigError} naming what keeps several processes from serving these. */
function mustAllowWorkers(services: readonly Planned[], entry: Entry): void {
  const fault = entry.workers.fault();
  if (fault !== null) throw new StartError(`--workers: ${fault}`);
  const faults = services.flatMap(({ module, section }) =>
    (module.workersFaults?.(section, entry) ?? []).map((each) => ({
      ...each,
      field: [module.name, each.field].filter((name) => name !== "").join("."),
    })),
  );
  if (faults.length > 0) throw new ConfigError(faults);
}

/**
 * Plans what a configuration runs.
 * @param otlp where spans go, and what is wrong with that. Default: none are recorded.
 * @throws {ConfigError} naming every fault at once.
 */
export function planOf(
  modules: readonly ServiceModule[],
  config: InspectedConfig,
  entry: Entry,
  otlp: ReturnType<typeof otlpSettings> = { settings: null, faults: [] },
): Plan {
  const { shared, given } = config;
  const faults: Fault[] = [...config.faults, ...otlp.faults, ...hostFaults(modules, config, entry)];
  if (given.size === 0) {
    const names = modules.map(({ name }) => name).join(" or ");
    faults.push({ field: names, found: "missing", expected: "a section for each service to run" });
  }
  const services = planned(modules, config);
  for (const { module, section, listen } of services) {
    const found = module.servingFaults?.(section, listen, entry) ?? [];
    faults.push(...found.map((fault) => ({ ...fault, field: `${module.name}.${fault.field}` })));
  }
  faults.push(...byAddress(services).flatMap(sharedHostFaults));
  if (shared === undefined || faults.length > 0) throw new ConfigError(faults);
  const warnings = services.flatMap(({ module, section }) => module.warnings?.(section, shared) ?? []);
  return { shared, services, warnings, otlp: otlp.settings };
}

/** Faults that the host tells of fields that have no other one. */
function hostFaults(
  modules: readonly ServiceModule[],
  { given, faults }: InspectedConfig,
  entry: Entry,
): Fault[] {
  // A field of the environment has its variable behind its name.
  const isKnown = (field: string) =>
    faults.some((fault) => fault.field === field || fault.field.startsWith(`${field} (`));
  return modules
    .filter(({ name }) => given.has(name))
    .flatMap((module) =>
      (module.hostFaults?.(given.get(module.name), entry) ?? []).map((fault) => ({
        ...fault,
        field: `${module.name}.${fault.field}`,
      })),
    )
    .filter(({ field }) => !isKnown(field));
}

/** The services whose section is valid, if it is known where they listen. */
function planned(
  modules: readonly ServiceModule[],
  { sections, listen: shared }: InspectedConfig,
): Planned[] {
  return modules.flatMap((module) => {
    const section = sections.get(module.name);
    if (section === undefined) return [];
    const listen = module.listen?.(section) ?? shared;
    const hosts = module.hosts?.(section)?.map((host) => host.toLowerCase());
    return listen === undefined ? [] : [{ module, title: titleOf(module), section, listen, hosts }];
  });
}

/** `edgeCookie` -> `edge-cookie`. */
export function titleOf({ name }: Pick<ServiceModule, "name">): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Services that share an address must differ in their hosts. One of them may answer every other host. */
function sharedHostFaults(group: readonly Planned[]): Fault[] {
  const owners = new Map<string | undefined, string>();
  const faults: Fault[] = [];
  for (const { module, listen, hosts } of group) {
    for (const host of hosts ?? [undefined]) {
      const owner = owners.get(host);
      if (owner === undefined) {
        owners.set(host, module.name);
        continue;
      }
      const what = host === undefined ? "every host" : `the host ${host}`;
      faults.push({
        field: `${module.name}.listen`,
        found: `${urlOf(listen)}, where ${owner} answers ${what}, too`,
        expected: "another address for one of the two services",
      });
    }
  }
  return faults;
}

/**
 * Groups by the address to listen on. Port 0 in two services' own `listen` makes two addresses; in the shared `listen` it
 * makes one.
 */
export function byAddress<Item extends { listen: Listen }>(items: readonly Item[]): Item[][] {
  return [...Map.groupBy(items, ({ listen }) => (listen.port === 0 ? listen : urlOf(listen))).values()];
}
