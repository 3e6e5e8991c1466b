/**
 * A database with many events. They come into it through the store's own code, without the check of a signature, so that a million
 * take minutes: ids, keys and signatures are noise that is made from a number.
 * @module
 */
import { createHash } from "node:crypto";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { KIND } from "../../../runtime/grasp/events/kinds.ts";
import type { EventStore } from "../../../runtime/grasp/ports.ts";

/** Comments of each author, and comments on each repository. */
const OF_AN_AUTHOR = 50;
const OF_A_REPOSITORY = 100;
/** Events of one transaction, and how many are stored between two lines of progress. */
const BATCH = 1000;
const PROGRESS_EVERY = 100_000;
const FIRST_SECOND = 1_600_000_000;
/** The kind of a comment. */
export const COMMENT = 1111;

const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");

/** The comments of a database: the event with a number, and how to ask for it. */
export class StoredComments {
  readonly count: number;
  readonly #repositories: number;

  /** @param count comments in all */
  constructor(count: number) {
    this.count = count;
    this.#repositories = Math.ceil(count / OF_A_REPOSITORY);
  }

  id(i: number): string {
    return hashOf(`event ${i}`);
  }

  author(i: number): string {
    return hashOf(`author ${Math.floor(i / OF_AN_AUTHOR)}`);
  }

  /** The repository that it tags. */
  address(i: number): string {
    const number = i % this.#repositories;
    return `${KIND.announcement}:${hashOf(`owner ${number}`)}:repository-${number}`;
  }

  event(i: number): NostrEvent {
    const noise = hashOf(`noise ${i}`);
    return {
      id: this.id(i),
      pubkey: this.author(i),
      created_at: FIRST_SECOND + i,
      kind: COMMENT,
      tags: [["a", this.address(i)]],
      content: noise + noise.slice(0, 56),
      sig: noise + noise,
    };
  }

  /** Puts all of them into a store. @param say tells how far it is */
  async fill(store: Pick<EventStore, "transaction">, say: (text: string) => void): Promise<void> {
    for (let from = 0; from < this.count; from += BATCH) {
      const to = Math.min(this.count, from + BATCH);
      await store.transaction((changes) => {
        for (let i = from; i < to; i++) {
          const { outcome } = changes.save(this.event(i), FIRST_SECOND);
          if (outcome !== "stored") throw new Error(`event ${i} is ${outcome}`);
        }
      });
      if (to % PROGRESS_EVERY === 0) say(`${to.toLocaleString("en")} events are stored`);
    }
  }
}
