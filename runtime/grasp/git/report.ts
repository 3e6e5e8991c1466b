/**
 * The report of a push (gitprotocol-pack, "Reporting Status"), by side-band if the client asked for it (A38).
 * @module
 */
import type { RefCommand } from "./command-list.ts";
import { dataPacket, flushPacket, joinPackets, sideBand, textPacket } from "./pkt-line.ts";

/** What a report says. */
export interface Report {
  /** `null`: the pack was fine. */
  readonly unpackFault: string | null;
  readonly commands: readonly Pick<RefCommand, "ref">[];
  /** Why refs are refused. A ref that is not here is `ok`. */
  readonly refused: ReadonlyMap<string, string>;
  /** Lines for the client's terminal. */
  readonly remote: readonly string[];
}

const encoder = new TextEncoder();
/** Longest line, in characters: at most 500 bytes in UTF-8. */
const MAX_LINE = 166;

/** The body that answers a push. @param capabilities those of the client */
export function reportBody(report: Report, capabilities: ReadonlySet<string>): Uint8Array {
  const wantsReport = capabilities.has("report-status") || capabilities.has("report-status-v2");
  // A client that did not ask gets an empty body (A51).
  if (!wantsReport) return new Uint8Array();
  const lines = [textPacket(`unpack ${report.unpackFault ?? "ok"}`)];
  for (const { ref } of report.commands) {
    const reason = report.refused.get(ref);
    lines.push(textPacket(reason === undefined ? `ok ${ref}` : `ng ${ref} ${oneLine(reason)}`));
  }
  const status = joinPackets([...lines, flushPacket()]);
  if (!capabilities.has("side-band-64k")) return status;
  const remote = report.remote.map((line) => `${oneLine(line)}\n`).join("");
  return joinPackets([...sideBand(2, encoder.encode(remote)), ...sideBand(1, status), flushPacket()]);
}

/** A fault for a client whose capabilities are not known (G24). */
export function errorBody(text: string): Uint8Array {
  return joinPackets([dataPacket(encoder.encode(`ERR ${oneLine(text)}`))]);
}

/** One line without control characters, at most 500 bytes (G24). */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced.
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
  return clean.length <= MAX_LINE ? clean : `${clean.slice(0, MAX_LINE - 1)}…`;
}
