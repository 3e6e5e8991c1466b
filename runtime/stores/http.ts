/**
 * A store that another machine keeps and serves over HTTP (`millrace store`): for hosts that have outgoing HTTP and
 * nothing that lasts. Every operation is one POST with a JSON body.
 * @module
 */
import type { Fetch, ListPage, PutOptions, PutResult, Store, StoreEntry } from "../platform.ts";
import { expiryMs } from "./expiry.ts";

/** One operation, as it goes over the wire. */
export type StoreCall =
  | { op: "get"; key: string }
  | { op: "put"; key: string; value: string; options?: PutOptions | undefined }
  | { op: "delete"; key: string }
  | {
      op: "list";
      prefix: string;
      options?: { limit?: number | undefined; cursor?: string | null | undefined } | undefined;
    };

/** What is answered to a call that the store refuses as malformed: its error, by the name of its type. */
export interface StoreRefusal {
  error: "refused";
  type: "TypeError" | "RangeError";
  message: string;
}

export interface HttpStoreOptions {
  /** Where the store is served. */
  url: string;
  /** The secret whose hash the server was given. */
  token: string;
  /** Bounded in time and in the size of its answers. */
  fetch: Fetch;
}

/**
 * Opens the store. Connects with the first operation.
 *
 * @example
 * const store = httpStore({ url: "https://store.internal:8788/", token, fetch });
 */
export function httpStore({ url, token, fetch }: HttpStoreOptions): Store {
  const { host } = new URL(url);
  let closed = false;

  async function call<Result>(operation: StoreCall): Promise<Result> {
    if (closed) throw new Error(`the store at ${host} is closed`);
    const response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(operation),
    });
    const text = await response.text();
    if (response.status === 200) return resultIn(text, host);
    throw faultOf(host, response.status, text);
  }

  return {
    traits: { name: "http", readAfterWrite: true, durable: true, shared: true },
    get: (key) => call<StoreEntry | null>({ op: "get", key }),
    async put(key, value, options) {
      expiryMs(0, options?.ttlSeconds); // JSON has no NaN and no infinity: they would arrive as nothing
      return call<PutResult>({ op: "put", key, value, options });
    },
    async delete(key) {
      await call({ op: "delete", key });
    },
    list: (prefix, options) => call<ListPage>({ op: "list", prefix, options }),
    async close() {
      closed = true;
    },
  };
}

function faultOf(host: string, status: number, text: string): Error {
  const refusal = refusalIn(text);
  if (refusal?.type === "TypeError") return new TypeError(refusal.message);
  if (refusal?.type === "RangeError") return new RangeError(refusal.message);
  const why = status === 401 ? "; is its token the one whose hash the server has?" : "";
  return new Error(`the store at ${host} answered with status ${status}${why}`);
}

/** @throws {Error} without a word of the text, which may hold what the store holds: what `JSON.parse` throws quotes it. */
function resultIn<Result>(text: string, host: string): Result {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`the store at ${host} answered with what is not JSON`);
  }
}

function refusalIn(text: string): StoreRefusal | null {
  try {
    const body = JSON.parse(text) as StoreRefusal | null;
    return body?.error === "refused" ? body : null;
  } catch {
    return null;
  }
}
