import type { ColdStart } from "./cold-table.ts";
import type { Measured } from "./harness.ts";
import type { ServedFigures } from "./served/measure.ts";

/** The benches that run inside a process, on each host. */
export const IN_PROCESS = ["mint", "validate", "take", "partners", "batch", "engine"] as const;

export type InProcess = (typeof IN_PROCESS)[number];

/** All benches, in the order in which they run. */
export const BENCHES = [...IN_PROCESS, "served", "cold-start"] as const;

export type Bench = (typeof BENCHES)[number];

/** What was measured: by bench, then by host. */
export interface Results {
  date: string;
  machine: string;
  /** Hosts and their versions. */
  hosts: Record<string, string>;
  benches: Partial<Record<InProcess, Record<string, Measured[]>>>;
  served?: Record<string, ServedFigures[]>;
  coldStarts?: ColdStart[];
}
