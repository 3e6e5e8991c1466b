/**
 * What the publisher's pages call.
 * @module
 */
import { FOREIGN_ENDINGS } from "../../../runtime/ec/graph/ending.ts";
import { anybody, header, json, problem, problemOf, response, schema } from "./schemas.ts";
import { COMPRESSED, noStore, parameter, visitor } from "./shared.ts";
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

/** An answer that may also be the auction endpoint's own. */
const oursOrTheirs = (description: string, ...codes: string[]): Answer => ({
  description: `${description} Or what the endpoint answered, as it came.`,
  content: {
    "application/json": { schema: { anyOf: [problemOf(...codes), { description: "The endpoint's." }] } },
    "*/*": { schema: {} },
  },
});

const bidRequest = { type: "object", description: "An OpenRTB 2.6 bid request." };

export const visitorPaths: Paths = {
  "/identify": {
    get: {
      operationId: "identify",
      tags: ["pages"],
      security: anybody,
      summary: "The visitor's identity, as far as pages and auctions may know it.",
      description:
        "Beside the headers below there is one `x-ts-<partner>` for each of the 20 partners that gave an id last, if the id " +
        "is visible ASCII.",
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
        "403": json("Consent does not allow it, or the page is of another site.", {
          oneOf: [schema("Denied"), problemOf("origin_not_allowed")],
        }),
        "500": response("InternalError"),
      },
    },
    options: preflight("identifyPreflight", "The preflight of a page on another host of the publisher's."),
  },
  "/auction": {
    post: {
      operationId: "auction",
      tags: ["pages"],
      security: anybody,
      summary: "Sends a bid request to the configured auction endpoint, with the visitor's identity in it.",
      description:
        `At most 1 MiB, ${COMPRESSED} As Prebid.js does it, gzip may also be told by \`?gzip=1\`. ` +
        "Adds `user.id`, `user.eids` and `user.consent` if consent allows and the store answers; what is in `user.ext.eids` " +
        "moves to `user.eids`. If consent does not allow, takes out what identifies the visitor or the device (`user.id`, " +
        "`user.buyeruid`, `user.customdata`, `user.eids`, `user.ext.eids`, `device.ifa` and the device's other ids) and cuts " +
        "`device.ip` to its first 24 bits, `device.ipv6` to its first 64. The endpoint has 10 seconds.",
      parameters: [
        ...visitor,
        {
          name: "gzip",
          in: "query",
          description: "`1`: a body that begins as gzip does is compressed, though no header says so.",
          schema: { type: "string" },
        },
      ],
      requestBody: { required: true, content: { "application/json": { schema: bidRequest } } },
      responses: {
        "2XX": {
          description: "What the endpoint answered, as it came.",
          headers: { ...identityHeaders, "set-cookie": header("SetCookie") },
          content: { "*/*": { schema: {} } },
        },
        "400": oursOrTheirs("The body is no bid request.", "invalid_json", "invalid_bid_request"),
        "404": oursOrTheirs("No auction endpoint is configured.", "no_auction"),
        "413": oursOrTheirs("The body is too long.", "body_too_large"),
        "415": {
          ...oursOrTheirs("The body is compressed in a way that is not understood.", "unsupported_encoding"),
          headers: { "accept-encoding": header("AcceptEncoding") },
        },
        "4XX": {
          description: "What the endpoint answered, as it came.",
          content: { "*/*": { schema: {} } },
        },
        "500": response("InternalError"),
        "502": problem("The endpoint failed or cannot be reached.", [
          "auction_failed",
          "auction_unreachable",
        ]),
        "504": problem("The endpoint took too long.", ["auction_timeout"]),
      },
    },
  },
  "/_ts/api/v1/identity": {
    delete: {
      operationId: "deleteIdentity",
      tags: ["pages", "operator"],
      summary: "Forgets an identity.",
      description:
        "With an `Authorization` header: as the operator, for the EC id in the body or in the query. Without: for the visitor " +
        "whose cookie it is; the cookie is deleted, too. For an hour nothing that was under way brings the id back. One " +
        `address may delete ${FOREIGN_ENDINGS.limit} ids an hour that other addresses minted. A body has at most 4 KiB, ${COMPRESSED}`,
      security: [{ visitorCookie: [] }, { adminToken: [] }],
      parameters: [
        {
          name: "ec_id",
          in: "query",
          description: "The operator's way to name the id without a body.",
          schema: schema("EcId"),
        },
        parameter("EcCookie"),
        parameter("Origin"),
      ],
      requestBody: {
        required: false,
        description: "The operator's way to name the id.",
        content: {
          "application/json": {
            schema: { type: "object", properties: { ec_id: schema("EcId") }, required: ["ec_id"] },
          },
        },
      },
      responses: {
        "204": {
          description: "It is forgotten, if it was known at all.",
          headers: { ...noStore, "set-cookie": header("SetCookie") },
        },
        "400": problem("The operator named no valid EC id.", ["invalid_ec_id"]),
        "401": response("Unauthorized"),
        "403": response("OriginNotAllowed"),
        "415": response("UnsupportedEncoding"),
        "429": response("TooManyRequests"),
        "500": response("InternalError"),
        "503": response("StoreUnavailable"),
      },
    },
    options: preflight(
      "deleteIdentityPreflight",
      "The preflight of a page on another host of the publisher's.",
    ),
  },
};
