import { type IncomingHttpHeaders, request } from "node:http";

/** A request; header names may repeat, values may be any bytes of Latin-1. */
export interface Visit {
  method?: string;
  path?: string;
  headers?: [string, string][];
  body?: string | Uint8Array;
}

/** A response, unchanged. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Every `Set-Cookie` line. */
  setCookies: string[];
  body: string;
}

/** Timeout of one answer, in milliseconds. */
const TIMEOUT_MS = 20_000;

/** Makes one request on a connection of its own, without the header normalization of `fetch`. */
export function visit(
  base: string,
  { method = "GET", path = "/", headers = [], body }: Visit,
): Promise<Answer> {
  const { hostname, port } = new URL(base);
  const length: [string, string][] =
    body === undefined ? [] : [["content-length", String(Buffer.byteLength(body))]];
  return new Promise((resolve, reject) => {
    const outgoing = request({
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port,
      method,
      path,
      agent: false,
      setDefaultHeaders: true,
      headers: [["host", `${hostname}:${port}`], ...length, ...headers].flat(),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    outgoing.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          setCookies: incoming.headers["set-cookie"] ?? [],
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
