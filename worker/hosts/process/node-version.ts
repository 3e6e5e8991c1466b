/** The oldest major version of Node that has what millrace uses, for example `node:sqlite`. */
const OLDEST = 24;

/** @throws {Error} on a Node that is too old: there, requests would be answered without identities and nothing stored. */
export function requireNode(version: string): void {
  if (Number.parseInt(version, 10) >= OLDEST) return;
  throw new Error(`millrace needs Node ${OLDEST} or newer; this is Node ${version}`);
}
