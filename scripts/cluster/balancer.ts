/**
 * A small load balancer on loopback: requests go to the processes by turns; one that does not answer is passed over.
 * @module
 */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One process, as the balancer sees it. */
export interface Behind {
  name: string;
  /** `null` while it is down. */
  url: string | null;
}

/** The header in which the processes are told who visits. */
export const IP_HEADER = "x-visitor-ip";
/** With this one, which a real balancer would not know, anybody may try to be anybody. */
export const TRY_IP_HEADER = "x-demo-ip";

const agent = new Agent({ keepAlive: true });

/**
 * Starts it.
 * @param port 0: a free one.
 */
export async function startBalancer(processes: readonly Behind[], port: number) {
  let turn = 0;

  /** Passes a request on; without a body it may be tried once with each. */
  function pass(incoming: IncomingMessage, outgoing: ServerResponse, tries: number): void {
    const running = processes.filter(({ url }) => url !== null);
    if (tries === 0 || running.length === 0) {
      outgoing.writeHead(502, { "content-type": "text/plain" }).end("no process answers\n");
      return;
    }
    const { name, url } = running[turn++ % running.length]!;
    const { [TRY_IP_HEADER]: tried, ...headers } = incoming.headers;
    const passed = request(
      new URL(incoming.url ?? "/", url!),
      {
        agent,
        method: incoming.method,
        headers: { ...headers, [IP_HEADER]: String(tried ?? incoming.socket.remoteAddress) },
      },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, "x-answered-by": name });
        answer.pipe(outgoing);
      },
    );
    passed.on("error", () => {
      if (outgoing.headersSent) outgoing.destroy();
      else pass(incoming, outgoing, hasBody(incoming) ? 0 : tries - 1);
    });
    incoming.pipe(passed);
  }

  const server = createServer((incoming, outgoing) => pass(incoming, outgoing, processes.length));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.closeAllConnections();
      agent.destroy();
      server.close();
    },
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
}
