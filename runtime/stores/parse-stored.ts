/**
 * Parses what a store holds beside a value. Stores import nothing of the house but the ports, so that this is theirs.
 * @param what it is, for the error
 * @throws {Error} if it is no JSON. The error says nothing of the text: what `JSON.parse` throws quotes it, and so would a log.
 */
export function parseStored(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${what} is not JSON; something else than millrace wrote it`);
  }
}
