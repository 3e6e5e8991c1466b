/**
 * The HTTP API in OpenAPI 3.1, as `GET /_ts/openapi.json` answers it.
 * @module
 */
import { operatorPaths } from "./operator-routes.ts";
import { partnerSchemas } from "./partner.ts";
import { partnerPaths, partnerWebhooks } from "./partner-routes.ts";
import { schemas } from "./schemas.ts";
import { headers, parameters, responses, securitySchemes } from "./shared.ts";
import { statusSchema } from "./status.ts";
import type { Description } from "./types.ts";
import { visitorPaths } from "./visitor-routes.ts";

export const description: Description = {
  openapi: "3.1.1",
  info: {
    title: "millrace",
    version: "1",
    summary: "A publisher's first-party identity: partners' sync, pages' look-ups, the operator's API.",
    description:
      "All JSON is snake_case. Everything that goes wrong is answered as `{error, message}`, where `error` is a stable code. " +
      "A path or method that is not described here is answered by 404 and `not_found`. A request that carries a consent " +
      "withdrawal has its cookie deleted on whatever route.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  servers: [{ url: "/", description: "The publisher's site." }],
  tags: [
    { name: "partners", description: "For a partner's pages and servers." },
    { name: "pages", description: "For the publisher's pages." },
    { name: "operator", description: "For whoever runs the service." },
  ],
  paths: { ...partnerPaths, ...visitorPaths, ...operatorPaths },
  webhooks: partnerWebhooks,
  components: {
    schemas: { ...schemas, ...partnerSchemas, Status: statusSchema },
    responses,
    headers,
    parameters,
    securitySchemes,
  },
};
