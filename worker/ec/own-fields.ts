/**
 * Whether a header field belongs to the Edge Cookie: a client cannot send it to the origin.
 * @param name in lower case
 */
export function isOwnField(name: string): boolean {
  return name.startsWith("x-ts-");
}
