/**
 * The fields of the Edge Cookie's configuration, as a person writes them.
 * @module
 */
import type { VendorlessRule, WithdrawalRule } from "../../runtime/ec/request/consent.ts";
import type { ClientFields, ListenFields, OperatorFields } from "../config/shared-fields.ts";

/** The site. */
export interface PublisherFields {
  /** The domain of the cookie, for example `example.com`. Subdomains get the cookie, too. */
  domain: string;
  /** The site behind our own server: scheme, host and port. Default: `null`. `millrace serve` requires it. */
  origin?: string | null | undefined;
  /** The `Host` that the origin receives: `preserve`, which is the visitor's, or a fixed one. Default: `preserve`. */
  originHost?: string | undefined;
  /** Timeout for the start of the origin's response, in milliseconds. Default: 30,000. */
  originTimeoutMs?: number | undefined;
}

/** Rules of consent. */
export interface ConsentFields {
  /** Countries that require consent by TCF, as ISO 3166-1 codes of two letters. Default: the EU, the EEA, GB and others. */
  gdprCountries?: string[] | undefined;
  /** US states with a privacy law, as codes of two letters. Default: 20 states. */
  usStates?: string[] | undefined;
  /** Maximum age of a TCF consent, in days. An older one counts as absent. Default: 395. */
  maxAgeDays?: number | undefined;
  /** The country of visitors whose country is not known. Default: `null`, no id is minted for them. */
  assumeCountry?: string | null | undefined;
  /**
   * What withdraws an id: `any` decision that does not allow one, or only an `explicit` refusal or opt-out. Default: `any`.
   */
  withdrawal?: WithdrawalRule | undefined;
  /**
   * Whether partners without `gvlId` get ids where the GDPR applies. Default: `null`, which is `deny` once any partner has a `gvlId`,
   * else `allow`.
   */
  vendorless?: VendorlessRule | null | undefined;
}

/** Auctions. */
export interface AuctionFields {
  /** URL that receives the bid requests of `/auction`. Default: `null`, `/auction` answers 404. */
  endpoint?: string | null | undefined;
}

/** The cookie that holds the id. */
export interface CookieFields {
  /** Name of the cookie. Default: `ts-ec`. */
  name?: string | undefined;
  /** How long browsers keep the cookie, in days, from 1 to 400. Default: 365. */
  maxAgeDays?: number | undefined;
}

/** Tables of rate limits in memory. */
export interface ThrottleFields {
  /** Size of the two large tables, in keys of 48 bytes. Default: `null`, the host's own size. */
  maxKeys?: number | null | undefined;
  /** Expected number of visitors' addresses an hour. Default: 200,000. */
  addressesPerHour?: number | undefined;
}

/** Limits of the sync engine. */
export interface SyncFields {
  /** Maximum number of concurrent requests to a domain, unless its partners set another. Default: 20. */
  maxConcurrentPerDomain?: number | undefined;
  /** Maximum number of requests to a domain in 60 seconds, unless its partners set another. Default: 1200. */
  maxPerMinutePerDomain?: number | undefined;
  /** Maximum number of visitors that wait for pulls. Default: 100,000. */
  maxQueued?: number | undefined;
}

