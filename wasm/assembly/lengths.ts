// The lengths of windows that were asked for, so that an entry can name its own in 8 bits. There are few: they come from
// configuration and not from clients. When all numbers are given away, an entry names the next longer length that has one,
// and is kept longer than it has to be; what counts for a take is told by the length that the take is asked for with.

/**
 * 24 days. When it is looked at again, a run may be as old as two windows and a grain, which has to fit into 32 bits.
 */
export const LONGEST_WINDOW: u32 = 2073600000;
const MOST: u32 = 255;
const LENGTHS = memory.data(1024, 4);
let given: u32 = 0;

/** The length that has this number; of 0, which no length has: 0. */
// @ts-ignore: decorator
@inline
export function lengthOf(number: u32): u32 {
  return load<u32>(LENGTHS + (usize(number) << 2));
}

function give(length: u32): u32 {
  given++;
  store<u32>(LENGTHS + (usize(given) << 2), length);
  return given;
}

/** The number of a length, from 1; that of the longest that there may be is given away first. */
export function numberOf(length: u32): u32 {
  if (!given) give(LONGEST_WINDOW);
  let next: u32 = 1;
  for (let number: u32 = 1; number <= given; number++) {
    const known = lengthOf(number);
    if (known == length) return number;
    if (known > length && known < lengthOf(next)) next = number;
  }
  return given < MOST ? give(length) : next;
}
