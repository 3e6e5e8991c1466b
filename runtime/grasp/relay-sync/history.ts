/**
 * The history of one relay, as parts that are brought one step at a time: a negotiation, a page, or a batch of missing events
 * (L8 to L11).
 * @module
 */
import type { Clock } from "../../platform.ts";
import type { NostrEvent } from "../events/event.ts";
import type { Filter } from "../events/filter.ts";
import { askAgainMs, isRateLimit, wantsAuth } from "./complaints.ts";
import type { EventRate } from "./event-rate.ts";
import type { RelaySyncEvent, RelaySyncListener } from "./events.ts";
import { FETCHED_IDS, MAX_RESTS, MAX_TRIES, PAGE_LIMIT, SECOND_LOOK_MS } from "./figures.ts";
import type { Holdings } from "./holdings.ts";
import type { Link, Page } from "./link.ts";
import { afterPage, FIRST_PAGE, type Paging } from "./paging.ts";
import type { RefusedIndex } from "./refused-index.ts";
import { halves } from "./resuming.ts";

/** A filter whose events are to come, or ids. */
interface Part {
  /** `null`: only {@link missing} is fetched. */
  readonly filter: Filter | null;
  readonly isSecondLook: boolean;
  usesPages: boolean;
  negotiationFailed: boolean;
  /** Ids that a negotiation found, still to be fetched. */
  missing: string[];
  paging: Paging;
  /** Events of the next page or batch. */
  limit: number;
  tries: number;
  rests: number;
  askedAuth: boolean;
  notBeforeMs: number;
}

interface HistoryParts {
  readonly relay: string;
  readonly clock: Clock;
  readonly nowSeconds: () => number;
  readonly holdings: Pick<Holdings, "records" | "isHere">;
  readonly refused: Pick<RefusedIndex, "find">;
  readonly rate: EventRate;
  /** Applies a batch, and comes back when it is applied. */
  apply(events: readonly NostrEvent[]): Promise<void>;
  readonly emit: RelaySyncListener;
}

type AbandonReason = Extract<RelaySyncEvent, { kind: "abandoned" }>["because"];

export class History {
  /** Parts that were given up since {@link begin}. */
  abandoned = 0;
  /** Whether this connection negotiates (L8); `null`: not known yet. */
  usesNegentropy: boolean | null = null;
  readonly #parts: HistoryParts;
  #queue: Part[] = [];
  /** Largest page that the relay has (NIP-11). */
  #maxLimit = PAGE_LIMIT;

  constructor(parts: HistoryParts) {
    this.#parts = parts;
  }

  /** Parts that are still to come. */
  get pending(): number {
    return this.#queue.length;
  }

  /** A connection opened: nothing is known of it. @param negentropy `false`: it is not tried */
  begin(negentropy: boolean, maxLimit: number | null): void {
    this.clear();
    this.usesNegentropy = negentropy ? null : false;
    this.#maxLimit = Math.max(1, Math.min(PAGE_LIMIT, maxLimit ?? PAGE_LIMIT));
  }

  clear(): void {
    this.#queue = [];
    this.abandoned = 0;
  }

  add(filters: readonly Filter[]): void {
    for (const filter of filters) this.#queue.push(this.#part({ filter }));
  }

  /** Fetches events by their ids. */
  bring(ids: readonly string[]): void {
    this.#queue.push(this.#part({ filter: null, missing: [...ids] }));
  }

