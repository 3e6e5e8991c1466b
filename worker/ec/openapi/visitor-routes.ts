/**
 * The routes for the publisher's pages.
 * @module
 */
import { FOREIGN_ENDINGS } from "../../../runtime/ec/graph/ending.ts";
import { MAX_PIXELS } from "../../../runtime/ec/partners/pixels-due.ts";
import { anybody, header, json, object, problem, problemOf, response, schema } from "./schemas.ts";
import { COMPRESSED, noStore, parameter, rateLimit, visitor } from "./shared.ts";
import type { Answer, Paths } from "./types.ts";

const preflight = (operationId: string, summary: string) => ({
  operationId,
  tags: ["pages"],
  security: anybody,
  summary,
  parameters: [parameter("Origin")],
  responses: {
    "204": response("Preflight"),
    "403": response("OriginNotAllowed"),
    "500": response("InternalError"),
  },
});

const identityHeaders: Answer["headers"] = {
  "x-ts-ec": header("EcId"),
  "x-ts-eids": header("Eids"),
  "x-ts-eids-truncated": header("EidsTruncated"),
};

/** A response of the service or of the auction endpoint. */
const ownOrForwarded = (description: string, ...codes: string[]): Answer => ({
  description: `${description} Or the endpoint's response, unchanged.`,
  content: {
    "application/json": { schema: { anyOf: [problemOf(...codes), { description: "The endpoint's body." }] } },
    "*/*": { schema: {} },
  },
});

const pixelList = object({
  pixels: {
    type: "array",
    maxItems: MAX_PIXELS,
    items: object({
      partner: { type: "string" },
      type: { const: "image", description: "To be loaded as an image." },
      url: { type: "string" },
    }),
  },
});

const bidRequest = { type: "object", description: "An OpenRTB 2.6 bid request." };

