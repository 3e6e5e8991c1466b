/** A place that may have items of an identifier. */
export interface Source {
  /** Where to ask. Its host is the domain whose limits apply. A URL without a host is skipped. */
  readonly url: string;
  /** Distinguishes it from the identifier's other sources. The URL itself, unless several sources share one URL. */
  readonly key: string;
}

/**
 * The domain whose limits apply to a URL: its host in lower case, without a trailing dot, with the port if that is not
 * the default port of the scheme.
 * @returns `null` if the text is no URL or has no host.
 */
export function domainOf(url: string): string | null {
  let host: string;
  try {
    host = new URL(url).host;
  } catch {
    return null;
  }
  return host.toLowerCase().replace(/\.(?=:|$)/, "") || null;
}
