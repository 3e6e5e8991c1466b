/**
 * Which fields of the configuration need a restart.
 * @module
 */
import type { Config } from "./config.ts";

/** Fields that a reload takes over, with everything below them. */
const RELOADABLE: readonly string[] = ["partners", "consent", "operator.tokenHash", "mintPerAddressPerHour"];

/**
 * The fields that differ and that a reload does not take over, for example `store` or `publisher.domain`.
 * @param running what the service was started with.
 */
export function fieldsThatNeedRestart(running: Config, next: Config): string[] {
  return changedFields("", running, next).filter((field) => !isReloadable(field));
}

function isReloadable(field: string): boolean {
  return RELOADABLE.some((name) => field === name || field.startsWith(`${name}.`));
}

/** The names of the fields in which two values differ. Lists are compared as a whole. */
function changedFields(name: string, before: unknown, after: unknown): string[] {
  if (!isSection(before) || !isSection(after)) {
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [name];
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) =>
    changedFields(name === "" ? key : `${name}.${key}`, before[key], after[key]),
  );
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
