/**
 * What a read replica answers to those who would change something: where the server that takes it is (A39).
 * @module
 */

/** The server that writes: the host of its announcements, and its base path. */
export interface Writer {
  readonly domain: string;
  readonly basePath: string;
}

/** The answer to an event. */
export function eventRefusal({ domain, basePath }: Writer): string {
  return `restricted: this is a read replica, which takes no events; publish to wss://${domain}${basePath}`;
}

/** The answer to a push. @param place the repository's path below the base path, such as `npub1…/repo.git` */
export function pushRefusal({ domain, basePath }: Writer, place: string): string {
  return `this is a read replica, which takes no pushes; push to https://${domain}${basePath}${place}`;
}

/** The answer to the question what would happen (G29). */
export function dryRunRefusal({ domain, basePath }: Writer): string {
  return `this is a read replica, which decides nothing; ask https://${domain}${basePath}dry-run`;
}
