/**
 * The domain that a source counts against: its host, in lower case, without a trailing dot, with the port where that
 * is not the scheme's own.
 * @param source a URL.
 * @returns `null` if it is no URL or has no host.
 */
export function domainOf(source: string): string | null {
  let host: string;
  try {
    host = new URL(source).host;
  } catch {
    return null;
  }
  return host.toLowerCase().replace(/\.(?=:|$)/, "") || null;
}
