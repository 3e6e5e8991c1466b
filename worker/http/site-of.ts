/**
 * Chooses the service that answers a request, where several share a listener.
 * @param sites at least one. The first without `hosts` answers for every host that belongs to no other.
 * @param host as the request has it, with its port; `null`: the request names none.
 */
export function siteOf<Site extends { hosts?: readonly string[] | undefined }>(
  sites: readonly Site[],
  host: string | null,
): Site {
  if (sites.length === 1) return sites[0]!;
  const asked = host?.toLowerCase() ?? null;
  const own = asked === null ? undefined : sites.find(({ hosts }) => hosts?.includes(asked));
  return own ?? sites.find(({ hosts }) => hosts === undefined) ?? sites[0]!;
}
