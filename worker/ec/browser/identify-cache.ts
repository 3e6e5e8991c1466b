/**
 * The last answer to `/identify`, kept on the device for as long as it is fresh and the facts that it rests on hold.
 * @module
 */
import { executeQuotaErrorCallbacks } from "workbox-core/_private/executeQuotaErrorCallbacks.js";
import { cacheNames } from "workbox-core/cacheNames.js";
import { registerQuotaErrorCallback } from "workbox-core/registerQuotaErrorCallback.js";
import { setCacheNameDetails } from "workbox-core/setCacheNameDetails.js";
import type { Clock } from "../../../runtime/platform.ts";

const PREFIX = "millrace";
/** Of what is kept, and how. Caches of other versions are removed. */
const VERSION = "v1";
/** How long an answer may be given again, in milliseconds. */
const FRESH_MS = 60_000;
const FACTS_HEADER = "millrace-facts";
const STORED_HEADER = "millrace-stored";

/** The answer and what it was made of. */
export interface IdentifyCache {
  /** The kept answer, if it is fresh and was made of these facts. */
  match(facts: string): Promise<Response | null>;
  /** Keeps an answer of status 200. */
  put(facts: string, response: Response): Promise<void>;
  clear(): Promise<void>;
  /** Removes what other versions have left. */
  removeOthers(): Promise<void>;
}

/** Names the cache, and offers it for removal when the browser runs out of room. */
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

/** Does something that takes room; where there is none, what can be made anew is removed. @throws what it throws. */
export async function withRoom<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as Error | null)?.name === "QuotaExceededError") await executeQuotaErrorCallbacks();
    throw error;
  }
}
