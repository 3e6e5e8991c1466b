/**
 * What a repository has, as Git's servers tell it: advertisements of all protocol versions, and the answer to `ls-refs`
 * (gitprotocol-pack, gitprotocol-v2). Byte for byte Git's own, apart from the name of the server.
 * @module
 */
import { ZERO_ID } from "./command-list.ts";
import { flushPacket, joinPackets, textPacket } from "./pkt-line.ts";
import { isBranchOrTag } from "./ref-name.ts";
import type { LsRefs } from "./upload-request.ts";

/** One ref that clients may see. */
export interface VisibleRef {
  readonly name: string;
  readonly id: string;
  /** What a tag object leads to; `null`: the ref has no tag object. */
  readonly peeled: string | null;
}

/** The refs that clients may see, in Git's order, and the branch that `HEAD` names, with or without a commit; "": none. */
export interface VisibleRefs {
  readonly refs: readonly VisibleRef[];
  readonly head: string;
}

/** The services of smart HTTP. */
export type Service = "git-upload-pack" | "git-receive-pack";

const AGENT = "agent=millrace";
/** What upload-pack offers in its first versions (G11). Git's list, in Git's order. */
const UPLOAD_BEFORE_HEAD =
  "multi_ack thin-pack side-band side-band-64k ofs-delta shallow deepen-since deepen-not deepen-relative no-progress " +
  "include-tag multi_ack_detailed allow-tip-sha1-in-want allow-reachable-sha1-in-want no-done";
const UPLOAD_AFTER_HEAD = `filter object-format=sha1 ${AGENT}`;
/** What upload-pack offers in version 2. */
const SECOND_VERSION = [
  "version 2",
  AGENT,
  "ls-refs=unborn",
  "fetch=shallow wait-for-done filter",
  "server-option",
  "object-format=sha1",
];
/** What is in place of the id of a branch that has no commit. */
const UNBORN = { id: "unborn", peeled: null };
/** What receive-pack offers (A5). */
const RECEIVE_CAPABILITIES = `report-status report-status-v2 side-band-64k delete-refs ofs-delta atomic quiet object-format=sha1 ${AGENT}`;

/** The refs that clients may see (G14): branches, tags, and pull requests whose event is served. */
export function visibleRefs(
  { refs, head }: { readonly refs: ReadonlyMap<string, string>; readonly head: string },
  peeled: ReadonlyMap<string, string>,
  isServed: (eventId: string) => boolean,
): VisibleRefs {
  const visible: VisibleRef[] = [];
  for (const [name, id] of refs) {
    const isVisible =
      isBranchOrTag(name) || (name.startsWith("refs/nostr/") && isServed(name.slice("refs/nostr/".length)));
    if (isVisible) visible.push({ name, id, peeled: peeled.get(id) ?? null });
  }
  return { refs: visible.sort(byName), head };
}

/** The body that answers `info/refs?service=git-upload-pack`. */
export function uploadAdvertisement(visible: VisibleRefs, version: 0 | 1 | 2): Uint8Array {
  if (version === 2) return joinPackets([...SECOND_VERSION.map(textPacket), flushPacket()]);
  const head = visible.refs.find(({ name }) => name === visible.head);
  const symref = head === undefined ? "" : ` symref=HEAD:${head.name}`;
  const lines = head === undefined ? [] : [`${head.id} HEAD`];
  for (const { name, id, peeled } of visible.refs) {
    lines.push(`${id} ${name}`);
    if (peeled !== null) lines.push(`${peeled} ${name}^{}`);
  }
  const packets = withCapabilities(lines, `${UPLOAD_BEFORE_HEAD}${symref} ${UPLOAD_AFTER_HEAD}`);
  if (version === 1) packets.unshift(textPacket("version 1"));
  return joinPackets([...serviceLine("git-upload-pack"), ...packets, flushPacket()]);
}

/** The body that answers `info/refs?service=git-receive-pack`: branches and tags only (A47). */
export function receiveAdvertisement(visible: VisibleRefs): Uint8Array {
  const lines = visible.refs.filter(({ name }) => isBranchOrTag(name)).map(({ name, id }) => `${id} ${name}`);
  const packets = withCapabilities(lines, RECEIVE_CAPABILITIES);
  return joinPackets([...serviceLine("git-receive-pack"), ...packets, flushPacket()]);
}

/** The answer to `ls-refs` of version 2. A `HEAD` without a commit is told to clients that ask for it as a symbolic ref (G21). */
export function lsRefsAnswer(
  visible: VisibleRefs,
  { peel, symrefs, unborn, prefixes }: Omit<LsRefs, "kind">,
): Uint8Array {
  const isWanted = (name: string) =>
    prefixes.length === 0 || prefixes.some((prefix) => name.startsWith(prefix));
  const packets: Uint8Array[] = [];
  const add = (name: string, { id, peeled }: Omit<VisibleRef, "name">, target: string | null) => {
    if (!isWanted(name)) return;
    const symref = symrefs && target !== null ? ` symref-target:${target}` : "";
    packets.push(textPacket(`${id} ${name}${symref}${peel && peeled !== null ? ` peeled:${peeled}` : ""}`));
  };
  const head = visible.refs.find(({ name }) => name === visible.head);
  if (head !== undefined) add("HEAD", head, head.name);
  else if (unborn && symrefs && visible.head !== "") add("HEAD", UNBORN, visible.head);
  for (const ref of visible.refs) add(ref.name, ref, null);
  return joinPackets([...packets, flushPacket()]);
}

function serviceLine(service: Service): Uint8Array[] {
  return [textPacket(`# service=${service}`), flushPacket()];
}

function withCapabilities(lines: readonly string[], capabilities: string): Uint8Array[] {
  const [first = `${ZERO_ID} capabilities^{}`, ...others] = lines;
  return [textPacket(`${first}\0${capabilities}`), ...others.map(textPacket)];
}

/** Git's order: by bytes. UTF-16 sorts characters beyond U+FFFF elsewhere than UTF-8 does. */
function byName({ name: a }: VisibleRef, { name: b }: VisibleRef): number {
  if (SURROGATE.test(a) || SURROGATE.test(b)) return byCodePoint([...a], [...b]);
  return a < b ? -1 : 1;
}

const SURROGATE = /[\ud800-\udfff]/;

function byCodePoint(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = a[i]!.codePointAt(0)! - b[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
