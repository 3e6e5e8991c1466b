/**
 * The debounce of `lastSeen`: whether a visit of an id is written to the graph.
 * @module
 */
import type { HotPath } from "../../wasm/hotpath.ts";
import { LAST_SEEN_DEBOUNCE_SECONDS } from "./graph/entry.ts";
import { seenByKey, seenKey } from "./keys.ts";

/** How long a visit hides the next ones of its id, in milliseconds. */
const WINDOW_MS = LAST_SEEN_DEBOUNCE_SECONDS * 1000;
/** Maximum number of ids of one address that are written in one window. */
export const SEEN_PER_ADDRESS = 250;

/** What {@link SeenLately} needs. */
export interface SeenLatelyDependencies {
  /** Remembers the ids. */
  readonly hotPath: Pick<HotPath, "take" | "peek" | "forget">;
  /** The time of the hot path's windows, in milliseconds. */
  time(): number;
  /** Called if the table has no room for another id. */
  onFull(): void;
}

/** Remembers which ids were seen within the last five minutes. */
export class SeenLately {
  readonly #hotPath: SeenLatelyDependencies["hotPath"];
  readonly #time: () => number;
  readonly #onFull: () => void;

  constructor({ hotPath, time, onFull }: SeenLatelyDependencies) {
    this.#hotPath = hotPath;
    this.#time = time;
    this.#onFull = onFull;
  }

  /**
   * Whether this visit of an id is written to the graph. If it is, later ones within the window are not. Never true for an address
   * that sent {@link SEEN_PER_ADDRESS} ids within the window, or if the table is full.
   */
  isUnseen(id: string, ip: string | null): boolean {
    const nowMs = this.#time();
    const key = seenKey(id);
    // With a limit of two, a full table refuses, and an id that was seen does not.
    const { admitted, remaining } = this.#hotPath.peek(key, nowMs, WINDOW_MS, 2);
    if (!admitted) this.#onFull();
    if (!admitted || remaining < 2) return false;
    if (!this.#hotPath.take(seenByKey(ip), nowMs, WINDOW_MS, SEEN_PER_ADDRESS).admitted) return false;
    return this.#hotPath.take(key, nowMs, WINDOW_MS, 1).admitted;
  }

  /** Forgets an id: its next visit is written. */
  forget(id: string): void {
    this.#hotPath.forget(seenKey(id));
  }
}
