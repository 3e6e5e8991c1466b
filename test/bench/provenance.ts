import { cpus } from "node:os";

/** Where and when figures were measured. */
export interface Provenance {
  /** Day, as YYYY-MM-DD. */
  date: string;
  /** Number and model of the processors. */
  machine: string;
  /** Version of each runtime that took part, by name. */
  versions: Record<string, string>;
}

/** Describes this machine and day. @param versions version of each runtime that takes part. */
export function provenanceHere(
  versions: Record<string, string> = { Node: process.versions.node },
): Provenance {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} x ${cpus()[0]!.model.trim()}`,
    versions,
  };
}

/** Lists the different machines and days of some figures. */
export function describeProvenance(all: readonly Provenance[]): string {
  return [...new Set(all.map(({ machine, date }) => `${machine}, ${date}`))].join("; ");
}
