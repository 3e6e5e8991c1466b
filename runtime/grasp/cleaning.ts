/**
 * Unused repositories: announced ones without a ref, and ones without an announcement (O16).
 * @module
 */
import { contributorOf } from "./contributor.ts";
import type { Core } from "./core.ts";
import type { Operator } from "./operator.ts";
import { HELD_MS } from "./removals.ts";
import type { RepositoryName } from "./repository-name.ts";

/** A repository that may be cleaned away, and why. */
export interface Unneeded extends RepositoryName {
  /** `no_refs`: its announcement is served, and it is empty. `no_announcement`: no announcement here belongs to it. */
  readonly why: "no_refs" | "no_announcement";
}

export class Cleaning {
  readonly #core: Core;
  readonly #operator: Operator;

  constructor(core: Core, operator: Operator) {
    this.#core = core;
    this.#operator = operator;
  }

  /** The repositories that may be cleaned away now. Contributors' ones end by themselves (X11). */
  async find(): Promise<Unneeded[]> {
    const found: Unneeded[] = [];
    for (const { owner, identifier } of await this.#core.hosted.port.list()) {
      const why = await this.#why(owner, identifier);
      if (why !== null) found.push({ owner, identifier, why });
    }
    return found;
  }

  /**
   * Takes a repository out of service, if the reason still holds under its lock. It is held for 90 days, with its events.
   * @returns whether it went
   */
  async clean({ owner, identifier, why }: Unneeded): Promise<boolean> {
    const isStill = async () => (await this.#why(owner, identifier)) === why;
    if (why === "no_refs") return this.#operator.eject(owner, identifier, isStill);
    const { hosted, locks, nowMs } = this.#core;
    return locks.run(identifier, async () => {
      if (!(await isStill())) return false;
      await hosted.hold(owner, identifier, nowMs() + HELD_MS.denied);
      return true;
    });
  }

  async #why(owner: string, identifier: string): Promise<Unneeded["why"] | null> {
    const { hosted, known, purgatory } = this.#core;
    const repository = contributorOf(owner) === null ? hosted.open(owner, identifier) : null;
    if (repository === null || hosted.isInUse(owner, identifier)) return null;
    const announced = known.announcements(identifier).get(owner);
    if (announced === undefined) return "no_announcement";
    const isWaitedFor = purgatory.entries(identifier).length > 0;
    if (announced.status !== "served" || !announced.isHosted || isWaitedFor) return null;
    return (await repository.refs()).refs.size === 0 ? "no_refs" : null;
  }
}
