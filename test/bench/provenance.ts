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

/** Names each run of some figures with a letter, so that each row of a table can say where and when it was measured. */
export class Runs {
  readonly #texts: string[] = [];

  /** @param text describes the run. @returns its letters: `a` to `z`, then `aa` and so on */
  letterOf(text: string): string {
    let at = this.#texts.indexOf(text);
    if (at < 0) at = this.#texts.push(text) - 1;
    const letter = String.fromCharCode(97 + (at % 26));
    return letter.repeat(1 + Math.floor(at / 26));
  }

  /** A line of Markdown that says what each letter means. */
  legend(): string {
    return this.#texts.map((text) => `Run ${this.letterOf(text)}: ${text}.`).join(" ");
  }
}

/** A machine and a day. */
export const describeRun = ({ machine, date }: Provenance): string => `${machine}, ${date}`;

/** A sentence that says where, when and with which version the hosts of one table were measured. */
export function provenanceLine(provenance: Readonly<Record<string, Provenance>>): string {
  const hosts = Object.entries(provenance).map(
    ([host, one]) => `${host} ${one.versions[host]} on ${describeRun(one)}`,
  );
  return `Measured: ${hosts.join("; ")}.`;
}

/** Lists the different machines and days of some figures. */
export function describeProvenance(all: readonly Provenance[]): string {
  return [...new Set(all.map(describeRun))].join("; ");
}
