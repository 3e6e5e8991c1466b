/**
 * Announcements and states that were refused for want of something that may come (L22): the event for a short time, its id for
 * long. What is in it is not fetched again (L23).
 * @module
 */
import type { NostrEvent } from "../events/event.ts";
import { type Filter, matches } from "../events/filter.ts";
import { KIND } from "../events/kinds.ts";
import { MAX_REFUSED } from "./figures.ts";
import type { Memory, RefusedRow, RelaySyncSettings } from "./ports.ts";

/** Kinds that it holds. */
export const REFUSED_KINDS: ReadonlySet<number> = new Set([KIND.announcement, KIND.state]);

interface RefusedParts {
  readonly memory: Pick<Memory, "refused" | "putRefused" | "removeRefused">;
  readonly settings: Pick<RelaySyncSettings, "refusedHotMs" | "refusedColdMs">;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

export class RefusedIndex {
  readonly #parts: RefusedParts;
  /** By id, the oldest first: all live equally long, so that the first ends first. */
  readonly #rows = new Map<string, RefusedRow>();
  readonly #ids = new IdsByIdentifier();
  /** Ids of rows with an event, the oldest first. */
  readonly #hot = new Set<string>();

  constructor(parts: RefusedParts) {
    this.#parts = parts;
    for (const row of parts.memory.refused()) this.#insert(row);
    this.sweep();
  }

  get cold(): number {
    return this.#rows.size;
  }

  get hot(): number {
    return this.#hot.size;
  }

  /** Where an id is; `null`: it is not known. */
  find(id: string): "hot" | "cold" | null {
    const row = this.#rows.get(id);
    if (row === undefined || row.coldUntilMs <= this.#parts.nowMs()) return null;
    return row.hot !== null && row.hot.untilMs > this.#parts.nowMs() ? "hot" : "cold";
  }

  /** Whether anything of an identifier is in it. */
  hasOf(identifier: string): boolean {
    return this.#ids.has(identifier);
  }

  add(event: NostrEvent, identifier: string, relay: string): void {
    const { memory, settings, nowMs } = this.#parts;
    const { id, created_at: createdAt, kind, pubkey: author } = event;
    this.remove(id);
    const row: RefusedRow = {
      ...{ id, createdAt, kind, author, identifier, relay },
      coldUntilMs: nowMs() + settings.refusedColdMs,
      hot: { event, untilMs: nowMs() + settings.refusedHotMs },
    };
    this.#insert(row);
    memory.putRefused(row);
    while (this.#rows.size > MAX_REFUSED.cold) this.remove(this.#rows.keys().next().value!);
    while (this.#hot.size > MAX_REFUSED.hot) this.#cool(this.#hot.values().next().value!);
  }

  /** Takes out the rows of an identifier whose authors a maintainer set has now (L24). */
  take(identifier: string, authors: ReadonlySet<string>): RefusedRow[] {
    const ids = [...this.#ids.of(identifier)];
    const rows = ids.map((id) => this.#rows.get(id)!).filter(({ author }) => authors.has(author));
    for (const { id } of rows) this.remove(id);
    const now = this.#parts.nowMs();
    return rows.filter(({ coldUntilMs }) => coldUntilMs > now);
  }

  remove(id: string): void {
    const row = this.#rows.get(id);
    if (row === undefined) return;
    this.#rows.delete(id);
    this.#hot.delete(id);
    this.#ids.delete(row.identifier, id);
    this.#parts.memory.removeRefused(id);
  }

  /** Forgets what is over. */
  sweep(): void {
    const now = this.#parts.nowMs();
    for (const id of this.#hot) {
      if (this.#rows.get(id)!.hot!.untilMs > now) break;
      this.#cool(id);
    }
    for (const [id, { coldUntilMs }] of this.#rows) {
      if (coldUntilMs > now) break;
      this.remove(id);
    }
  }

  /** Times and ids of rows that a filter matches, for negentropy (L9). Tags other than `d` match nothing. */
  *records(filter: Filter): Generator<Pick<RefusedRow, "id" | "createdAt">> {
    if (filter.kinds !== undefined && ![...REFUSED_KINDS].some((kind) => filter.kinds!.has(kind))) return;
    if ([...filter.tags.keys()].some((letter) => letter !== "d")) return;
    const identifiers = filter.tags.get("d");
    const rows = identifiers === undefined ? this.#rows.values() : this.#of(identifiers);
    const now = this.#parts.nowMs();
    for (const row of rows) if (row.coldUntilMs > now && matches(filter, eventOf(row))) yield row;
  }

  *#of(identifiers: ReadonlySet<string>): Generator<RefusedRow> {
    for (const identifier of identifiers)
      for (const id of this.#ids.of(identifier)) yield this.#rows.get(id)!;
  }

  #insert(row: RefusedRow): void {
    this.#rows.set(row.id, row);
    if (row.hot !== null) this.#hot.add(row.id);
    this.#ids.add(row.identifier, row.id);
  }

  /** Keeps only the id. */
  #cool(id: string): void {
    const row: RefusedRow = { ...this.#rows.get(id)!, hot: null };
    this.#rows.set(id, row);
    this.#hot.delete(id);
    this.#parts.memory.putRefused(row);
  }
}

/** Ids by identifier. Most identifiers have one id, for which a set would take more than all the rest of a row. */
class IdsByIdentifier {
  readonly #ids = new Map<string, string | Set<string>>();

  has(identifier: string): boolean {
    return this.#ids.has(identifier);
  }

  of(identifier: string): Iterable<string> {
    const ids = this.#ids.get(identifier) ?? [];
    return typeof ids === "string" ? [ids] : ids;
  }

  add(identifier: string, id: string): void {
    const ids = this.#ids.get(identifier);
    if (ids === undefined) this.#ids.set(identifier, id);
    else if (typeof ids !== "string") ids.add(id);
    else if (ids !== id) this.#ids.set(identifier, new Set([ids, id]));
  }

  delete(identifier: string, id: string): void {
    const ids = this.#ids.get(identifier);
    if (typeof ids === "object") ids.delete(id);
    if (ids === id || (typeof ids === "object" && ids.size === 0)) this.#ids.delete(identifier);
  }
}

/** What filters look at. */
function eventOf({ id, createdAt, kind, author, identifier }: RefusedRow): NostrEvent {
  return {
    ...{ id, kind, pubkey: author, content: "", sig: "" },
    created_at: createdAt,
    tags: [["d", identifier]],
  };
}
