/**
 * Events that tools publish to test a server (O17): they go by themselves, if the operator wants that.
 * @module
 */
import type { Core } from "./core.ts";
import { type NostrEvent, tagValue } from "./events/event.ts";
import { KIND } from "./events/kinds.ts";
import type { Operator } from "./operator.ts";

/** The value of the tag `t` that such events have. */
export const TEST_TAG = "grasp-audit-test-event";
/** From this age on they are removed, in seconds. */
const MAX_AGE_SECONDS = 2 * 60 * 60;
/** How often, in milliseconds. */
export const TEST_EVENTS_EVERY_MS = 30 * 60_000;

/** Removes old test events, and the repositories of announcements among them. Nothing else goes. */
export class TestEvents {
  readonly #core: Core;
  readonly #operator: Operator;

  constructor(core: Core, operator: Operator) {
    this.#core = core;
    this.#operator = operator;
  }

  /** @returns the number of events that went */
  async remove(): Promise<number> {
    let removed = 0;
    for (const event of this.#page([KIND.announcement])) if (await this.#removeRepository(event)) removed++;
    for (;;) {
      const page = this.#page(null);
      if (page.length === 0) return removed;
      const ids = page.map(({ id }) => id);
      await this.#core.store.transaction((changes) => {
        for (const id of ids) changes.remove(id, null);
      });
      removed += ids.length;
    }
  }

  /** Served test events that are old enough. @param kinds `null`: those that no ref follows from */
  #page(kinds: readonly number[] | null): NostrEvent[] {
    const { store, nowSeconds } = this.#core;
    const now = nowSeconds();
    const filter = {
      tags: new Map([["t", new Set([TEST_TAG])]]),
      until: now - MAX_AGE_SECONDS,
      ...(kinds === null ? {} : { kinds: new Set(kinds) }),
    };
    const found = store.query([filter], now);
    return kinds === null ? found.filter(({ kind }) => !HAS_REFS.has(kind)) : found;
  }

  /** Takes a test repository away, with its folder; events of others that belong to it are held, as after an eject. */
  async #removeRepository(event: NostrEvent): Promise<boolean> {
    const { hosted, store, locks } = this.#core;
    const { pubkey: owner, id } = event;
    const identifier = tagValue(event, "d") ?? "";
    const isStill = async () => store.newest(KIND.announcement, owner, identifier)?.id === id;
    if (!(await this.#operator.eject(owner, identifier, isStill))) return false;
    await locks.run(identifier, async () => {
      // A later announcement may have brought it back.
      if (hosted.open(owner, identifier) === null) await hosted.port.dropHeld(owner, identifier);
    });
    await store.transaction((changes) => {
      for (const held of store.held(`${owner}/${identifier}`)) {
        if (isTest(held.event)) changes.endHold(held.event.id);
      }
    });
    return true;
  }
}

/** Kinds whose removal would move refs. They go with the announcement of their repository. */
const HAS_REFS: ReadonlySet<number> = new Set([
  KIND.announcement,
  KIND.state,
  KIND.pullRequest,
  KIND.pullRequestUpdate,
]);

function isTest({ tags }: NostrEvent): boolean {
  return tags.some(([name, value]) => name === "t" && value === TEST_TAG);
}
