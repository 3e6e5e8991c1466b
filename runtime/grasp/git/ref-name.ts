/**
 * Names of refs, as Git's check-ref-format has them, on bytes (A3, A44).
 * @module
 */

const MAX_NAME_BYTES = 1000;
/** Our own hidden refs have the name of another one at their end. */
const OWN = "refs/millrace/";
const MAX_OWN_NAME_BYTES = MAX_NAME_BYTES + 64;
const MAX_PART_BYTES = 250;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
/** Space, control characters and what Git keeps for its own syntax. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
const FORBIDDEN = /[\u0000-\u0020\u007f~^:?*[\\]/;

/**
 * Reads a ref name.
 * @returns `null` if Git's check-ref-format refuses it, if it is not UTF-8, or if it is too long.
 */
export function readRefName(bytes: Uint8Array): string | null {
  if (bytes.length > MAX_OWN_NAME_BYTES) return null;
  let name: string;
  try {
    name = decoder.decode(bytes);
  } catch {
    return null;
  }
  return isRefName(name) ? name : null;
}

/** Whether a text is a ref name that the service takes. */
export function isRefName(name: string): boolean {
  const maxBytes = name.startsWith(OWN) ? MAX_OWN_NAME_BYTES : MAX_NAME_BYTES;
  if (name.length > maxBytes || !name.includes("/") || !name.isWellFormed()) return false;
  if (FORBIDDEN.test(name) || name.includes("..") || name.includes("@{")) return false;
  if (name.endsWith(".") || encoder.encode(name).length > maxBytes) return false;
  return name
    .split("/")
    .every(
      (part) =>
        part !== "" &&
        !part.startsWith(".") &&
        !part.endsWith(".lock") &&
        (part.length * 3 <= MAX_PART_BYTES || encoder.encode(part).length <= MAX_PART_BYTES),
    );
}

/** Whether a ref is a branch or a tag: the refs that a state decides on. */
export function isBranchOrTag(name: string): boolean {
  return /^refs\/(heads|tags)\/./.test(name);
}

/** The first name that another name continues below, such as `a` beside `a/b` (A45); `null`: none. */
export function nestedName(names: Iterable<string>): string | null {
  const all = new Set(names);
  for (const name of all) {
    for (let slash = name.lastIndexOf("/"); slash > 0; slash = name.lastIndexOf("/", slash - 1)) {
      const above = name.slice(0, slash);
      if (all.has(above)) return above;
    }
  }
  return null;
}
