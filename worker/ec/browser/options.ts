/**
 * The configuration of a service worker. Every visitor can read it, so it has no secrets.
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

/** The options of the Edge Cookie without the fields that only a server can have. */
export interface BrowserOptions extends Omit<ConfigInput, ServerField | "partners"> {
  /**
   * An address of the publisher that answers with the client as JSON: `{"ip": "203.0.113.7", "country": "FR", "region": null}`.
   * Its `Cache-Control` sets the lifetime of the answer. Without `clientUrl` the address is unknown and no id is minted.
   */
  clientUrl?: string;
  /** Partners. They are requested without a token and must allow the publisher's origin by CORS. */
  partners?: Omit<PartnerInput, Secret>[];
}

/** Placeholder for the token that a pulled partner must have. It is never sent. */
const NO_TOKEN = "none";

/**
 * The options of the service.
 * @param passphrase the device's passphrase
 * @throws {Error} naming a secret in the options
 */
export function configOf(options: BrowserOptions, passphrase: string): ConfigInput {
  const { clientUrl: _, partners = [], ...rest } = options;
  mustBePublic("", rest, ["passphrases", "operator"]);
  for (const [n, partner] of partners.entries()) {
    mustBePublic(`partners[${n}].`, partner, ["apiKey", "apiKeyHash", "pullToken"]);
  }
  return {
    ...rest,
    // Nothing in front of a service worker forwards an id.
    passphrases: [passphrase],
    readEcHeader: false,
    partners: partners.map((partner) => ({ ...partner, pullToken: NO_TOKEN })),
  };
}

function mustBePublic(prefix: string, part: object, secrets: readonly string[]): void {
  for (const secret of secrets) {
    if (secret in part) {
      throw new Error(`${prefix}${secret}: every visitor can read a service worker; leave it out`);
    }
  }
}
