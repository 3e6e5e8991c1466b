import { textOf, type Values } from "../cli/command.ts";
import { type ConfigSection, composed } from "../config/compose.ts";
import { configPath, readConfig } from "../config/configured.ts";
import { StartError } from "../serve/start-error.ts";
import { type GraspSection, graspSection } from "./config.ts";

/**
 * The section of the configuration that a command's option `--config` names.
 * @throws {StartError} if it has none.
 */
export async function sectionOf(
  values: Values,
  sections: readonly ConfigSection<unknown>[],
): Promise<GraspSection> {
  const config = composed(await readConfig(sections, configPath(textOf(values, "config"))));
  const section = config.section(graspSection);
  if (section === undefined)
    throw new StartError("the configuration has no section grasp; name a file that has one with --config");
  return section;
}
