/**
 * `millrace grasp check --data`: looks whether storage and refs are as the served events say (O18).
 * @module
 */
import type { RepositoryName } from "../../../../runtime/grasp/repository-name.ts";
import { nameOf } from "../repository-name.ts";
import type { Output, Running, Verb } from "../verb.ts";

export const check: Verb = {
  summary: "check the data of the running service: objects and refs of every repository that is served",
  details:
    "Two passes over each repository: whether every object that a served state or pull request needs is there, and whether\n" +
    "the refs are those of the authoritative state. What is wrong goes to repair.",
  options: {},
  async run(_values, running, output) {
    const all = await running.background.purgatorySync.repairs.everyRepository();
    let faults = 0;
    for (const [n, name] of all.entries()) {
      output.signal.throwIfAborted();
      output.progress(`${n + 1} of ${all.length}: ${nameOf(name)}`);
      if (!(await isRight(running, name, output))) faults++;
    }
    output.progress(`${all.length} repositories were checked; ${faults} had a fault`);
  },
};

async function isRight({ background }: Running, name: RepositoryName, output: Output): Promise<boolean> {
  const { repairs } = background.purgatorySync;
  const view = await repairs.inspect(name.owner, name.identifier);
  // It may have gone since it was listed.
  if (view === null || (view.missing.length === 0 && view.areRefsRight)) return true;
  const repaired = await repairs.checkNow(name.owner, name.identifier);
  output.row({
    repository: nameOf(name),
    objects: view.missing.length === 0 ? "complete" : `${view.missing.length} missing`,
    refs: view.areRefsRight ? "right" : "differ",
    repair: repaired?.status ?? null,
  });
  return false;
}
