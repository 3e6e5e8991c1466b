/**
 * Which request the running code works for, so that each line of the log that a request causes has its ids. For Node, Bun and
 * Deno only: other hosts do not import this module.
 *
 * A timer or a shared connection runs in the scope of the request that began it, and may work for another one. Therefore timers
 * of the process run outside of requests, and the proxy and WebSockets enter the scope themselves.
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { idFields } from "../../runtime/observe/trace-context.ts";
import type { Clock, LogFields } from "../../runtime/platform.ts";
import type { ServedIds } from "./request-ids.ts";

const scope = new AsyncLocalStorage<ServedIds | undefined>();

/** Runs work for a request. @param ids `undefined`: for none. */
export function inRequest<Result>(ids: ServedIds | undefined, work: () => Result): Result {
  return scope.run(ids, work);
}

/** The ids of the request that the caller works for; `undefined`: it works for none. */
export function currentIds(): ServedIds | undefined {
  return scope.getStore();
}

/** The fields of the log that name the request; `undefined`: there is none. */
export function requestFields(): LogFields | undefined {
  const ids = scope.getStore();
  return ids === undefined ? undefined : idFields(ids);
}

/** The same clock, whose timers run outside of requests. */
export function timersOutside(clock: Clock): Clock {
  return {
    ...clock,
    after: (delayMs, callback) => scope.run(undefined, () => clock.after(delayMs, callback)),
  };
}
