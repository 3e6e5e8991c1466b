import type { Clock, Store } from "../platform.ts";
import type { SyncListener } from "./events.ts";

/** What {@link Leases} needs. */
export interface LeasesOptions {
  store: Store;
  clock: Clock;
  /** Name of this instance, unique among those that share the store. */
  holder: string;
  /** Prefix of the keys. Default: none. */
  keyPrefix?: string;
  /** A lease ends this long after it was last renewed, in seconds. It is renewed at half of that while work is under way. */
  ttlSeconds: number;
  emit?: SyncListener | undefined;
  /** Called when a renewal finds that another instance holds the lease. */
  onLost?: (identifier: string) => void;
}

/** What this instance knows of one lease. */
interface Held {
  /** Pieces of work that rely on it. */
  users: number;
  /** The store's version of our entry; `null`: not ours. */
  version: string | null;
  renewAt: number;
  /** The pending request to the store, so that two pieces of work do not race each other. */
  pending: Promise<boolean> | null;
  cancelRenewal: (() => void) | null;
  /** The engine stopped: nothing is renewed until new work starts. */
  isAbandoned: boolean;
}

/** Value of a released lease. */
const FREE = "";

/**
 * Keeps several instances from working on one identifier at once: an instance works on it only while it holds the key
 * `sync:lease:<identifier>`. Leases are a soft promise: an instance that stalls for longer than the lease may overlap with
 * another one.
 */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  /** A piece of work on the identifier starts; it calls {@link hold} before each step. */
  enter(identifier: string): void {
    const held = this.#held.get(identifier);
    if (held === undefined) {
      const held = {
        users: 1,
        version: null,
        renewAt: 0,
        pending: null,
        cancelRenewal: null,
        isAbandoned: false,
      };
      this.#held.set(identifier, held);
    } else {
      held.users++;
      held.isAbandoned = false;
    }
  }

  /**
   * Makes sure that this instance holds the identifier for at least half a lease from now.
   * @returns false if another one holds it.
   * @throws what the store throws.
   */
  async hold(identifier: string): Promise<boolean> {
    const held = this.#held.get(identifier)!;
    if (held.version !== null && this.#options.clock.now() < held.renewAt) return true;
    held.pending ??= this.#take(identifier, held).finally(() => {
      held.pending = null;
    });
    return held.pending;
  }

  /** A piece of work ends; with the last one the lease is given back. */
  async exit(identifier: string): Promise<void> {
    const held = this.#held.get(identifier)!;
    if (--held.users > 0) return;
    this.#held.delete(identifier);
    held.cancelRenewal?.();
    held.cancelRenewal = null;
    // A renewal that arrived after the release would take the lease again.
    if (held.pending !== null) await held.pending.catch(() => {});
    if (held.version === null) return;
    try {
      // Not a delete, which would also remove what another instance wrote after ours ended.
      await this.#options.store.put(this.#key(identifier), FREE, { ifVersion: held.version, ttlSeconds: 1 });
    } catch (error) {
      this.#options.emit?.({ kind: "lease-failed", identifier, error });
    }
  }

  /** Cancels all renewals: the engine stopped, and what is left behind does not keep its lease. */
  abandon(): void {
    for (const held of this.#held.values()) {
      held.isAbandoned = true;
      held.cancelRenewal?.();
      held.cancelRenewal = null;
    }
  }

  async #take(identifier: string, held: Held): Promise<boolean> {
    const { store, holder, ttlSeconds, clock } = this.#options;
    const key = this.#key(identifier);
    const renewAt = clock.now() + ttlSeconds * 500;
    const put = (ifVersion: string | null) => store.put(key, holder, { ifVersion, ttlSeconds });
    let done = await put(held.version);
    if (!done.ok) {
      const entry = await store.get(key);
      // Ours: left over from an earlier run with the same name.
      const open = entry === null || entry.value === FREE || entry.value === holder;
      if (open) done = await put(entry?.version ?? null);
    }
    held.version = done.ok ? done.version : null;
    held.renewAt = renewAt;
    this.#renewAfter(ttlSeconds * 500, identifier, held);
    return done.ok;
  }

  /** Renews the lease at half-time while work is under way: a fetch may take longer than a lease. */
  #renewAfter(ms: number, identifier: string, held: Held): void {
    held.cancelRenewal?.();
    held.cancelRenewal = null;
    if (held.version === null || held.users === 0 || held.isAbandoned) return;
    held.cancelRenewal = this.#options.clock.after(ms, () => void this.#renew(identifier, held));
  }

  async #renew(identifier: string, held: Held): Promise<void> {
    held.cancelRenewal = null;
    held.renewAt = 0;
    try {
      if (!(await this.hold(identifier)) && held.users > 0) {
        this.#options.emit?.({ kind: "lease-lost", identifier });
        this.#options.onLost?.(identifier);
      }
    } catch (error) {
      this.#options.emit?.({ kind: "lease-failed", identifier, error });
      // Sooner than before: half of the lease is over already.
      this.#renewAfter(this.#options.ttlSeconds * 250, identifier, held);
    }
  }

  #key(identifier: string): string {
    return `${this.#options.keyPrefix ?? ""}sync:lease:${identifier}`;
  }
}
