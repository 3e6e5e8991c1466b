/**
 * WebSockets as services see them. The server of the host supplies the adapter.
 * @module
 */

/** One open WebSocket. */
export interface SocketPeer {
  /** The address of the connection's other end; `null`: unknown. */
  readonly address: string | null;
  /** Header fields of the request that opened it. */
  readonly headers: { get(name: string): string | null };
  /** Path and query of the request that opened it. */
  readonly path: string;
  /** Bytes that are handed over and not yet written to the connection. */
  readonly bufferedBytes: number;
  /** Sends a message: a text, or bytes. */
  send(message: string | Uint8Array): void;
  /** Sends texts, each as a message, with one write where the runtime allows it. */
  sendAll(texts: readonly string[]): void;
  /** Asks for an answer, which comes by {@link SocketHooks.pong}. */
  ping(): void;
  /**
   * Closes the connection.
   * @param code a status code of RFC 6455, section 7.4. Default: 1000.
   */
  close(code?: number, reason?: string): void;
}

/** What a service does with WebSockets. */
export interface SocketHooks {
  /** Longest message that is read, in bytes; a longer one closes the connection with 1009. Default: 1 MiB. */
  readonly maxMessageBytes?: number;
  /** Whether WebSockets are answered at a request's path and query; elsewhere the answer is 404. Default: everywhere. */
  accepts?(path: string): boolean;
  open?(peer: SocketPeer): void;
  /** A message arrived. Bytes that the peer marked as text are given as a string. */
  message(peer: SocketPeer, message: string | Uint8Array): void;
  /** The connection is closed, by either end. */
  close?(peer: SocketPeer, code: number): void;
  /** The peer answered a ping. */
  pong?(peer: SocketPeer): void;
}
