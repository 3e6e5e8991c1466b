/**
 * The scenarios that a runtime cannot have, each with the reason; `docs/decisions/` has the smallest failing cases.
 * @module
 */
import type { Scenario } from "./target.ts";

/** Reasons, by scenario. */
export type LeftOut = Readonly<Record<string, string>>;

const METRICS = "operation: health, metrics, and a plain 404 for what is not there";

export const leftOut: Readonly<Record<string, LeftOut>> = {
  cloudflare: {
    "operation: health, metrics, and a plain 404 for what is not there":
      "Cloudflare does the listening, so that metrics are for who has the admin token",
  },
  fastly: {
    "bad input: cookie headers of 64 KB, thousands of pairs, odd bytes":
      "Viceroy takes no head over 16 KB; it answers 431 and resets the connection",
    [METRICS]: "metrics are counted in an instance, and an instance lives for one request",
  },
  wasi: {
    [METRICS]: "metrics are counted in an instance, and an instance lives for one request",
  },
};

/**
 * The scenarios that a runtime can have.
 * @throws {Error} if one that is left out does not exist.
 */
export function scenariosOn(runtime: string, scenarios: readonly Scenario[]): Scenario[] {
  const without = leftOut[runtime] ?? {};
  for (const name of Object.keys(without)) {
    if (!scenarios.some((scenario) => scenario.name === name))
      throw new Error(`there is no scenario "${name}"`);
  }
  return scenarios.filter(({ name }) => !Object.hasOwn(without, name));
}
