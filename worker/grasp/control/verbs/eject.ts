/**
 * `millrace grasp eject`: takes a repository out of service (O14, O31).
 * @module
 */
import { textOf } from "../../../cli/command.ts";
import { nameOf, REPOSITORY, repositoryOf } from "../repository-name.ts";
import { Refusal, type Verb } from "../verb.ts";

export const eject: Verb = {
  summary: "take a repository and its events out of service, and hold them for 90 days",
  details:
    "Reading ends at once. The announcement does not come back from other servers; a later one of its owner, or millrace\n" +
    "grasp held restore, brings everything back. To refuse later ones, too, ban the repository.",
  operands: { repository: REPOSITORY },
  async run(values, { core }, output) {
    const name = repositoryOf(textOf(values, "repository") ?? "");
    if (!(await core.grasp.operator.eject(name.owner, name.identifier)))
      throw new Refusal(`${nameOf(name)} is not here`);
    output.row({ repository: nameOf(name), outcome: "held for 90 days" });
  },
};