/** A partner with which identities are exchanged. */
export interface PartnerFields {
  /** Unique id: 1 to 32 lower-case letters, digits, `_` and `-`. */
  id: string;
  /** Name for people, of 1 to 100 characters. Default: the id. */
  name?: string | undefined;
  /** Hosts to which a pixel may redirect. Default: none, and no pixels. */
  allowedReturnDomains?: string[] | undefined;
  /** Key of batch uploads, 16 to 4096 characters. Stored as its hash. Default: none. */
  apiKey?: string | undefined;
  /** SHA-256 of the key, in place of `apiKey`. Default: `null`. */
  apiKeyHash?: string | null | undefined;
  /** A second valid key, while the partner changes to `apiKey`. Stored as its hash. Default: none. */
  previousApiKey?: string | undefined;
  /** SHA-256 of the second key, in place of `previousApiKey`. Default: `null`. */
  previousApiKeyHash?: string | null | undefined;
  /**
   * Id in the IAB's Global Vendor List. Where the GDPR applies, the TC string must give this vendor consent. Default: `null`, see
   * `consent.vendorless`.
   */
  gvlId?: number | null | undefined;
  /** Whether the partner's ids go into bid requests. Default: false. */
  bidstreamEnabled?: boolean | undefined;
  /** The `source` of the partner's ids in bid requests. Default: `null`. */
  sourceDomain?: string | null | undefined;
  /** The `atype` of the partner's ids in OpenRTB. Default: 3. */
  openrtbAtype?: number | undefined;
  /** Maximum number of pixels an hour for each visitor's address. Default: 100. */
  syncRateLimit?: number | undefined;
  /** Maximum number of batch uploads a minute. Default: 60. */
  batchRateLimit?: number | undefined;
  /** Whether the partner is asked for visitors' ids. Default: false. */
  pullSyncEnabled?: boolean | undefined;
  /** URL that is asked. Default: `null`. */
  pullSyncUrl?: string | null | undefined;
  /** Hosts that `pullSyncUrl` may have. Default: none. */
  pullSyncAllowedDomains?: string[] | undefined;
  /** Age after which an id is asked for again, in seconds. Default: 86,400. */
  pullSyncTtlSeconds?: number | undefined;
  /** Maximum number of pulls an hour for each visitor's address. Default: 10. */
  pullSyncRateLimit?: number | undefined;
  /** Whether pulls send the visitor's address. Default: true. */
  pixelUrl?: string | null | undefined;
  pullSendIp?: boolean | undefined;
  /** Bearer token that pulls send. Default: `null`. */
  pullToken?: string | null | undefined;
  /** Maximum number of concurrent requests to the partner's domain. Default: 20. */
  maxConcurrent?: number | undefined;
  /** Maximum number of requests to the partner's domain in 60 seconds. Default: 1200. */
  maxPerMinute?: number | undefined;
}

/** The section `edgeCookie`. Only `publisher.domain` and `passphrases` have no default. */
export interface EdgeCookieFields {
  /** Where the service listens. Default: the shared `listen`. */
  listen?: ListenFields | undefined;
  /** The site. */
  publisher: PublisherFields;
  /** 1 to 16 secrets of at least 8 bytes, the newest first: the first mints ids, all of them recognise ids. */
  passphrases: string[];
  /** URL of the store of identities and partners. Default: `null`, the host's own, for example `sqlite:./data/millrace.db`. */
  store?: string | null | undefined;
  /** `local`, or the URL of a limiter that instances share, for example `redis://HOST:6379`. Default: `local`. */
  limiter?: string | undefined;
  /** Whether an id in the request header `x-ts-ec` counts. Default: true. */
  readEcHeader?: boolean | undefined;
  /** The cookie that holds the id. */
  cookie?: CookieFields | undefined;
  /** Maximum number of partners that are asked at once for one visitor. Default: 3. */
  pullSyncConcurrency?: number | undefined;
  /** Maximum number of ids minted for one address in an hour. Default: 1000. */
  mintPerAddressPerHour?: number | undefined;
  /** Whether partners' URLs may have plain http and lead to this machine, for tests. Default: false. */
  allowInsecurePartners?: boolean | undefined;
  /** Rules of consent. */
  consent?: ConsentFields | undefined;
  /** Auctions. */
  auction?: AuctionFields | undefined;
  /** Tables of rate limits in memory. */
  throttle?: ThrottleFields | undefined;
  /** Limits of the sync engine. */
  sync?: SyncFields | undefined;
  /** Partners that are fixed in the configuration. Default: none. */
  partners?: PartnerFields[] | undefined;
}

/** The configuration of an Edge Cookie that is embedded in code: its section, with `client` and `operator` beside it. */
export interface ConfigInput extends EdgeCookieFields {
  /** Headers that tell about the client. */
  client?: ClientFields | undefined;
  /** The operator. */
  operator?: OperatorFields | undefined;
}
