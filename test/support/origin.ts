import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

/** One request that the origin received. */
export interface SeenRequest {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
}

/** A small publisher's site on loopback that records its requests. */
export interface Origin {
  url: string;
  seen: SeenRequest[];
  /** The bodies of the bid requests to `/openrtb2/auction`, whose answers are compressed for clients that accept it. */
  bids: string[];
  close(): Promise<void>;
}

/** Response headers that only the service itself may send. */
const EC_HEADERS = {
  "x-ts-ec": "forged",
  "x-ts-eids": "forged",
  "x-ts-ec-consent": "ok",
  "x-ts-eids-truncated": "true",
  "x-ts-somepartner": "forged",
  "x-ts-version": "7",
};

/** Starts the site on a free port. */
export async function startOrigin(): Promise<Origin> {
  const seen: SeenRequest[] = [];
  const bids: string[] = [];
  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    seen.push({ method, url, headers });
    const path = url.split("?")[0];
    if (path === "/openrtb2/auction") {
      let body = "";
      request.setEncoding("utf8").on("data", (text) => {
        body += text;
      });
      request.on("end", () => {
        bids.push(body);
        const answer = JSON.stringify({ id: JSON.parse(body).id, seatbid: [] });
        const isZipped = /\bgzip\b/.test(headers["accept-encoding"] ?? "");
        response.writeHead(200, {
          "content-type": "application/json",
          ...(isZipped ? { "content-encoding": "gzip" } : {}),
        });
        response.end(isZipped ? gzipSync(answer) : answer);
      });
      return;
    }
    request.resume();
    if (path === "/cacheable") {
      response.writeHead(200, {
        "cache-control": "public, max-age=60, s-maxage=600",
        "surrogate-control": "max-age=600",
      });
      response.end("cacheable");
    } else if (path === "/own-cookies") {
      response.writeHead(200, {
        "set-cookie": ["a=1; Path=/", "b=2; Expires=Wed, 21 Oct 2099 07:28:00 GMT"],
      });
      response.end("cookies");
    } else if (path === "/ec-headers") {
      response.writeHead(200, EC_HEADERS);
      response.end("headers");
    } else if (path === "/stream") {
      response.writeHead(200, { "content-type": "text/plain" });
      response.write("first");
      // Sends the rest after the client has confirmed the first part with another request.
      const waiting = setInterval(() => {
        if (!seen.some((other) => other.url === "/stream-go")) return;
        clearInterval(waiting);
        response.end("second");
      }, 10);
      response.on("close", () => clearInterval(waiting));
    } else {
      response.writeHead(path === "/broken" ? 500 : 200, { "content-type": "text/html" });
      response.end(`<p>${path}</p>`);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    bids,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
