/**
 * A new configuration for a running service.
 * @module
 */
import { type Config, sealPartners } from "./config.ts";
import type { Services } from "./services.ts";

/** Fields that a reload takes over, with everything below them. */
const RELOADABLE: readonly string[] = ["partners", "consent", "operator", "mintPerAddressPerHour"];

/**
 * Takes over what may change while a service runs: the configured partners, the rules on consent, the operator's tokens and the limit
 * on minting. Other fields stay as they are.
 * @returns the names of the other fields that changed, for example `store` or `publisher.domain`: they need a restart.
 * @throws {ConfigError} if two partners have the same key; nothing is taken over then.
 */
export function reload(
  { config, registry, settings, sha256Hex }: Pick<Services, "config" | "registry" | "settings" | "sha256Hex">,
  next: Config,
): string[] {
  registry.configure(sealPartners(next, sha256Hex));
  settings.reload(next);
  return fieldsThatNeedRestart(config, next);
}

/** @param running what the service was started with. */
function fieldsThatNeedRestart(running: Config, next: Config): string[] {
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
