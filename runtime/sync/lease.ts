import type { Clock, Store } from "../platform.ts";

/** What a {@link Lease} needs. */
export interface LeaseOptions {
  store: Store;
  clock: Clock;
  /** Names this instance among those that share the store. */
  holder: string;
  /** A lease that its holder does not renew ends after so long. It is renewed when less than half is left. */
  ttlSeconds: number;
}

/** What this instance knows of one key. */
interface Held {
  /** Pieces of work that rely on it. */
  users: number;
  /** The store's version of our entry; `null`: not ours. */
  version: string | null;
  renewAt: number;
  /** The request to the store that is under way, if any, so that two pieces of work do not race each other. */
  asking: Promise<boolean> | null;
}

/** What a key says that nobody holds any more; the store removes it soon. */
const FREE = "";

/**
 * Keeps several instances from working on one identifier at once: whoever holds the key `sync:lease:<identifier>` works
 * on it. The promise is a soft one, as leases are: an instance that stalls for longer than the lease may meet another.
 */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** A piece of work on the identifier begins; it asks {@link hold} before each step. */
  enter(identifier: string): void {
    const held = this.#held.get(identifier);
    if (held !== undefined) held.users++;
    else this.#held.set(identifier, { users: 1, version: null, renewAt: 0, asking: null });
  }

  /**
   * Makes sure that this instance holds the identifier for at least half a lease to come.
   * @returns false if another one holds it.
   * @throws what the store throws.
   */
  async hold(identifier: string): Promise<boolean> {
    const held = this.#held.get(identifier)!;
    if (held.version !== null && this.#options.clock.now() < held.renewAt) return true;
    held.asking ??= this.#take(identifier, held).finally(() => {
      held.asking = null;
    });
    return held.asking;
  }

  /** A piece of work ends; with the last one the identifier is given back. */
  async exit(identifier: string): Promise<void> {
    const held = this.#held.get(identifier)!;
    if (--held.users > 0) return;
    this.#held.delete(identifier);
    if (held.version === null) return;
    // Not a delete, which would also remove what another instance wrote after ours ran out.
    await this.#options.store.put(key(identifier), FREE, { ifVersion: held.version, ttlSeconds: 1 });
  }

  async #take(identifier: string, held: Held): Promise<boolean> {
    const { store, holder, ttlSeconds, clock } = this.#options;
    const renewAt = clock.now() + ttlSeconds * 500;
    const put = (ifVersion: string | null) => store.put(key(identifier), holder, { ifVersion, ttlSeconds });
    let done = await put(held.version);
    if (!done.ok) {
      const entry = await store.get(key(identifier));
      // Ours: what an earlier run under the same name left behind.
      const open = entry === null || entry.value === FREE || entry.value === holder;
      if (open) done = await put(entry?.version ?? null);
    }
    held.version = done.ok ? done.version : null;
    held.renewAt = renewAt;
    return done.ok;
  }
}

function key(identifier: string): string {
  return `sync:lease:${identifier}`;
}
