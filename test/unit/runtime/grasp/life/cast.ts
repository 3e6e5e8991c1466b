/**
 * Who acts in the model, and the events that they publish. Ids are real, signatures are not.
 * @module
 */
import { createHash } from "node:crypto";
import { canonicalText, type NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../../../runtime/grasp/npub.ts";

export const AUTHORS: readonly string[] = [1, 2, 3, 4].map((n) => n.toString(16).padStart(64, "0"));
export const IDENTIFIERS: readonly string[] = ["one", "two"];
export const HOST = "git.example";
/** The date of the earliest event, in seconds. */
const FIRST_SECOND = 1_700_000_000;

export function sha256Hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** @param at seconds after the first date */
export function event(kind: number, pubkey: string, tags: string[][], at: number): NostrEvent {
  const unsigned = { pubkey, created_at: FIRST_SECOND + at, kind, tags, content: "" };
  return { ...unsigned, id: sha256Hex(canonicalText(unsigned)), sig: "0".repeat(128) };
}

export function announcement(
  owner: string,
  identifier: string,
  maintainers: readonly string[],
  listsUs: boolean,
  at: number,
): NostrEvent {
  const host = listsUs ? HOST : "elsewhere.example";
  return event(
    30617,
    owner,
    [
      ["d", identifier],
      ["clone", `https://${host}/${toNpub(owner)}/${identifier}.git`],
      ["relays", `wss://${host}`],
      ["maintainers", ...maintainers],
    ],
    at,
  );
}

export function state(
  author: string,
  identifier: string,
  refs: readonly (readonly [string, string])[],
  at: number,
): NostrEvent {
  const head = refs.find(([name]) => name.startsWith("refs/heads/"))?.[0];
  const tags = refs.map((one) => [...one]);
  return event(
    30618,
    author,
    [["d", identifier], ...tags, ...(head === undefined ? [] : [["HEAD", `ref: ${head}`]])],
    at,
  );
}

/**
 * A PR whose clone URL is its author's own path here (X9).
 * @param of the PR that it is an update of; `null`: it is a PR
 */
export function contribution(
  author: string,
  owner: string,
  identifier: string,
  commit: string,
  at: number,
  of: NostrEvent | null,
): NostrEvent {
  const named =
    of === null
      ? []
      : [
          ["E", of.id],
          ["P", of.pubkey],
        ];
  const clone = `https://${HOST}/prs/${toNpub(author)}/${identifier}.git`;
  return event(
    of === null ? 1618 : 1619,
    author,
    [["a", `30617:${owner}:${identifier}`], ["c", commit], ["clone", clone], ...named],
    at,
  );
}
