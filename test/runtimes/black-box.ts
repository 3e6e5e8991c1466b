import { describe, test } from "vitest";
import type { Lanes } from "../support/lanes.ts";
import { scenariosOn } from "./left-out.ts";
import { scenarios } from "./scenarios.ts";
import type { Target } from "./target.ts";

/** Which scenarios run, and how. */
export interface BlackBoxOptions {
  /** Leaves scenarios to another call. Default: all run. */
  isWanted?: (scenario: string) => boolean;
  /** Where a scenario may take longer than elsewhere. Default: the project's timeout. */
  timeoutMs?: number;
}

/**
 * Makes a test of each scenario that can run on a runtime. Call it inside a suite with the name `black box on <runtime>`:
 * the table at the end of a run is read off these names.
 * @param target a target that all scenarios use in turn, or several, each of which one scenario uses at a time
 */
export function blackBox(
  runtime: string,
  target: (() => Target) | Lanes<Target>,
  { isWanted = () => true, timeoutMs }: BlackBoxOptions = {},
): void {
  const inTurn = typeof target === "function";
  describe("scenarios", { concurrent: !inTurn }, () => {
    for (const { name, run } of scenariosOn(runtime, scenarios)) {
      if (isWanted(name)) test(name, () => (inTurn ? run(target()) : target.lend(run)), timeoutMs);
    }
  });
}
