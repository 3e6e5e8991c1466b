/**
 * `millrace grasp sync`: asks other servers and relays now (O14).
 * @module
 */
import { textOf, UsageError } from "../../../cli/command.ts";
import { nameOf, repositoryOf } from "../repository-name.ts";
import { type Output, Refusal, type Running, type Verb } from "../verb.ts";

export const sync: Verb = {
  summary: "fetch now what a repository waits for, or what a relay has",
  details:
    "Relays are asked for their whole history. Who asked us to rest is not asked before the rest is over; a relay that rests after failures is.",
  operands: { target: { value: "NPUB/IDENTIFIER", summary: "the repository, or the URL of a relay" } },
  async run(values, running, output) {
    const target = textOf(values, "target");
    if (target === undefined) throw new UsageError("name a repository or a relay");
    if (!/^wss?:/i.test(target)) return syncRepository(target, running, output);
    if (askRelays(target, running, output) === 0) throw new Refusal(`no relay ${target} is followed`);
  },
};

function syncRepository(target: string, running: Running, output: Output): void {
  const name = repositoryOf(target);
  const isQueued = running.background.purgatorySync.sync.syncNow(name.identifier);
  if (isQueued) output.row({ repository: nameOf(name), outcome: "queued" });
  const asked = askRelays(name.identifier, running, output);
  if (!isQueued && asked === 0) throw new Refusal(`nothing waits for ${nameOf(name)}`);
}

/** @param what a relay's URL, or an identifier @returns the number of relays that are asked */
function askRelays(what: string, { background }: Running, output: Output): number {
  const asked = background.relaySync?.syncNow(what) ?? [];
  for (const relay of asked) output.row({ relay, outcome: "asked" });
  return asked.length;
}
