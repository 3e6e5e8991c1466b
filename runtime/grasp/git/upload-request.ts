/**
 * What a client asks upload-pack for, as far as it decides who answers: ourselves, a stored answer, or Git (G32).
 * @module
 */
import { lengthAt, MAX_PACKET_BYTES, PktLineError } from "./pkt-line.ts";

/** A request for refs (protocol version 2). */
export interface LsRefs {
  readonly kind: "ls-refs";
  readonly peel: boolean;
  readonly symrefs: boolean;
  /** Whether a `HEAD` without a commit is told. */
  readonly unborn: boolean;
  readonly prefixes: readonly string[];
}

/** A fetch of a client that tells nothing of what it has: its answer depends on the request and the repository alone. */
export interface Shareable {
  readonly kind: "shareable";
  readonly key: string;
  /** The wanted ids, if the answer may be any pack that has exactly what they need; `null`: Git has to make it. */
  readonly clone: readonly string[] | null;
}

export type UploadRequest =
  | LsRefs
  /** Only a flush: git sends it to learn whether a large request will be taken (G18). */
  | { readonly kind: "flush" }
  | Shareable
  /** For Git to answer, or to refuse. */
  | { readonly kind: "other" };

const OTHER: UploadRequest = { kind: "other" };
const decoder = new TextDecoder("latin1");
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Past this number of prefixes Git tells all refs. */
const MAX_PREFIXES = 65_536;

/** The version in the header `Git-Protocol`; anything strange is version 0 (G10). */
export function protocolVersion(header: string | null): 0 | 1 | 2 {
  if (header === null || !/^[a-z0-9=:.-]{1,64}$/i.test(header)) return 0;
  let version: 0 | 1 | 2 = 0;
  for (const part of header.split(":")) {
    const given = /^version=([012])$/.exec(part);
    if (given !== null) version = Math.max(version, Number(given[1])) as 0 | 1 | 2;
  }
  return version;
}

/** Reads a whole request. What is not understood is `other`. */
export function readUploadRequest(body: Uint8Array, version: 0 | 1 | 2): UploadRequest {
  let lines: string[];
  try {
    lines = linesOf(body);
  } catch (error) {
    if (error instanceof PktLineError) return OTHER;
    throw error;
  }
  if (lines.length === 1 && lines[0] === FLUSH) return { kind: "flush" };
  if (version === 2 && lines.includes("command=ls-refs")) return readLsRefs(lines);
  if (version === 2 && !lines.includes("command=fetch")) return OTHER;
  if (lines.some((line) => line.startsWith("have "))) return OTHER;
  const key = lines.flatMap((line) => withoutClientName(line, version)).join("\n");
  return { kind: "shareable", key, clone: version === 2 ? readClone(lines) : readOldClone(lines) };
}

/** What a clone says in version 2: a client without `ofs-delta` cannot read a stored pack, and one without `done` negotiates. */
const CLONE_NEEDS = ["ofs-delta", "done"];
const CLONE_LINE =
  /^(command=fetch|agent=.*|session-id=.*|object-format=sha1|thin-pack|no-progress|include-tag|ofs-delta|done)$/;

function readClone(lines: readonly string[]): readonly string[] | null {
  const wants = lines.filter((line) => WANT.test(line));
  const others = lines.filter((line) => !WANT.test(line));
  const isOne =
    wants.length > 0 &&
    CLONE_NEEDS.every((line) => others.includes(line)) &&
    others.indexOf(FLUSH) === others.length - 1 &&
    others.slice(0, -1).every((line) => line === DELIMITER || CLONE_LINE.test(line));
  return isOne ? wants.map((line) => line.slice("want ".length)) : null;
}

