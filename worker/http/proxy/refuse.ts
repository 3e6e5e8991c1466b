/**
 * Responses to requests that are not forwarded.
 * @module
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { noteStatus } from "../socket-status.ts";
import { CLIENT_CLOCKS } from "./clocks.ts";
import { lingerAtEnd } from "./linger.ts";

/** A status, and what is wrong. */
interface Answer {
  status: number;
  message: string;
}

/** Refuses a request and closes its connection. Bytes after a request that was not understood must not be read as a request. */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  { status, message }: Answer,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = Buffer.from(`${message}\n`);
  lingerAtEnd(request, CLIENT_CLOCKS.lingerMs);
  response.writeHead(status, {
    ...headers,
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store",
    "content-length": body.length,
    connection: "close",
  });
  response.end(body);
}

/** Header fields as the lines of a message. */
export function linesOf(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");
}

/** Refuses a request on a bare connection. */
export function refuseOnSocket(
  socket: Duplex,
  { status, message }: Answer,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = `${message}\n`;
  noteStatus(socket, status);
  socket.on("error", () => {});
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${linesOf(headers)}content-type: text/plain; charset=utf-8\r\n` +
      `cache-control: no-store\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
