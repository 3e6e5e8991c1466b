/**
 * The routes for partners' pages and servers.
 * @module
 */
import { MAX_MAPPINGS } from "../../../runtime/ec/partners/batch-sync.ts";
import { anybody, header, json, problem, response, schema } from "./schemas.ts";
import { COMPRESSED, noStore, rateLimit, visitor } from "./shared.ts";
import type { Paths } from "./types.ts";

const query = (name: string, description: string, required = true) => ({
  name,
  in: "query" as const,
  required,
  description,
  schema: { type: "string", minLength: 1 },
});

export const partnerPaths: Paths = {
  "/sync": {
    get: {
      operationId: "pixelSync",
      tags: ["partners"],
      security: anybody,
      summary: "Pixel sync: send your id for this visitor through the visitor's browser.",
      description: "Other parameters are refused. Each parameter may appear once.",
      parameters: [
        query("partner", "Your partner id."),
        {
          ...query("uid", "Your id for the visitor."),
          schema: schema("Uid"),
        },
        query(
          "return",
          "The URL that the browser returns to, percent-encoded: https, on a host of `allowed_return_domains`.",
        ),
        query(
          "consent",
          "A TC, GPP or US Privacy string. It is used only if the request has no other consent signal, and never stored.",
          false,
        ),
        query("gdpr", "Accepted and not used: the visitor's place decides.", false),
        ...["gdpr_consent", "gpp", "gpp_sid", "us_privacy"].map((name) =>
          query(name, "The IAB's parameter. Used like `consent`, before it.", false),
        ),
        ...visitor,
      ],
      responses: {
        "302": {
          description:
            "Redirects to `return` with `ts_synced=1`, or with `ts_synced=0` and `ts_reason`: `no_ec` (no valid cookie), " +
            "`no_consent`, `write_failed`.",
          headers: {
            ...noStore,
            ...rateLimit,
            location: {
              description: "`return` with the result appended to its query.",
              required: true,
              schema: {
                type: "string",
                pattern: "[?&]ts_synced=(1|0&ts_reason=(no_ec|no_consent|write_failed))(#.*)?$",
              },
            },
            "set-cookie": header("SetCookie"),
          },
        },
        "400": problem(
          "A parameter is missing, unknown or not allowed.",
          ["invalid_request", "unknown_partner", "invalid_return"],
          noStore,
        ),
        "429": response("TooManyRequests"),
        "500": response("InternalError"),
        "503": response("StoreUnavailable"),
      },
    },
  },
  "/_ts/api/v1/sync": {
    post: {
      operationId: "batchSync",
      tags: ["partners"],
      summary: `Batch sync: send your ids for up to ${MAX_MAPPINGS} visitors in one request.`,
      description:
        `At most 1 MiB, ${COMPRESSED} ` +
        "You write only under your own partner id. Of several mappings for one EC id the newest is kept. " +
        "Sending a mapping again is harmless.",
      security: [{ partnerKey: [] }],
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: {
              type: "object",
              properties: {
                mappings: { type: "array", maxItems: MAX_MAPPINGS, items: schema("Mapping") },
              },
              required: ["mappings"],
            },
          },
        },
      },
      responses: {
        "200": json("All mappings are accepted.", schema("BatchAnswer"), { ...noStore, ...rateLimit }),
        "207": json("Some or all mappings are rejected.", schema("BatchAnswer"), {
          ...noStore,
          ...rateLimit,
        }),
        "400": problem("The body is malformed, or has too many mappings.", [
          "invalid_json",
          "invalid_request",
        ]),
        "401": response("Unauthorized"),
        "413": response("TooLarge"),
        "415": response("UnsupportedEncoding"),
        "429": response("TooManyRequests"),
        "500": response("InternalError"),
        "503": response("StoreUnavailable"),
      },
    },
  },
};

/** The parts that reading and deleting a mapping share. */
const mapping = {
  tags: ["partners"],
  security: [{ partnerKey: [] }],
  parameters: [
    { name: "ec_id", in: "path" as const, required: true, description: "The EC id.", schema: schema("EcId") },
  ],
};
const mappingFaults = {
  "400": problem("The path does not end with an EC id.", ["invalid_ec_id"], noStore),
  "401": response("Unauthorized"),
  "429": response("TooManyRequests"),
  "500": response("InternalError"),
  "503": response("StoreUnavailable"),
};

/** The routes for one mapping. */
export const mappingPaths: Paths = {
  "/_ts/api/v1/sync/{ec_id}": {
    get: {
      ...mapping,
      operationId: "readMapping",
      summary: "Your own id for one visitor. Counts toward the limit of batch uploads.",
      responses: {
        ...mappingFaults,
        "200": json("The mapping.", schema("Mapping"), { ...noStore, ...rateLimit }),
        "404": problem("You have no id for this visitor.", ["mapping_not_found"], noStore),
      },
    },
    delete: {
      ...mapping,
      operationId: "deleteMapping",
      summary: "Deletes your own id for one visitor. Counts toward the limit of batch uploads.",
      responses: {
        ...mappingFaults,
        "204": { description: "You have no id for this visitor now.", headers: { ...noStore, ...rateLimit } },
      },
    },
  },
};

/** Requests of millrace to partners' servers. */
export const partnerWebhooks: Paths = {
  pullSync: {
    get: {
      operationId: "pullSync",
      tags: ["partners"],
      summary: "Pull sync: millrace requests your server's id after a page was served.",
      description:
        "Sent to your `pull_sync_url`; its query is kept. The response has a timeout of 5 seconds and a maximum size of 64 KiB, " +
        "before and after decompression. `Accept-Encoding` lists the supported encodings. Redirects are not followed. Any " +
        "other response counts as a failure, and a later visit tries again.",
      security: [{ pullToken: [] }],
      parameters: [
        { ...query("ec_id", "The visitor's EC id."), schema: schema("EcId") },
        query("ec_hash", "The part of the EC id before the dot."),
        query("ip", "The visitor's address: IPv4, or the first four groups of IPv6 as 16 hex digits.", false),
        ...["gdpr", "gdpr_consent", "gpp", "gpp_sid", "us_privacy"].map((name) =>
          query(name, "The IAB's parameter, if it is known.", false),
        ),
      ],
      responses: {
        "200": json("Your id for the visitor; `null` if you have none.", {
          type: "object",
          properties: { uid: { oneOf: [schema("Uid"), { type: "null" }] } },
          required: ["uid"],
        }),
        "404": { description: "You have no id for the visitor." },
        "429": { description: "Too many requests. millrace respects `Retry-After` for your whole domain." },
      },
    },
  },
};
