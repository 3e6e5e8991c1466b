import type { Store } from "../../../runtime/platform.ts";

/** Receives the values that a store reads and writes; `null` for no value. */
export interface StoreWatcher {
  read(key: string, value: string | null): void;
  written(key: string, value: string | null): void;
}

/** Wraps a store so that it reports every read, write and deletion after it is done. */
export function watchedStore(store: Store, watcher: StoreWatcher): Store {
  return {
    traits: store.traits,
    async get(key) {
      const entry = await store.get(key);
      watcher.read(key, entry?.value ?? null);
      return entry;
    },
    async put(key, value, options) {
      const result = await store.put(key, value, options);
      if (result.ok) watcher.written(key, value);
      return result;
    },
    async delete(key) {
      await store.delete(key);
      watcher.written(key, null);
    },
    list: (prefix, options) => store.list(prefix, options),
    close: () => store.close(),
  };
}
