/**
 * A push as bytes: for lists and reports that Git itself would not send or show.
 * @module
 */

import { ZERO_ID } from "../../runtime/grasp/git/command-list.ts";
import { dataPacket, flushPacket } from "../../runtime/grasp/git/pkt-line.ts";
import { answersOf, open, type RawAnswer } from "./raw-http.ts";

/** A command list. @param commands lines such as `<old> <new> <ref>` */
export function commandList(commands: readonly string[], capabilities = "report-status"): Buffer {
  const lines = commands.map((line, n) =>
    dataPacket(Buffer.from(n === 0 ? `${line}\0 ${capabilities}` : line)),
  );
  return Buffer.concat([...lines, flushPacket()]);
}

/** The line that creates a ref. */
export const creation = (ref: string, id: string) => `${ZERO_ID} ${id} ${ref}`;

/** A push under way. */
export interface RawPush {
  send(bytes: Uint8Array): void;
  /** The answer, once it comes. */
  answer(): Promise<RawAnswer>;
  close(): void;
}

/**
 * Begins a push: the head of the request, and no byte of its body.
 * @param length of the body, in bytes
 * @param from the client's address on loopback
 */
export function beginPush(repository: string, length: number, from = "127.0.0.1"): RawPush {
  const { port, pathname } = new URL(repository);
  const socket = open({ host: "127.0.0.1", port: Number(port), localAddress: from });
  const answers = answersOf(socket);
  const head = [
    `POST ${pathname}/git-receive-pack HTTP/1.1`,
    "host: git.example",
    "content-type: application/x-git-receive-pack-request",
    `content-length: ${length}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  return {
    send: (bytes) => void socket.write(bytes),
    answer: () => answers.next().finally(() => socket.destroy()),
    close: () => socket.destroy(),
  };
}

/** A whole push. */
export function rawPush(repository: string, body: Uint8Array, from?: string): Promise<RawAnswer> {
  const push = beginPush(repository, body.length, from);
  push.send(body);
  return push.answer();
}

/** What an answer says, taken apart. */
export interface ReadReport {
  /** Lines of the report: `unpack ok`, `ok <ref>`, `ng <ref> <reason>`. */
  readonly lines: string[];
  /** What the client's terminal shows; `null`: the answer has no side-band. */
  readonly remote: string | null;
}

/** Reads a report. @throws {Error} for an answer that is none */
export function readReport(body: string, hasSideBand: boolean): ReadReport {
  if (!hasSideBand) return { lines: packets(body).map(withoutLineEnd), remote: null };
  const bands: Record<string, string> = { "\u0001": "", "\u0002": "" };
  for (const packet of packets(body)) bands[packet[0]!] += packet.slice(1);
  return { lines: packets(bands["\u0001"]!).map(withoutLineEnd), remote: bands["\u0002"]! };
}

const withoutLineEnd = (line: string) => line.replace(/\n$/, "");

/** The packets up to the flush that must end them. */
function packets(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; ; ) {
    const length = Number.parseInt(text.slice(at, at + 4), 16);
    if (length === 0 && at + 4 === text.length) return found;
    if (!(length >= 5 || length === 4) || at + length > text.length)
      throw new Error(`this is no report: ${JSON.stringify(text.slice(0, 200))}`);
    found.push(text.slice(at + 4, at + length));
    at += length;
  }
}
