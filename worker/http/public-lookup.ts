import { type LookupAddress, lookup, Resolver } from "node:dns";
import type { LookupFunction } from "node:net";
import { isInternalHost, isLoopbackHost } from "../../runtime/lib/addresses.ts";

/** How long one question to a name server waits, in milliseconds, and how often it is asked: less than a pull may take. */
const QUESTION = { timeout: 1500, tries: 2 };

/**
 * Resolves host names and refuses those that lead to a private network, a metadata service or this machine: a public name
 * may point there. The connection goes to the very addresses that were checked.
 *
 * Name servers are asked without the system's resolver first: that one occupies a thread for each name, and Node has two
 * for all of them, the site's own among them. A partner's silent name server must not hold up pages. The system is asked
 * where the name servers know nothing: names of this machine and of the network around it.
 * @param allowLoopback lets names lead to this machine, for trying things out.
 * @param resolver asks the name servers.
 */
export function publicLookup(
  allowLoopback: boolean,
  resolver: Pick<Resolver, "resolve4" | "resolve6"> = new Resolver(QUESTION),
): LookupFunction {
  const isAllowed = ({ address }: LookupAddress) =>
    !isInternalHost(address) || (allowLoopback && isLoopbackHost(address));

  return (hostname, options, callback) => {
    function answer(addresses: LookupAddress[]): void {
      if (!addresses.every(isAllowed)) {
        callback(new Error(`${hostname} resolves to an address outside the public internet`), "");
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

/** A name that no name server is asked for. */
function isLocalName(hostname: string): boolean {
  return !hostname.includes(".") || isLoopbackHost(hostname);
}

/** What the name servers answer. */
interface Found {
  /** Those of IPv4 first: every network has that. */
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
