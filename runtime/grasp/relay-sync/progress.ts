/**
 * How far the history of one relay is: what is being fetched, and the cursor that the next process resumes from (L25).
 * @module
 */
import type { Clock } from "../../platform.ts";
import type { Cursor, Memory } from "./ports.ts";

/** Why parts of the history are in the queue. */
export type Run = "whole" | "gap" | "new";

export interface ProgressParts {
  readonly url: string;
  readonly clock: Clock;
  readonly memory: Pick<Memory, "putCursor">;
}

export class Progress {
  /** What the queue of the history is for. */
  readonly runs = new Set<Run>();
  runBeganMs = 0;
  /** The last whole history, while newer targets make the cursor incomplete. */
  wholeAtMs: number | null;
  readonly #parts: ProgressParts;
  #cursor: Cursor;
  #savedAtMs = 0;

  /** @param cursor what an earlier process stored */
  constructor(parts: ProgressParts, cursor: Cursor | null) {
    this.#parts = parts;
    this.#cursor = cursor ?? { url: parts.url, aliveAtMs: null, historyAtMs: null };
    this.wholeAtMs = this.#cursor.historyAtMs;
  }

  get cursor(): Cursor {
    return this.#cursor;
  }

  /** When the cursor was last saved, in milliseconds since the epoch; 0: never. */
  get savedAtMs(): number {
    return this.#savedAtMs;
  }

  begin(run: Run): void {
    if (this.runs.size === 0) this.runBeganMs = this.#parts.clock.now();
    this.runs.add(run);
  }

  /** The history of something is not here: after a gap we start fresh. */
  makeIncomplete(): void {
    if (this.#cursor.historyAtMs === null) return;
    this.#cursor = { ...this.#cursor, historyAtMs: null };
    this.#parts.memory.putCursor(this.#cursor);
  }

  /** The history of all targets is here. */
  saveHistory(): void {
    this.#cursor = { ...this.#cursor, historyAtMs: this.wholeAtMs };
    this.save();
  }

  /** The relay is alive now, and nothing until now is missing. */
  save(): void {
    this.#savedAtMs = this.#parts.clock.now();
    this.#cursor = { ...this.#cursor, aliveAtMs: this.#savedAtMs };
    this.#parts.memory.putCursor(this.#cursor);
  }
}
