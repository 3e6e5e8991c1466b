import process from "node:process";
import { configPath, readConfig } from "../config/configured.ts";
import { configWarnings } from "../ec/config.ts";
import { type Command, configOption, textOf } from "./command.ts";

export const check: Command = {
  summary: "check the configuration, and say everything that is wrong with it",
  details: "Opens and starts nothing. Ends with 0 if serve would accept the configuration, else with 1.",
  options: configOption,
  async run(values) {
    const config = await readConfig(configPath(textOf(values, "config")));
    for (const warning of configWarnings(config)) process.stdout.write(`warning: ${warning}\n`);
    process.stdout.write("the configuration is valid\n");
  },
};
