/**
 * What lives and dies with a request on Cloudflare Workers. Timers, connections and calls belong to the request that began
 * them, and end with it; other requests of the isolate may be waiting for what comes of them. So whatever is begun keeps
 * its request alive until it has ended, and it ends in bounded time.
 * @module
 */
import { waitUntil } from "cloudflare:workers";
import { valueWithin } from "../../../runtime/lib/within.ts";
import type { Clock } from "../../../runtime/platform.ts";
import type { CallObject } from "../../../runtime/stores/durable-object.ts";

/** How long one call of a Durable Object may take, in milliseconds. */
const CALL_TIMEOUT_MS = 5000;
/** Timers up to here bound or pause work that is under way, in milliseconds. Longer ones may end with their request. */
const LONGEST_KEPT_MS = 10_000;

/** Keeps the request that is being answered alive until work has settled; Cloudflare allows 30 s after the response. */
export function keepAlive(work: Promise<unknown>): void {
  waitUntil(work.catch(() => {})); // whoever began it hears of its failure
}

export const clock: Clock = {
  now: Date.now,
  after(delayMs, callback) {
    let end = () => {};
    let cancelled = false;
    const timer = setTimeout(() => {
      if (!cancelled) callback();
      end();
    }, delayMs);
    if (delayMs <= LONGEST_KEPT_MS) {
      keepAlive(
        new Promise<void>((resolve) => {
          end = resolve;
        }),
      );
    }
    return () => {
      // Another request's timer cannot be cleared.
      cancelled = true;
      clearTimeout(timer);
      end();
    };
  },
};

/** As much of Cloudflare's `DurableObjectNamespace` as is used here. */
export interface Namespace<T> {
  idFromName(name: string): unknown;
  get(id: unknown): T;
}

/** The methods of an object as they are called from elsewhere. */
export type Remote<T> = {
  [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : T[K];
};

/**
 * Calls the objects of a namespace by name.
 * @param timeoutMs how long one call may take, in milliseconds.
 */
export function objectCalls<T>(
  namespace: Namespace<Remote<T>>,
  timeoutMs = CALL_TIMEOUT_MS,
): CallObject<Remote<T>> {
  return (name, operation) => {
    // Not kept for the next call: a stub, too, belongs to the request that made it.
    const object = namespace.get(namespace.idFromName(name));
    const answer = valueWithin(operation(object), timeoutMs, clock);
    keepAlive(answer);
    return answer;
  };
}
