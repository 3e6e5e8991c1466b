import { valueWithin } from "../lib/within.ts";
import type { Clock } from "../platform.ts";
import type { Cancellation } from "./cancellation.ts";
import type { SyncContext } from "./context.ts";
import type { Leases } from "./leases.ts";
import type { Source } from "./source.ts";

/** What one look-up found. */
export type LookUp<Need> =
  /** Something is missing, and these sources may have it. `arrivals`: the identifier's arrivals when it was asked. */
  | { kind: "needed"; items: readonly Need[]; sources: readonly Source[]; arrivals: number }
  /** Nothing is pending or needed. */
  | { kind: "done"; arrivals: number }
  /** Another instance works on the identifier, or this work is not wanted any more. */
  | { kind: "not ours" };

/** What {@link createLookUp} needs. */
export interface LookUpOptions<Need> {
  context: Pick<SyncContext<Need, never>, "hasPending" | "neededItems" | "sources">;
  clock: Clock;
  leases: Leases | null;
  timeoutMs: number;
  /** How many events have arrived for an identifier. */
  arrivals: (identifier: string) => number;
}

/**
 * Asks the context what an identifier needs and who may have it.
 * @throws what the context throws, and {@link TimeoutError} if it takes too long.
 */
export type LookUpNeeds<Need> = (identifier: string, cancellation: Cancellation) => Promise<LookUp<Need>>;

/** Makes the function that looks up what an identifier needs. */
export function createLookUp<Need>(options: LookUpOptions<Need>): LookUpNeeds<Need> {
  const { context, clock, leases, timeoutMs, arrivals: arrivalsOf } = options;

  async function ask(identifier: string): Promise<LookUp<Need>> {
    const arrivals = arrivalsOf(identifier);
    if (leases !== null && !(await leases.hold(identifier))) return { kind: "not ours" };
    if (context.hasPending !== undefined && !(await context.hasPending(identifier)))
      return { kind: "done", arrivals };
    const items = await context.neededItems(identifier);
    if (items.length === 0) return { kind: "done", arrivals };
    return { kind: "needed", items, sources: await context.sources(identifier, items), arrivals };
  }

  return async (identifier, cancellation) => {
    if (cancellation.isCancelled) return { kind: "not ours" };
    const found = await valueWithin(ask(identifier), timeoutMs, clock);
    return cancellation.isCancelled ? { kind: "not ours" } : found;
  };
}
