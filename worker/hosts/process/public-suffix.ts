/**
 * The Public Suffix List, as browsers use it for cookies. It is large, and loads when it is first asked; no bundle for an
 * edge has it.
 * @module
 */
import { getPublicSuffix } from "tldts";

/**
 * Whether a domain is a public suffix: no browser keeps a cookie for it. Suffixes that companies have listed for their
 * customers, such as `github.io`, count as well as `co.uk`. A name below a suffix that nobody has listed, such as
 * `millrace.localhost`, is none.
 */
export function isPublicSuffix(domain: string): boolean {
  return getPublicSuffix(domain, { allowPrivateDomains: true }) === domain;
}
