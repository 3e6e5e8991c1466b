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

/** Events that are sorted together: as many are in memory. */
const BATCH = 50_000;
/** How many events are judged between two lines of progress. */
const PROGRESS_EVERY = 1000;

export const importEvents: Verb = {
  summary: "take over events of another relay from a file of JSON lines",
  details:
    "One event a line, in any order. Each passes the policy like an event that a client sends, the oldest first and deletions\n" +
    "last; what is refused is judged again while anything more is accepted. What lacks its Git data waits and is fetched from\n" +
    "the servers that its announcement names. The file is read by the service.",
  operands: { file: { value: "FILE", summary: "the file's absolute path" } },
  async run(values, running, output) {
    const file = textOf(values, "file");
    if (file === undefined || !file.startsWith("/"))
      throw new UsageError("name the file by its absolute path");
    const maxBytes = running.parts.section.limits.messageBytes;
    const counts = await importFile({ file, maxBytes, grasp: running.core.grasp }, output);
    for (const [outcome, events] of [...counts].sort()) output.row({ outcome, events });
  },
};

/** A file, and who judges its events. */
export interface Import {
  readonly file: string;
  /** Longest line that is read, in bytes. */
  readonly maxBytes: number;
  readonly grasp: Pick<Running["core"]["grasp"], "receive">;
  /** Events that are sorted together. Default: 50,000. */
  readonly batch?: number;
}

/**
 * Takes over the events of a file. An event may belong to one that comes later in the file, and so on: the file is read again for what
 * was refused, as long as a reading brings something (L28).
 * @returns the number of events by outcome.
 * @throws {Refusal} if the file cannot be read.
 */
export async function importFile(
  given: Import,
  output: Pick<Output, "signal" | "progress">,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const count = (outcome: string) => void counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  /** Ids of events that were refused so far, with the reason. `null`: nothing was judged. */
  let refused: Map<string, string> | null = null;
  for (;;) {
    const again: ReadonlyMap<string, string> | null = refused;
    const left = new Map<string, string>();
    let judged = 0;
    for await (const batch of batchesOf(given, again === null ? count : () => {})) {
      for (const event of inOrder(again === null ? batch : batch.filter(({ id }) => again.has(id)))) {
        output.signal.throwIfAborted();
        const { outcome } = await given.grasp.receive(event, { source: "sync", address: null });
        if (outcome.outcome !== "refused") count(outcome.outcome);
        // What is invalid stays so.
        else if (outcome.reason === "invalid") count(refusal(outcome.reason));
        else left.set(event.id, outcome.reason ?? "");
        if (++judged % PROGRESS_EVERY === 0) output.progress(`${judged} events were judged`);
      }
    }
    if (left.size === 0 || left.size === again?.size) {
      for (const reason of left.values()) count(refusal(reason));
      return counts;
    }
    refused = left;
  }
}

const refusal = (reason: string) => `refused: ${reason}`;

/** An event as far as its order needs it. */
type Dated = Pick<NostrEvent, "id" | "created_at" | "kind">;

/** The events of a file, as many as are sorted together. Lines that are no events are counted. */
async function* batchesOf(
  { file, maxBytes, batch: size = BATCH }: Import,
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
      if (batch.length < size) continue;
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
    const { id, created_at, kind } = Object(value);
    const isEvent = typeof id === "string" && typeof created_at === "number" && typeof kind === "number";
    return isEvent ? (value as Dated) : null;
  } catch {
    return null;
  }
}
