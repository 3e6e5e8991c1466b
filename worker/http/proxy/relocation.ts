/**
 * Rewrites redirects to the origin's own address, which clients cannot reach, to the requested address.
 * @param originUrl the origin's address
 * @param originHost the `Host` of requests to the origin
 * @returns a function from a `Location` and the requested scheme and host, for example `https://www.example.com`, to the
 * `Location` for the client. It returns a `Location` with another host unchanged.
 */
export function relocation(originUrl: URL, originHost: string) {
  const own = new Set([
    originUrl.host,
    originHost.toLowerCase(),
    withoutDefaultPort(originHost.toLowerCase()),
  ]);
  return (location: string, requestedOrigin: string): string => {
    const match = /^(?:https?:)?\/\/([^/?#]*)(.*)$/is.exec(location);
    if (match === null) return location;
    const [, host, rest] = match as unknown as [string, string, string];
    const name = host.toLowerCase();
    return own.has(name) || own.has(withoutDefaultPort(name)) ? `${requestedOrigin}${rest}` : location;
  };
}

function withoutDefaultPort(host: string): string {
  return host.replace(/:(?:80|443)$/, "");
}
