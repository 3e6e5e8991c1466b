import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/**
 * Lets a connection end so that the client can read the answer although it still sends (RFC 9112, section 9.6): our side
 * is closed first, what comes is read and dropped for a while, then the connection is closed. A connection that is closed
 * with unread bytes is reset, and the reset can overtake the answer.
 * @param ms how long to read on, in milliseconds
 */
export function lingerAtEnd(request: IncomingMessage, ms: number): void {
  const socket = request.socket as Socket & { destroySoon(): void };
  ending.add(socket);
  // What the server calls after the last answer of a connection.
  socket.destroySoon = () => {
    socket.end();
    request.resume();
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), ms);
    socket.once("close", () => clearTimeout(timer));
  };
}

const ending = new WeakSet<object>();

/** Whether a connection has had its last answer: what still comes on it is not read as a request. */
export function isEnding(socket: object): boolean {
  return ending.has(socket);
}
