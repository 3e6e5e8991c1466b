/**
 * What the operator and the operator's tools call.
 * @module
 */
import { anybody, json, object, problem, problemOf, response, schema } from "./schemas.ts";
import { COMPRESSED, noStore } from "./shared.ts";
import type { Paths, Schema } from "./types.ts";

const security = [{ adminToken: [] }];
const tags = ["operator"];

const isConfigured = problem("The partner is from the configuration: change it there.", [
  "partner_configured",
]);

const full: Schema = {
  type: "array",
  minItems: 1,
  items: { type: "string" },
  description: "The tables that have no room now, if there are any.",
};

export const operatorPaths: Paths = {
  "/_ts/admin": {
    get: {
      operationId: "adminPageWithoutSlash",
      tags,
      security: anybody,
      summary: "Leads to `/_ts/admin/`.",
      responses: {
        "308": {
          description: "There.",
          headers: {
            location: { description: "The page.", required: true, schema: { const: "/_ts/admin/" } },
          },
        },
        "500": response("InternalError"),
      },
    },
  },
  "/_ts/admin/": {
    get: {
      operationId: "adminPage",
      tags,
      security: anybody,
      summary: "The operator's page. It holds no data; its script asks for the admin token.",
      responses: {
        "200": {
          description: "The page.",
          headers: noStore,
          content: { "text/html": { schema: { type: "string" } } },
        },
        "500": response("InternalError"),
      },
    },
  },
  "/_ts/admin/status": {
    get: {
      operationId: "status",
      tags,
      summary: "What the operator's page draws: counters, the sync engine's queues, the rate-limit windows.",
      security,
      responses: {
        "200": json("Of the instance that answers.", schema("Status"), noStore),
        "401": response("Unauthorized"),
        "500": response("InternalError"),
      },
    },
  },
  "/_ts/admin/partners": {
    get: {
      operationId: "listPartners",
      tags,
      summary: "All partners, by id, without their secrets.",
      security,
      responses: {
        "200": json(
          "The partners.",
          object({ partners: { type: "array", items: schema("Partner") } }),
          noStore,
        ),
        "401": response("Unauthorized"),
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
        "400": json("The body is no record, or one with faults.", {
          oneOf: [schema("InvalidPartner"), problemOf("invalid_json")],
        }),
        "401": response("Unauthorized"),
        "409": isConfigured,
        "413": response("TooLarge"),
        "415": response("UnsupportedEncoding"),
        "500": response("InternalError"),
        "503": response("StoreUnavailable"),
      },
    },
  },
  "/_ts/admin/partners/{id}": {
    delete: {
      operationId: "removePartner",
      tags,
      summary: "Removes a partner. Its key is worth nothing from then on; what it wrote stays in the graph.",
      security,
      parameters: [
        {
          name: "id",
          in: "path",
          required: true,
          description: "The partner's id.",
          schema: { type: "string" },
        },
      ],
      responses: {
        "204": { description: "Removed.", headers: noStore },
        "401": response("Unauthorized"),
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
      summary: "Everything that the identity graph holds for one EC id.",
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
        "200": json("What is held.", object({ ec_id: schema("EcId"), entry: schema("GraphEntry") }), noStore),
        "400": problem("That is no EC id.", ["invalid_ec_id"], noStore),
        "401": response("Unauthorized"),
        "404": problem("Nothing is held.", ["ec_id_not_found"], noStore),
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
      summary: "Whether the process lives. Touches nothing that it needs.",
      responses: {
        "200": json("It does.", object({ status: { const: "ok" }, full }, ["full"])),
        "500": response("InternalError"),
      },
    },
  },
  "/_ts/ready": {
    get: {
      operationId: "ready",
      tags,
      security: anybody,
      summary: "Whether the instance can do its work: what it needs can be read and written.",
      description: "An instance probes at most once a second, however often it is asked.",
      responses: {
        "200": json("It can.", object({ status: { const: "ok" }, full }, ["full"])),
        "500": response("InternalError"),
        "503": json("It cannot, or it is about to end.", {
          oneOf: [
            object(
              {
                status: { const: "down" },
                down: {
                  type: "array",
                  minItems: 1,
                  items: { enum: ["store", "limiter"] },
                  description: "What cannot be read or written.",
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
      description: "Open where the service itself listens on loopback only; else with the admin token.",
      security: [{ adminToken: [] }, {}],
      responses: {
        "200": {
          description: "The measurements, format 0.0.4.",
          content: { "text/plain": { schema: { type: "string" } } },
        },
        "401": response("Unauthorized"),
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
          properties: { openapi: { type: "string", pattern: "^3\\.1\\." } },
          required: ["openapi", "info", "paths"],
        }),
        "500": response("InternalError"),
      },
    },
  },
};
