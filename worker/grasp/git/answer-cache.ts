/**
 * Answers that depend only on the request and on the refs (G32, G33): short ones in memory, packs in files. The keys contain the
 * version of the refs, so that an old answer is never found after a change (G34); it goes when room is needed.
 * @module
 */
import { join } from "node:path";
import type { GitPool } from "./pool.ts";
import { Spool, type SpoolReader } from "./spool.ts";

/** Bounds of what is kept (G32), in bytes. */
export interface CacheBounds {
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

const BOUNDS: CacheBounds = { memoryBytes: 32 * 1024 ** 2, diskBytes: 2 * 1024 ** 3 };
/** What an entry takes beside its bytes, about. */
const ENTRY_BYTES = 512;

/** Writes an answer. @returns whether it may be kept. @throws if it is not whole */
export type Produce = (spool: Spool, signal: AbortSignal) => Promise<boolean>;

/** Figures for the metrics (O12). */
export interface CacheCounts {
  /** Answers from memory or from a file. */
  readonly hits: number;
  /** Requests that shared the Git process of another one. */
  readonly shared: number;
  /** Answers that were made. */
  readonly misses: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** An answer that is being made. */
interface Filling {
  readonly spool: Spool;
  readonly end: AbortController;
  readonly started: AbortController;
}

export class AnswerCache {
  readonly #folder: string;
  readonly #pool: GitPool;
  readonly #bounds: CacheBounds;
  /** By key; the last used at the end. */
  readonly #short = new Map<string, Uint8Array>();
  readonly #long = new Map<string, Spool>();
  readonly #filling = new Map<string, Filling>();
  /** Bytes that each answer may have on the disk. */
  readonly #reserved = new Map<Spool, number>();
  #memoryBytes = 0;
  #diskBytes = 0;
  #serial = 0;
  readonly #count = { hits: 0, shared: 0, misses: 0 };

  /** @param folder an empty folder of its own */
  constructor(folder: string, pool: GitPool, bounds: CacheBounds = BOUNDS) {
    this.#folder = folder;
    this.#pool = pool;
    this.#bounds = bounds;
  }

  counts(): CacheCounts {
    return { ...this.#count, memoryBytes: this.#memoryBytes, diskBytes: this.#diskBytes };
  }

  /** An answer came from a file that is not of this cache. */
  countHit(): void {
    this.#count.hits++;
  }

  /** A short answer that takes no process to make. */
  async short(key: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const kept = this.#keptShort(key);
    if (kept !== null) return kept;
    this.#count.misses++;
    const answer = await make();
    this.#keepShort(key, answer);
    return answer;
  }

  /**
   * The answer of a Git process: kept, shared with others who ask for the same now, or a new one.
   * @param address whose share of the pool a new process takes; others who wait for the same answer lend theirs.
   * @param gone aborts when the client is gone: it waits for no slot then (G19).
   * @throws {PoolBusy} if no process was free in time; the reason of `gone`.
   */
  async long(
    key: string,
    address: string | null,
    produce: Produce,
    gone: AbortSignal,
  ): Promise<Uint8Array | SpoolReader> {
    const short = this.#keptShort(key);
    if (short !== null) return short;
    const kept = this.#long.get(key);
    if (kept !== undefined) {
      this.#count.hits++;
      this.#long.delete(key);
      this.#long.set(key, kept);
      return kept.reader();
    }
    let filling = this.#filling.get(key);
    if (filling?.spool.isJoinable) this.#count.shared++;
    else {
      this.#count.misses++;
      filling = this.#begin(key);
    }
    const reader = filling.spool.reader();
    try {
      await this.#startWithSlotOf(address, key, filling, produce, gone);
    } catch (error) {
      reader.close();
      throw error;
    }
    return reader;
  }

  #begin(key: string): Filling {
    const spool = new Spool(join(this.#folder, String(this.#serial++)), (bytes) =>
      this.#reserve(spool, bytes),
    );
    const filling = { spool, end: new AbortController(), started: new AbortController() };
    spool.onIdle = () => {
      if (this.#long.get(key) === spool) return void spool.closeFile();
      // It has no reader, and it is not whole (G19).
      filling.end.abort();
      if (this.#filling.get(key) === filling) this.#filling.delete(key);
      if (filling.started.signal.aborted) void this.#discard(spool);
    };
    this.#filling.set(key, filling);
    return filling;
  }

  async #startWithSlotOf(
    address: string | null,
    key: string,
    filling: Filling,
    produce: Produce,
    gone: AbortSignal,
  ) {
    const { started, end } = filling;
    if (started.signal.aborted) return;
    let release: () => void;
    try {
      release = await this.#pool.take("read", address, AbortSignal.any([started.signal, end.signal, gone]));
    } catch (error) {
      // Another one's slot was free sooner.
      if (started.signal.aborted) return;
      throw error;
    }
    if (started.signal.aborted) return release();
    started.abort();
    void this.#fill(key, filling, produce).finally(release);
  }

  async #fill(key: string, { spool, end }: Filling, produce: Produce): Promise<void> {
    let mayKeep = false;
    try {
      mayKeep = await produce(spool, end.signal);
      spool.end();
    } catch {
      spool.breakOff();
    }
    if (this.#filling.get(key)?.spool === spool) this.#filling.delete(key);
    else mayKeep = false;
    if (mayKeep && spool.isReusable) this.#keep(key, spool);
    else if (!spool.hasReaders) await this.#discard(spool);
  }

  #keep(key: string, spool: Spool): void {
    const bytes = spool.inMemory();
    if (bytes !== null) this.#keepShort(key, bytes);
    else {
      this.#long.set(key, spool);
      if (!spool.hasReaders) void spool.closeFile();
    }
  }

  #keptShort(key: string): Uint8Array | null {
    const kept = this.#short.get(key);
    if (kept === undefined) return null;
    this.#count.hits++;
    this.#short.delete(key);
    this.#short.set(key, kept);
    return kept;
  }

  #keepShort(key: string, bytes: Uint8Array): void {
    const cost = (name: string, { length }: Uint8Array) => 2 * name.length + length + ENTRY_BYTES;
    if (this.#short.has(key) || cost(key, bytes) > this.#bounds.memoryBytes / 4) return;
    this.#short.set(key, bytes);
    this.#memoryBytes += cost(key, bytes);
    for (const [old, answer] of this.#short) {
      if (this.#memoryBytes <= this.#bounds.memoryBytes) break;
      this.#short.delete(old);
      this.#memoryBytes -= cost(old, answer);
    }
  }

  /** Makes room on the disk. @returns `false`: there is none */
  #reserve(spool: Spool, bytes: number): boolean {
    for (const [key, old] of this.#long) {
      if (this.#diskBytes + bytes <= this.#bounds.diskBytes) break;
      if (old.hasReaders) continue;
      this.#long.delete(key);
      void this.#discard(old);
    }
    if (this.#diskBytes + bytes > this.#bounds.diskBytes) return false;
    this.#diskBytes += bytes;
    this.#reserved.set(spool, (this.#reserved.get(spool) ?? 0) + bytes);
    return true;
  }

  async #discard(spool: Spool): Promise<void> {
    this.#diskBytes -= this.#reserved.get(spool) ?? 0;
    this.#reserved.delete(spool);
    await spool.discard();
  }
}