export const visitorPaths: Paths = {
  "/identify": {
    get: {
      operationId: "identify",
      tags: ["pages"],
      security: anybody,
      summary: "The visitor's identity for pages and auctions.",
      description:
        "The response also has a header `x-ts-<partner>` for each of the 20 partners with the newest ids, if the id is " +
        "visible ASCII.",
      parameters: [...visitor, parameter("Origin")],
      responses: {
        "200": json("The visitor has an id.", schema("Identity"), {
          ...noStore,
          ...identityHeaders,
          "x-ts-ec-consent": {
            description: "Consent allows it.",
            required: true,
            schema: { const: "ok" },
          },
          "access-control-allow-origin": header("AllowOrigin"),
          "set-cookie": header("SetCookie"),
        }),
        "204": { description: "The visitor has no id.", headers: noStore },
        "403": json("Consent does not allow it, or the page belongs to another site.", {
          oneOf: [schema("Denied"), problemOf("origin_not_allowed")],
        }),
        "500": response("InternalError"),
      },
    },
    options: preflight("identifyPreflight", "The preflight of a page on another host of the publisher."),
  },
  "/_ts/prebid.js": {
    get: {
      operationId: "prebidScript",
      tags: ["pages"],
      security: anybody,
      summary: "The script for pages with Prebid.js.",
      description:
        "It gives Prebid.js the visitor's id and the EIDs of `/identify`, and after an auction writes the EIDs that Prebid.js " +
        "found into the cookie `ts-eids`.",
      responses: {
        "200": {
          description: "The script.",
          headers: {
            "cache-control": {
              description: "It may be cached.",
              required: true,
              schema: { type: "string", enum: ["public, max-age=3600", "private, max-age=3600"] },
            },
            "set-cookie": header("SetCookie"),
          },
          content: { "text/javascript": { schema: { type: "string" } } },
        },
        "500": response("InternalError"),
      },
    },
  },
  "/_ts/sync-pixels": {
    get: {
      operationId: "syncPixels",
      tags: ["pages"],
      security: anybody,
      summary: "The pixels that a page should load for its visitor.",
      description:
        `At most ${MAX_PIXELS}: those of partners with a \`pixel_url\` that may have the visitor's id and have given none, or none ` +
        "within `pull_sync_ttl_seconds`. Their macros are filled in.",
      parameters: [...visitor, parameter("Origin")],
      responses: {
        "200": json("The pixels.", pixelList, {
          ...noStore,
          ...rateLimit,
          "access-control-allow-origin": header("AllowOrigin"),
          "set-cookie": header("SetCookie"),
        }),
        "204": { description: "The visitor has no id.", headers: noStore },
        "403": json("Consent does not allow it, or the page belongs to another site.", {
          oneOf: [schema("Denied"), problemOf("origin_not_allowed")],
        }),
        "429": response("TooManyRequests"),
        "500": response("InternalError"),
        "503": response("StoreUnavailable"),
      },
    },
    options: preflight("syncPixelsPreflight", "The preflight of a page on another host of the publisher."),
  },
  "/auction": {
    post: {
      operationId: "auction",
      tags: ["pages"],
      security: anybody,
      summary:
        "Adds the visitor's identity to a bid request and sends it to the configured auction endpoint.",
      description:
        `At most 1 MiB, ${COMPRESSED} Like Prebid.js, a client may also declare gzip with \`?gzip=1\`. ` +
        "If consent allows it and the store answers, adds `user.id`, `user.eids` and `user.consent`, and moves " +
        "`user.ext.eids` to `user.eids`, without those of partners that may not have the visitor's id. If consent does not allow it, removes the identifiers of the visitor and the device " +
        "(`user.id`, `user.buyeruid`, `user.customdata`, `user.eids`, `user.ext.eids`, `device.ifa` and the device's other " +
        "ids), and truncates `device.ip` to 24 bits and `device.ipv6` to 64. The endpoint's timeout is 10 seconds.",
      parameters: [
        ...visitor,
        {
          name: "gzip",
          in: "query",
          description: "`1`: the body may be gzip without a header.",
          schema: { type: "string" },
        },
      ],
      requestBody: { required: true, content: { "application/json": { schema: bidRequest } } },
      responses: {
        "2XX": {
          description: "The endpoint's response, unchanged.",
          headers: { ...identityHeaders, "set-cookie": header("SetCookie") },
          content: { "*/*": { schema: {} } },
        },
        "400": ownOrForwarded("The body is not a bid request.", "invalid_json", "invalid_bid_request"),
        "404": ownOrForwarded("No auction endpoint is configured.", "no_auction"),
        "413": ownOrForwarded("The body is too long.", "body_too_large"),
        "415": {
          ...ownOrForwarded("The body's encoding is not supported.", "unsupported_encoding"),
          headers: { "accept-encoding": header("AcceptEncoding") },
        },
        "4XX": {
          description: "The endpoint's response, unchanged.",
          content: { "*/*": { schema: {} } },
        },
        "500": response("InternalError"),
        "502": problem("The endpoint failed or cannot be reached.", [
          "auction_failed",
          "auction_unreachable",
        ]),
        "504": problem("The endpoint did not respond in time.", ["auction_timeout"]),
      },
    },
  },
  "/_ts/api/v1/identity": {
    delete: {
      operationId: "deleteIdentity",
      tags: ["pages", "operator"],
      summary: "Deletes an identity.",
      description:
        "With an `Authorization` header, the operator deletes the EC id in the body or in the query. Without it, a visitor " +
        "deletes the id in the cookie; the cookie is deleted, too. For an hour no pending work can restore the id. One " +
        `address may delete ${FOREIGN_ENDINGS.limit} ids an hour that other addresses minted. A body has at most 4 KiB, ${COMPRESSED}`,
      security: [{ visitorCookie: [] }, { adminToken: [] }],
      parameters: [
        {
          name: "ec_id",
          in: "query",
          description: "The id for the operator's request. A body beside it is not read.",
          schema: schema("EcId"),
        },
        parameter("EcCookie"),
        parameter("Origin"),
      ],
      requestBody: {
        required: false,
        description: "The id for the operator's request.",
        content: {
          "application/json": {
            schema: { type: "object", properties: { ec_id: schema("EcId") }, required: ["ec_id"] },
          },
        },
      },
      responses: {
        "204": {
          description: "The identity is deleted, or was not known.",
          headers: { ...noStore, "set-cookie": header("SetCookie") },
        },
        "400": problem("The operator's request has no valid EC id.", ["invalid_ec_id"]),
        "401": response("Unauthorized"),
        "403": problem("A page of another site cannot use this route, or the token may only look.", [
          "origin_not_allowed",
          "read_only",
        ]),
        "415": response("UnsupportedEncoding"),
        "429": response("TooManyRequests"),
        "500": response("InternalError"),
        "503": response("StoreUnavailable"),
      },
    },
    options: preflight(
      "deleteIdentityPreflight",
      "The preflight of a page on another host of the publisher.",
    ),
  },
};
