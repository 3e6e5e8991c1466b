/**
 * The events that the people of one story signed, and where each of them is by the server's answers.
 * @module
 */
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { KIND } from "../../../runtime/grasp/events/kinds.ts";
import { DEADLINES_MS } from "../../../runtime/grasp/purgatory/deadlines.ts";
import type { RelayConnection } from "../client/relay-connection.ts";
import type { Place, Snapshot } from "./snapshot.ts";

/** The branch that the story's states name. */
export const MAIN = "refs/heads/main";
/** How long an answer may take, in milliseconds. */
const ANSWER_MS = 10_000;

/** An event that was signed, and what became of it. */
interface SignedEvent {
  readonly event: NostrEvent;
  readonly name: string;
  readonly by: string;
  place: Place;
  sinceMs: number;
  /** When the server discards it, by its `status.json`; `null`: not known yet. */
  untilMs: number | null;
}

export class SignedEvents {
  readonly #events: SignedEvent[] = [];

  /** An event was signed or sent. @param sinceMs since when it is there, by the server's clock */
  remember(event: NostrEvent, name: string, by: string, place: Place, sinceMs: number): void {
    const known = this.#events.find((one) => one.event.id === event.id);
    if (known === undefined) this.#events.push({ event, name, by, place, sinceMs, untilMs: null });
    else Object.assign(known, { place, sinceMs });
  }

  /** The events of a kind, in the order in which they were signed. */
  ofKind(kind: number): NostrEvent[] {
    return this.#events.flatMap(({ event }) => (event.kind === kind ? [event] : []));
  }

  /** @param isHunted whether other servers will be asked for what waits */
  shown(isHunted: boolean): Snapshot["events"] {
    return this.#events.map(({ event, name, by, place, sinceMs, untilMs }) => ({
      id: event.id,
      name,
      by,
      place,
      sinceMs,
      untilMs: place === "waits" ? (untilMs ?? sinceMs + DEADLINES_MS.arrival) : null,
      needs: neededBy(event),
      isHunted,
    }));
  }

  /** Asks the server which of the events are served. */
  async lookForServed(relay: RelayConnection): Promise<void> {
    const sent = this.#sent();
    const ids = sent.map(({ event }) => event.id);
    const served = new Set((await relay.query({ ids })).map(({ id }) => id));
    for (const one of sent) {
      if (served.has(one.event.id)) one.place = "served";
      else if (one.place === "served") one.place = "gone";
    }
  }

  /** Asks the server until when events wait. @param repository its clone URL */
  async lookForDeadlines(repository: string): Promise<void> {
    for (const [id, untilMs] of await deadlinesOf(repository)) {
      const waiting = this.#sent().find(({ event }) => event.id === id);
      if (waiting !== undefined) waiting.untilMs = untilMs;
    }
  }

  #sent(): SignedEvent[] {
    return this.#events.filter(({ place }) => place !== "draft");
  }
}

const NAMES = new Map<number, string>([
  [KIND.announcement, "announcement"],
  [KIND.state, "state"],
  [KIND.pullRequest, "pull request"],
  [KIND.deletion, "deletion"],
]);

/** What the page calls an event of a kind. */
export function nameOf(kind: number): string {
  return NAMES.get(kind) ?? `event of kind ${kind}`;
}

/** The commit that an event waits for; `null`: it needs none. */
export function neededBy({ kind, tags }: NostrEvent): string | null {
  const name = kind === KIND.state ? MAIN : kind === KIND.pullRequest ? "c" : null;
  return tags.find(([tag]) => tag === name)?.[1] ?? null;
}

/** When the server discards what waits, by event (G27); empty for a repository that it does not have. */
async function deadlinesOf(repository: string): Promise<Map<string, number>> {
  const answer = await fetch(`${repository}/status.json`, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (!answer.ok) return new Map();
  const { waiting } = (await answer.json()) as { waiting: { id: string; until: number }[] };
  return new Map(waiting.map(({ id, until }) => [id, until * 1000]));
}
