import { describe, test } from "vitest";
import { scenariosOn } from "./left-out.ts";
import { scenarios } from "./scenarios.ts";
import type { Target } from "./target.ts";

/**
 * Makes a test of each scenario that can run on a runtime. Call it inside a suite with the name `black box on <runtime>`:
 * the table at the end of a run is read off these names.
 * @param isWanted leaves scenarios to another call.
 * @param timeoutMs where a scenario may take longer than elsewhere.
 */
export function blackBox(
  runtime: string,
  target: () => Target,
  isWanted: (scenario: string) => boolean = () => true,
  timeoutMs?: number,
): void {
  describe("scenarios", () => {
    for (const { name, run } of scenariosOn(runtime, scenarios)) {
      if (isWanted(name)) test(name, () => run(target()), timeoutMs);
    }
  });
}
