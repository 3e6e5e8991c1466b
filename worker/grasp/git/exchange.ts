/**
 * What a handler needs of the connection that a request came by.
 * @module
 */
import type { NodeExchange } from "../../http/fetch-listener.ts";

export interface Exchange {
  /** The client's address; `null`: unknown. */
  readonly address: string | null;
  /** The path as the client sent it: a URL has resolved its dots (G1). `null`: unknown. */
  readonly path: string | null;
  /** Aborts when the client is gone, or has its answer (G19). */
  readonly gone: AbortSignal;
  /** Ends the connection without the end of the answer (G36). */
  breakOff(): void;
}

/** @param args what the host's server hands over beside the request. */
export function exchangeOf(address: string | null, args: readonly unknown[]): Exchange {
  const exchange = args[0] as Partial<NodeExchange> | undefined;
  const target = exchange?.incoming?.url ?? "";
  const gone = new AbortController();
  exchange?.outgoing?.once("close", () => gone.abort());
  return {
    address,
    gone: gone.signal,
    path: target.startsWith("/") ? target.replace(/[?#].*$/s, "") : null,
    breakOff: () => void exchange?.outgoing?.destroy(),
  };
}
