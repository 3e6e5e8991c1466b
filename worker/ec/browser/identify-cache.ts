/**
 * The last answer to `/identify`, cached on the device while it is fresh and its inputs are unchanged.
 * @module
 */
import { executeQuotaErrorCallbacks } from "workbox-core/_private/executeQuotaErrorCallbacks.js";
import { cacheNames } from "workbox-core/cacheNames.js";
import { registerQuotaErrorCallback } from "workbox-core/registerQuotaErrorCallback.js";
import { setCacheNameDetails } from "workbox-core/setCacheNameDetails.js";
import type { Clock } from "../../../runtime/platform.ts";

const PREFIX = "millrace";
/** The version of the cached data. Caches of other versions are removed. */
const VERSION = "v1";
/** Lifetime of an answer, in milliseconds. */
const FRESH_MS = 60_000;
const FACTS_HEADER = "millrace-facts";
const STORED_HEADER = "millrace-stored";

/** A cache of one answer and its inputs. */
export interface IdentifyCache {
  /** The cached answer, if it is fresh and has these inputs. */
  match(facts: string): Promise<Response | null>;
  /** Caches an answer with status 200. */
  put(facts: string, response: Response): Promise<void>;
  clear(): Promise<void>;
  /** Removes the caches of other versions. */
  removeOthers(): Promise<void>;
}

/** Opens the cache. It is removed if the browser runs out of storage. */
export function identifyCache(clock: Pick<Clock, "now">): IdentifyCache {
  setCacheNameDetails({ prefix: PREFIX, runtime: "identify", suffix: VERSION });
  const name = cacheNames.runtime;
  const key = "/identify";

  const clear = async () => {
    await caches.delete(name);
  };
  registerQuotaErrorCallback(clear);

  return {
    clear,

    async match(facts) {
      const kept = await (await caches.open(name)).match(key);
      if (kept === undefined || kept.headers.get(FACTS_HEADER) !== facts) return null;
      const ageMs = clock.now() - Number(kept.headers.get(STORED_HEADER));
      if (!(ageMs >= 0 && ageMs < FRESH_MS)) return null;
      const response = new Response(kept.body, kept);
      response.headers.delete(FACTS_HEADER);
      response.headers.delete(STORED_HEADER);
      return response;
    },

    async put(facts, response) {
      const kept = new Response(response.body, response);
      kept.headers.set(FACTS_HEADER, facts);
      kept.headers.set(STORED_HEADER, String(clock.now()));
      await withRoom(async () => (await caches.open(name)).put(key, kept));
    },

    async removeOthers() {
      for (const other of await caches.keys()) {
        if (other.startsWith(`${PREFIX}-`) && other !== name) await caches.delete(other);
      }
    },
  };
}

/** Runs work that needs storage. If there is none left, it removes what can be created again. @throws what the work throws */
export async function withRoom<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as Error | null)?.name === "QuotaExceededError") await executeQuotaErrorCallbacks();
    throw error;
  }
}
