import type { Store, StoreTraits } from "../platform.ts";
import { StoreGuard } from "./guard.ts";

/** A store that is not open yet. */
export interface LazyStoreOptions {
  /** The traits of the store that `open` returns. */
  traits: StoreTraits;
  /** Whether the store that `open` returns has `update`. */
  hasUpdate: boolean;
  open(): Promise<Store>;
}

/**
 * A store that its first operation opens, and the next operation again if that fails: a page that needs no store does not
 * wait for one to open.
 */
export function lazyStore({ traits, hasUpdate, open }: LazyStoreOptions): Store {
  const guard = new StoreGuard(`the ${traits.name} store`);
  let opened: Store | undefined;
  let opening: Promise<Store> | undefined;

  async function openNow(): Promise<Store> {
    guard.mustBeOpen();
    try {
      opened = await open();
      return opened;
    } finally {
      opening = undefined;
    }
  }

  async function openAndAsk<T>(ask: (store: Store) => T): Promise<Awaited<T>> {
    opening ??= openNow();
    return await ask(await opening);
  }

  /** Asks the store; without a wait if it is open. */
  const ask = <T>(work: (store: Store) => T) => (opened === undefined ? openAndAsk(work) : work(opened));

  return {
    traits,
    get: (key) => ask((store) => store.get(key)),
    put: (key, value, options) => ask((store) => store.put(key, value, options)),
    ...(hasUpdate && { update: (key, decide) => ask((store) => store.update!(key, decide)) }),
    delete: (key) => ask((store) => store.delete(key)),
    list: (prefix, options) => ask((store) => store.list(prefix, options)),
    async close() {
      guard.close();
      await opening?.catch(() => {});
      await opened?.close();
    },
  };
}