/** Capabilities that a clone needs in versions 0 and 1, and those that do not change its pack. */
const OLD_CLONE_NEEDS = ["ofs-delta", "side-band-64k"];
const OLD_CLONE_CAPABILITY =
  /^(agent=.*|session-id=.*|object-format=sha1|thin-pack|no-progress|include-tag|ofs-delta|side-band-64k|multi_ack|multi_ack_detailed|no-done|shallow|deepen-since|deepen-not|deepen-relative|filter|allow-tip-sha1-in-want|allow-reachable-sha1-in-want)$/;

function readOldClone([first = "", ...rest]: readonly string[]): readonly string[] | null {
  const [want, id = "", ...capabilities] = first.split(" ").filter(Boolean);
  const wants = [`${want} ${id}`, ...rest.slice(0, -2)];
  const isOne =
    rest.at(-2) === FLUSH &&
    rest.at(-1) === "done" &&
    wants.every((line) => WANT.test(line)) &&
    OLD_CLONE_NEEDS.every((name) => capabilities.includes(name)) &&
    capabilities.every((name) => OLD_CLONE_CAPABILITY.test(name));
  return isOne ? wants.map((line) => line.slice("want ".length)) : null;
}

const WANT = /^want [0-9a-f]{40}$/;

/** Git's answer does not depend on the name of the client. */
function withoutClientName(line: string, version: 0 | 1 | 2): string[] {
  if (version === 2) return /^(agent|session-id)=/.test(line) ? [] : [line];
  const isWithCapabilities = /^want [0-9a-f]{40} /.test(line);
  return [isWithCapabilities ? line.replace(/ (agent|session-id)=[^ ]*/g, "") : line];
}

function readLsRefs(lines: readonly string[]): UploadRequest {
  const prefixes: string[] = [];
  let [peel, symrefs, unborn] = [false, false, false];
  const delimiter = lines.indexOf(DELIMITER);
  const known = /^(command=ls-refs|agent=.*|session-id=.*|server-option=.*|object-format=sha1)$/;
  const isKnown = lines.slice(0, delimiter === -1 ? -1 : delimiter).every((line) => known.test(line));
  if (!isKnown || lines.indexOf(FLUSH) !== lines.length - 1) return OTHER;
  for (const line of delimiter === -1 ? [] : lines.slice(delimiter + 1, -1)) {
    if (line === "peel") peel = true;
    else if (line === "symrefs") symrefs = true;
    else if (line.startsWith("ref-prefix ")) prefixes.push(utf8Text(line.slice("ref-prefix ".length)));
    else if (line === "unborn") unborn = true;
    else return OTHER;
  }
  return { kind: "ls-refs", peel, symrefs, unborn, prefixes: prefixes.length > MAX_PREFIXES ? [] : prefixes };
}

/** Cannot be lines of a client: those have no line end inside. */
const FLUSH = "\n0000";
const DELIMITER = "\n0001";
const RESPONSE_END = "\n0002";

/** The lines in latin1, without line ends. @throws {PktLineError} if the bytes are no whole pkt-lines */
function linesOf(body: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < body.length; ) {
    if (at + 4 > body.length) throw new PktLineError("a packet breaks off");
    const length = lengthAt(body, at);
    if (length < 4) {
      if (length === 3) throw new PktLineError("a packet has no length");
      lines.push([FLUSH, DELIMITER, RESPONSE_END][length]!);
      at += 4;
      continue;
    }
    if (length > MAX_PACKET_BYTES || at + length > body.length)
      throw new PktLineError("a packet is too long or breaks off");
    const line = decoder.decode(body.subarray(at + 4, at + length)).replace(/\n$/, "");
    if (line.includes("\n")) throw new PktLineError("a line has a line end inside");
    lines.push(line);
    at += length;
  }
  return lines;
}

/** A prefix that is no UTF-8 fits no ref, because no ref here has such a name. */
function utf8Text(latin1: string): string {
  try {
    return utf8.decode(Uint8Array.from(latin1, (character) => character.charCodeAt(0)));
  } catch {
    return "\0";
  }
}
