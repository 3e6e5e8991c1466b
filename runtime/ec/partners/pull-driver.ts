/**
 * Drives pull sync after a visit: asks the partners that are due now, or hands the id to the sync engine.
 * @module
 */
import type { RequestIds } from "../../observe/trace-context.ts";
import type { Clock } from "../../platform.ts";
import { DELAYS_MS, type SyncEngine } from "../../sync/index.ts";
import type { EcContext } from "../request/context.ts";
import { PULLS_BEGIN_WITHIN_MS } from "../timeouts.ts";
import type { PulledId, PullSync } from "./pull-sync.ts";

/** What {@link PullDriver} needs. */
export interface PullDriverDependencies {
  readonly pullSync: Pick<PullSync, "mayBegin" | "begin" | "leaveToEngine" | "end" | "forget">;
  readonly engine: Pick<SyncEngine<string, PulledId>, "tryNow" | "enqueue" | "has" | "drop">;
  readonly clock: Pick<Clock, "after">;
  /** The process lives on between requests, so that ids may wait in the engine. */
  readonly livesBetweenRequests: boolean;
}

/** Pulls for the visits of all ids. */
export class PullDriver {
  readonly #dependencies: PullDriverDependencies;
  /** The number of visits of each id that pull now. */
  readonly #visits = new Map<string, number>();

  constructor(dependencies: PullDriverDependencies) {
    this.#dependencies = dependencies;
  }

  /** Whether any partner may be due for a visitor. Decided without the store. */
  mayBegin(context: EcContext): boolean {
    return this.#dependencies.pullSync.mayBegin(context);
  }

  /** Asks the partners that are due, or has them asked as soon as their domains have room. @param ids of the request. Default: none. */
  async pull(context: EcContext, ids?: RequestIds): Promise<void> {
    const { pullSync, engine, livesBetweenRequests } = this.#dependencies;
    const id = context.activeId!;
    this.#visits.set(id, (this.#visits.get(id) ?? 0) + 1);
    try {
      if (await pullSync.begin(context, ids)) await this.#tryNow(id);
    } finally {
      const others = this.#visits.get(id)! - 1;
      if (others > 0) this.#visits.set(id, others);
      else this.#visits.delete(id);
      // Neither the engine nor another visit works on the id: the visitor's next page begins again.
      if (others === 0 && livesBetweenRequests && !engine.has(id)) pullSync.forget(id);
    }
  }

  /** Drops the work that waits for an id. */
  drop(id: string): void {
    this.#dependencies.pullSync.end(id);
    this.#dependencies.engine.drop(id);
  }

  async #tryNow(id: string): Promise<void> {
    const { pullSync, engine, clock, livesBetweenRequests } = this.#dependencies;
    const cancel = livesBetweenRequests
      ? () => {}
      : clock.after(PULLS_BEGIN_WITHIN_MS, () => pullSync.end(id));
    const result = await engine.tryNow(id);
    cancel();
    if (result !== "throttled" || !livesBetweenRequests) return;
    if (engine.enqueue(id, DELAYS_MS.immediate).admitted) pullSync.leaveToEngine(id);
  }
}
