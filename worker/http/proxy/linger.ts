import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/**
 * Closes a connection in two steps after the response, so that a client that still sends can read the response (RFC 9112,
 * section 9.6): this side is closed, input is read and discarded for a while, then the connection is closed. Closing a
 * connection with unread bytes resets it, and the reset can overtake the response.
 * @param ms how long to read, in milliseconds
 */
export function lingerAtEnd(request: IncomingMessage, ms: number): void {
  const socket = request.socket as Socket & { destroySoon(): void };
  ending.add(socket);
  // The server calls this after the last response of a connection.
  socket.destroySoon = () => {
    socket.end();
    request.resume();
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), ms);
    socket.once("close", () => clearTimeout(timer));
  };
}

const ending = new WeakSet<object>();

/** Whether a connection has sent its last response. Later input is not read as a request. */
export function isEnding(socket: object): boolean {
  return ending.has(socket);
}
