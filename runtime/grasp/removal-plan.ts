/**
 * What a removal does in Git, as plain data: an intent (N13).
 * @module
 */
import { type JsonObject, jsonCopy } from "../lib/json.ts";
import type { Json } from "../platform.ts";

export interface RemovalPlan {
  /** Repositories that go. `heldUntilMs`: how long they are held if they have refs, in milliseconds since the epoch; `null`: not. */
  readonly repositories: readonly {
    readonly owner: string;
    readonly identifier: string;
    readonly heldUntilMs: number | null;
  }[];
  /** Refs that are deleted (R61). */
  readonly refs: readonly { readonly owner: string; readonly identifier: string; readonly ref: string }[];
}

export function removalPlan(plan: RemovalPlan): Json {
  return jsonCopy({ kind: "removal", ...plan });
}

/** Reads a plan; `null`: it is of another kind. */
export function readRemovalPlan(plan: Json): RemovalPlan | null {
  return (plan as JsonObject).kind === "removal" ? (plan as unknown as RemovalPlan) : null;
}
