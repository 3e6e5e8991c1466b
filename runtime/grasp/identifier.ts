/**
 * Identifiers: the `d` of an announcement, which names a repository of its owner (R27).
 * @module
 */

const MAX_BYTES = 251;
/** Control characters of Unicode's first two blocks. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** What is wrong with an identifier; `null`: nothing. */
export function identifierFault(identifier: string): string | null {
  if (identifier === "") return "the identifier is empty";
  if (!identifier.isWellFormed()) return "the identifier is not Unicode";
  if (CONTROL.test(identifier)) return "the identifier has control characters";
  if (/[/\\]/.test(identifier)) return "the identifier has a slash or backslash";
  if (/^[-.]/.test(identifier)) return "the identifier begins with - or .";
  if (/\.(git|lock)$/.test(identifier)) return "the identifier ends in .git or .lock";
  if (new TextEncoder().encode(identifier).length > MAX_BYTES) {
    return `the identifier is longer than ${MAX_BYTES} bytes`;
  }
  if (identifier.normalize("NFC") !== identifier) return "the identifier is not in Unicode's form NFC";
  return null;
}
