/**
 * What waited too long goes (P18 to P23).
 * @module
 */

import { readRepositoryName } from "./contributor.ts";
import type { Core } from "./core.ts";
import { tagValue } from "./events/event.ts";
import { KIND } from "./events/kinds.ts";
import { type Entry, identifiersOf } from "./purgatory/entry.ts";
import { lookPlan } from "./release/intent.ts";
import type { Releases } from "./release/releases.ts";
import type { Removals } from "./removals.ts";
import { deleteIfUnused, deleteUnusedAfter } from "./unused.ts";

/** @returns `false`: something of it failed */
type SetsChanged = (identifier: string, held: ReadonlySet<string>) => Promise<boolean>;

export class Expiry {
  readonly #core: Core;
  readonly #releases: Releases;
  readonly #removals: Removals;
  readonly #setsChanged: SetsChanged;

  /** @param setsChanged judges again what waits, by the new maintainer sets. */
  constructor(core: Core, releases: Releases, removals: Removals, setsChanged: SetsChanged) {
    this.#core = core;
    this.#releases = releases;
    this.#removals = removals;
    this.#setsChanged = setsChanged;
  }

  /** Ends the entries whose time is over. Called once a minute (P21). */
  async sweep(): Promise<void> {
    const { purgatory, hosted, nowMs } = this.#core;
    for (const { entry } of purgatory.due()) {
      await this.#releases.locked(identifiersOf(entry), async (held) => {
        // It may have been prolonged or released while the lock was waited for (P23).
        const due = purgatory.stillDue(entry);
        if (due !== null) await this.#end(due, held);
      });
    }
    await this.#removeExpired();
    await hosted.port.deleteHeld(nowMs());
  }

  /** Ends an event that waits as if its time were over, as an operator may wish (O14). @returns whether it waited */
  async endNow(id: string): Promise<boolean> {
    const { purgatory } = this.#core;
    const entry = purgatory.event(id);
    if (entry === null) return false;
    return this.#releases.locked(identifiersOf(entry), async (held) => {
      const now = purgatory.event(id);
      if (now === null) return false;
      await this.#end(now, held);
      return true;
    });
  }

  /** Events whose own time is over are removed, not only hidden (R12), and PRs with their refs. */
  async #removeExpired(): Promise<void> {
    const { store, nowSeconds } = this.#core;
    const { identifiers, look, inGit } = await store.transaction((changes) => {
      const removed = changes.removeExpired(nowSeconds());
      // Sets change with announcements, and which state decides changes with states (A16).
      const deciding = removed.filter(({ kind }) => kind === KIND.announcement || kind === KIND.state);
      const names = [...new Set(deciding.map((event) => tagValue(event, "d") ?? ""))];
      return {
        identifiers: names,
        look: names.length === 0 ? null : changes.beginIntent(lookPlan(names)),
        inGit: this.#removals.expired(removed, changes),
      };
    });
    if (inGit !== null) {
      const names = inGit.plan.refs.map((one) => one.identifier);
      await this.#releases.locked(names, () => this.#removals.carryOut(inGit.intent, inGit.plan));
    }
    if (look === null) return;
    let isDone = true;
    for (const identifier of identifiers) {
      const look = (held: ReadonlySet<string>) => this.#setsChanged(identifier, held);
      isDone = (await this.#releases.locked([identifier], look)) && isDone;
    }
    if (isDone) await store.transaction((changes) => changes.endIntent(look));
  }

  async #end(entry: Entry, held: ReadonlySet<string>): Promise<void> {
    const { purgatory, journal, hosted, store } = this.#core;
    // After the second expiry the announcement gives no rights (P35).
    const isLast = entry.store === "announcement" && entry.isSoftExpired;
    const look = await journal.change((changes) => {
      purgatory.expire(entry);
      return isLast ? changes.beginIntent(lookPlan([entry.identifier])) : null;
    });
    if (entry.store === "placeholder") {
      const { owner } = readRepositoryName(entry.repository);
      await hosted.port.upload(owner, entry.identifier, entry.id)?.discard();
      // Its repository may have waited for nothing else.
      await deleteIfUnused(owner, entry.identifier, this.#core);
    }
    if (entry.store === "pr") await deleteUnusedAfter(entry, this.#core);
    if (entry.store !== "announcement") return;
    await deleteIfUnused(entry.event.pubkey, entry.identifier, this.#core);
    if (look === null) return;
    if (!(await this.#setsChanged(entry.identifier, held))) return;
    await store.transaction((changes) => changes.endIntent(look));
  }
}
