import { ConfigError } from "../../../../worker/config/compose.ts";

/** Reads a configuration, and returns its faults as `field: found; expected` lines. */
export function faultLines(read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map(({ field, found, expected }) => `${field}: ${found}; ${expected}`);
  }
}
