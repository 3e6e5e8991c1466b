/**
 * The stories of all visitors, one for each browser.
 * @module
 */
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { toHex } from "../../../runtime/lib/hex.ts";
import type { Random } from "../../../runtime/platform.ts";
import { ACTIONS, type Action, Story, type StoryParts } from "./story.ts";

const MAX_STORIES = 12;
const SESSION = /^[0-9a-f]{32}$/;

/** A story by its session. Its story is another one after "start again". */
interface Entry {
  story: Promise<Story>;
}

export class Stories {
  readonly #parts: Omit<StoryParts, "folder">;
  readonly #folder: string;
  readonly #random: Random;
  readonly #entries = new Map<string, Entry>();

  /** @param folder existing; each story gets a folder in it */
  constructor(parts: Omit<StoryParts, "folder">, folder: string, random: Random) {
    this.#parts = parts;
    this.#folder = folder;
    this.#random = random;
  }

  newSession(): string {
    const bytes = new Uint8Array(16);
    this.#random.fill(bytes);
    return toHex(bytes);
  }

  /** The story of a session, which begins with its first use; `null`: this is no session. */
  of(session: string): Promise<Story> | null {
    if (!SESSION.test(session)) return null;
    let entry = this.#entries.get(session);
    if (entry === undefined) {
      const [oldest] = this.#entries;
      if (this.#entries.size >= MAX_STORIES && oldest !== undefined) {
        this.#entries.delete(oldest[0]);
        void end(oldest[1].story);
      }
      entry = { story: this.#begin() };
      this.#entries.set(session, entry);
    }
    return entry.story;
  }

  /** Begins a session's story again, and plays it up to an action. Those who watched the old one watch the new one. */
  async again(session: string, until: Action): Promise<void> {
    const before = await this.of(session);
    if (before === null) return;
    const watchers = [...before.watchers];
    const story = this.#begin();
    this.#entries.set(session, { story });
    await before.close();
    const begun = await story;
    for (const watcher of watchers) {
      begun.watchers.add(watcher);
      watcher();
    }
    for (const action of ACTIONS.slice(0, ACTIONS.indexOf(until))) await begun.perform(action);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ story }) => end(story)));
  }

  async #begin(): Promise<Story> {
    return Story.begin({ ...this.#parts, folder: await mkdtemp(join(this.#folder, "story-")) });
  }
}

async function end(story: Promise<Story>): Promise<void> {
  try {
    await (await story).close();
  } catch {
    // It never began.
  }
}
