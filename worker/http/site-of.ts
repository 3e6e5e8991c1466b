/**
 * Chooses the service that answers a request, where several share a listener.
 * @param sites at least one. The first without `hosts` answers every host that belongs to no other. A host without a port
 * matches any port.
 * @param host the request's host in lower case or not, with its port; `null`: the request has none.
 */
export function siteOf<Site extends { hosts?: readonly string[] | undefined }>(
  sites: readonly Site[],
  host: string | null,
): Site {
  if (sites.length === 1) return sites[0]!;
  const asked = host?.toLowerCase() ?? "";
  const name = asked.replace(/:\d+$/, "");
  const find = (wanted: string) => sites.find(({ hosts }) => hosts?.includes(wanted));
  return find(asked) ?? find(name) ?? sites.find(({ hosts }) => hosts === undefined) ?? sites[0]!;
}
