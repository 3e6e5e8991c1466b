/**
 * Events that were held with a repository come back when it is announced again (R59): what needs Git data waits for it like what
 * comes from a client, so that nothing is served that is not complete (N1); the rest follows when the announcement is served.
 * @module
 */
import type { Core } from "./core.ts";
import type { NostrEvent } from "./events/event.ts";
import { KIND } from "./events/kinds.ts";
import { storeFault } from "./obstacles.ts";
import { identifiersOfPr } from "./policy/pr-policy.ts";
import { readState } from "./state.ts";

const FROM = { source: "direct", address: null } as const;

export class HeldEvents {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /**
   * Lets held states and PRs of an identifier wait, as far as there is room (P6).
   * @param locks identifiers whose locks are held.
   * @returns whether some did
   */
  async wait(identifier: string, locks: ReadonlySet<string>): Promise<boolean> {
    let isMore = false;
    for (const owner of this.#back(identifier)) {
      const repository = `${owner}/${identifier}`;
      if (!this.#core.store.hasHeld(repository)) continue;
      const elsewhere = this.#statesElsewhere(owner, identifier);
      await this.#core.journal.change((changes) => {
        changes.endHoldSet(repository);
        // Their hold goes on: they may expire before their objects come.
        for (const event of elsewhere) if (this.#waits(event, identifier, locks) === "waits") isMore = true;
        for (const { event } of this.#held(repository)) {
          const result = this.#waits(event, identifier, locks);
          if (result === "full" || result === "follows") continue;
          changes.endHold(event.id);
          if (result === "waits") isMore = true;
        }
      });
    }
    return isMore;
  }

  /** Serves what was held with repositories whose announcement is served. */
  async serve(identifier: string): Promise<void> {
    const { store, known, happenings, nowSeconds } = this.#core;
    for (const owner of this.#back(identifier)) {
      const repository = `${owner}/${identifier}`;
      if (known.announcements(identifier).get(owner)?.status !== "served" || !store.hasHeld(repository))
        continue;
      const served = await store.transaction((changes) => {
        const others = this.#held(repository).filter(({ event }) => !needsData(event));
        return others.flatMap(({ event, steps }) => {
          changes.endHold(event.id);
          return changes.save(event, nowSeconds(), steps).outcome === "stored" ? [event] : [];
        });
      });
      for (const event of served) happenings.tell({ kind: "served", event, waitedMs: null });
    }
  }

  /**
   * States that count for a repository that comes back now, and are held with another one: each is held with the last repository
   * that it was served for.
   */
  #statesElsewhere(owner: string, identifier: string): NostrEvent[] {
    const { store, known } = this.#core;
    if (!store.heldSets(identifier).has(owner)) return [];
    const set = known.sets(identifier).get(owner) ?? new Set();
    return [...known.heldSets(identifier).keys()]
      .flatMap((other) => this.#held(`${other}/${identifier}`))
      .flatMap(({ event }) => (event.kind === KIND.state && set.has(event.pubkey) ? [event] : []));
  }

  /** What is held with a repository and may come back: authors may be banned meanwhile (O14). */
  #held(repository: string): readonly { readonly event: NostrEvent; readonly steps: number }[] {
    const { store, known } = this.#core;
    return store.held(repository).filter(({ event }) => !known.lists.denyAuthors.has(event.pubkey));
  }

  /** The owners whose repository is here. */
  #back(identifier: string): string[] {
    const { known, hosted } = this.#core;
    return [...known.announcements(identifier)].flatMap(([owner, { isHosted, status }]) =>
      isHosted && status !== "soft_expired" && hosted.open(owner, identifier) !== null ? [owner] : [],
    );
  }

  /** `gone`: it does not come back. `full`: there is no room now. `follows`: it needs no Git data. */
  #waits(
    event: NostrEvent,
    identifier: string,
    locks: ReadonlySet<string>,
  ): "waits" | "gone" | "full" | "follows" {
    const { known, purgatory, store } = this.#core;
    // The announcement that brings it back is here.
    if (event.kind === KIND.announcement) return "gone";
    if (!needsData(event)) return "follows";
    const isHere = store.get(event.id) !== null || purgatory.event(event.id) !== null;
    if (isHere || storeFault(event, this.#core) !== null) return "gone";
    if (event.kind === KIND.state) {
      if ("fault" in readState(event)) return "gone";
      const { outcome } = purgatory.addState(event, identifier, FROM);
      return outcome === "added" ? "waits" : outcome === "full" ? "full" : "gone";
    }
    const named = identifiersOfPr(event, known).filter((one) => locks.has(one));
    const identifiers = [...new Set([identifier, ...named])];
    return purgatory.addPr(event, identifiers, FROM).outcome === "added" ? "waits" : "full";
  }
}

function needsData({ kind }: NostrEvent): boolean {
  return kind === KIND.state || kind === KIND.pullRequest || kind === KIND.pullRequestUpdate;
}