  /** Time until a part may go on, in milliseconds; `null`: there is none. */
  waitMs(): number | null {
    if (this.#queue.length === 0) return null;
    const first = this.#queue.reduce((least, { notBeforeMs }) => Math.min(least, notBeforeMs), Infinity);
    return Math.max(0, first - this.#parts.clock.now());
  }

  /** Goes one step on with the first part that may go on. */
  async step(link: Link): Promise<void> {
    const now = this.#parts.clock.now();
    const at = this.#queue.findIndex(({ notBeforeMs }) => notBeforeMs <= now);
    if (at === -1) return;
    // It stays in the queue meanwhile, so that the history is not complete.
    const part = this.#queue[at]!;
    if (part.missing.length > 0) await this.#fetch(part, link);
    else if (part.filter === null) this.#remove(part);
    else if (part.usesPages || this.usesNegentropy === false) await this.#page(part, part.filter, link);
    else await this.#negotiate(part, part.filter, link);
  }

  async #negotiate(part: Part, filter: Filter, link: Link): Promise<void> {
    const { holdings, emit, relay } = this.#parts;
    const records = holdings.records(filter);
    const result = records === null ? ({ end: "too-many" } as const) : await link.negotiate(filter, records);
    switch (result.end) {
      case "done":
        this.usesNegentropy = true;
        part.missing = this.#lacking(result.need);
        // A second look follows, also where nothing is missing.
        if (part.missing.length === 0) this.#looked(part);
        return;
      case "too-many": {
        const both = halves(filter, this.#parts.nowSeconds());
        if (both === null) part.usesPages = true;
        else {
          const { isSecondLook } = part;
          this.#replace(
            part,
            both.map((half) => this.#part({ filter: half, isSecondLook })),
          );
        }
        return;
      }
      case "unsupported":
        this.usesNegentropy = false;
        emit({ kind: "no-negentropy", relay, because: "failed" });
        return;
      case "failed":
        if (await this.#proved(part, result.text, link)) return;
        if (part.negotiationFailed) part.usesPages = true;
        part.negotiationFailed = true;
        return;
      default:
    }
  }

  /** Ids that are neither here nor refused. */
  #lacking(ids: readonly string[]): string[] {
    const { holdings, refused, emit, relay } = this.#parts;
    const missing: string[] = [];
    const hits = { hot: 0, cold: 0 };
    for (const id of ids) {
      const where = refused.find(id);
      if (where !== null) hits[where]++;
      else if (!holdings.isHere(id)) missing.push(id);
    }
    for (const where of ["hot", "cold"] as const)
      if (hits[where] > 0) emit({ kind: "refused-hit", relay, where, count: hits[where] });
    return missing;
  }

  async #fetch(part: Part, link: Link): Promise<void> {
    const ids = part.missing.slice(0, Math.min(part.limit, FETCHED_IDS));
    const page = await this.#ask([{ ids: new Set(ids), tags: new Map() }], ids.length, link);
    if (page.end === "lost") return;
    // A page may be smaller than was asked for. What the relay said it has and does not send at all is not asked for again.
    const isRefused = page.end === "eose" && page.events.length === 0;
    const done = new Set(isRefused ? ids : page.events.map(({ id }) => id));
    part.missing = part.missing.filter((id) => !done.has(id));
    if (page.end === "eose") this.#succeeded(part);
    else await this.#failed(part, page, link);
    if (part.missing.length === 0) this.#looked(part);
  }

  async #page(part: Part, filter: Filter, link: Link): Promise<void> {
    const limit = Math.min(part.limit, this.#maxLimit);
    const { until } = part.paging;
    const page = await this.#ask([until === null ? filter : { ...filter, until }], limit, link);
    if (page.end === "lost") return;
    if (page.end !== "eose") {
      await this.#failed(part, page, link);
      return;
    }
    this.#succeeded(part);
    const after = afterPage(part.paging, page.events, limit, filter.since);
    if (after.kind === "end") this.#remove(part);
    else if (after.kind === "too-many") this.#abandon(part, "too-many-pages");
    else {
      part.paging = after.paging;
      const { stepped } = after;
      if (stepped !== null)
        this.#parts.emit({ kind: "stepped-below", relay: this.#parts.relay, timestamp: stepped });
    }
  }

  /** Asks for a page when the relay may send as much, and applies it. */
  async #ask(filters: readonly Filter[], limit: number, link: Link): Promise<Page> {
    const { rate, clock, apply } = this.#parts;
    for (
      let ms = rate.waitMs(limit, clock.now());
      ms > 0 && !link.isOver;
      ms = rate.waitMs(limit, clock.now())
    )
      await link.sleep(ms);
    const page = await link.page(filters, limit);
    await apply(page.events);
    link.release(page.bytes);
    return page;
  }

  #succeeded(part: Part): void {
    part.tries = 0;
    part.rests = 0;
  }

  /** A page or batch did not end well: it is asked for again from the same place, at last abandoned (L11, L16, L31). */
  async #failed(part: Part, { end, text, events }: Page, link: Link): Promise<void> {
    if (end === "closed" && isRateLimit(text)) {
      // The session rests before the next step.
      if (++part.rests > MAX_RESTS) this.#abandon(part, "closed");
      return;
    }
    if (end === "closed" && (await this.#proved(part, text, link))) return;
    // Too much at once for its line or our memory.
    if (end !== "closed" && events.length > 1) {
      part.limit = Math.min(part.limit, events.length) >> 1;
      return;
    }
    if (++part.tries >= MAX_TRIES) this.#abandon(part, end === "closed" ? "closed" : "timeout");
    else {
      part.notBeforeMs = this.#parts.clock.now() + askAgainMs(part.tries);
      this.#toBack(part, part);
    }
  }

  /** The relay asks for a proof of our key: the same is asked again once (L31). */
  async #proved(part: Part, text: string, link: Link): Promise<boolean> {
    if (!wantsAuth(text) || part.askedAuth) return false;
    part.askedAuth = true;
    return link.authenticate();
  }

  /** What a negotiation found is fetched. */
  #looked(part: Part): void {
    const { filter, isSecondLook } = part;
    if (filter === null || isSecondLook) this.#remove(part);
    else {
      const notBeforeMs = this.#parts.clock.now() + SECOND_LOOK_MS;
      this.#toBack(part, this.#part({ filter, isSecondLook: true, notBeforeMs }));
    }
  }

  #abandon(part: Part, because: AbandonReason): void {
    this.abandoned++;
    this.#remove(part);
    this.#parts.emit({ kind: "abandoned", relay: this.#parts.relay, because });
  }

  #remove(part: Part): void {
    this.#replace(part, []);
  }

  #toBack(part: Part, next: Part): void {
    if (!this.#queue.includes(part)) return;
    this.#remove(part);
    this.#queue.push(next);
  }

  #replace(part: Part, others: readonly Part[]): void {
    const at = this.#queue.indexOf(part);
    // The connection may be another one meanwhile.
    if (at !== -1) this.#queue.splice(at, 1, ...others);
  }

  #part(given: Partial<Part> & Pick<Part, "filter">): Part {
    return {
      isSecondLook: false,
      usesPages: false,
      negotiationFailed: false,
      missing: [],
      paging: FIRST_PAGE,
      limit: PAGE_LIMIT,
      tries: 0,
      rests: 0,
      askedAuth: false,
      notBeforeMs: 0,
      ...given,
    };
  }
}
