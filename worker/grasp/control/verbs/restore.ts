/**
 * `millrace grasp restore`: earlier states of a repository, and the event that returns to one (N22).
 * @module
 */
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import type { RepositoryName } from "../../../../runtime/grasp/repository-name.ts";
import type { EarlierState } from "../../../../runtime/grasp/undo.ts";
import { textOf, UsageError } from "../../../cli/command.ts";
import { nameOf, REPOSITORY, repositoryOf } from "../repository-name.ts";
import { type Output, Refusal, type Running, type Verb } from "../verb.ts";

export const restore: Verb = {
  summary:
    "list what a repository had before force pushes and deletions, and print the event that returns to it",
  details:
    "Without TIME: each branch and tag that a return would change, by the time of the change that lost it, for 30 days.\n" +
    "With TIME: the unsigned event. Its owner, or a maintainer with an own key in pubkey, signs and publishes it; it applies\n" +
    "at once, without a push. Nothing moves before that.",
  operands: {
    repository: REPOSITORY,
    time: { value: "TIME", summary: "which one, as the list shows it", isOptional: true },
  },
  async run(values, running, output) {
    const name = repositoryOf(textOf(values, "repository") ?? "");
    const time = textOf(values, "time");
    const earlier = await earlierStates(name, running);
    if (time === undefined) return list(earlier, output);
    const atMs = Date.parse(time);
    if (Number.isNaN(atMs)) throw new UsageError(`"${time}" is no time; the list without TIME shows them`);
    const event = running.core.grasp.undo.returnTo(name.owner, name.identifier, atMs);
    if (event === null)
      throw new Refusal(`${nameOf(name)} lost nothing at ${time}; the list shows when it did`);
    if (earlier.some((one) => one.atMs === atMs && !one.isComplete))
      output.progress("objects of it are not here any more: a push has to bring them");
    output.text(JSON.stringify(event));
  },
};

async function earlierStates(name: RepositoryName, { core }: Running): Promise<readonly EarlierState[]> {
  const earlier = await core.grasp.undo.earlierStates(name.owner, name.identifier);
  if (earlier === null) throw new Refusal(`${nameOf(name)} is not here`);
  return earlier;
}

function list(earlier: readonly EarlierState[], output: Output): void {
  if (earlier.length === 0) output.progress("no branch or tag was rewound or deleted within 30 days");
  for (const { atMs, cause, isComplete, changes } of earlier) {
    const facts = {
      time: new Date(atMs).toISOString(),
      by: toNpub(cause.author),
      state: cause.id,
      complete: isComplete,
    };
    for (const { ref, earlier: then, present } of changes) {
      output.row({ ...facts, ref, had: then, has: present });
    }
    if (changes.length === 0) output.row({ ...facts, ref: null, had: null, has: null });
  }
}
