import { lookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { isInternalHost, isLoopbackHost } from "../runtime/addresses.ts";

/**
 * Resolves host names as the system does, and refuses those that lead to a private network, a metadata service or this
 * machine: a public name may point there. The connection goes to the very addresses that were checked.
 * @param allowLoopback lets names lead to this machine, for trying things out.
 */
export function publicLookup(allowLoopback: boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, "");
      const isAllowed = ({ address }: { address: string }) =>
        !isInternalHost(address) || (allowLoopback && isLoopbackHost(address));
      if (!addresses.every(isAllowed)) {
        return callback(new Error(`${hostname} resolves to an address outside the public internet`), "");
      }
      if (options.all) return callback(null, addresses);
      callback(null, addresses[0]!.address, addresses[0]!.family);
    });
  };
}
