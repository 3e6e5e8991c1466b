import type { ColdStart } from "./cold-table.ts";
import type { Measured } from "./harness.ts";
import type { Provenance } from "./provenance.ts";
import type { ServedFigures } from "./served/measure.ts";

/** The benches that run inside a process, on each host. */
export const IN_PROCESS = ["mint", "validate", "take", "partners", "batch", "engine"] as const;

export type InProcess = (typeof IN_PROCESS)[number];

/** All benches, in the order in which they run. */
export const BENCHES = [...IN_PROCESS, "served", "cold-start"] as const;

export type Bench = (typeof BENCHES)[number];

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
}

/** The hosts with figures, in the order of the tables' columns. */
export function hostsOf(results: Results): string[] {
  return HOSTS.filter((host) => versionsOf(results, host) !== "");
}

/** The versions of a host that some benches ran on, as `1.2.3`, or `1.2.3, 1.2.4` if they differ. */
export function versionsOf(
  { provenance }: Results,
  host: string,
  benches: readonly Bench[] = BENCHES,
): string {
  const versions = benches.flatMap((bench) =>
    Object.values(provenance[bench] ?? {}).flatMap((each) => each.versions[host] ?? []),
  );
  return [...new Set(versions)].join(", ");
}

/** Adds the figures of a newer run; what it did not measure keeps its figures and its provenance. */
export function mergeResults(older: Results, newer: Results): Results {
  return {
    provenance: { ...older.provenance, ...newer.provenance },
    benches: { ...older.benches, ...newer.benches },
    served: newer.served ?? older.served,
    coldStarts: newer.coldStarts ?? older.coldStarts,
  };
}
