/**
 * The Durable Object of millrace on Cloudflare.
 * @module
 */

import { DurableObject } from "cloudflare:workers";
import { parseJson } from "../../../runtime/lib/json.ts";
import { type Group, takeFrom } from "../../../runtime/limiters/durable-object.ts";
import type { PutOptions, PutResult, RateLimit, StoreEntry, TakeResult } from "../../../runtime/platform.ts";
import { type Entries, openEntries } from "../../../runtime/stores/durable-object.ts";

/**
 * The Durable Object in which millrace keeps the identity graph and counts. A Worker that uses millrace exports it, and
 * binds it as `MILLRACE`, with SQLite storage.
 */
export class Millrace extends DurableObject {
  readonly #entries: Entries;

  constructor(...args: ConstructorParameters<typeof DurableObject>) {
    super(...args);
    this.#entries = openEntries(this.ctx.storage, { now: () => this.now() });
  }

  /** Milliseconds since the epoch. */
  protected now(): number {
    return Date.now();
  }

  get(key: string): StoreEntry | null {
    return this.#entries.get(key);
  }

  async put(key: string, value: string, options: PutOptions): Promise<PutResult> {
    await this.#entries.arm();
    return this.#entries.put(key, value, options);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  list(prefix: string, after: string | null, limit: number) {
    return this.#entries.list(prefix, after, limit);
  }

  async take(key: string, rate: RateLimit): Promise<TakeResult> {
    await this.#entries.arm();
    const stored = this.#entries.get(key);
    const groups: Group[] = stored === null ? [] : (parseJson(stored.value, "a stored window") as Group[]);
    const newest = groups.at(-1)?.[1];
    const result = takeFrom(groups, this.now(), rate);
    // Also if the groups were moved because the clock had been ahead.
    if (result.admitted || groups.at(-1)?.[1] !== newest) {
      this.#entries.put(key, JSON.stringify(groups), { ttlSeconds: rate.windowMs / 1000 });
    }
    return result;
  }

  alarm(): Promise<void> {
    return this.#entries.sweep();
  }
}
