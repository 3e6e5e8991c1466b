/**
 * Counts the characters that code reads and the items that it adds to lists, by the methods that the readers use, so
 * that a test can detect more than linear work without a clock.
 * @module
 */

/** Runs `read` and counts. */
export function countLooks(read: () => unknown): number {
  const { charCodeAt, indexOf, startsWith } = String.prototype;
  const { push } = Array.prototype;
  let looks = 0;
  String.prototype.charCodeAt = function (at) {
    looks++;
    return charCodeAt.call(this, at);
  };
  String.prototype.indexOf = function (wanted, from = 0) {
    const at = indexOf.call(this, wanted, from);
    looks += (at === -1 ? this.length : at) - from + 1;
    return at;
  };
  String.prototype.startsWith = function (wanted, from = 0) {
    looks += wanted.length;
    return startsWith.call(this, wanted, from);
  };
  Array.prototype.push = function (...items) {
    looks += items.length;
    return push.apply(this, items);
  };
  try {
    read();
  } finally {
    Object.assign(String.prototype, { charCodeAt, indexOf, startsWith });
    Object.assign(Array.prototype, { push });
  }
  return looks;
}
