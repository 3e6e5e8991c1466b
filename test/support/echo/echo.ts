import * as v from "valibot";
import { fields, text } from "../../../runtime/lib/schema.ts";
import { listenAddress } from "../../../worker/config/shared.ts";
import { metricsResponse } from "../../../worker/http/metrics.ts";
import type { ServiceModule } from "../../../worker/service.ts";

const section = fields({
  listen: v.optional(listenAddress(7000)),
  hosts: v.optional(v.array(v.string("a host"), "a list of hosts")),
  secret: text("a secret of 8 or more characters", (given) => given.length >= 8),
});

/** A small service: tells clients their address, and sends WebSocket messages back. */
export const echo: ServiceModule<v.InferOutput<typeof section>> = {
  name: "echo",
  secrets: ["secret"],
  schema: () => section,
  metrics: [{ name: "echo_messages_total", type: "counter", help: "Messages that were sent back." }],
  listen: ({ listen }) => listen,
  hosts: ({ hosts }) => hosts,
  async create({ client, socketClient, log, metrics }, { secret }) {
    const messages = metrics.counter("echo_messages_total");
    return {
      handler(request, ...args) {
        const { pathname } = new URL(request.url);
        log.debug("a request", { pathname, authorization: request.headers.get("authorization") });
        if (pathname === "/metrics") return metricsResponse(metrics);
        if (request.headers.get("authorization") !== `Bearer ${secret}`)
          return new Response(null, { status: 401 });
        return Response.json({ pathname, ip: client(request, args).ip });
      },
      socket: {
        maxMessageBytes: 1024,
        message(peer, message) {
          messages.add();
          peer.send(message === "who am I?" ? String(socketClient(peer).ip) : message);
        },
      },
    };
  },
};
