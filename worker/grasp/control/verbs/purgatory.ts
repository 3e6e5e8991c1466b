/**
 * `millrace grasp purgatory`: what waits, and what an operator can do about it (O14, O15).
 * @module
 */
import { isHex64 } from "../../../../runtime/grasp/events/event.ts";
import { KIND } from "../../../../runtime/grasp/events/kinds.ts";
import { identifiersOf } from "../../../../runtime/grasp/purgatory/entry.ts";
import { EVERYTHING } from "../../../../runtime/grasp/release/releases.ts";
import { UsageError, type Values } from "../../../cli/command.ts";
import type { WaitingStatus } from "../../admin/status.ts";
import { type Action, actionOf } from "../actions.ts";
import { type Output, Refusal, type Row, type Running, type Verb } from "../verb.ts";

export const purgatory: Verb = {
  summary: "list what waits for Git data, or release, drop or fetch it",
  details:
    "list     everything that waits, the oldest first; missing: objects that are not here, as far as they were looked for\n" +
    "release  looks again at what is here for an event; an event whose objects are missing goes on waiting\n" +
    "drop     ends the wait of an event as if its time were over\n" +
    "requeue  asks other servers now for what an event needs",
  operands: {
    action: { value: "ACTION", summary: "list, release, drop or requeue" },
    event: { value: "EVENT", summary: "the event's id, for all but list", isOptional: true },
  },
  async run(values, running, output) {
    await actionOf(values, ACTIONS)(running, values, output);
  },
};

const ACTIONS: ReadonlyMap<string, Action> = new Map([
  ["list", list],
  ["release", release],
  ["drop", drop],
  ["requeue", requeue],
]);

async function list({ status }: Running, _values: Values, output: Output): Promise<void> {
  const { now_ms, purgatory } = await status.read(Number.POSITIVE_INFINITY);
  for (const entry of purgatory.entries) output.row(rowOf(entry, now_ms));
}

function rowOf(entry: WaitingStatus, nowMs: number): Row {
  return {
    event: entry.id,
    store: entry.is_soft_expired ? "announcement (expired once)" : entry.store,
    identifier: entry.identifiers.join(" "),
    "age in seconds": Math.round((nowMs - entry.since_ms) / 1000),
    "ends in seconds": Math.round((entry.until_ms - nowMs) / 1000),
    source: entry.source,
    fetching: entry.is_queued,
    missing: entry.missing,
  };
}

async function release({ core }: Running, values: Values, output: Output): Promise<void> {
  const { id, entry } = waiting(core.grasp.purgatory, values);
  for (const identifier of identifiersOf(entry)) await core.grasp.newGitData(identifier, EVERYTHING);
  if (core.grasp.purgatory.event(id) !== null) {
    const what =
      entry.event.kind === KIND.announcement ? "a state with its Git data" : "objects that are not here";
    throw new Refusal(`it goes on waiting: it needs ${what}`);
  }
  output.row({ event: id, outcome: "it does not wait any more" });
}

async function drop({ core }: Running, values: Values, output: Output): Promise<void> {
  const { id } = waiting(core.grasp.purgatory, values);
  await core.grasp.drop(id);
  output.row({ event: id, outcome: "dropped" });
}

async function requeue({ core, background }: Running, values: Values, output: Output): Promise<void> {
  const { entry } = waiting(core.grasp.purgatory, values);
  if (entry.event.kind === KIND.announcement)
    throw new Refusal(
      "an announcement waits for a state of its maintainers; there is nothing to fetch for it",
    );
  for (const identifier of identifiersOf(entry)) {
    background.purgatorySync.sync.syncNow(identifier);
    output.row({ identifier, outcome: "queued" });
  }
}

/** The event that the caller names. @throws if it does not wait. */
function waiting(from: Running["core"]["grasp"]["purgatory"], { event: id }: Values) {
  if (typeof id !== "string" || !isHex64(id))
    throw new UsageError(
      "name the event by its id, 64 hex digits; millrace grasp purgatory list shows the ids",
    );
  const entry = from.event(id);
  if (entry === null) throw new Refusal("no event with this id waits");
  return { id, entry };
}
