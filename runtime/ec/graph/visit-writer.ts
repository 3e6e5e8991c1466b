/**
 * What a visit writes to the identity graph.
 * @module
 */
import type { Metrics } from "../../platform.ts";
import type { EcContext } from "../request/context.ts";
import { type ConsentEvidence, evidenceOf } from "../request/evidence.ts";
import type { MayAdopt } from "./adoption.ts";
import type { MayEnd } from "./ending.ts";
import { type GraphEntry, isDeletionMark, isTombstone, newEntry, toSeconds } from "./entry.ts";
import type { Graph } from "./graph.ts";

/** What {@link VisitWriter} needs. */
export interface VisitWriterDependencies {
  readonly graph: Pick<Graph, "getOrMark" | "createOrRevive" | "updateLastSeen" | "tombstone">;
  readonly mayAdopt: MayAdopt;
  readonly mayEnd: MayEnd;
  readonly metrics: Pick<Metrics, "count">;
  /** SHA-256 of a text in UTF-8, as lower-case hex. */
  sha256Hex(text: string): string;
  /** Called before an id is withdrawn: no work for it may begin any more. */
  onWithdrawal(id: string): void;
}

/** Writes visits to the graph. Every method rejects if the store fails. */
export class VisitWriter {
  readonly #dependencies: VisitWriterDependencies;

  constructor(dependencies: VisitWriterDependencies) {
    this.#dependencies = dependencies;
  }

  /** The entry of a visitor who is seen for the first time now. */
  newEntry(context: EcContext): GraphEntry {
    return newEntry(context.consent, this.#evidence(context), toSeconds(context.nowMs));
  }

  /** Creates the entry of a minted id. */
  create(id: string, context: EcContext): Promise<void> {
    return this.#dependencies.graph.createOrRevive(id, this.newEntry(context));
  }

  /** Writes that a known or adoptable id was seen. */
  async touch(id: string, context: EcContext): Promise<void> {
    const { graph, mayAdopt } = this.#dependencies;
    const stored = await graph.getOrMark(id);
    if (stored === null) {
      if (await mayAdopt(id, context)) await this.create(id, context);
    } else if (isTombstone(stored)) {
      if (!isDeletionMark(stored)) await this.create(id, context);
    } else {
      await graph.updateLastSeen(id, context.nowMs, this.#evidence(context));
    }
  }

  /** Withdraws an id, if this client may. The response deletes the cookie in any case. */
  async withdraw(id: string, context: EcContext): Promise<void> {
    const { graph, mayAdopt, mayEnd, metrics, onWithdrawal } = this.#dependencies;
    const { outcome } = await mayEnd(id, context);
    if (outcome === "refused") metrics.count("millrace_ec_endings_refused_total", { what: "withdrawal" });
    if (outcome !== "may") return;
    onWithdrawal(id);
    await graph.tombstone(id, () => mayAdopt(id, context));
  }

  #evidence({ consent }: EcContext): ConsentEvidence {
    return evidenceOf(consent.signals, this.#dependencies.sha256Hex);
  }
}
