/**
 * The routes for the operator and the operator's tools.
 * @module
 */
import { anybody, json, object, problem, problemOf, response, schema } from "./schemas.ts";
import { COMPRESSED, noStore } from "./shared.ts";
import type { Parameter, Paths, Schema } from "./types.ts";

const security = [{ adminToken: [] }];
const tags = ["operator"];

const isConfigured = problem("The partner is in the configuration: change it there.", ["partner_configured"]);

const full: Schema = {
  type: "array",
  minItems: 1,
  items: { type: "string" },
  description: "The full tables of rate-limit windows, if there are any.",
};

const partnerId: Parameter = {
  name: "id",
  in: "path",
  required: true,
  description: "The partner's id.",
  schema: { type: "string" },
};

export const operatorPaths: Paths = {
  "/_ts/admin/status": {
    get: {
      operationId: "status",
      tags,
      summary:
        "The data of the operator's page: counters, the queue of the sync engine, the rate-limit windows.",
      security,
      responses: {
        "200": json("The state of the instance that answers.", schema("Status"), noStore),
        "401": response("Unauthorized"),
        "429": response("TooManyAttempts"),
        "500": response("InternalError"),
      },
    },
  },
  "/_ts/admin/past": {
    get: {
      operationId: "past",
      tags,
      summary: "The figures of the last five minutes, where a server keeps them for the operator's page.",
      security,
      responses: {
        "200": json("Those of the instance that answers.", schema("Past"), noStore),
        "401": response("Unauthorized"),
        "429": response("TooManyAttempts"),
        "500": response("InternalError"),
      },
    },
  },
  "/_ts/admin/partners": {
    get: {
      operationId: "listPartners",
      tags,
      summary: "All partners, ordered by id, without their secrets.",
      security,
      parameters: [
        {
          name: "limit",
          in: "query",
          description: "Maximum number of partners. Default: all.",
          schema: { type: "integer", minimum: 1 },
        },
        {
          name: "after",
          in: "query",
          description: "Only partners whose id is greater.",
          schema: { type: "string" },
        },
      ],
      responses: {
        "200": json(
          "The partners.",
          object({
            partners: { type: "array", items: schema("Partner") },
            next: {
              type: ["string", "null"],
              description: "The value of `after` for the next page; `null`: there is none.",
            },
          }),
          noStore,
        ),
        "400": problem("`limit` is not a number from 1.", ["invalid_request"], noStore),
        "401": response("Unauthorized"),
        "429": response("TooManyAttempts"),
        "500": response("InternalError"),
        "503": response("StoreUnavailable"),
      },
    },
  },
  "/_ts/admin/partners/register": {
    post: {
      operationId: "registerPartner",
      tags,
      summary: "Adds a partner, or changes one.",
      description: `At most 64 KiB, ${COMPRESSED} The token is checked before the body is read.`,
      security,
      requestBody: { required: true, content: { "application/json": { schema: schema("PartnerInput") } } },
      responses: {
        "200": json("Changed.", schema("Partner"), noStore),
        "201": json("Added.", schema("Partner"), noStore),
        "400": json("The body is not a record, or its fields are invalid.", {
          oneOf: [schema("InvalidPartner"), problemOf("invalid_json")],
        }),
        "401": response("Unauthorized"),
        "403": response("ReadOnly"),
        "429": response("TooManyAttempts"),
        "409": isConfigured,
        "413": response("TooLarge"),
        "415": response("UnsupportedEncoding"),
        "500": response("InternalError"),
        "503": response("StoreUnavailable"),
      },
    },
  },
  "/_ts/admin/partners/{id}": {
    get: {
      operationId: "getPartner",
      tags,
      summary: "One partner, without its secrets.",
      security,
      parameters: [partnerId],
      responses: {
        "200": json("The partner.", schema("Partner"), noStore),
        "401": response("Unauthorized"),
        "429": response("TooManyAttempts"),
        "404": problem("There is no such partner.", ["unknown_partner"]),
        "500": response("InternalError"),
        "503": response("StoreUnavailable"),
      },
    },
    delete: {
      operationId: "removePartner",
      tags,
      summary: "Removes a partner. Its key stops working; its ids stay in the graph.",
      security,
      parameters: [partnerId],
      responses: {
        "204": { description: "Removed.", headers: noStore },
        "401": response("Unauthorized"),
        "403": response("ReadOnly"),
        "429": response("TooManyAttempts"),
        "404": problem("There is no such partner.", ["unknown_partner"]),
        "409": isConfigured,
        "500": response("InternalError"),
        "503": response("StoreUnavailable"),
      },
    },
  },
  "/_ts/admin/identity/{id}": {
    get: {
      operationId: "lookUpIdentity",
      tags,
      summary: "The identity graph's entry for one EC id.",
      security,
      parameters: [
        {
          name: "id",
          in: "path",
          required: true,
          description: "The EC id.",
          schema: schema("EcId"),
        },
      ],
      responses: {
        "200": json("The entry.", object({ ec_id: schema("EcId"), entry: schema("GraphEntry") }), noStore),
        "400": problem("The id is not an EC id.", ["invalid_ec_id"], noStore),
        "401": response("Unauthorized"),
        "429": response("TooManyAttempts"),
        "404": problem("There is no entry.", ["ec_id_not_found"], noStore),
        "500": response("InternalError"),
        "503": response("StoreUnavailable"),
      },
    },
  },
  "/_ts/health": {
    get: {
      operationId: "health",
      tags,
      security: anybody,
      summary: "Liveness of the process. Uses neither the store nor the limiter.",
      responses: {
        "200": json("The process is alive.", object({ status: { const: "ok" }, full }, ["full"])),
        "500": response("InternalError"),
      },
    },
  },
  "/_ts/ready": {
    get: {
      operationId: "ready",
      tags,
      security: anybody,
      summary: "Readiness of the instance: it can read and write its store and its limiter.",
      description: "An instance probes at most once a second.",
      responses: {
        "200": json("The instance is ready.", object({ status: { const: "ok" }, full }, ["full"])),
        "500": response("InternalError"),
        "503": json("The instance is not ready, or it is about to stop.", {
          oneOf: [
            object(
              {
                status: { const: "down" },
                down: {
                  type: "array",
                  minItems: 1,
                  items: { enum: ["store", "limiter"] },
                  description: "The parts that cannot be read or written.",
                },
                full,
              },
              ["full"],
            ),
            object({ status: { const: "draining" }, full }, ["full"]),
          ],
        }),
      },
    },
  },
  "/_ts/metrics": {
    get: {
      operationId: "metrics",
      tags,
      summary: "Measurements in the Prometheus text format.",
      description: "Needs no token if the service listens on loopback only.",
      security: [{ adminToken: [] }, {}],
      responses: {
        "200": {
          description: "The measurements, format 0.0.4.",
          content: { "text/plain": { schema: { type: "string" } } },
        },
        "401": response("Unauthorized"),
        "429": response("TooManyAttempts"),
        "500": response("InternalError"),
      },
    },
  },
  "/_ts/openapi.json": {
    get: {
      operationId: "openapi",
      tags,
      security: anybody,
      summary: "This description.",
      responses: {
        "200": json("OpenAPI 3.1.", {
          type: "object",
          properties: {
            openapi: { type: "string", pattern: "^3\\.1\\." },
            info: { type: "object" },
            paths: { type: "object" },
          },
          required: ["openapi", "info", "paths"],
        }),
        "500": response("InternalError"),
      },
    },
  },
};
