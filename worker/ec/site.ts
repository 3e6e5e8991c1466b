/**
 * The site behind millrace, with the Edge Cookie in front of it.
 * @module
 */
import { changedFields } from "../../runtime/ec/finalize.ts";
import { isPending } from "../../runtime/lib/within.ts";
import type { Background, Clock, Log } from "../../runtime/platform.ts";
import { readClient, readProtocol } from "../http/client.ts";
import { createProxy, type ReverseProxy } from "../http/proxy/proxy.ts";
import type { Config } from "./config.ts";
import { isOwnField } from "./own-fields.ts";
import { routeKindOfPath } from "./route-kind.ts";
import type { Service } from "./services.ts";

/** The process outlives every request. */
const processBackground: Background = { waitUntil() {} };

/**
 * A proxy to the site. Each request is a visit of the service, whose finalization changes the answer's fields. Requests for the
 * service's own paths are left to the service.
 */
export function createSite(
  service: Pick<Service, "begin" | "services">,
  { publisher, client }: Config & { publisher: { origin: string } },
  clock: Clock,
  log: Log,
): ReverseProxy {
  const { metrics } = service.services;
  return createProxy({
    origin: publisher.origin,
    originHost: publisher.originHost === "preserve" ? null : publisher.originHost,
    defaultHost: publisher.domain,
    timeoutMs: publisher.originTimeoutMs,
    clock,
    log,
    tracer: service.services.tracer,
    onFault: (fault) => metrics.count("millrace_proxy_faults_total", { fault }),
    isOwnField,
    clientOf: (fields, peer) => ({
      ip: readClient(fields, peer, client).ip,
      protocol: readProtocol(fields, peer, client) ?? "http",
    }),
    isForOrigin: (path) => routeKindOfPath(path) === "organic",
    admit(request) {
      const visit = service.begin(
        request,
        "organic",
        readClient(request.headers, request.peer, client),
        processBackground,
      );
      return {
        answered(status, fields) {
          const change = visit.end(status);
          return isPending(change)
            ? change.then((known) => changedFields(fields, known))
            : changedFields(fields, change);
        },
        replaced: (fields) => changedFields(fields, visit.replaced()),
        abandoned: () => visit.abandon(),
      };
    },
  });
}
