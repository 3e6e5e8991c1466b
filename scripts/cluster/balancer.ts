/**
 * A small load balancer on loopback: processes get requests in turn; one that does not answer is skipped.
 * @module
 */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One process behind the balancer. */
export interface Backend {
  name: string;
  /** `null` while it is down. */
  url: string | null;
}

/** The header that tells the processes the client address. */
export const IP_HEADER = "x-visitor-ip";
/** The header with which a client chooses its address, for trying things out. A real balancer has none. */
export const TRY_IP_HEADER = "x-demo-ip";

const agent = new Agent({ keepAlive: true });

/**
 * Starts the balancer.
 * @param port 0 selects a free port.
 */
export async function startBalancer(processes: readonly Backend[], port: number) {
  let turn = 0;

  /** Forwards a request. A request without a body may be tried once with each process. */
  function pass(incoming: IncomingMessage, outgoing: ServerResponse, tries: number): void {
    const running = processes.filter(({ url }) => url !== null);
    if (tries === 0 || running.length === 0) {
      outgoing.writeHead(502, { "content-type": "text/plain" }).end("no process is available\n");
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
