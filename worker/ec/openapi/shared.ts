/**
 * Answers, headers, parameters and credentials that several routes share.
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
  NoStore: {
    description: "The answer is for the one who asked.",
    required: true,
    schema: { type: "string", pattern: "(^|[ ,])no-store($|[ ,])" },
  },
  Challenge: {
    description: "Which credentials are asked for.",
    required: true,
    schema: { const: "Bearer" },
  },
  SetCookie: {
    description:
      "The `ts-ec` cookie, deleted where consent was withdrawn or the identity erased, set where it held another id " +
      "than `x-ts-ec`.",
    schema: { type: "string" },
  },
  EcId: {
    description: "The visitor's EC id.",
    schema: { $ref: "#/components/schemas/EcId" },
  },
  Eids: {
    description:
      "The EIDs as base64 of their JSON, at most 4096 bytes: of more, those that the partners gave last.",
    schema: { type: "string", maxLength: 4096, pattern: "^[A-Za-z0-9+/]+={0,2}$" },
  },
  EidsTruncated: {
    description: "Not all EIDs fitted into `x-ts-eids`.",
    schema: { const: "true" },
  },
  AcceptEncoding: {
    description: "What a body may be compressed with (RFC 9110, section 12.5.3).",
    required: true,
    schema: { type: "string", pattern: "^(identity|gzip, deflate)$" },
  },
  AllowOrigin: {
    description:
      "The `Origin` that came, if it is https and of the publisher's domain or a subdomain; cookies are allowed.",
    schema: { type: "string" },
  },
} satisfies Record<string, Header>;

/** How a body may be sent; the end of a sentence on its size. */
export const COMPRESSED =
  "plain or with `Content-Encoding: gzip` or `deflate`; the size counts before and after decompression.";

export const noStore: Readonly<Record<string, Reference>> = { "cache-control": header("NoStore") };

export const responses = {
  Unauthorized: problem("The token is missing or wrong.", ["unauthorized"], {
    "www-authenticate": header("Challenge"),
  }),
  StoreUnavailable: problem("The store does not answer. Try again later.", ["store_unavailable"]),
  TooManyRequests: problem("Over the rate limit.", ["rate_limit_exceeded"], {
    "retry-after": header("RetryAfter"),
  }),
  TooLarge: problem("The body is too long.", ["body_too_large"]),
  UnsupportedEncoding: problem(
    "The body is compressed in a way that is not understood; `Accept-Encoding` says what is.",
    ["unsupported_encoding"],
    { "accept-encoding": header("AcceptEncoding") },
  ),
  InternalError: problem("A fault of the service; its log has the cause.", ["internal_error"]),
  OriginNotAllowed: problem("A page of another site may not ask.", ["origin_not_allowed"]),
  Preflight: {
    description: "The origin may ask, or there was none.",
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
  EcCookie: cookie("ts-ec", "The visitor's EC id. One that is not of the form counts as none."),
  EcHeader: {
    name: "x-ts-ec",
    in: "header",
    description:
      "The visitor's EC id, forwarded by the publisher's own infrastructure; goes before the cookie.",
    schema: { type: "string" },
  },
  TcfCookie: cookie("euconsent-v2", "The TC string (TCF v2)."),
  GppCookie: cookie("__gpp", "The GPP string."),
  GppSidCookie: cookie("__gpp_sid", "The GPP sections in force."),
  UsPrivacyCookie: cookie("us_privacy", "The US Privacy string."),
  Gpc: {
    name: "Sec-GPC",
    in: "header",
    description: "Global Privacy Control; `1`: the visitor opts out.",
    schema: { type: "string" },
  },
  Origin: {
    name: "Origin",
    in: "header",
    description: "Sent by browsers. Only https pages of the publisher's domain and its subdomains may ask.",
    schema: { type: "string" },
  },
} satisfies Record<string, Parameter>;

/** One of `components.parameters`. */
export const parameter = (name: keyof typeof parameters): Reference => ({
  $ref: `#/components/parameters/${name}`,
});

/** What every request of a visitor may carry. */
export const visitor: readonly Reference[] = (
  ["EcCookie", "EcHeader", "TcfCookie", "GppCookie", "GppSidCookie", "UsPrivacyCookie", "Gpc"] as const
).map(parameter);

export const securitySchemes = {
  partnerKey: { type: "http", scheme: "bearer", description: "A partner's API key." },
  pullToken: {
    type: "http",
    scheme: "bearer",
    description: "The token that a partner gave for its pull endpoint.",
  },
  adminToken: {
    type: "http",
    scheme: "bearer",
    description: "The operator's token, whose SHA-256 is `operator.tokenHash` of the configuration.",
  },
  visitorCookie: {
    type: "apiKey",
    in: "cookie",
    name: "ts-ec",
    description: "The visitor's own browser, by its cookie.",
  },
} satisfies Record<string, Schema>;
