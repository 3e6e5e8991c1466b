/**
 * All limits, each on a server of its own.
 * @module
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { shown } from "../grasp/report.ts";
import { type Given, type Limit, type LimitFigure, Unmeasured } from "./limit.ts";
import { refs } from "./refs.ts";
import { signatures } from "./signatures.ts";
import { stored } from "./stored.ts";
import { clones } from "./storm.ts";
import { subscribers } from "./subscribers.ts";

/** Longest text of a failure that is told, in characters. */
const MAX_TEXT = 2000;

/** In the order in which they are measured. */
export const LIMITS: readonly Limit[] = [signatures, subscribers, clones, refs, stored];

/** What was measured. */
export interface MeasuredLimits {
  readonly figures: Readonly<Record<string, readonly LimitFigure[]>>;
  /** Limits that were not measured, with the reason. */
  readonly missing: Readonly<Record<string, string>>;
}

/** Measures some limits. @param names Default: all */
export async function measureLimits(
  given: Given,
  names: readonly string[] = LIMITS.map(({ name }) => name),
): Promise<MeasuredLimits> {
  const figures: Record<string, LimitFigure[]> = {};
  const missing: Record<string, string> = {};
  for (const { name, measure } of LIMITS.filter((one) => names.includes(one.name))) {
    const folder = join(given.folder, name.replaceAll(" ", "-"));
    mkdirSync(folder);
    const say = (text: string) => given.say(`${name}: ${text}`);
    try {
      figures[name] = await measure({ ...given, folder, say });
      for (const { name: what, value, unit } of figures[name]) say(`${what}: ${shown(value, unit)}`);
    } catch (error) {
      // A limit that fails is told as it is, and the others go on.
      missing[name] = (error as Error).message.split("\n")[0]!;
      if (!(error instanceof Unmeasured)) say(`it fails: ${String(error).slice(0, MAX_TEXT)}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return { figures, missing };
}

/** A Markdown table with a row for each figure. */
export function limitsTable({ figures, missing }: MeasuredLimits): string {
  const lines = Object.entries(figures).flatMap(([limit, list]) =>
    list.map(({ name, value, unit }) => [limit, name, shown(value, unit)]),
  );
  for (const [limit, reason] of Object.entries(missing)) lines.push([limit, "not measured", reason]);
  return [["limit", "measured", "figure"], ["---", "---", "---:"], ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}
