/**
 * Visitors for whom no partner can be asked for a while, so that their pages need no look at the graph.
 * @module
 */
import type { HotPath } from "../../../wasm/hotpath.ts";
import type { Clock } from "../../platform.ts";

/** The longest pause, in milliseconds: changes made by another instance are seen after this time at the latest. */
export const PAUSE_MS = 5000;

/** Pauses by EC id. */
export interface Pauses {
  /** Starts a pause. @param forMs in milliseconds; 0 or less: no pause. */
  begin(id: string, forMs: number): void;
  has(id: string): boolean;
  end(id: string): void;
}

/**
 * Stores the pauses in the hot path's windows, whose memory is bounded.
 * @param basis a dependency of all pauses. When it returns another value, all pauses end.
 */
export function createPauses(
  hotPath: Pick<HotPath, "take" | "peek" | "forget">,
  clock: Pick<Clock, "now">,
  basis: () => unknown,
): Pauses {
  let current = basis();
  let generation = 0;

  function keyOf(id: string): string {
    if (basis() !== current) {
      current = basis();
      generation++;
    }
    return `pause:${generation}:${id}`;
  }

  return {
    begin(id, forMs) {
      // Taken in the past, so that the window ends in time.
      if (forMs > 0) hotPath.take(keyOf(id), clock.now() - PAUSE_MS + Math.min(forMs, PAUSE_MS), PAUSE_MS, 1);
    },
    // With a limit of two, a full table refuses and a pause does not: a full table pauses no visitor.
    has(id) {
      const { admitted, remaining } = hotPath.peek(keyOf(id), clock.now(), PAUSE_MS, 2);
      return admitted && remaining < 2;
    },
    end: (id) => hotPath.forget(keyOf(id)),
  };
}
