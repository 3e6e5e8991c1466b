import { type LookupAddress, lookup, Resolver } from "node:dns";
import type { LookupFunction } from "node:net";
import { isInternalHost, isLoopbackHost } from "../../runtime/lib/addresses.ts";

/** Timeout of one DNS query in milliseconds, and the number of tries. Together shorter than the timeout of a pull. */
const QUERY = { timeout: 1500, tries: 2 };

/** A name has an address in a private network, of a metadata service or of this machine. */
export class NotPublic extends Error {
  override readonly name = "NotPublic";
}

/**
 * Resolves host names and refuses those with an address in a private network, of a metadata service or of this machine: a
 * public name may point there. The connection uses exactly the addresses that were checked.
 *
 * The name servers are queried directly first. The system's resolver blocks a thread for each name, and Node has two threads
 * for all names, including the origin's. A name server that does not answer must not delay pages. The system's resolver is
 * used for names that the name servers do not know: names of this machine and of its network.
 * @param allowLoopback allow addresses of this machine, for tests and demonstrations
 * @param resolver queries the name servers
 */
export function publicLookup(
  allowLoopback: boolean,
  resolver: Pick<Resolver, "resolve4" | "resolve6"> = new Resolver(QUERY),
): LookupFunction {
  const isAllowed = ({ address }: LookupAddress) =>
    !isInternalHost(address) || (allowLoopback && isLoopbackHost(address));

  return (hostname, options, callback) => {
    function answer(addresses: LookupAddress[]): void {
      if (!addresses.every(isAllowed)) {
        callback(new NotPublic(`${hostname} resolves to an address outside the public internet`), "");
      } else if (options.all) {
        callback(null, addresses);
      } else {
        callback(null, addresses[0]!.address, addresses[0]!.family);
      }
    }

    function askSystem(): void {
      lookup(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) callback(error, "");
        else answer(addresses);
      });
    }

    if (isLocalName(hostname)) {
      askSystem();
      return;
    }
    askNameServers(resolver, hostname, options.family).then((found) => {
      if (found.addresses.length > 0) answer(found.addresses);
      else if (found.isSilent) callback(new Error(`no name server answered for ${hostname}`), "");
      else askSystem();
    });
  };
}

/** Whether a name is resolved by the system only. */
function isLocalName(hostname: string): boolean {
  return !hostname.includes(".") || isLoopbackHost(hostname);
}

/** The result of the queries. */
interface Found {
  /** IPv4 addresses first, since every network has IPv4. */
  addresses: LookupAddress[];
  /** No name server answered in time. */
  isSilent: boolean;
}

async function askNameServers(
  resolver: Pick<Resolver, "resolve4" | "resolve6">,
  hostname: string,
  family: number | string | undefined,
): Promise<Found> {
  let isSilent = false;
  const ask = (type: "resolve4" | "resolve6") =>
    new Promise<string[]>((resolve) => {
      resolver[type](hostname, (error, addresses) => {
        if (error?.code === "ETIMEOUT" || error?.code === "ECANCELLED") isSilent = true;
        resolve(error ? [] : addresses);
      });
    });
  const wanted = ([4, 6] as const).filter(
    (one) => !family || Number(String(family).replace("IPv", "")) === one,
  );
  const found = await Promise.all(
    wanted.map(async (one) =>
      (await ask(`resolve${one}`)).map((address): LookupAddress => ({ address, family: one })),
    ),
  );
  return { addresses: found.flat(), isSilent };
}
