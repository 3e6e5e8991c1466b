import type { Store } from "../../runtime/platform.ts";

/** The same store, telling `changed` the key of every write and every removal once it is done. */
export function watchedStore(store: Store, changed: (key: string) => void): Store {
  return {
    traits: store.traits,
    get: (key) => store.get(key),
    async put(key, value, options) {
      const result = await store.put(key, value, options);
      if (result.ok) changed(key);
      return result;
    },
    async delete(key) {
      await store.delete(key);
      changed(key);
    },
    list: (prefix, options) => store.list(prefix, options),
    close: () => store.close(),
  };
}
