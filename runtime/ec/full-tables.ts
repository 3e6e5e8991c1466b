/**
 * The tables of rate-limit windows that were found full.
 * @module
 */

import type { LogOnce } from "../observe/log.ts";
import type { Metrics } from "../platform.ts";

/** How long a table counts as full after a take found no room in it, in milliseconds. */
const REPORT_MS = 60_000;

/** Remembers which tables were full within the last minute. */
export class FullTables {
  readonly #foundAtMs = new Map<string, number>();
  readonly #time: () => number;
  readonly #metrics: Pick<Metrics, "count">;
  readonly #logOnce: Pick<LogOnce, "warn">;

  /** @param time a clock that never goes back, in milliseconds. */
  constructor(time: () => number, metrics: Pick<Metrics, "count">, logOnce: Pick<LogOnce, "warn">) {
    this.#time = time;
    this.#metrics = metrics;
    this.#logOnce = logOnce;
  }

  /** Records that a take found no room. */
  found(table: string): void {
    this.#foundAtMs.set(table, this.#time());
    this.#metrics.count("millrace_window_table_full_total", { table });
    this.#logOnce.warn(`table ${table}`, "a table is full; the operator guide says what that means", {
      table,
    });
  }

  /** The tables that were found full within the last minute. */
  names(): string[] {
    const nowMs = this.#time();
    return [...this.#foundAtMs].filter(([, atMs]) => nowMs - atMs < REPORT_MS).map(([table]) => table);
  }
}
