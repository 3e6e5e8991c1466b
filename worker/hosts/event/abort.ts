/**
 * `AbortController`, `AbortSignal` and `Request.signal` for StarlingMonkey, the engine of Fastly Compute and of
 * componentized JavaScript. Fastly's has none of them; the other's `Request.signal` ends the instance when it is used.
 * @module
 */

/** The part of the DOM's `AbortSignal` that our code and its libraries use. */
class Signal extends EventTarget {
  aborted = false;
  reason: unknown = undefined;
  onabort: ((event: Event) => void) | null = null;

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  /** Not part of the standard: how a {@link Controller} aborts it. */
  static abortNow(signal: Signal, reason: unknown): void {
    if (signal.aborted) return;
    signal.aborted = true;
    signal.reason = reason;
    const event = new Event("abort");
    signal.onabort?.(event);
    signal.dispatchEvent(event);
  }
}

class Controller {
  readonly signal = new Signal();

  abort(reason: unknown = new DOMException("the operation was aborted", "AbortError")): void {
    Signal.abortNow(this.signal, reason);
  }
}

/** Installs what is missing or broken. */
export function installAbort(): void {
  const world = globalThis as Record<string, unknown>;
  world.AbortController ??= Controller;
  world.AbortSignal ??= Signal;
  // These hosts do not report that a client is gone.
  const never = new AbortController().signal;
  Object.defineProperty(Request.prototype, "signal", { configurable: true, get: () => never });
}

/**
 * Stops waiting for work when a signal aborts. The work continues until the host's own limits end it.
 * @throws the signal's reason
 */
export function abortable<T>(work: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
    work.then(resolve, reject);
  });
}
