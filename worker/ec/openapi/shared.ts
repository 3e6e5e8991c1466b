/**
 * Responses, headers, parameters and credentials that several routes share.
 * @module
 */
import { header, problem } from "./schemas.ts";
import type { Answer, Header, Parameter, Reference, Schema } from "./types.ts";

export const headers = {
  RetryAfter: {
    description: "Whole seconds until the next request would be admitted.",
    required: true,
    schema: { type: "integer", minimum: 1 },
  },
  RateLimit: {
    description: "The requests that remain (`r`), and once none does, the seconds until the next (`t`).",
    schema: { type: "string", pattern: '^"(minute|hour)";r=[0-9]+(;t=[1-9][0-9]*)?$' },
  },
  RateLimitPolicy: {
    description: "The limit: `q` requests in any `w` seconds.",
    schema: { type: "string", pattern: '^"(minute|hour)";q=[0-9]+;w=[0-9]+$' },
  },
  NoStore: {
    description: "Caches must not store the response.",
    required: true,
    schema: { type: "string", pattern: "(^|[ ,])no-store($|[ ,])" },
  },
  Challenge: {
    description: "The required credentials.",
    required: true,
    schema: { const: "Bearer" },
  },
  SetCookie: {
    description:
      "The `ts-ec` cookie: deleted after a withdrawal of consent or a deletion of the identity, set if its id differed from " +
      "`x-ts-ec`.",
    schema: { type: "string" },
  },
  EcId: {
    description: "The visitor's EC id.",
    schema: { $ref: "#/components/schemas/EcId" },
  },
  Eids: {
    description: "The EIDs as base64 of their JSON, at most 4096 bytes. If there are more, the newest ones.",
    schema: { type: "string", maxLength: 4096, pattern: "^[A-Za-z0-9+/]+={0,2}$" },
  },
  EidsTruncated: {
    description: "`x-ts-eids` does not have all EIDs.",
    schema: { const: "true" },
  },
  AcceptEncoding: {
    description: "The supported encodings of a body (RFC 9110, section 12.5.3).",
    required: true,
    schema: { type: "string", pattern: "^(identity|gzip, deflate)$" },
  },
  AllowOrigin: {
    description:
      "The `Origin` of the request, if it is https on the publisher's domain or a subdomain. Cookies are allowed.",
    schema: { type: "string" },
  },
} satisfies Record<string, Header>;

/** The supported encodings of a body; continues a sentence about its size. */
export const COMPRESSED =
  "plain or with `Content-Encoding: gzip` or `deflate`. The limit applies before and after decompression.";

export const noStore: Readonly<Record<string, Reference>> = { "cache-control": header("NoStore") };

/** The fields that tell a limit before it is reached. */
export const rateLimit: Readonly<Record<string, Reference>> = {
  ratelimit: header("RateLimit"),
  "ratelimit-policy": header("RateLimitPolicy"),
};

export const responses = {
  Unauthorized: problem("The token is missing or wrong.", ["unauthorized"], {
    "www-authenticate": header("Challenge"),
  }),
  ReadOnly: problem("The token may only look.", ["read_only"]),
  TooManyAttempts: problem("Too many wrong tokens came from this address.", ["rate_limit_exceeded"], {
    "retry-after": header("RetryAfter"),
  }),
  StoreUnavailable: problem("The store does not answer. Try again later.", ["store_unavailable"]),
  TooManyRequests: problem("Over the rate limit.", ["rate_limit_exceeded"], {
    "retry-after": header("RetryAfter"),
    ...rateLimit,
  }),
  TooLarge: problem("The body is too long.", ["body_too_large"]),
  UnsupportedEncoding: problem(
    "The body's encoding is not supported. `Accept-Encoding` lists the supported ones.",
    ["unsupported_encoding"],
    { "accept-encoding": header("AcceptEncoding") },
  ),
  InternalError: problem("An internal error. The log of the service has the cause.", ["internal_error"]),
  OriginNotAllowed: problem("A page of another site cannot use this route.", ["origin_not_allowed"]),
  Preflight: {
    description: "The origin is allowed, or the request has none.",
    headers: {
      "access-control-allow-origin": header("AllowOrigin"),
      allow: { description: "The methods.", required: true, schema: { type: "string" } },
    },
  },
} satisfies Record<string, Answer>;

const cookie = (name: string, description: string, schema: Schema = { type: "string" }): Parameter => ({
  name,
  in: "cookie",
  description,
  schema,
});

export const parameters = {
  EcCookie: cookie("ts-ec", "The visitor's EC id. An invalid value counts as none."),
  EcHeader: {
    name: "x-ts-ec",
    in: "header",
    description:
      "The visitor's EC id, forwarded by the publisher's own infrastructure. It takes precedence over the cookie.",
    schema: { type: "string" },
  },
  TcfCookie: cookie("euconsent-v2", "The TC string (TCF v2)."),
  GppCookie: cookie("__gpp", "The GPP string."),
  GppSidCookie: cookie("__gpp_sid", "The applicable GPP sections."),
  UsPrivacyCookie: cookie("us_privacy", "The US Privacy string."),
  Gpc: {
    name: "Sec-GPC",
    in: "header",
    description: "Global Privacy Control. `1`: the visitor opts out.",
    schema: { type: "string" },
  },
  Origin: {
    name: "Origin",
    in: "header",
    description:
      "Sent by browsers. Only https pages of the publisher's domain and its subdomains are allowed.",
    schema: { type: "string" },
  },
} satisfies Record<string, Parameter>;

/** One of `components.parameters`. */
export const parameter = (name: keyof typeof parameters): Reference => ({
  $ref: `#/components/parameters/${name}`,
});

/** The parameters of every visitor's request. */
export const visitor: readonly Reference[] = (
  ["EcCookie", "EcHeader", "TcfCookie", "GppCookie", "GppSidCookie", "UsPrivacyCookie", "Gpc"] as const
).map(parameter);

export const securitySchemes = {
  partnerKey: { type: "http", scheme: "bearer", description: "A partner's API key." },
  pullToken: {
    type: "http",
    scheme: "bearer",
    description: "The partner's token for its pull endpoint.",
  },
  adminToken: {
    type: "http",
    scheme: "bearer",
    description: "The operator's token. The configuration has its SHA-256 as `operator.tokenHash`.",
  },
  visitorCookie: {
    type: "apiKey",
    in: "cookie",
    name: "ts-ec",
    description: "The cookie of the visitor's browser.",
  },
} satisfies Record<string, Schema>;
