/**
 * Runs long synchronous work one piece at a time and yields to the event loop in between. Other work, such as answering a
 * page, waits for one piece and not for all.
 * @module
 */

/** Schedules work. */
export type InTurn = <T>(work: () => T) => Promise<T>;

/** Runs the work now. For hosts where one request must not wait for another. */
export const atOnce: InTurn = async (work) => work();

/** Runs one piece of work at a time, in the order of the calls. */
export function createInTurn(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  const yieldToOthers = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
  return (work) => {
    const result = last.then(work);
    last = result.then(yieldToOthers, yieldToOthers);
    return result;
  };
}
