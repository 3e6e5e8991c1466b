/**
 * `millrace grasp held`: what is out of service and kept (O14, R35, R59).
 * @module
 */
import { readKey, toNpub } from "../../../../runtime/grasp/npub.ts";
import type { Restored } from "../../../../runtime/grasp/operator.ts";
import { textOf, UsageError, type Values } from "../../../cli/command.ts";
import { type Action, actionOf } from "../actions.ts";
import { nameOf, repositoryOf } from "../repository-name.ts";
import { type Output, Refusal, type Running, type Verb } from "../verb.ts";

export const held: Verb = {
  summary: "list, restore or delete what is out of service and kept",
  details:
    "list     repositories that were ejected, denied, banned, deleted or de-listed, and events of banned authors\n" +
    "restore  brings one back through the policy; what lacks Git data waits for it\n" +
    "delete   deletes one at once, for good",
  operands: {
    action: { value: "ACTION", summary: "list, restore or delete" },
    target: {
      value: "TARGET",
      summary: "the repository as NPUB/IDENTIFIER, or the banned author as NPUB; for all but list",
      isOptional: true,
    },
  },
  async run(values, running, output) {
    await actionOf(values, ACTIONS)(running, values, output);
  },
};

const ACTIONS: ReadonlyMap<string, Action> = new Map([
  ["list", list],
  ["restore", restore],
  ["delete", drop],
]);

async function list({ core }: Running, _values: Values, output: Output): Promise<void> {
  for (const { owner, identifier, hasRepository, events, untilMs } of await core.grasp.operator.held())
    output.row({
      held: nameIn({ owner, identifier }),
      repository: hasRepository,
      events,
      until: new Date(untilMs).toISOString(),
    });
}

async function restore({ core }: Running, values: Values, output: Output): Promise<void> {
  const { owner, identifier } = targetOf(values);
  const shown = nameIn({ owner, identifier });
  if (identifier === null) {
    const { restored, refused } = await core.grasp.operator.restoreAuthor(owner);
    if (restored + refused === 0) throw new Refusal(`no events of ${shown} are held`);
    output.row({ author: shown, restored, refused });
    return;
  }
  const result = await core.grasp.operator.restore(owner, identifier);
  if (result.outcome !== "served" && result.outcome !== "waits") throw new Refusal(reasonOf(shown, result));
  output.row({ repository: shown, outcome: result.outcome });
}

async function drop({ core }: Running, values: Values, output: Output): Promise<void> {
  const { owner, identifier } = targetOf(values);
  const shown = nameIn({ owner, identifier });
  if (!(await core.grasp.operator.dropHeld(owner, identifier))) throw new Refusal(`${shown} is not held`);
  output.row({ held: shown, outcome: "deleted" });
}

function reasonOf(shown: string, result: Restored): string {
  switch (result.outcome) {
    case "refused":
      return `${shown} does not come back: ${result.text}`;
    case "deleted":
      return `${shown} does not come back: its owner deleted it`;
    case "no_announcement":
      return `${shown} comes back with a new announcement of its owner only, who deleted it or does not list this server`;
    default:
      return `${shown} is not held`;
  }
}

function targetOf(values: Values): { owner: string; identifier: string | null } {
  const text = textOf(values, "target");
  if (text === undefined) throw new UsageError("name what is held; millrace grasp held list shows it");
  const key = readKey(text);
  return key === null ? repositoryOf(text) : { owner: key, identifier: null };
}

function nameIn({ owner, identifier }: { owner: string; identifier: string | null }): string {
  return identifier === null ? toNpub(owner) : nameOf({ owner, identifier });
}
