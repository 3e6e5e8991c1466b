import { isAtLeast } from "../../../runtime/lib/version.ts";

/** The oldest version of each runtime that has what millrace uses, for example `node:sqlite` (O37). */
const OLDEST = { Node: "24", Bun: "1.4.5", Deno: "2.9" } as const;

/**
 * @param version of the runtime, such as `24.1.0`.
 * @throws {Error} if it is too old: requests would be answered wrongly there, or nothing stored.
 */
export function requireVersion(runtime: keyof typeof OLDEST, version: string): void {
  const oldest = OLDEST[runtime];
  if (isAtLeast(version, oldest)) return;
  throw new Error(`millrace needs ${runtime} ${oldest} or newer; this is ${runtime} ${version}`);
}
