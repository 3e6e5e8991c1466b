/**
 * Crashes: every write of a life passes its gate, which may end the life there.
 * @module
 */

/** The disk did not do a write. */
export class WriteFailed extends Error {
  override readonly name = "WriteFailed";
}

/** The process is gone. */
export class Crash extends Error {
  override readonly name = "Crash";
}

/** Where a life ends, or where one write fails. */
export interface CrashPlan {
  /** How many writes are done before. */
  readonly after: number;
  /** Whether the write at which it ends is not done, done in part, or done; `fails`: it is not done, and the life goes on. */
  readonly how: "before" | "partly" | "done" | "fails";
}

/** The writes of one life of the service. */
export class Gate {
  #plan: CrashPlan | null = null;
  #writes = 0;
  isDead = false;
  /** Whether the planned write failed. */
  hasFailed = false;

  /** The life ends at a write from now on, or the write fails; `null`: neither. */
  plan(plan: CrashPlan | null): void {
    this.#plan = plan;
    this.#writes = 0;
    this.hasFailed = false;
  }

  /** Does a write. @param part does a part of it, if that is possible */
  async write<T>(work: () => T | Promise<T>, part: () => void = () => {}): Promise<T> {
    // Other work gets its turn, as it does while a disk writes.
    await Promise.resolve();
    if (this.isDead) throw new Crash();
    const isLast = this.#plan !== null && this.#writes++ >= this.#plan.after;
    if (!isLast || this.hasFailed) return work();
    if (this.#plan!.how === "fails") {
      this.hasFailed = true;
      throw new WriteFailed();
    }
    this.isDead = true;
    if (this.#plan!.how === "done") await work();
    if (this.#plan!.how === "partly") part();
    throw new Crash();
  }
}
