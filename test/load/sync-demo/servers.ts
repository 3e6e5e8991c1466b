/**
 * Twenty HTTP servers on loopback, some of them difficult. Each counts its requests. Uses `node:http`, which Node, Deno and
 * Bun have.
 * @module
 */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How a server behaves. */
export type Kind = "quick" | "slow" | "failing" | "hanging" | "limiting";

/** The kind of each server. */
export const KINDS: readonly Kind[] = [
  ...Array<Kind>(8).fill("quick"),
  ...Array<Kind>(4).fill("slow"),
  ...Array<Kind>(3).fill("failing"),
  ...Array<Kind>(2).fill("hanging"),
  ...Array<Kind>(3).fill("limiting"),
];

/** One server and its counts. */
export interface Counting {
  kind: Kind;
  /** Host and port. */
  domain: string;
  url: string;
  requests: number;
  atOnce: number;
  mostAtOnce: number;
  /** Requests before the time of its `Retry-After`, including those under way when it was sent. */
  tooEarly: number;
  /** Number of answers with status 429. */
  limited: number;
  close(): Promise<void>;
}

/** How difficult the difficult ones are. */
export interface Difficulty {
  slowMs: number;
  /** A limiting server answers every `limitEvery`-th request with 429. */
  limitEvery: number;
  retryAfterSeconds: number;
}

/**
 * Starts one server. It has every item: `GET /?items=a,b` returns `["a","b"]`. `close` ends all its timers.
 */
export async function startServer(kind: Kind, difficulty: Difficulty): Promise<Counting> {
  let notBefore = 0;
  const timers = new Set<ReturnType<typeof setTimeout>>();
  const later = (ms: number, act: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, ms);
    timers.add(timer);
  };
  const server: Server = createServer((request, response) => {
    counting.requests++;
    counting.atOnce++;
    counting.mostAtOnce = Math.max(counting.mostAtOnce, counting.atOnce);
    response.on("close", () => counting.atOnce--);
    if (Date.now() < notBefore) counting.tooEarly++;
    const items = new URL(request.url!, "http://x").searchParams.get("items")?.split(",") ?? [];
    const serve = () => answer(response, 200, JSON.stringify(items));
    switch (kind) {
      case "quick":
        return later(20, serve);
      case "slow":
        return later(difficulty.slowMs, serve);
      case "failing":
        return later(100, () => answer(response, 500, "broken"));
      case "hanging":
        return;
      case "limiting":
        if (counting.requests % difficulty.limitEvery !== 0) return later(50, serve);
        counting.limited++;
        notBefore = Date.now() + difficulty.retryAfterSeconds * 1000;
        response.setHeader("retry-after", String(difficulty.retryAfterSeconds));
        return answer(response, 429, "slow down");
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const counting: Counting = {
    kind,
    domain: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}/`,
    requests: 0,
    atOnce: 0,
    mostAtOnce: 0,
    tooEarly: 0,
    limited: 0,
    async close() {
      for (const timer of timers) clearTimeout(timer);
      server.close();
      server.closeAllConnections();
    },
  };
  return counting;
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  response.end(body);
}
