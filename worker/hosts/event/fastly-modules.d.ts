// The part of Fastly's JavaScript SDK that is used here. Only the tests install the SDK.

declare module "fastly:kv-store" {
  import type { FastlyKv } from "../../../runtime/stores/fastly-kv.ts";

  export const KVStore: new (name: string) => FastlyKv;
}

declare module "fastly:edge-rate-limiter" {
  import type { FastlyRateCounter } from "../../../runtime/limiters/fastly-erl.ts";

  export const RateCounter: new (name: string) => FastlyRateCounter;
}

declare module "fastly:secret-store" {
  export const SecretStore: new (
    name: string,
  ) => { get(name: string): Promise<{ plaintext(): string } | null> };
}

declare module "fastly:backend" {
  export interface BackendOptions {
    name: string;
    /** Host and port. */
    target: string;
    /** The `Host` header that it gets. */
    hostOverride: string;
    useSSL: boolean;
    connectTimeout: number;
    firstByteTimeout: number;
    betweenBytesTimeout: number;
    certificateHostname?: string;
    sniHostname?: string;
  }

  export const Backend: new (options: BackendOptions) => object;
}

declare module "fastly:cache-override" {
  export const CacheOverride: new (mode: "pass") => object;
}

declare module "fastly:experimental" {
  export function setReusableSandboxOptions(options: { maxRequests: number }): void;
}

declare module "fastly:geolocation" {
  export function getGeolocationForIpAddress(
    address: string,
  ): { country_code: string | null; region: string | null } | null;
}
