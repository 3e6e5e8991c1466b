/**
 * Which servers were asked for an identifier, when, and what they answered (G27, S26). It listens to the sync engine.
 * @module
 */
import type { Outcome, SyncEvent } from "../../sync/index.ts";

/** The newest question to one URL. The URL is foreign text. */
export interface Asked {
  readonly url: string;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  /** `null`: the fetch is under way. */
  readonly endedMs: number | null;
  /** `null`: the fetch is under way. */
  readonly outcome: Outcome | null;
  /** Object ids that were obtained. */
  readonly items: number;
  /** What the server answered, in our words; `null`: it brought what it had. */
  readonly answer: string | null;
  /** How often this URL was asked. */
  readonly times: number;
}

/** Bounds: identifiers, and URLs of one identifier. The oldest are forgotten. */
const MAX_IDENTIFIERS = 10_000;
const MAX_URLS = 50;
/** Longest answer, in characters. */
const MAX_ANSWER = 200;

export class AskedHistory {
  readonly #byIdentifier = new Map<string, Map<string, Asked>>();
  readonly #now: () => number;

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The URLs that were asked for an identifier, the newest first. */
  of(identifier: string): Asked[] {
    return [...(this.#byIdentifier.get(identifier)?.values() ?? [])].reverse();
  }

  /** A listener of the engine. */
  readonly listen = (event: SyncEvent): void => {
    if (event.kind !== "fetch-started" && event.kind !== "fetch-ended") return;
    const { identifier, source } = event;
    const before = this.#byIdentifier.get(identifier)?.get(source.key);
    if (event.kind === "fetch-started") {
      const times = (before?.times ?? 0) + 1;
      this.#put(identifier, source.key, {
        url: source.url,
        startedMs: this.#now(),
        endedMs: null,
        outcome: null,
        items: 0,
        answer: null,
        times,
      });
    } else if (before !== undefined) {
      const { outcome, items, error } = event;
      const answer = error instanceof Error ? error.message.slice(0, MAX_ANSWER) : null;
      this.#put(identifier, source.key, { ...before, endedMs: this.#now(), outcome, items, answer });
    }
  };

  #put(identifier: string, key: string, asked: Asked): void {
    const urls = this.#byIdentifier.get(identifier) ?? new Map<string, Asked>();
    urls.delete(key);
    urls.set(key, asked);
    if (urls.size > MAX_URLS) urls.delete(urls.keys().next().value!);
    this.#byIdentifier.delete(identifier);
    this.#byIdentifier.set(identifier, urls);
    if (this.#byIdentifier.size > MAX_IDENTIFIERS)
      this.#byIdentifier.delete(this.#byIdentifier.keys().next().value!);
  }
}
