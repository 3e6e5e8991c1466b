/**
 * Which Git process may run now (G30). Values in, decisions out: no clock, no promise, no process.
 * @module
 */

/**
 * Who a process works for. `own` is short work of ours that finishes what has begun, such as moving refs; it has places of its
 * own, so that work under a lock never waits for clients.
 * `maintenance` is long work without a waiting client: it gets the slots that clients leave.
 */
export type Share = "read" | "fetch" | "push" | "own" | "maintenance";

export const SHARES: readonly Share[] = ["own", "push", "read", "fetch", "maintenance"];

/** Maximum numbers of processes at the same time (G30). */
export interface SlotLimits {
  readonly all: number;
  readonly reads: number;
  readonly fetches: number;
  /** Repositories that are maintained: one for each 4 cores (O22). */
  readonly maintenance: number;
  /** Kept free of reads, fetches and maintenance. */
  readonly reservedForPushes: number;
  /** Kept free of all but own work. */
  readonly reservedForOwn: number;
  readonly perAddress: number;
}

export const SLOT_LIMITS: SlotLimits = {
  all: 64,
  reads: 40,
  fetches: 16,
  maintenance: 1,
  reservedForPushes: 8,
  reservedForOwn: 4,
  perAddress: 8,
};

/** One wish for a slot. Its identity is the object's. */
export interface Ticket {
  readonly share: Share;
  /** The client's address; `null`: our own work, which no address limits. */
  readonly address: string | null;
}

/** Slots in use, and wishes that wait. Addresses take turns. */
export class Slots<T extends Ticket> {
  readonly #limits: SlotLimits;
  readonly #used = new Set<T>();
  readonly #usedBy = new Map<string, number>();
  readonly #usedFor: Record<Share, number> = {
    own: 0,
    push: 0,
    read: 0,
    fetch: 0,
    maintenance: 0,
  };
  /** By share, then by address in the order of turns: wishes in the order of their arrival. */
  readonly #waiting: Record<Share, Map<string, T[]>> = {
    own: new Map(),
    push: new Map(),
    read: new Map(),
    fetch: new Map(),
    maintenance: new Map(),
  };

  constructor(limits: SlotLimits = SLOT_LIMITS) {
    this.#limits = limits;
  }

  /** Number of slots in use by a share. */
  used(share: Share): number {
    return this.#usedFor[share];
  }

  /** Number of wishes of a share that wait. */
  waiting(share: Share): number {
    let count = 0;
    for (const queue of this.#waiting[share].values()) count += queue.length;
    return count;
  }

  /** Adds a wish. Call {@link next} afterwards. */
  add(ticket: T): void {
    const turns = this.#waiting[ticket.share];
    const key = ticket.address ?? "";
    const queue = turns.get(key);
    if (queue === undefined) turns.set(key, [ticket]);
    else queue.push(ticket);
  }

  /** Gives a slot back, or withdraws a wish. Does nothing for an unknown ticket. Call {@link next} afterwards. */
  remove(ticket: T): void {
    const key = ticket.address ?? "";
    if (this.#used.delete(ticket)) {
      this.#usedFor[ticket.share]--;
      const left = this.#usedBy.get(key)! - 1;
      if (left === 0) this.#usedBy.delete(key);
      else this.#usedBy.set(key, left);
      return;
    }
    const turns = this.#waiting[ticket.share];
    const queue = turns.get(key);
    const at = queue?.indexOf(ticket) ?? -1;
    if (queue === undefined || at === -1) return;
    queue.splice(at, 1);
    if (queue.length === 0) turns.delete(key);
  }

  /** The next wish that gets a slot now; `null`: none. */
  next(): T | null {
    for (const share of SHARES) {
      if (!this.#hasRoom(share)) continue;
      const ticket = this.#nextOf(share);
      if (ticket !== null) return ticket;
    }
    return null;
  }

  #hasRoom(share: Share): boolean {
    const { all, reads, fetches, maintenance, reservedForPushes, reservedForOwn } = this.#limits;
    const used = this.#usedFor;
    if (this.#used.size >= all) return false;
    if (share === "own") return true;
    const others = this.#used.size - used.own;
    if (others >= all - reservedForOwn) return false;
    if (share === "push") return true;
    if (others - used.push >= all - reservedForOwn - reservedForPushes) return false;
    if (share === "maintenance") return used.maintenance < maintenance;
    return share === "read" ? used.read < reads : used.fetch < fetches;
  }

  #nextOf(share: Share): T | null {
    const turns = this.#waiting[share];
    for (const [key, queue] of turns) {
      const used = this.#usedBy.get(key) ?? 0;
      if (key !== "" && used >= this.#limits.perAddress) continue;
      const ticket = queue.shift()!;
      // The address goes to the end of the turns.
      turns.delete(key);
      if (queue.length > 0) turns.set(key, queue);
      this.#used.add(ticket);
      this.#usedFor[share]++;
      this.#usedBy.set(key, used + 1);
      return ticket;
    }
    return null;
  }
}
