/**
 * `millrace grasp ban` and `unban` (O14): authors and repositories that are refused, and whose data here go.
 * @module
 */
import { identifierFault } from "../../../../runtime/grasp/identifier.ts";
import { readKey, toNpub } from "../../../../runtime/grasp/npub.ts";
import { textOf, UsageError } from "../../../cli/command.ts";
import { nameOf, repositoryOf } from "../repository-name.ts";
import { Refusal, type Verb } from "../verb.ts";

const TARGET = { value: "TARGET", summary: "the author as NPUB, or the repository as NPUB/IDENTIFIER" };

export const ban: Verb = {
  summary: "refuse an author or a repository from now on, and take away what is here",
  details:
    "Events are answered with blocked:, as with the settings deny.authors and deny.repositories. Repositories and events that\n" +
    "are here are held for 90 days; millrace grasp held lists and deletes them. Without a target: what is banned.",
  operands: { target: { ...TARGET, isOptional: true } },
  async run(values, { core }, output) {
    const { operator } = core.grasp;
    const given = textOf(values, "target");
    if (given === undefined) {
      for (const target of operator.bans()) output.row({ banned: shown(target) });
      return;
    }
    const { repositories, events } = await operator.ban(targetOf(given));
    for (const name of repositories) output.row({ repository: nameOf(name), outcome: "held for 90 days" });
    if (events > 0) output.progress(`${events} events of the author are held for 90 days`);
  },
};

export const unban: Verb = {
  summary: "end a ban",
  details: "What is held comes back with millrace grasp held restore, or with a new announcement.",
  operands: { target: TARGET },
  async run(values, { core }, output) {
    const target = targetOf(textOf(values, "target") ?? "");
    if (!(await core.grasp.operator.unban(target))) throw new Refusal(`${shown(target)} is not banned`);
    output.row({ unbanned: shown(target) });
  },
};

/** What the database keeps: the key as hex, or `<key>/<identifier>`. @throws {UsageError} if it is neither */
export function targetOf(text: string): string {
  const key = readKey(text);
  if (key !== null) return key;
  if (!text.includes("/")) throw new UsageError(`"${text}" is no author; expected an npub or 64 hex digits`);
  const { owner, identifier } = repositoryOf(text);
  return `${owner}/${identifier}`;
}

function shown(target: string): string {
  const [owner = "", ...rest] = target.split("/");
  const identifier = rest.join("/");
  return rest.length > 0 && identifierFault(identifier) === null
    ? nameOf({ owner, identifier })
    : toNpub(owner);
}
