/**
 * `millrace grasp repair`: checks repositories now instead of within the hour (S24).
 * @module
 */
import type { RepositoryName } from "../../../../runtime/grasp/repository-name.ts";
import { textOf } from "../../../cli/command.ts";
import { nameOf, REPOSITORY, repositoryOf } from "../repository-name.ts";
import { type Output, Refusal, type Running, type Verb } from "../verb.ts";

export const repair: Verb = {
  summary: "check one repository now, or all, with all their history, and repair what differs",
  details:
    "Refs are set to the state that is served. Objects that are missing are copied from other repositories here, or asked\n" +
    "of other servers; that goes on after the command ends.",
  operands: { repository: { ...REPOSITORY, isOptional: true } },
  options: { all: { summary: "every repository that is served" } },
  async run(values, running, output) {
    const given = textOf(values, "repository");
    if (given !== undefined) return check(running, repositoryOf(given), output);
    if (values.all !== true) throw new Refusal("name a repository, or --all");
    const all = await running.background.purgatorySync.repairs.everyRepository();
    for (const [n, name] of all.entries()) {
      output.signal.throwIfAborted();
      output.progress(`${n + 1} of ${all.length}: ${nameOf(name)}`);
      await check(running, name, output);
    }
  },
};

async function check({ background }: Running, name: RepositoryName, output: Output): Promise<void> {
  const result = await background.purgatorySync.repairs.checkNow(name.owner, name.identifier);
  if (result === null) throw new Refusal(`${nameOf(name)} is not served here`);
  output.row({ repository: nameOf(name), status: result.status, missing: result.missing });
}
