// The window lengths in use, numbered, so that an entry stores its own in 8 bits. There are few: they come from configuration,
// not from clients. Once all numbers are used, an entry gets the number of the next longer length and is kept longer than
// necessary; a take is still decided by the length that it is called with.

/** 24 days. The age of a run is at most two windows and a grain, and must fit into 32 bits. */
export const LONGEST_WINDOW: u32 = 2073600000;
const MOST: u32 = 255;
const LENGTHS = memory.data(1024, 4);
let assigned: u32 = 0;

/** The length with this number; 0 for number 0. */
// @ts-ignore: decorator
@inline
export function lengthOf(number: u32): u32 {
  return load<u32>(LENGTHS + (usize(number) << 2));
}

function assign(length: u32): u32 {
  assigned++;
  store<u32>(LENGTHS + (usize(assigned) << 2), length);
  return assigned;
}

/** The number of a length, from 1. The longest possible length has number 1. */
export function numberOf(length: u32): u32 {
  if (!assigned) assign(LONGEST_WINDOW);
  let next: u32 = 1;
  for (let number: u32 = 1; number <= assigned; number++) {
    const known = lengthOf(number);
    if (known == length) return number;
    if (known > length && known < lengthOf(next)) next = number;
  }
  return assigned < MOST ? assign(length) : next;
}
