/**
 * What a handler needs of the connection that a request came by.
 * @module
 */
import type { NodeExchange } from "../../http/fetch-listener.ts";
import { type ChunkReader, RequestChunks } from "../../http/request-chunks.ts";
import { sentBytes } from "../../http/sent-bytes.ts";

export interface Exchange {
  /** The client's address; `null`: unknown. */
  readonly address: string | null;
  /** The path as the client sent it: a URL has resolved its dots (G1). `null`: unknown. */
  readonly path: string | null;
  /** Aborts when the client is gone, or has its answer (G19). */
  readonly gone: AbortSignal;
  /** Begins to read the request's body without a copy; `null`: the host has only the stream of the request. */
  readonly body: (() => ChunkReader) | null;
  /** Begins to count the bytes that are out of this process; see {@link sentBytes}. Called before the answer begins. */
  sent(): (() => number) | null;
  /** Ends the connection without the end of the answer (G36). */
  breakOff(): void;
}

/** @param args what the host's server hands over beside the request. */
export function exchangeOf(address: string | null, args: readonly unknown[]): Exchange {
  const exchange = args[0] as Partial<NodeExchange> | undefined;
  const target = exchange?.incoming?.url ?? "";
  const gone = new AbortController();
  const { incoming, outgoing } = exchange ?? {};
  outgoing?.once("close", () => gone.abort());
  const body = (from: NonNullable<typeof incoming>) => {
    const chunks = new RequestChunks(from);
    for (const end of ["finish", "close"]) outgoing?.once(end, () => chunks.stop());
    return chunks;
  };
  return {
    address,
    gone: gone.signal,
    body: incoming === undefined ? null : () => body(incoming),
    path: target.startsWith("/") ? target.replace(/[?#].*$/s, "") : null,
    sent: () => sentBytes(outgoing),
    breakOff: () => void exchange?.outgoing?.destroy(),
  };
}
