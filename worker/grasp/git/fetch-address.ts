/**
 * Which address a fetch connects to (S20, S34): we resolve the name, refuse what is not public, and pin what was checked.
 * @module
 */
import type { LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { isInternalHost, isLoopbackHost } from "../../../runtime/lib/addresses.ts";
import { SourceUnusable } from "../../../runtime/sync/index.ts";
import { NotPublic, publicLookup } from "../../http/public-lookup.ts";

/**
 * Every address of a host, none of them of a private network.
 * @param host a name or an address, without brackets
 * @throws {NotPublic} if one of the addresses is not public. Any other error: the name has none.
 */
export type Resolve = (host: string) => Promise<readonly string[]>;

/**
 * @param allowLoopback allows this machine, for tests and demonstrations
 * @param lookup refuses names that lead to private networks
 */
export function publicAddresses(
  allowLoopback: boolean,
  lookup: LookupFunction = publicLookup(allowLoopback),
): Resolve {
  return (host) =>
    new Promise((resolve, reject) => {
      if (isIP(host) !== 0) {
        const isAllowed = !isInternalHost(host) || (allowLoopback && isLoopbackHost(host));
        if (isAllowed) resolve([host]);
        else reject(new NotPublic(`${host} is outside the public internet`));
        return;
      }
      lookup(host, { all: true }, (error, found) => {
        if (error) reject(error);
        else resolve((found as unknown as LookupAddress[]).map(({ address }) => address));
      });
    });
}

/** A name without an address: a failure of the domain (S15). */
export class NameFault extends Error {
  override readonly name = "NameFault";
}

/**
 * The value of `http.curloptResolve` for a URL: `<host>:<port>:<addresses>`; `null`: the URL names an address itself.
 * @param url as `cloneUrl` writes it
 * @throws {SourceUnusable} if one of the addresses is not public. {NameFault} if there is none.
 */
export async function pinned(url: string, resolve: Resolve): Promise<string | null> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  let addresses: readonly string[];
  try {
    addresses = await resolve(host);
  } catch (cause) {
    if (cause instanceof NotPublic) throw new SourceUnusable("its address is not public", null, { cause });
    throw new NameFault("its name has no address", { cause });
  }
  if (addresses.length === 0) throw new NameFault("its name has no address");
  if (isIP(host) !== 0) return null;
  const list = addresses.map((address) => (isIP(address) === 6 ? `[${address}]` : address)).join(",");
  return `${hostname}:${port || (protocol === "https:" ? "443" : "80")}:${list}`;
}
