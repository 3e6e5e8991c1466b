/**
 * The configuration of a service worker. Every visitor can read it, so that it has no secrets.
 * @module
 */
import type { PartnerInput } from "../../../runtime/ec/partners/partner.ts";
import type { ConfigInput } from "../config.ts";

/** Fields that only a server can have. */
type ServerField =
  | "passphrases"
  | "operator"
  | "client"
  | "listen"
  | "store"
  | "limiter"
  | "throttle"
  | "readEcHeader";
type Secret = "apiKey" | "apiKeyHash" | "pullToken";

/** A configuration as on any host, without what only a server can have. */
export interface BrowserOptions extends Omit<ConfigInput, ServerField | "partners"> {
  /**
   * An address of the publisher's own that answers who asks, as JSON: `{"ip": "203.0.113.7", "country": "FR", "region": null}`.
   * Its `Cache-Control` says how long that holds. Without it no address is known, and without an address no id is minted.
   */
  clientUrl?: string;
  /** Asked without a token, and with the publisher's origin only: they must allow that by CORS. */
  partners?: Omit<PartnerInput, Secret>[];
}

/** Stands for the token that a record whose ids are pulled must have; it is never sent. */
const NO_TOKEN = "none";

/**
 * The configuration that the service runs with.
 * @param passphrase the device's own.
 * @throws {Error} naming a secret, if there is one.
 */
export function configOf(options: BrowserOptions, passphrase: string): ConfigInput {
  const { clientUrl: _, partners = [], ...rest } = options;
  mustBePublic("", rest, ["passphrases", "operator"]);
  for (const [n, partner] of partners.entries()) {
    mustBePublic(`partners[${n}].`, partner, ["apiKey", "apiKeyHash", "pullToken"]);
  }
  return {
    ...rest,
    // Nothing stands in front of a service worker that could forward an id.
    passphrases: [passphrase],
    readEcHeader: false,
    partners: partners.map((partner) => ({ ...partner, pullToken: NO_TOKEN })),
  };
}

function mustBePublic(prefix: string, part: object, secrets: readonly string[]): void {
  for (const secret of secrets) {
    if (secret in part) {
      throw new Error(
        `${prefix}${secret}: every visitor can read what a service worker is made of; leave it out`,
      );
    }
  }
}
