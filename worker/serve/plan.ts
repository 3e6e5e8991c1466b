/**
 * Which services a configuration runs, and where each listens.
 * @module
 */
import type { Fault } from "../../runtime/lib/schema.ts";
import { type ComposedConfig, ConfigError } from "../config/compose.ts";
import { readConfig } from "../config/configured.ts";
import type { SharedConfig } from "../config/shared.ts";
import { type Entry, type Listen, urlOf } from "../hosts/server.ts";
import type { ServiceModule } from "../service.ts";

/** One service that will run. */
export interface Planned {
  readonly module: ServiceModule;
  readonly section: unknown;
  readonly listen: Listen;
}

/** What a process will run. */
export interface Plan {
  readonly shared: SharedConfig;
  readonly services: readonly Planned[];
  readonly warnings: readonly string[];
}

/**
 * Reads a configuration and plans what it runs. `serve` and `check` both begin with this, so that they accept the same.
 * Opens and starts nothing.
 * @param path of a JSON file; `undefined`: the environment alone.
 * @throws {ConfigError} naming every fault at once.
 */
export async function readPlan(
  modules: readonly ServiceModule[],
  path: string | undefined,
  entry: Entry,
): Promise<Plan> {
  return planOf(modules, await readConfig(modules, path), entry);
}

/** @throws {ConfigError} naming every fault at once. */
export function planOf(modules: readonly ServiceModule[], config: ComposedConfig, entry: Entry): Plan {
  const { shared } = config;
  const services = modules.flatMap((module): Planned[] => {
    const section = config.section(module);
    return section === undefined
      ? []
      : [{ module, section, listen: module.listen?.(section) ?? shared.listen }];
  });
  const faults: Fault[] = services.flatMap(
    ({ module, section, listen }) => module.servingFaults?.(section, listen, entry) ?? [],
  );
  if (services.length === 0) {
    const names = modules.map(({ name }) => name).join(" or ");
    faults.push({ field: names, found: "missing", expected: "a section for each service that shall run" });
  }
  if (faults.length > 0) throw new ConfigError(faults);
  const warnings = services.flatMap(({ module, section }) => module.warnings?.(section, shared) ?? []);
  return { shared, services, warnings };
}

/** Groups by the address to listen on. */
export function byAddress<Item extends { listen: Listen }>(items: readonly Item[]): Item[][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const address = urlOf(item.listen);
    groups.set(address, [...(groups.get(address) ?? []), item]);
  }
  return [...groups.values()];
}
