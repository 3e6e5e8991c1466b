import process from "node:process";
import { configPath } from "../config/configured.ts";
import { entryHere } from "../hosts/process/here.ts";
import { readPlan } from "../serve/plan.ts";
import type { ServiceModule } from "../service.ts";
import { type Command, configOption, textOf } from "./command.ts";

/** `millrace check`: accepts exactly the configurations that `serve` accepts. */
export function checkCommand(services: readonly ServiceModule[]): Command {
  return {
    summary: "check the configuration, and report everything that is wrong with it",
    details: "Opens and starts nothing. Ends with 0 if serve accepts the configuration, else with 1.",
    options: configOption,
    run: (values) => checkPlan(services, configPath(textOf(values, "config"))),
  };
}

/**
 * Checks a configuration, and writes what it would run.
 * @param only the section of the one service that would run. Default: every service that has a section.
 * @throws {ConfigError} naming every fault at once.
 */
export async function checkPlan(
  services: readonly ServiceModule[],
  path: string | undefined,
  only?: string,
): Promise<void> {
  const plan = await readPlan(services, path, await entryHere(), only);
  for (const warning of plan.warnings) process.stdout.write(`warning: ${warning}\n`);
  const listed = plan.services.map(({ title }) => title).join(", ");
  process.stdout.write(`the configuration is valid; it runs: ${listed}\n`);
}
