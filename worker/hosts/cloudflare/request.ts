/**
 * Timers and calls on Cloudflare Workers. They belong to the request that started them and end with it, although other
 * requests of the isolate may wait for their result. So each keeps its request alive until it ends, and has a timeout.
 * @module
 */
import { waitUntil } from "cloudflare:workers";
import { valueWithin } from "../../../runtime/lib/within.ts";
import type { Clock } from "../../../runtime/platform.ts";
import type { CallObject } from "../../../runtime/stores/durable-object.ts";

/** Timeout of one call of a Durable Object, in milliseconds. */
const CALL_TIMEOUT_MS = 5000;
/** Timers up to this length keep their request alive, in milliseconds: work in progress needs them. Longer ones may end. */
const LONGEST_KEPT_MS = 10_000;

/** Keeps the current request alive until work has settled; Cloudflare allows 30 s after the response. */
export function keepAlive(work: Promise<unknown>): void {
  waitUntil(work.catch(() => {})); // callers handle its failure
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

/** The part of Cloudflare's `DurableObjectNamespace` that is used here. */
export interface Namespace<T> {
  idFromName(name: string): unknown;
  get(id: unknown): T;
}

/** The methods of an object as other isolates call them. */
export type Remote<T> = {
  [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : T[K];
};

/**
 * Calls the objects of a namespace by name.
 * @param timeoutMs timeout of one call, in milliseconds.
 */
export function objectCalls<T>(
  namespace: Namespace<Remote<T>>,
  timeoutMs = CALL_TIMEOUT_MS,
): CallObject<Remote<T>> {
  return (name, operation) => {
    // Not cached: a stub belongs to the request that made it.
    const object = namespace.get(namespace.idFromName(name));
    const answer = valueWithin(operation(object), timeoutMs, clock);
    keepAlive(answer);
    return answer;
  };
}
