import type { Clock } from "../platform.ts";

/** Whether a value is a promise, which may be from another realm. */
export function isPending<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Promise<T> | null | undefined)?.then === "function";
}

/**
 * Waits for work, but no longer than `ms` milliseconds. The work itself continues.
 * @returns whether the work settled in time.
 * @throws what the work throws, if that is in time.
 */
export function settlesWithin(work: Promise<unknown>, ms: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => resolve(false));
    work.then(
      () => {
        cancel();
        resolve(true);
      },
      (error) => {
        cancel();
        reject(error);
      },
    );
  });
}

/** Work took longer than its timeout. */
export class TimeoutError extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
    this.name = "TimeoutError";
  }
}

/**
 * The result of work, if it settles within `ms` milliseconds. The work itself continues.
 * @throws {TimeoutError} if it does not settle in time.
 * @throws what the work throws.
 */
export async function valueWithin<T>(work: T | Promise<T>, ms: number, clock: Clock): Promise<T> {
  if (!isPending(work)) return work;
  if (await settlesWithin(work, ms, clock)) return work;
  throw new TimeoutError(ms);
}
