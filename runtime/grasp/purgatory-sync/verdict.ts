/**
 * What the end of a Git fetch means for its server (S12, S15, S31 to S33).
 * @module
 */
import type { GitReply } from "./git-reply.ts";

/** A source that cannot be used for an identifier stays set aside this long, in milliseconds (S15, S33). */
export const DAY_MS = 24 * 3_600_000;

/** Why a fetch failed. */
export type FetchReason =
  | "name"
  | "connection"
  | "tls"
  | "protocol"
  | "status"
  | "redirect"
  | "remote_error"
  | "fsck"
  | "no_history"
  | "own_fault";

/** How a fetch ended. */
export type FetchVerdict =
  /** Git has no complaint. That alone proves nothing (S29). */
  | { readonly kind: "arrived" }
  /** The server does not have this object (S12). */
  | { readonly kind: "lacks"; readonly id: string }
  /** The server gives no object by its id, at least not this one (S12). */
  | { readonly kind: "refuses" }
  /** The server gives the tips of its refs only; those that were asked for have come (S12). */
  | { readonly kind: "tips_only" }
  /** `info/refs` is elsewhere (S31). */
  | { readonly kind: "redirect"; readonly location: string }
  /** The server asks for fewer requests. `retryAfter`: the field, if there is one (S32). */
  | { readonly kind: "limited"; readonly retryAfter: string | null }
  /** Only this URL failed. `forMs` `null`: until the identifier's next fresh start. */
  | {
      readonly kind: "url";
      readonly reason: FetchReason;
      readonly text: string;
      readonly forMs: number | null;
    }
  /** The server failed. */
  | { readonly kind: "domain"; readonly reason: FetchReason; readonly text: string };

const LACKS = /not our ref ([0-9a-f]{40})\b/;
const REFUSES = /want [0-9a-f]{40} not valid/;
const TIPS_ONLY = /^error: Server does not allow request for unadvertised object/;
const FSCK = /^error: object [0-9a-f]+: (\w+):|^fatal: fsck error/;
const NO_HISTORY =
  /shallow roots are not allowed|did not receive expected object|did not send all necessary objects|missing necessary objects|nonexistent object/;
const OWN_FAULT =
  /No space left|Permission denied|Read-only file system|Too many open files|unable to (?:create|write)|cannot fork|out of memory|Out of memory/i;
const REFUSED =
  /^fatal: (?:remote error:|.*\bnot found$)|^fatal: could not read Username|Authentication failed/;
const BROKEN = /^error: the remote repository is broken$/;
const RETURNED = /The requested URL returned error: (\d{3})/;
const TLS = /SSL|TLS|gnutls|certificate/i;

/**
 * Reads how a fetch ended.
 * @param code Git's exit status; `null`: it was killed.
 */
export function judgeFetch(code: number | null, reply: GitReply): FetchVerdict {
  const { lines } = reply;
  const find = (pattern: RegExp) => lines.map((line) => pattern.exec(line)).find((match) => match !== null);
  if (reply.isDumb) return domain("protocol", "it does not speak the smart protocol");
  const noHistory = find(NO_HISTORY);
  if (noHistory !== undefined) return url("no_history", "it has tips without history", DAY_MS);
  if (code === 0) return { kind: "arrived" };
  const lacks = find(LACKS);
  if (lacks !== undefined) return { kind: "lacks", id: lacks[1]! };
  if (find(REFUSES) !== undefined) return { kind: "refuses" };
  if (find(TIPS_ONLY) !== undefined) return { kind: "tips_only" };
  const fsck = find(FSCK);
  if (fsck !== undefined) return url("fsck", `Git's check refused an object${suffix(fsck[1])}`, DAY_MS);
  if (find(OWN_FAULT) !== undefined) return url("own_fault", "this server could not take what came", null);
  const status = reply.status ?? Number(find(RETURNED)?.[1] ?? 200);
  const byStatus = judgeStatus(status, reply);
  if (byStatus !== null) return byStatus;
  if (find(BROKEN) !== undefined) return url("remote_error", "its repository is broken", null);
  if (find(REFUSED) !== undefined) return url("remote_error", "it refused the repository", null);
  if (find(/Could not resolve host/) !== undefined) return domain("name", "its name has no address");
  if (find(TLS) !== undefined) return domain("tls", "the TLS connection failed");
  if (find(/unable to access/) !== undefined) return domain("connection", "the connection failed");
  return domain("protocol", "it broke the protocol");
}

/** @returns `null`: the status says nothing. */
function judgeStatus(status: number, { retryAfter, location }: GitReply): FetchVerdict | null {
  if (status < 300) return null;
  const text = `it answered ${status}`;
  if (status < 400) {
    const isFollowed = [301, 302, 307, 308].includes(status) && location !== null;
    return isFollowed ? { kind: "redirect", location } : url("redirect", text, null);
  }
  if (status === 429 || status === 503) return { kind: "limited", retryAfter };
  // A request that timed out says something about the host (RFC 9110).
  return status >= 500 || status === 408 ? domain("status", text) : url("status", text, null);
}

function url(reason: FetchReason, text: string, forMs: number | null): FetchVerdict {
  return { kind: "url", reason, text, forMs };
}

function domain(reason: FetchReason, text: string): FetchVerdict {
  return { kind: "domain", reason, text };
}

function suffix(check: string | undefined): string {
  return check === undefined ? "" : `: ${check}`;
}
