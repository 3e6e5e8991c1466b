/**
 * Changes redirects that lead to the origin's own address, which visitors cannot reach, to the address that they asked.
 * @param originUrl the origin's address
 * @param originHost the `Host` that the origin was asked by
 * @returns a function from a `Location` and the scheme and host that the visitor asked, such as `https://www.example.com`, to
 * the `Location` that the visitor gets; one that leads elsewhere stays as it is
 */
export function relocation(originUrl: URL, originHost: string) {
  const own = new Set([
    originUrl.host,
    originHost.toLowerCase(),
    withoutDefaultPort(originHost.toLowerCase()),
  ]);
  return (location: string, visitorOrigin: string): string => {
    const match = /^(?:https?:)?\/\/([^/?#]*)(.*)$/is.exec(location);
    if (match === null) return location;
    const [, host, rest] = match as unknown as [string, string, string];
    const name = host.toLowerCase();
    return own.has(name) || own.has(withoutDefaultPort(name)) ? `${visitorOrigin}${rest}` : location;
  };
}

function withoutDefaultPort(host: string): string {
  return host.replace(/:(?:80|443)$/, "");
}
