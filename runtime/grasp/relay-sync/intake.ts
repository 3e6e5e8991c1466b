/**
 * Applies what one relay sends, one batch after the other (L20, L22, L23, L28).
 * @module
 */
import type { Outcome } from "../answer.ts";
import { type NostrEvent, tagValue } from "../events/event.ts";
import { inOrder } from "./batch.ts";
import type { ReceivedOutcome, RelaySyncListener } from "./events.ts";
import { REFUSED_KINDS, type RefusedIndex } from "./refused-index.ts";

interface IntakeParts {
  readonly relay: string;
  /** Judges an event with source sync. */
  receive(event: NostrEvent): Promise<Outcome>;
  readonly refused: Pick<RefusedIndex, "find" | "add" | "remove">;
  readonly emit: RelaySyncListener;
  /** An event is not what its id or signature says. */
  onForged(): void;
}

export class Intake {
  readonly #parts: IntakeParts;
  #last: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** Applies a batch after the earlier ones. Never rejects. */
  apply(events: readonly NostrEvent[]): Promise<void> {
    this.#last = this.#last.then(() => this.#batch(events));
    return this.#last;
  }

  /** The batch under way ends with its event, the others are dropped. */
  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#last;
  }

  async #batch(events: readonly NostrEvent[]): Promise<void> {
    const again: NostrEvent[] = [];
    const hits = { hot: 0, cold: 0 };
    let isAnyAccepted = false;
    for (const event of inOrder(events)) {
      const known = this.#parts.refused.find(event.id);
      if (known !== null) hits[known]++;
      else {
        const outcome = await this.#judge(event);
        if (outcome === null) continue;
        this.#tell(event, outcome);
        if (outcome.outcome === "stored" || outcome.outcome === "waits") isAnyAccepted = true;
        if (mayTurnInBatch(outcome)) again.push(event);
      }
    }
    for (const where of ["hot", "cold"] as const)
      if (hits[where] > 0)
        this.#parts.emit({ kind: "refused-hit", relay: this.#parts.relay, where, count: hits[where] });
    // Nothing came that another event of the batch could have waited for.
    if (!isAnyAccepted) return;
    for (const event of again) {
      const outcome = await this.#judge(event);
      if (outcome !== null && outcome.outcome !== "refused") this.#tell(event, outcome);
    }
  }

  /** `null`: we stopped, or it failed. */
  async #judge(event: NostrEvent): Promise<Outcome | null> {
    const { receive, refused, emit, relay, onForged } = this.#parts;
    if (this.#isStopped) return null;
    try {
      const outcome = await receive(event);
      if (outcome.isForged) onForged();
      const identifier = tagValue(event, "d");
      if (outcome.outcome !== "refused") refused.remove(event.id);
      else if (outcome.mayTurn && identifier !== undefined && REFUSED_KINDS.has(event.kind))
        refused.add(event, identifier, relay);
      return outcome;
    } catch (error) {
      emit({ kind: "failed", relay, error });
      return null;
    }
  }

  #tell(event: NostrEvent, outcome: Outcome): void {
    const { emit, relay } = this.#parts;
    emit({ kind: "received", relay, eventKind: event.kind, outcome: nameOf(outcome) });
  }
}

/** Refused for want of another event, which may be in the same batch. */
function mayTurnInBatch({ outcome, reason, mayTurn }: Outcome): boolean {
  return outcome === "refused" && (mayTurn === true || reason === "restricted");
}

function nameOf({ outcome, reason, mayTurn }: Outcome): ReceivedOutcome {
  if (outcome !== "refused") return outcome;
  if (mayTurn) return "later";
  return reason === "error" ? "error" : "refused";
}
