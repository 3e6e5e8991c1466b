import type { Store, StoreTraits } from "../platform.ts";

/** A store that is to be opened. */
export interface LateStore {
  /** What it will say of itself. */
  traits: StoreTraits;
  /** It has `update`. */
  updates: boolean;
  open(): Promise<Store>;
}

/**
 * A store that is opened by its first operation, and again by the next one if that fails: a page that asks nothing of it
 * does not wait for what opening takes.
 */
export function lateStore({ traits, updates, open }: LateStore): Store {
  let opened: Store | undefined;
  let opening: Promise<Store> | undefined;
  let isClosed = false;

  async function opens(): Promise<Store> {
    if (isClosed) throw new Error(`the ${traits.name} store is closed`);
    try {
      opened = await open();
      return opened;
    } finally {
      opening = undefined;
    }
  }

  async function late<T>(ask: (store: Store) => T): Promise<Awaited<T>> {
    opening ??= opens();
    return await ask(await opening);
  }
  /** Asks the store, at once if it is open. */
  const asked = <T>(ask: (store: Store) => T) => (opened === undefined ? late(ask) : ask(opened));

  return {
    traits,
    get: (key) => asked((store) => store.get(key)),
    put: (key, value, options) => asked((store) => store.put(key, value, options)),
    ...(updates && { update: (key, decide) => asked((store) => store.update!(key, decide)) }),
    delete: (key) => asked((store) => store.delete(key)),
    list: (prefix, options) => asked((store) => store.list(prefix, options)),
    async close() {
      isClosed = true;
      await opening?.catch(() => {});
      await opened?.close();
    },
  };
}
