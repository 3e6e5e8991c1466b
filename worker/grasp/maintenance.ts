/**
 * When repositories are maintained (O22, O23, N20): soon after something changed in them, and each once a day.
 * @module
 */

import { ownerText } from "../../runtime/grasp/contributor.ts";
import type { Grasp } from "../../runtime/grasp/grasp.ts";
import type { GraspHappening } from "../../runtime/grasp/happenings.ts";
import { shareOfDay, TICK_MS } from "../../runtime/grasp/maintenance-plan.ts";
import type { Clock, Log, Metrics } from "../../runtime/platform.ts";
import type { Disk } from "./disk.ts";
import { type MaintenanceResult, maintain } from "./git/maintenance.ts";
import { type GitPool, PoolBusy } from "./git/pool.ts";
import type { DataFolders, DiskRepositories } from "./repositories.ts";

/** How long objects are pruned in one sweep, in milliseconds (O23). */
const PRUNE_MS = 2 * 60_000;

interface Name {
  readonly owner: string;
  readonly identifier: string;
}

/** What {@link Maintenance} works with. */
export interface MaintenanceNeeds {
  readonly grasp: Grasp;
  readonly repositories: DiskRepositories;
  readonly folders: Pick<DataFolders, "quarantines" | "home">;
  readonly pool: Pick<GitPool, "run">;
  readonly disk: Pick<Disk, "hasRoomToPack" | "measure">;
  /** The clock of deadlines (P25). */
  readonly clock: Clock;
  readonly log: Pick<Log, "debug" | "info" | "warn">;
  readonly metrics: Pick<Metrics, "count" | "observe">;
  /** Repositories at the same time. The pool holds to it, too. */
  readonly atOnce: number;
}

export class Maintenance {
  readonly #needs: MaintenanceNeeds;
  /** Repositories in which something changed. */
  readonly #touched = new Map<string, Name>();
  /** What is left of this day's repositories; they are also pruned. */
  #round: Name[] = [];
  #share = 0;
  #cancel = () => {};
  #stopListening = () => {};
  #running: Promise<void> = Promise.resolve();
  readonly #stopped = new AbortController();

  constructor(needs: MaintenanceNeeds) {
    this.#needs = needs;
  }

  start(): void {
    this.#stopListening = this.#needs.grasp.onHappening((happening) => this.#hear(happening));
    this.#wait();
  }

  /** Ends it. Git processes that run are ended; the repositories stay as they were. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error("the service stops"));
    this.#stopListening();
    this.#cancel();
    await this.#running;
  }

  #hear(happening: GraspHappening): void {
    const { kind } = happening;
    if (kind !== "aligned" && !(kind === "push-judged" && happening.granted)) return;
    const { owner, identifier } = happening;
    this.#touched.set(`${owner}/${identifier}`, { owner, identifier });
  }

  #wait(): void {
    this.#cancel = this.#needs.clock.after(TICK_MS, () => {
      this.#running = this.#sweep()
        .catch((error) => this.#needs.log.warn("repositories could not be maintained", { error }))
        .then(() => {
          if (!this.#stopped.signal.aborted) this.#wait();
        });
    });
  }

  async #sweep(): Promise<void> {
    if (this.#round.length === 0) {
      this.#round = await this.#needs.repositories.list();
      this.#share = shareOfDay(this.#round.length);
    }
    const due = this.#round.splice(0, this.#share).map((name) => ({ name, isDaily: true }));
    const soon = [...this.#touched.values()].map((name) => ({ name, isDaily: false }));
    this.#touched.clear();
    const pruning = new AbortController();
    const stopTimer = this.#needs.clock.after(PRUNE_MS, () =>
      pruning.abort(new Error("a prune took too long")),
    );
    const work = [...soon, ...due];
    const lane = async () => {
      for (let next = work.shift(); next !== undefined; next = work.shift()) {
        if (this.#stopped.signal.aborted) return;
        // Those that are left for the next sweep.
        if (next.isDaily && pruning.signal.aborted) this.#round.push(next.name);
        else await this.#maintain(next.name, next.isDaily ? pruning.signal : null);
      }
    };
    try {
      await Promise.all(Array.from({ length: this.#needs.atOnce }, lane));
    } finally {
      stopTimer();
    }
  }

  /** Maintains one repository; one that is in use has its turn at the next sweep. */
  async #maintain(name: Name, pruning: AbortSignal | null): Promise<void> {
    const { pool, clock, log, metrics, disk } = this.#needs;
    const { owner, identifier } = name;
    const fields = { npub: ownerText(owner), identifier };
    const putOff = () => {
      if (pruning === null) this.#touched.set(`${owner}/${identifier}`, name);
      else this.#round.push(name);
      metrics.count("grasp_maintenance_total", { result: "put_off" });
    };
    if (!(await disk.hasRoomToPack(owner, identifier))) return putOff();
    const beganMs = clock.now();
    try {
      const result = await pool.run("maintenance", null, () => this.#work(name, pruning));
      if (result === null) return;
      if (result.result === "put_off") putOff();
      else metrics.count("grasp_maintenance_total", { result: result.result });
      metrics.count("grasp_maintenance_freed_bytes_total", undefined, result.freedBytes);
      metrics.count("grasp_leftover_bytes_total", undefined, result.leftovers.bytes);
      if (result.leftovers.files.length > 0)
        log.warn("files of killed Git processes were removed", { ...fields, bytes: result.leftovers.bytes });
      if (result.result !== "done") return;
      const { combined, freedBytes } = result;
      const seconds = Math.max(0, clock.now() - beganMs) / 1000;
      metrics.observe("grasp_maintenance_seconds", seconds);
      log.info("a repository was maintained", { ...fields, combined, freedBytes, seconds });
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      if (error instanceof PoolBusy) return putOff();
      metrics.count("grasp_maintenance_total", { result: "failed" });
      log.warn("a repository could not be maintained", { ...fields, error });
    }
  }

  /** `null`: the repository is gone. */
  async #work({ owner, identifier }: Name, pruning: AbortSignal | null): Promise<MaintenanceResult | null> {
    const { grasp, repositories, folders, clock, disk } = this.#needs;
    const repository = repositories.open(owner, identifier);
    if (repository === null) return null;
    if (pruning !== null) await grasp.undo.endBackups(owner, identifier);
    const result = await maintain(
      {
        repository,
        ...folders,
        signal: this.#stopped.signal,
        nowSeconds: () => Math.floor(clock.now() / 1000),
        underLock: (work) => grasp.underLock(identifier, work),
        isFree: () =>
          repositories.open(owner, identifier) === repository && !grasp.isInUse(owner, identifier),
        mayForget: () => !grasp.purgatory.hasPending(identifier),
      },
      pruning,
    );
    if (result.result === "done") await disk.measure(owner, identifier);
    return result;
  }
}
