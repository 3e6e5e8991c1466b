/**
 * A connection goes to the address that was checked, while SNI and `Host` keep the name (L4, S20).
 * @module
 */
import type { LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { NotPublic } from "../../http/public-lookup.ts";
import type { Resolve } from "../git/fetch-address.ts";

/** Which relays are asked. */
export interface AddressRules {
  readonly resolve: Resolve;
  /** Whether `ws:` is allowed beside `wss:`. */
  readonly allowInsecure: boolean;
}

/**
 * Resolves and checks the host of a relay.
 * @returns answers only with what was checked, so that no second look-up leads elsewhere.
 * @throws {NotPublic} if an address is not public, or the scheme is not allowed. Any other error: the name has no address.
 */
export async function pinnedLookup(
  url: string,
  { resolve, allowInsecure }: AddressRules,
): Promise<LookupFunction> {
  const { protocol, hostname } = new URL(url);
  if (protocol !== "wss:" && !(protocol === "ws:" && allowInsecure))
    throw new NotPublic("only wss is allowed");
  const host = hostname.replace(/^\[|\]$/g, "");
  const checked = (await resolve(host)).map((address): LookupAddress => ({ address, family: isIP(address) }));
  const [first] = checked;
  if (first === undefined) throw Object.assign(new Error(`${host} has no address`), { code: "ENODATA" });
  return (name, options, callback) => {
    if (name !== host) callback(new NotPublic(`${name} was not checked`), "");
    else if (options.all) callback(null, checked);
    else callback(null, first.address, first.family);
  };
}
