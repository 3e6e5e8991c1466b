/**
 * Visitors for whom nobody can be asked for a while, so that their pages need no look at the graph.
 * @module
 */
import type { HotPath } from "../../../wasm/hotpath.ts";
import type { Clock } from "../../platform.ts";
import { pauseKey } from "../keys.ts";

/** The longest rest, in milliseconds: what another instance changed is seen after it at the latest. */
export const REST_MS = 5000;

/** Rests by EC id. */
export interface Rests {
  /** Lets a visitor rest; 0 or less: not at all. */
  begin(id: string, forMs: number): void;
  has(id: string): boolean;
  end(id: string): void;
}

/**
 * Remembers rests in the hot path's windows, whose memory is bounded.
 * @param basis what they rest upon: once it is another value, nobody rests.
 */
export function createRests(
  hotPath: Pick<HotPath, "take" | "peek" | "forget">,
  clock: Pick<Clock, "now">,
  basis: () => unknown,
): Rests {
  let current = basis();
  let generation = 0;

  function keyOf(id: string): string {
    if (basis() !== current) {
      current = basis();
      generation++;
    }
    return pauseKey(generation, id);
  }

  return {
    begin(id, forMs) {
      // Taken so far back that its window ends in time.
      if (forMs > 0) hotPath.take(keyOf(id), clock.now() - REST_MS + Math.min(forMs, REST_MS), REST_MS, 1);
    },
    // Asked with a limit of two, a full table refuses and a rest does not: nobody rests for want of room.
    has(id) {
      const { admitted, remaining } = hotPath.peek(keyOf(id), clock.now(), REST_MS, 2);
      return admitted && remaining < 2;
    },
    end: (id) => hotPath.forget(keyOf(id)),
  };
}
