/**
 * The HTTP API in OpenAPI 3.1: the answer of `GET /_ts/openapi.json`.
 * @module
 */
import { operatorPaths } from "./operator-routes.ts";
import { partnerSchemas } from "./partner.ts";
import { mappingPaths, partnerPaths, partnerWebhooks } from "./partner-routes.ts";
import { schemas } from "./schemas.ts";
import { headers, parameters, responses, securitySchemes } from "./shared.ts";
import { pastSchema, statusSchema } from "./status.ts";
import type { Description } from "./types.ts";
import { visitorPaths } from "./visitor-routes.ts";

export const description: Description = {
  openapi: "3.1.1",
  info: {
    title: "millrace",
    version: "1",
    summary:
      "A publisher's first-party identity: sync with partners, look-ups by pages, and the operator's API.",
    description:
      "All JSON is snake_case. Every error has the body `{error, message}`; `error` is a stable code. Other paths " +
      "have the response 404 with the code `not_found`, other methods 405 with `method_not_allowed` and `Allow`. On every route, a request with a withdrawal of consent gets its cookie " +
      "deleted.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  servers: [{ url: "/", description: "The publisher's site." }],
  tags: [
    { name: "partners", description: "For a partner's pages and servers." },
    { name: "pages", description: "For the publisher's pages." },
    { name: "operator", description: "For the operator of the service." },
  ],
  paths: { ...partnerPaths, ...mappingPaths, ...visitorPaths, ...operatorPaths },
  webhooks: partnerWebhooks,
  components: {
    schemas: { ...schemas, ...partnerSchemas, Status: statusSchema, Past: pastSchema },
    responses,
    headers,
    parameters,
    securitySchemes,
  },
};
