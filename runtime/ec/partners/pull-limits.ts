import { type DomainLimits, domainOf } from "../../sync/index.ts";
import type { Partner } from "./partner.ts";

/**
 * The limits that the partners of a domain agreed to; the lowest ones if several share it. Computed again only when a
 * partner changes.
 */
export function createPullLimits(
  pulling: () => readonly Partner[],
): (domain: string) => DomainLimits | undefined {
  let basis: readonly Partner[] | undefined;
  let byDomain = new Map<string, DomainLimits>();
  return (domain) => {
    const partners = pulling();
    if (partners !== basis) {
      basis = partners;
      byDomain = limitsByDomain(partners);
    }
    return byDomain.get(domain);
  };
}

function limitsByDomain(partners: readonly Partner[]): Map<string, DomainLimits> {
  const byDomain = new Map<string, DomainLimits>();
  for (const { pullSyncUrl, maxConcurrent, maxPerMinute } of partners) {
    const domain = domainOf(pullSyncUrl!);
    if (domain === null) continue;
    const lowest = byDomain.get(domain);
    byDomain.set(domain, {
      maxConcurrent: Math.min(maxConcurrent, lowest?.maxConcurrent ?? maxConcurrent),
      maxPerMinute: Math.min(maxPerMinute, lowest?.maxPerMinute ?? maxPerMinute),
    });
  }
  return byDomain;
}
