/**
 * Lets pieces of work that each take a while take turns, with a breath of the event loop between them: what else the
 * process does, such as answering a page, waits for one of them and not for all.
 * @module
 */

/** Does work now or when its turn has come. */
export type InTurn = <T>(work: () => T) => Promise<T>;

/** Does it now. For hosts where one request must not wait for another. */
export const atOnce: InTurn = async (work) => work();

/** One piece of work at a time, in the order in which they came. */
export function createInTurn(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  const breathe = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
  return (work) => {
    const result = last.then(work);
    last = result.then(breathe, breathe);
    return result;
  };
}
