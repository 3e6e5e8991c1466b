import type { Clock } from "../platform.ts";

/** Whether a value is yet to come. A promise may be another realm's. */
export function isPending<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Promise<T> | null | undefined)?.then === "function";
}

/**
 * Waits for work, but no longer than `ms` milliseconds; the work goes on all the same.
 * @returns whether the work settled in time.
 * @throws what the work throws, if it does so in time.
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

/** Work took longer than it may. */
export class TimeoutError extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
    this.name = "TimeoutError";
  }
}

/**
 * What work comes to, if it does so within `ms` milliseconds; the work goes on all the same.
 * @throws {TimeoutError} if it does not.
 * @throws what the work throws.
 */
export async function valueWithin<T>(work: T | Promise<T>, ms: number, clock: Clock): Promise<T> {
  if (!isPending(work)) return work;
  if (await settlesWithin(work, ms, clock)) return work;
  throw new TimeoutError(ms);
}
