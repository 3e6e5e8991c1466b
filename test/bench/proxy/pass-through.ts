/**
 * The simplest reverse proxies of a runtime, for comparison with `millrace serve`. Arguments: the kind and the origin's URL.
 * Prints its address.
 * @module
 */
import { Agent, createServer, type RequestListener, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";

const [kind, origin] = process.argv.slice(2) as [string, string];
const { hostname, port } = new URL(origin);

/** Six lines of `node:http`. */
function nodeHttp(): RequestListener {
  const agent = new Agent({ keepAlive: true });
  return (request, response) => {
    const { method, url: path, headers } = request;
    const up = send({ agent, hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    up.on("error", () => response.destroy());
    request.pipe(up);
  };
}

async function httpProxy(): Promise<RequestListener> {
  const { default: library } = (await import("http-proxy" as string)) as {
    default: { createProxyServer(options: object): { web: RequestListener } };
  };
  const proxy = library.createProxyServer({ target: origin, agent: new Agent({ keepAlive: true }) });
  return (request, response) => proxy.web(request, response);
}

/** undici's `request` and a pipe, as in its documentation. */
async function undici(): Promise<RequestListener> {
  // By its file: Bun replaces the package undici.
  const { Pool } = (await import("undici/index.js" as string)) as typeof import("undici");
  const pool = new Pool(origin, { connections: 128 });
  return async (request, response) => {
    const { connection: _, ...headers } = request.headers;
    const hasBody = request.method !== "GET" && request.method !== "HEAD";
    try {
      const answer = await pool.request({
        method: request.method as "GET",
        path: request.url!,
        headers,
        body: hasBody ? request : null,
      });
      response.writeHead(answer.statusCode, answer.headers);
      answer.body.pipe(response);
    } catch {
      response.destroy();
    }
  };
}

/** undici's lowest interface, with the least work of a proxy. */
async function dispatch(): Promise<RequestListener> {
  const { default: Pool } = await import("undici/lib/dispatcher/pool.js");
  const pool = new Pool(origin, { connections: 128 });
  return (request, response) => {
    const headers: string[] = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      if (request.rawHeaders[i]!.toLowerCase() !== "connection")
        headers.push(...request.rawHeaders.slice(i, i + 2));
    }
    const hasBody = request.method !== "GET" && request.method !== "HEAD";
    pool.dispatch(
      { method: request.method as "GET", path: request.url!, headers, body: hasBody ? request : null },
      {
        onResponseStart({ rawHeaders }, status) {
          response.writeHead(
            status,
            (rawHeaders as Buffer[]).map((bytes) => bytes.toString("latin1")),
          );
        },
        onResponseData(controller, part) {
          if (response.write(part)) return;
          controller.pause();
          response.once("drain", () => controller.resume());
        },
        onResponseEnd: () => void response.end(),
        onResponseError: () => void response.destroy(),
        onRequestStart() {},
      },
    );
  };
}

const listeners: Record<string, () => RequestListener | Promise<RequestListener>> = {
  "node:http": nodeHttp,
  "http-proxy": httpProxy,
  undici,
  "undici's dispatch": dispatch,
};
const server = createServer({ keepAliveTimeout: 60_000 }, await listeners[kind]!());
server.listen(0, "127.0.0.1", () => {
  console.log(`millrace listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
