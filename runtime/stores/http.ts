/**
 * A client of a store that another machine serves over HTTP (`millrace store`), for hosts that have outgoing HTTP and no
 * durable storage. Every operation is one POST with a JSON body.
 * @module
 */
import type { Fetch, ListPage, PutOptions, PutResult, Store, StoreEntry } from "../platform.ts";
import { expiryMs } from "./expiry.ts";
import { StoreGuard } from "./guard.ts";

/** The body of a request: one operation. */
export type StoreCall =
  | { op: "get"; key: string }
  | { op: "put"; key: string; value: string; options?: PutOptions | undefined }
  | { op: "delete"; key: string }
  | {
      op: "list";
      prefix: string;
      options?: { limit?: number | undefined; cursor?: string | null | undefined } | undefined;
    };

/** The body of the response to a malformed operation: the store's error by the name of its type. */
export interface StoreRefusal {
  error: "refused";
  type: "TypeError" | "RangeError";
  message: string;
}

export interface HttpStoreOptions {
  /** URL of the server. */
  url: string;
  /** The secret whose hash the server has. */
  token: string;
  /** A fetch with a timeout and a maximum response size. */
  fetch: Fetch;
}

/**
 * Opens the store. Nothing connects before the first operation.
 *
 * @example
 * const store = httpStore({ url: "https://store.internal:8788/", token, fetch });
 */
export function httpStore({ url, token, fetch }: HttpStoreOptions): Store {
  const { host } = new URL(url);
  const guard = new StoreGuard(`the store at ${host}`);

  async function call<Result>(operation: StoreCall): Promise<Result> {
    guard.mustBeOpen();
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
      expiryMs(0, options?.ttlSeconds); // refused here: JSON would turn NaN and Infinity into null
      return call<PutResult>({ op: "put", key, value, options });
    },
    async delete(key) {
      await call({ op: "delete", key });
    },
    list: (prefix, options) => call<ListPage>({ op: "list", prefix, options }),
    async close() {
      guard.close();
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

/** @throws {Error} that quotes nothing of the text, which may be a stored value. `JSON.parse` would quote it. */
function resultIn<Result>(text: string, host: string): Result {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`the store at ${host} answered with something that is not JSON`);
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
