/**
 * Whether an `AUTH` proves a key (NIP-42, R70).
 * @module
 */
import type { Ourselves } from "../announcement.ts";
import type { NostrEvent } from "../events/event.ts";
import { KIND } from "../events/kinds.ts";

/** How far the time of a proof may be from ours, in seconds. */
const MAX_DISTANCE_SECONDS = 600;

/** What a proof is held against. */
export interface AuthFacts {
  /** The connection's challenge; `null`: it has none yet. */
  readonly challenge: string | null;
  readonly ourselves: Ourselves;
  readonly nowSeconds: number;
}

/** What is wrong with a genuine event as a proof, as the rest of `invalid: …`; `null`: nothing. */
export function authFault(event: NostrEvent, { challenge, ourselves, nowSeconds }: AuthFacts): string | null {
  if (event.kind !== KIND.auth) return `a proof has kind ${KIND.auth}`;
  if (Math.abs(event.created_at - nowSeconds) > MAX_DISTANCE_SECONDS)
    return "the proof is more than 10 minutes old, or ahead";
  const challenges = event.tags.filter(([name]) => name === "challenge");
  if (challenge === null || challenges.length !== 1 || challenges[0]![1] !== challenge)
    return "the challenge is not this connection's";
  const relays = event.tags.filter(([name]) => name === "relay");
  if (relays.length !== 1 || !isOurs(relays[0]![1] ?? "", ourselves)) return "the relay is not this one";
  return null;
}

function isOurs(text: string, { hosts, basePath }: Ourselves): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, port, pathname } = new URL(text);
  const name = hostname.toLowerCase().replace(/\.$/, "");
  return (
    (protocol === "ws:" || protocol === "wss:") &&
    hosts.includes(port === "" ? name : `${name}:${port}`) &&
    pathname.replace(/\/$/, "") === basePath.replace(/\/$/, "")
  );
}
