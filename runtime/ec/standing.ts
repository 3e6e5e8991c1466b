/**
 * Whether a request's id has standing: whether it may take rate-limit windows that last for an hour. Forged ids must not fill the
 * tables.
 * @module
 */
import type { HotPath } from "../../wasm/hotpath.ts";
import type { Graph } from "./graph/graph.ts";
import type { Identity } from "./id.ts";
import { strangersKey } from "./keys.ts";
import type { EcContext } from "./request/context.ts";

/** How many unknown ids of one address are looked up, in which time. */
export const STRANGERS = { limit: 250, windowMs: 300_000 };

/**
 * Whether an id has standing: the client's own address mints its hash, or the graph knows it.
 * @throws if the store fails.
 */
export type HasStanding = (id: string, context: EcContext) => boolean | Promise<boolean>;

/** What {@link createStanding} needs. */
export interface StandingDependencies {
  readonly identity: Pick<Identity, "isOfAddress">;
  readonly graph: Pick<Graph, "get">;
  /** Counts the unknown ids of each address. */
  readonly hotPath: Pick<HotPath, "take" | "peek">;
  /** The time of the hot path's windows, in milliseconds. */
  time(): number;
}

/** Creates the rule. */
export function createStanding({ identity, graph, hotPath, time }: StandingDependencies): HasStanding {
  async function isKnown(id: string, ip: string | null): Promise<boolean> {
    const key = strangersKey(ip);
    const { limit, windowMs } = STRANGERS;
    if (!hotPath.peek(key, time(), windowMs, limit).admitted) return false;
    if ((await graph.get(id)) !== null) return true;
    hotPath.take(key, time(), windowMs, limit);
    return false;
  }

  return (id, { client: { ip } }) => (ip !== null && identity.isOfAddress(id, ip)) || isKnown(id, ip);
}
