/**
 * `millrace grasp import`: events of another relay, from a file of JSON lines (O19).
 * @module
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import { inOrder } from "../../../../runtime/grasp/relay-sync/batch.ts";
import { textOf, UsageError } from "../../../cli/command.ts";
import { type Output, Refusal, type Running, type Verb } from "../verb.ts";

/** Events that are sorted and judged together. */
const BATCH = 50_000;
/** How many events are judged between two lines of progress. */
const PROGRESS_EVERY = 1000;

export const importEvents: Verb = {
  summary: "take over events of another relay from a file of JSON lines",
  details:
    "One event a line. Each passes the policy like an event that a client sends, the oldest first and deletions last; what\n" +
    "lacks its Git data waits and is fetched from the servers that its announcement names. The file is read by the service.",
  operands: { file: { value: "FILE", summary: "the file's absolute path" } },
  async run(values, running, output) {
    const file = textOf(values, "file");
    if (file === undefined || !file.startsWith("/"))
      throw new UsageError("name the file by its absolute path");
    const counts = new Map<string, number>();
    const count = (outcome: string) => counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    for await (const batch of batchesOf(file, running.parts.section.limits.messageBytes, count)) {
      await takeOver(inOrder(batch), running, output, count);
    }
    for (const [outcome, events] of [...counts].sort()) output.row({ outcome, events });
  },
};

/** An event as far as its order needs it. */
type Dated = Pick<NostrEvent, "created_at" | "kind">;

/** The events of a file, as many as are sorted together. Lines that are no events are counted. */
async function* batchesOf(
  file: string,
  maxBytes: number,
  count: (outcome: string) => void,
): AsyncGenerator<Dated[]> {
  let batch: Dated[] = [];
  try {
    for await (const line of createInterface({
      input: createReadStream(file),
      crlfDelay: Number.POSITIVE_INFINITY,
    })) {
      if (line.trim() === "") continue;
      const event = line.length > maxBytes ? null : readDated(line);
      if (event === null) count("no event");
      else batch.push(event);
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === undefined) throw cause;
    throw new Refusal(`the service cannot read the file (${code})`, { cause });
  }
  yield batch;
}

function readDated(line: string): Dated | null {
  try {
    const value: unknown = JSON.parse(line);
    const { created_at, kind } = Object(value);
    return typeof created_at === "number" && typeof kind === "number" ? (value as Dated) : null;
  } catch {
    return null;
  }
}

/** Judges events. What was refused is judged once more at the end: its target may have come after it (L28). */
async function takeOver(
  batch: readonly Dated[],
  { core }: Running,
  output: Output,
  count: (outcome: string) => void,
): Promise<void> {
  const again: Dated[] = [];
  const judge = (event: Dated) => core.grasp.receive(event, { source: "sync", address: null });
  for (const [n, event] of batch.entries()) {
    output.signal.throwIfAborted();
    const { outcome } = await judge(event);
    if (outcome.outcome === "refused") again.push(event);
    else count(outcome.outcome);
    if ((n + 1) % PROGRESS_EVERY === 0) output.progress(`${n + 1} of ${batch.length} events`);
  }
  for (const event of again) {
    const { outcome } = await judge(event);
    count(outcome.outcome === "refused" ? `refused: ${outcome.reason}` : outcome.outcome);
  }
}
