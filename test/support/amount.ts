/**
 * How much a test does. `npm run test:unit` without arguments is the quick run that one makes often; `npm test`, and a test that is
 * run by name, do all of it.
 * @module
 */
import process from "node:process";

/** Whether this is the quick run. */
export const isQuick = (): boolean => process.env.MILLRACE_QUICK === "1";

/** A number of runs or of things. @param quick in the quick run: fewer, and still enough to see a common fault. */
export function amount(full: number, quick: number): number {
  return isQuick() ? quick : full;
}
