import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

/** Three servers on loopback for the example of the sync engine: one fails, one has nothing, one has every document. */
export interface DocumentServers {
  failing: string;
  empty: string;
  full: string;
  close(): void;
}

/** Starts the servers. */
export async function startDocumentServers(): Promise<DocumentServers> {
  const closing: (() => void)[] = [];
  const listen = async (answer: RequestListener) => {
    const server = createServer(answer).listen(0, "127.0.0.1");
    closing.push(() => {
      server.close();
      server.closeAllConnections();
    });
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const status =
    (code: number): RequestListener =>
    (_, response) =>
      void response.writeHead(code).end();
  return {
    failing: await listen(status(500)),
    empty: await listen(status(404)),
    full: await listen((request, response) => response.end(`the text of ${request.url}`)),
    close() {
      for (const close of closing) close();
    },
  };
}
