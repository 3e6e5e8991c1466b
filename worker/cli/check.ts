import process from "node:process";
import { configPath } from "../config/configured.ts";
import { entryHere } from "../hosts/process/here.ts";
import { type PlanOptions, readPlan } from "../serve/plan.ts";
import type { ServiceModule } from "../service.ts";
import { type Command, configOption, textOf, workersIn, workersOption } from "./command.ts";

/** `millrace check`: accepts exactly the configurations that `serve` accepts. */
export function checkCommand(services: readonly ServiceModule[]): Command {
  return {
    summary: "check the configuration, and report everything that is wrong with it",
    details: "Opens and starts nothing. Ends with 0 if serve accepts the configuration, else with 1.",
    options: { ...configOption, ...workersOption },
    run: (values) =>
      checkPlan(services, configPath(textOf(values, "config")), { workers: workersIn(values) }),
  };
}

/**
 * Checks a configuration, and writes what it would run.
 * @throws {ConfigError} naming every fault at once.
 */
export async function checkPlan(
  services: readonly ServiceModule[],
  path: string | undefined,
  options: PlanOptions = {},
): Promise<void> {
  const plan = await readPlan(services, path, await entryHere(), options);
  for (const warning of plan.warnings) process.stdout.write(`warning: ${warning}\n`);
  const listed = plan.services.map(({ title }) => title).join(", ");
  process.stdout.write(`the configuration is valid; it runs: ${listed}\n`);
}
