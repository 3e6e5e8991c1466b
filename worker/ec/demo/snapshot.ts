/**
 * The state of the panel as one value.
 * @module
 */

import { type GraphEntry, isTombstone, TOMBSTONE_TTL_SECONDS } from "../../../runtime/ec/graph/entry.ts";
import type { Graph } from "../../../runtime/ec/graph/graph.ts";
import { ecHash } from "../../../runtime/ec/id.ts";
import type { PartnerReason } from "../../../runtime/ec/partners/partner-consent.ts";
import type { ConsentReason } from "../../../runtime/ec/request/consent.ts";
import { allowsEcCreation } from "../../../runtime/ec/request/consent.ts";
import type { RawSignals } from "../../../runtime/ec/request/signals.ts";
import { type Company, PLAYED } from "./partners/companies.ts";
import { places } from "./places.ts";
import type { PullLine } from "./pulls.ts";
import { JURISDICTIONS, reasonOf, refusalOf } from "./story.ts";
import type { Step, Visitor } from "./visitors.ts";

interface SplitId {
  hash: string;
  suffix: string;
}

/** The state that panel.js draws. */
export interface Snapshot {
  places: { key: string; name: string }[];
  place: string;
  steps: Step[];
  /** The normalised address from which an id is derived. */
  address: string | null;
  id: SplitId | null;
  consent: {
    allowed: boolean;
    jurisdiction: string;
    /** The reason's code, as the log and the metrics have it. */
    code: ConsentReason;
    reason: string;
    signals: RawSignals;
  } | null;
  graph: {
    /** Whether the store failed. */
    isDown: boolean;
    entry: GraphEntry | null;
    tombstone: { id: SplitId; entry: GraphEntry; untilMs: number } | null;
  };
  happenings: Visitor["happenings"];
  partners: {
    id: string;
    name: string;
    trait: string;
    isPlayed: boolean;
    /** Why the partner may not have the visitor's id although others may; `null`: it may, or no partner may. */
    refusal: { code: PartnerReason; text: string } | null;
  }[];
  pulls: readonly PullLine[];
}

/** Reads the state for one visitor at `place`. */
export async function takeSnapshot(
  visitor: Visitor,
  place: string,
  graph: Graph,
  companies: readonly Company[],
): Promise<Snapshot> {
  // The look-up comes first, since its result may complete a step.
  const found = await lookUp(visitor, graph).catch(() => ({ isDown: true, entry: null, tombstone: null }));
  const { context, id, happenings, pulls } = visitor;
  return {
    places: places.map(({ key, name }) => ({ key, name })),
    place,
    steps: [...visitor.steps],
    address: context?.client.ip ?? null,
    id: id === null ? null : split(id),
    consent:
      context === null
        ? null
        : {
            allowed: allowsEcCreation(context.consent),
            jurisdiction: JURISDICTIONS[context.consent.jurisdiction],
            code: context.consent.reason,
            reason: reasonOf(context.consent),
            signals: context.consent.signals.raw,
          },
    graph: found,
    happenings,
    partners: companies.map(({ record, trait }) => ({
      id: record.id,
      name: record.name,
      trait,
      isPlayed: record.id === PLAYED.id,
      refusal: context === null ? null : refusalOf(record, context),
    })),
    pulls: pulls.lines,
  };
}

async function lookUp({ id, withdrawnId }: Visitor, graph: Graph): Promise<Snapshot["graph"]> {
  const [entry, withdrawn] = await Promise.all([
    id === null ? null : graph.get(id),
    withdrawnId === null || withdrawnId === id ? null : graph.get(withdrawnId),
  ]);
  const isWithdrawn = withdrawnId !== null && withdrawn !== null && isTombstone(withdrawn);
  return {
    isDown: false,
    entry,
    tombstone: isWithdrawn ? { id: split(withdrawnId), entry: withdrawn, untilMs: endOf(withdrawn) } : null,
  };
}

const endOf = (tombstone: GraphEntry) => (tombstone.consent.updated + TOMBSTONE_TTL_SECONDS) * 1000;

function split(id: string): SplitId {
  const hash = ecHash(id);
  return { hash, suffix: id.slice(hash.length + 1) };
}
