/**
 * Batch sync: a partner's server uploads its own ids for many EC ids at once.
 * @module
 */
import { generationOf, isFarAhead, type UpsertOutcome } from "../graph/entry.ts";
import { ContentionError } from "../graph/entry-writer.ts";
import type { Graph, Upsert } from "../graph/graph.ts";
import type { Partner } from "./partner.ts";
import { isUid } from "./uid.ts";

/** Maximum number of mappings of one upload. */
export const MAX_MAPPINGS = 1000;
/** Number of ids that are written at once, so that a store can commit them together. */
const WRITES_AT_ONCE = 250;

/** Why a mapping was not accepted. */
export type BatchReason =
  | "invalid_ec_id"
  | "invalid_uid"
  | "invalid_timestamp"
  | "ec_id_not_found"
  | "consent_withdrawn"
  | "kv_unavailable";

/** The answer to an upload. */
export interface BatchAnswer {
  accepted: number;
  rejected: number;
  /** By index in the upload, ascending. */
  errors: { index: number; reason: BatchReason }[];
}

/** A valid mapping. */
interface Mapping {
  id: string;
  uid: string;
  /** Seconds since the epoch. */
  synced: number;
}

/** The mappings of a body, or the body's fault. The mappings themselves are not checked yet. */
export function readMappings(body: unknown): unknown[] | { fault: string } {
  const mappings = (body as { mappings?: unknown } | null)?.mappings;
  if (!Array.isArray(mappings)) return { fault: 'the body must be an object with a list "mappings"' };
  if (mappings.length > MAX_MAPPINGS) {
    return { fault: `${mappings.length} mappings are too many; send at most ${MAX_MAPPINGS} at a time` };
  }
  return mappings;
}

/** One mapping, or the reason for which it is refused. */
function readMapping(
  mapping: unknown,
  nowSeconds: number,
  isValidId: (id: string) => boolean,
): Mapping | BatchReason {
  const { ec_id, partner_uid, timestamp } = (mapping ?? {}) as Record<string, unknown>;
  if (typeof ec_id !== "string" || !isValidId(ec_id)) return "invalid_ec_id";
  if (!isUid(partner_uid)) return "invalid_uid";
  const isTime = typeof timestamp === "number" && Number.isSafeInteger(timestamp) && timestamp >= 0;
  if (!isTime || isFarAhead(timestamp, nowSeconds)) return "invalid_timestamp";
  return { id: ec_id, uid: partner_uid, synced: timestamp };
}

/** The reason for which the graph refused an id's mappings; `null`: it wrote them. */
function refusalOf(outcomes: UpsertOutcome[] | null): BatchReason | null {
  if (outcomes === null || outcomes[0] === "deleted") return "ec_id_not_found";
  return outcomes[0] === "tombstoned" ? "consent_withdrawn" : null;
}

/** The mappings of one id, and their indexes in the upload. */
interface Writing {
  indexes: number[];
  upserts: Upsert[];
}

/** What {@link applyMappings} needs. */
export interface BatchDependencies {
  graph: Pick<Graph, "upsertKnown">;
  isValidId(id: string): boolean;
  nowSeconds: number;
  /** Called with what the store throws. */
  onFailure(error: unknown): void;
}

/**
 * Writes one partner's mappings. The mappings of one id are one write, and the newest counts. After a failure of the store nothing
 * more is written; accepted mappings stay.
 */
export async function applyMappings(
  mappings: readonly unknown[],
  { id: partner, generation }: Pick<Partner, "id" | "generation">,
  { graph, isValidId, nowSeconds, onFailure }: BatchDependencies,
): Promise<BatchAnswer> {
  const reasons = new Array<BatchReason | null>(mappings.length).fill(null);
  const byId = new Map<string, Writing>();
  mappings.forEach((mapping, index) => {
    const read = readMapping(mapping, nowSeconds, isValidId);
    if (typeof read === "string") {
      reasons[index] = read;
      return;
    }
    const { id, uid, synced } = read;
    const upsert = { partner, uid, synced, ...generationOf({ generation }) };
    const known = byId.get(id);
    if (known === undefined) byId.set(id, { indexes: [index], upserts: [upsert] });
    else {
      known.indexes.push(index);
      known.upserts.push(upsert);
    }
  });

  let isDown = false;
  async function write(id: string, { indexes, upserts }: Writing): Promise<void> {
    let reason: BatchReason | null = "kv_unavailable";
    try {
      if (!isDown) reason = refusalOf(await graph.upsertKnown(id, upserts));
    } catch (error) {
      // A lost race concerns only this id.
      if (!(error instanceof ContentionError)) isDown = true;
      onFailure(error);
    }
    for (const index of indexes) reasons[index] = reason;
  }

  const writes = [...byId];
  for (let at = 0; at < writes.length; at += WRITES_AT_ONCE) {
    await Promise.all(writes.slice(at, at + WRITES_AT_ONCE).map(([id, writing]) => write(id, writing)));
  }

  const errors = reasons.flatMap((reason, index) => (reason === null ? [] : [{ index, reason }]));
  return { accepted: mappings.length - errors.length, rejected: errors.length, errors };
}
