import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { deflateSync, gzipSync } from "node:zlib";

/** One pull that the partner received. */
export interface Pull {
  ecId: string;
  ecHash: string;
  ip: string;
  /** The whole query, in its order. */
  query: string;
  headers: IncomingHttpHeaders;
}

/** A partner's server on loopback. */
export interface PartnerServer {
  host: string;
  /** The URL for pulls, with a query parameter of its own. */
  url: string;
  pulls: Pull[];
  /** Sends the pending answers of `hanging`, with this uid. */
  release(uid: string): void;
  close(): Promise<void>;
}

/** How a partner answers a pull; `n` counts its pulls from 1. */
export type ServerBehavior = (response: ServerResponse, pull: Pull, n: number) => void;

const json = (response: ServerResponse, status: number, body: unknown, headers = {}) => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
};

/** Behaviors of partners, good and bad. */
export const behaviours = {
  prompt: (response, { ecId }) => json(response, 200, { uid: `uid-${ecId.slice(-6)}` }),
  none: (response) => json(response, 200, { uid: null }),
  notFound: (response) => json(response, 404, { error: "unknown" }),
  broken: (response) => json(response, 500, { error: "broken" }),
  limiting: (response) => json(response, 429, { error: "slow down" }, { "retry-after": "3600" }),
  hanging: () => {},
  dripping(response) {
    response.writeHead(200, { "content-type": "application/json" });
    const text = '{"uid":"far too slow for anybody to wait for"}';
    let at = 0;
    const drip = setInterval(() => {
      if (at < text.length) response.write(text[at++]);
      else response.end();
    }, 1000);
    response.on("close", () => clearInterval(drip));
  },
  huge(response) {
    response.writeHead(200, { "content-type": "application/json" });
    const chunk = Buffer.alloc(1_048_576, " ");
    let left = 100;
    const more = () => {
      while (left-- > 0) if (!response.write(chunk)) return response.once("drain", more);
      return response.end('{"uid":"huge"}');
    };
    more();
  },
  invalid: (response) => response.end('{"uid":'),
  control: (response) => json(response, 200, { uid: "a\u0007b" }),
  redirecting(response) {
    response.writeHead(302, { location: "http://10.0.0.1/steal" });
    response.end();
  },
  closing: (response) => response.destroy(),
} satisfies Record<string, ServerBehavior>;

const BOMB = gzipSync(`{"uid":"${" ".repeat(64 * 1024 ** 2)}"}`);

/** Compressed answers of partners, good and bad. */
export const compressions = {
  /** Compresses for clients that accept it. */
  compressing(response, { ecId, headers }) {
    const body = JSON.stringify({ uid: `uid-${ecId.slice(-6)}` });
    const isAsked = /\bgzip\b/.test(headers["accept-encoding"] ?? "");
    response.writeHead(200, {
      "content-type": "application/json; charset=utf-8",
      ...(isAsked ? { "content-encoding": "gzip" } : {}),
    });
    response.end(isAsked ? gzipSync(body) : body);
  },
  /** Always compresses. */
  deflating(response, { ecId }) {
    response.writeHead(200, { "content-encoding": "Deflate" });
    response.end(deflateSync(JSON.stringify({ uid: `uid-${ecId.slice(-6)}` })));
  },
  /** 64 KiB that decompress to 64 MiB. */
  bomb(response) {
    response.writeHead(200, { "content-encoding": "gzip" });
    response.end(BOMB);
  },
  notGzip(response) {
    response.writeHead(200, { "content-encoding": "gzip" });
    response.end('{"uid":"not-gzip"}');
  },
  unknownCoding(response) {
    response.writeHead(200, { "content-encoding": "x-own" });
    response.end("what nobody can read");
  },
} satisfies Record<string, ServerBehavior>;

/** Starts a partner's server on a free port. */
export async function startPartnerServer(behave: ServerBehavior): Promise<PartnerServer> {
  const pulls: Pull[] = [];
  const held: ServerResponse[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://partner.example");
    const get = (name: string) => url.searchParams.get(name) ?? "";
    const pull = {
      ecId: get("ec_id"),
      ecHash: get("ec_hash"),
      ip: get("ip"),
      query: url.search,
      headers: request.headers,
    };
    pulls.push(pull);
    held.push(response);
    response.on("error", () => {});
    behave(response, pull, pulls.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `http://${host}/pull?account=7`,
    pulls,
    release(uid) {
      for (const response of held.splice(0)) if (!response.writableEnded) json(response, 200, { uid });
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
