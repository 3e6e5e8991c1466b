/**
 * The command list of a push (A1 to A9): what a client asks to be done with refs, before its pack.
 * @module
 */
import { PktLineError, readUntilFlush, wholePackets } from "./pkt-line.ts";
import { readRefName } from "./ref-name.ts";

/** The object id of "no object". */
export const ZERO_ID = "0".repeat(40);
/** Longest list, in bytes (A2). */
export const MAX_LIST_BYTES = 1024 ** 2;
/** Largest number of commands (A2). */
export const MAX_COMMANDS = 10_000;

/** One command: move a ref from a value to another. {@link ZERO_ID} stands for "no ref". */
export interface RefCommand {
  readonly old: string;
  readonly new: string;
  readonly ref: string;
}

/** What a client sent before its pack. */
export interface CommandList {
  readonly commands: readonly RefCommand[];
  /** Capabilities with their values, such as `agent=git/2.39`. */
  readonly capabilities: ReadonlySet<string>;
  /** Where the pack begins, in bytes. */
  readonly end: number;
}

const decoder = new TextDecoder("latin1");
const ID = /^[0-9a-f]{40}$/;
/** The beginning of a command of another object format (G23). */
const SHA256 = /^[0-9a-f]{64} $/;

/**
 * Reads a command list. What it returns is all that any later step sees of the client's words (A4).
 * @param bytes the beginning of the request's body.
 * @returns `null`: more bytes are needed.
 * @throws {PktLineError} for every list that A2 refuses.
 */
export function readCommandList(bytes: Uint8Array): CommandList | null {
  const read = readUntilFlush(bytes, MAX_LIST_BYTES);
  if (read === null) return null;
  const commands: RefCommand[] = [];
  const refs = new Set<string>();
  let capabilities: ReadonlySet<string> = new Set();
  let isFirst = true;
  for (const packet of read.packets) {
    const line = withoutLineEnd(packet);
    if (isShallow(line)) continue;
    const nul = line.indexOf(0);
    if (nul !== -1 && !isFirst) throw new PktLineError("only the first command may have capabilities");
    if (nul !== -1) capabilities = readCapabilities(line.subarray(nul + 1));
    isFirst = false;
    const command = readCommand(nul === -1 ? line : line.subarray(0, nul));
    if (refs.has(command.ref)) throw new PktLineError("a ref has two commands");
    if (commands.length === MAX_COMMANDS)
      throw new PktLineError(`there are more than ${MAX_COMMANDS} commands`);
    refs.add(command.ref);
    commands.push(command);
  }
  for (const refused of ["push-options", "push-cert"]) {
    const has = [...capabilities].some((one) => one === refused || one.startsWith(`${refused}=`));
    if (has) throw new PktLineError(`${refused} is not supported`);
  }
  return { commands, capabilities, end: read.end };
}

/** What is read of a list that is refused, for its report (G24). */
export interface RefusedList {
  /** Refs of the lines before the fault, each once. */
  readonly refs: readonly string[];
  readonly capabilities: ReadonlySet<string>;
}

/**
 * Reads what a report to the client needs of a list that {@link readCommandList} refuses.
 * @param bytes the beginning of the request's body, up to the fault or behind it.
 * @returns `null`: the client's capabilities were not read, so that it gets `ERR` (G24).
 */
export function readRefusedList(bytes: Uint8Array): RefusedList | null {
  const lines = wholePackets(bytes.subarray(0, MAX_LIST_BYTES)).map(withoutLineEnd);
  const [first, ...more] = lines.filter((line) => !isShallow(line));
  const nul = first?.indexOf(0) ?? -1;
  if (first === undefined || nul === -1) return null;
  const refs = new Set<string>();
  for (const line of [first.subarray(0, nul), ...more]) {
    const ref = readRefName(line.subarray(82));
    if (ref !== null && refs.size < MAX_COMMANDS) refs.add(ref);
  }
  return { refs: [...refs], capabilities: readCapabilities(first.subarray(nul + 1)) };
}

function readCapabilities(bytes: Uint8Array): ReadonlySet<string> {
  return new Set(decoder.decode(bytes).split(" ").filter(Boolean));
}

function readCommand(line: Uint8Array): RefCommand {
  if (SHA256.test(decoder.decode(line.subarray(0, 65)))) throw new PktLineError("only SHA-1 is spoken here");
  const head = decoder.decode(line.subarray(0, 82));
  const old = head.slice(0, 40);
  const target = head.slice(41, 81);
  const isCommand = ID.test(old) && ID.test(target) && head[40] === " " && head[81] === " ";
  if (!isCommand) throw new PktLineError("a line is no command: old id, new id, ref");
  const ref = readRefName(line.subarray(82));
  if (ref === null) throw new PktLineError("a ref's name is not allowed");
  if (old === ZERO_ID && target === ZERO_ID) throw new PktLineError("a command goes from nothing to nothing");
  return { old, new: target, ref };
}

function isShallow(line: Uint8Array): boolean {
  const text = decoder.decode(line.subarray(0, 49));
  return line.length === 48 && text.startsWith("shallow ") && ID.test(text.slice(8));
}

function withoutLineEnd(packet: Uint8Array): Uint8Array {
  return packet.at(-1) === 0x0a ? packet.subarray(0, -1) : packet;
}
