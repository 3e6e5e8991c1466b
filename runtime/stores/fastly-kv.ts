/**
 * A store in a Fastly KV store.
 *
 * The host has generations for compare-and-swap, but its JavaScript SDK does not return the generation of what it reads. The
 * SDK does have a put that succeeds only if the key is absent (`mode: "add"`), so a write is a race for a name:
 *
 * - the **head** of a key, `h:<key>`, holds the newest value and its number;
 * - to write number n + 1, a writer first **claims** that number: it adds `c:<n + 1>:<key>`, which succeeds for one writer;
 * - the winner writes its value to the head, then checks for a later claim, so that of several writers that publish at the
 *   same time the newest value is written last.
 *
 * A claim also holds the value: if a writer dies between the two steps, the next writer publishes for it. A deletion is a
 * write. An expired or deleted key keeps its head, without a value, until all claims on it are gone: the host may remove
 * expired entries up to a day late, and numbers must not start again before that.
 * @module
 */
import type { Clock, Json, PutOptions, Store } from "../platform.ts";
import { expiryMs } from "./expiry.ts";
import {
  ABSENT,
  claimOf,
  type FastlyKv,
  headOf,
  keyOf,
  metadataOf,
  type State,
  stateOf,
  VersionedKeys,
} from "./fastly-versions.ts";
import { StoreGuard } from "./guard.ts";

export type { FastlyKv, FastlyKvEntry } from "./fastly-versions.ts";

export interface FastlyKvStoreOptions {
  /** Opens the SDK's `KVStore`. Called once, by the first operation: the host allows it only while it serves a request. */
  open(): FastlyKv;
  /** The time by which entries expire, and the timers for retries. */
  clock: Clock;
}

/** Heads that a listing reads in parallel. */
const READS_AT_ONCE = 50;
const MAX_KEY_BYTES = 1024;
const MAX_METADATA_BYTES = 1000;

const encoder = new TextEncoder();

/**
 * Opens the store. Of the host it only needs that `mode: "add"` succeeds once per key; see the text of the module.
 *
 * Reads may be some seconds old, and older from a distant point of presence. A stale read never loses a write: its claim
 * fails.
 */
export function fastlyKvStore({ open, clock }: FastlyKvStoreOptions): Store {
  const guard = new StoreGuard("the Fastly KV store");
  const keys = new VersionedKeys({ open, clock });
  const isLive = (state: State) => state.expiresMs > clock.now();

  function mustBeUsable(key: string): void {
    guard.mustBeUsable(key);
    if (encoder.encode(claimOf(key, Number.MAX_SAFE_INTEGER)).length > MAX_KEY_BYTES) {
      throw new TypeError(`a key of ${key.length} characters is too long for a Fastly KV store`);
    }
  }

  return {
    traits: { name: "fastly-kv", readAfterWrite: false, durable: true, shared: true },

    async get(key) {
      mustBeUsable(key);
      const state = await keys.head(key);
      if (!isLive(state)) return null;
      return { value: state.value, metadata: state.metadata, version: String(state.number) };
    },

    async put(key, value, { ifVersion, ttlSeconds, metadata = null }: PutOptions = {}) {
      mustBeUsable(key);
      guard.mustBeText("value", value);
      const next = { value, metadata, expiresMs: expiryMs(clock.now(), ttlSeconds) };
      if (
        encoder.encode(metadataOf({ ...next, number: Number.MAX_SAFE_INTEGER })).length > MAX_METADATA_BYTES
      ) {
        throw new TypeError(
          `the metadata is too long for a Fastly KV store, which takes ${MAX_METADATA_BYTES} bytes`,
        );
      }
      const written = await keys.write(key, ifVersion !== undefined, (current) => {
        const version = isLive(current) ? String(current.number) : null;
        return ifVersion === undefined || ifVersion === version ? next : null;
      });
      return written === null ? { ok: false } : { ok: true, version: String(written.number) };
    },

    async delete(key) {
      mustBeUsable(key);
      const deleted = await keys.write(key, false, (current) => (isLive(current) ? ABSENT : null));
      if (deleted === null) return;
      await keys.emptyClaims(key, deleted.number);
    },

    async list(prefix, { limit = 1000, cursor } = {}) {
      mustBeUsable(prefix);
      const page = await keys.kv.list({
        prefix: headOf(prefix),
        limit,
        ...(typeof cursor === "string" ? { cursor } : {}),
      });
      const entries: { key: string; metadata: Json }[] = [];
      for (let at = 0; at < page.list.length; at += READS_AT_ONCE) {
        const names = page.list.slice(at, at + READS_AT_ONCE);
        const found = await Promise.all(names.map((name) => keys.kv.get(name)));
        found.forEach((entry, n) => {
          if (entry === null) return;
          const state = stateOf(entry);
          if (state.expiresMs > clock.now()) {
            entries.push({ key: keyOf(names[n]!), metadata: state.metadata });
          }
        });
      }
      return { entries, cursor: page.cursor ?? null };
    },

    async close() {
      guard.close();
    },
  };
}
