/**
 * The Public Suffix List, as browsers use it for cookies. It is large, so it is loaded at its first use, and bundles for
 * edges do not contain it.
 * @module
 */
import { getPublicSuffix } from "tldts";

/**
 * Whether a domain is a public suffix, for which no browser keeps a cookie. Suffixes of companies, such as `github.io`, count
 * like `co.uk`. A name below a suffix that is not in the list, such as `millrace.localhost`, is not a public suffix.
 */
export function isPublicSuffix(domain: string): boolean {
  return getPublicSuffix(domain, { allowPrivateDomains: true }) === domain;
}
