/**
 * Limits on the number and the nesting of JSON values, checked on the bytes before parsing. The cost of parsing, walking and
 * writing JSON depends on its values and their depth much more than on its bytes.
 * @module
 */

/** Maximum nesting of arrays and objects. OpenRTB needs about ten levels. */
export const MAX_DEPTH = 64;
/** Maximum number of values. The longest upload has 4,000, a large bid request a few thousand. */
export const MAX_VALUES = 50_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Whether a JSON text in UTF-8 stays within {@link MAX_DEPTH} and {@link MAX_VALUES}. Reads the bytes once and stops at the
 * first exceeded limit. The result has no meaning for text that is not JSON.
 */
export function hasModestShape(text: Uint8Array): boolean {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        if (++depth > MAX_DEPTH) return false;
        if (++values > MAX_VALUES) return false;
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth--;
        break;
      case COMMA:
        if (++values > MAX_VALUES) return false;
    }
  }
  return true;
}

/** The index of the closing quote of a string; the length of the text if there is none. */
function endOfString(text: Uint8Array, start: number): number {
  let at = text.indexOf(QUOTE, start + 1);
  while (at !== -1) {
    let before = at - 1;
    while (text[before] === BACKSLASH) before--;
    if ((at - 1 - before) % 2 === 0) return at;
    at = text.indexOf(QUOTE, at + 1);
  }
  return text.length;
}
