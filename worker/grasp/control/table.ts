/**
 * Rows as a table for a terminal.
 * @module
 */
import type { Row } from "./verb.ts";

/** Text from outside may hold codes that a terminal obeys. */
const CONTROL = /[\p{Cc}\p{Cf}]/gu;

/** The rows under their names, aligned. No rows: nothing. */
export function tableOf(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (names.length === 0) return "";
  const lines = [names, ...rows.map((row) => names.map((name) => cellOf(row[name])))];
  const widths = names.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

function cellOf(value: Row[string] | undefined): string {
  if (value === undefined || value === null) return "-";
  return String(value).replace(CONTROL, "?");
}
