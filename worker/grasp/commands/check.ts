/**
 * `millrace grasp check`: the settings, or with `--data` what a running service holds (O14, O18).
 * @module
 */
import { checkPlan } from "../../cli/check.ts";
import { configOption, textOf, UsageError } from "../../cli/command.ts";
import { configPath } from "../../config/configured.ts";
import type { ServiceCommand } from "../../service.ts";
import { graspSection } from "../config.ts";
import { verbCommand } from "../control/verb-command.ts";
import { check as checkData } from "../control/verbs/check.ts";

const data = verbCommand("check", checkData);

export const check: ServiceCommand = {
  summary: "check the settings of GRASP, or with --data what the running service holds",
  details: `Ends with 0 if serve accepts the configuration, else with 1. With --data:\n${data.details}`,
  options: {
    ...configOption,
    data: { summary: "check the data: reads every repository that is served" },
    ...data.options,
  },
  async run(values, services) {
    if (values.data) return data.run(values, services);
    if (values.json) throw new UsageError("--json goes with --data");
    return checkPlan(services, configPath(textOf(values, "config")), { only: graspSection.name });
  },
};
