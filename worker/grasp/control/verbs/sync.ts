/**
 * `millrace grasp sync`: asks other servers now (O14).
 * @module
 */
import { textOf, UsageError } from "../../../cli/command.ts";
import { nameOf, repositoryOf } from "../repository-name.ts";
import { Refusal, type Verb } from "../verb.ts";

export const sync: Verb = {
  summary: "fetch now what a repository waits for",
  details: "A server that asked us to rest is not asked before its rest is over.",
  operands: { target: { value: "NPUB/IDENTIFIER", summary: "the repository" } },
  async run(values, { background }, output) {
    const target = textOf(values, "target");
    if (target === undefined) throw new UsageError("name a repository");
    const name = repositoryOf(target);
    if (!background.purgatorySync.sync.syncNow(name.identifier))
      throw new Refusal(`nothing waits for ${nameOf(name)}`);
    output.row({ repository: nameOf(name), outcome: "queued" });
  },
};
