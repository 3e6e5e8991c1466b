import type { ColdStart } from "./cold-table.ts";
import type { Measured } from "./harness.ts";
import type { Provenance } from "./provenance.ts";
import type { Proxied } from "./proxy/report.ts";
import type { ServedFigures } from "./served/measure.ts";
import type { WorkersFigures } from "./workers/report.ts";

/** The benches that run inside a process, on each host. */
export const IN_PROCESS = ["mint", "validate", "take", "partners", "batch", "engine"] as const;

export type InProcess = (typeof IN_PROCESS)[number];

/** All benches, in the order in which they run. */
export const BENCHES = [...IN_PROCESS, "served", "cold-start"] as const;

/** The benches that have commands of their own. */
const OTHERS = ["proxy", "workers"] as const;

export type Bench = (typeof BENCHES)[number] | (typeof OTHERS)[number];

/** The hosts of the benches, in the order of the tables' columns. */
export const HOSTS = ["Node", "Bun", "Deno"] as const;

/** The figures of the benches. */
export interface Results {
  /** Where and when each bench was measured, by bench and host; `cold-start` runs on all its hosts at once. */
  provenance: Partial<Record<Bench, Record<string, Provenance>>>;
  /** By bench and host. */
  benches: Partial<Record<InProcess, Record<string, Measured[]>>>;
  served?: Record<string, ServedFigures[]>;
  coldStarts?: ColdStart[];
  /** `millrace serve` beside other proxies, by host. */
  proxy?: Record<string, Proxied>;
  /** Several processes beside one, by host. */
  workers?: Record<string, WorkersFigures[]>;
}

/** A runtime's name in these figures. */
export const hostOf = (runtime: string): string =>
  HOSTS.find((host) => host.toLowerCase() === runtime) ?? runtime;

/** The hosts with figures, in the order of the tables' columns. */
export function hostsOf(results: Results): string[] {
  return HOSTS.filter((host) => versionsOf(results, host) !== "");
}

/** The versions of a host that some benches ran on, as `1.2.3`, or `1.2.3, 1.2.4` if they differ. */
export function versionsOf(
  { provenance }: Results,
  host: string,
  benches: readonly Bench[] = [...BENCHES, ...OTHERS],
): string {
  const versions = benches.flatMap((bench) =>
    Object.values(provenance[bench] ?? {}).flatMap((each) => each.versions[host] ?? []),
  );
  return [...new Set(versions)].join(", ");
}

/** Adds the figures of a newer run; what it did not measure, on a host or at all, keeps its figures and its provenance. */
export function mergeResults(older: Results, newer: Results): Results {
  return {
    provenance: mergeByHost(older.provenance, newer.provenance),
    benches: mergeByHost(older.benches, newer.benches),
    ...mergeByHost(
      { served: older.served, proxy: older.proxy, workers: older.workers },
      { served: newer.served, proxy: newer.proxy, workers: newer.workers },
    ),
    coldStarts: newer.coldStarts ?? older.coldStarts,
  };
}

/** Merges figures by bench and host. */
function mergeByHost<All extends Record<string, Record<string, unknown> | undefined>>(
  older: All,
  newer: All,
): All {
  const names = Object.keys({ ...older, ...newer }).filter((name) => older[name] ?? newer[name]);
  return Object.fromEntries(names.map((name) => [name, { ...older[name], ...newer[name] }])) as All;
}
