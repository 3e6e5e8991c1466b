/**
 * The settings that requests are read with. Some of them may change while the service runs.
 * @module
 */
import type { Identity } from "../../runtime/ec/id.ts";
import type { ConsentPolicy } from "../../runtime/ec/request/consent.ts";
import { type ContextSettings, cookiesToRead } from "../../runtime/ec/request/context.ts";
import type { EcCookie } from "../../runtime/ec/request/cookie.ts";
import type { Config } from "./config.ts";

const DAY_SECONDS = 86_400;

/** The settings of one service. Every request reads them, so that {@link Settings.reload} takes effect at once. */
export class Settings implements ContextSettings {
  readonly identity: Identity;
  readonly readEcHeader: boolean;
  readonly cookie: EcCookie;
  readonly cookieNames: readonly string[];
  /** The rules on consent. Replaced by a reload. */
  policy!: ConsentPolicy;
  /** The SHA-256 of the operator's token; `null`: there is none. Replaced by a reload. */
  operatorTokenHash!: string | null;
  /** The same of the token that may only look. Replaced by a reload. */
  readOnlyTokenHash!: string | null;
  /** Maximum number of ids for one address in an hour. Replaced by a reload. */
  mintPerAddressPerHour!: number;

  constructor(config: Config, identity: Identity) {
    this.identity = identity;
    this.readEcHeader = config.readEcHeader;
    this.cookie = ecCookie(config);
    this.cookieNames = cookiesToRead(this.cookie.name);
    this.reload(config);
  }

  /** Takes over the settings that may change while the service runs. */
  reload({ consent, operator, mintPerAddressPerHour }: Config): void {
    this.policy = consentPolicy(consent);
    this.operatorTokenHash = operator.tokenHash;
    this.readOnlyTokenHash = operator.readOnlyTokenHash;
    this.mintPerAddressPerHour = mintPerAddressPerHour;
  }
}

/** The rules on consent by the configuration. */
export function consentPolicy(consent: Config["consent"]): ConsentPolicy {
  return {
    ...consent,
    gdprCountries: new Set(consent.gdprCountries),
    usStates: new Set(consent.usStates),
  };
}

/** The id's cookie by the configuration. */
export function ecCookie({ cookie, publisher }: Pick<Config, "cookie" | "publisher">): EcCookie {
  return { name: cookie.name, domain: publisher.domain, maxAgeSeconds: cookie.maxAgeDays * DAY_SECONDS };
}
