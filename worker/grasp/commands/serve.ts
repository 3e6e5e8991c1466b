/**
 * `millrace grasp serve`: GRASP alone, whatever else the configuration runs (O14).
 * @module
 */
import { configOption, textOf } from "../../cli/command.ts";
import { servePlan } from "../../cli/serve.ts";
import { configPath } from "../../config/configured.ts";
import { entryHere } from "../../hosts/process/here.ts";
import type { ServiceCommand } from "../../service.ts";
import { graspSection } from "../config.ts";

export const serve: ServiceCommand = {
  summary: "serve GRASP alone",
  details: "As millrace serve, without the other services that the configuration has a section for.",
  options: configOption,
  run: async (values, services) =>
    servePlan(services, configPath(textOf(values, "config")), await entryHere(), { only: graspSection.name }),
};
