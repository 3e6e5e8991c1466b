import { type Hints, messageOf } from "./guard.ts";

/**
 * The server refused without doing anything, and another server may have the address by now: after a failover the old master
 * keeps its connections and answers so. Redis 6 puts it behind the name of a script.
 */
const REFUSED = /(?:^|-)(?:READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|NOAUTH|UNBLOCKED|TRYAGAIN)\b/;

/** The connection has ended; nothing was sent. */
const ENDED = /client is (?:offline|closed)/;

/** A write was made, but too few replicas have confirmed it: a failover may lose it. */
export class UnconfirmedError extends Error {
  override readonly name = "UnconfirmedError";
}

/** Whether an operation failed without any effect and may succeed on another connection. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof UnconfirmedError) return false;
  const message = messageOf(error);
  return REFUSED.test(message) || ENDED.test(message);
}

/** Messages of Redis and of its client library, and what to do then. They contain neither keys nor values. */
export const HINTS: Hints = [
  [/NOAUTH|WRONGPASS|AUTH /, "put the right user and password into the URL"],
  [
    /NOPERM/,
    "this user needs the rights to read and write keys, to run scripts, to scan, and CLUSTER, INFO and WAIT in a Cluster",
  ],
  [/NOREPLICAS/, "a failover may lose this write; check the master's replicas"],
  [
    /ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ETIMEDOUT|client is (offline|closed)|[Ss]ocket closed|no answer/,
    "is Redis running at this address?",
  ],
  [/CLUSTERDOWN/, "a part of the Cluster is down; check its nodes"],
  [/SELECT is not allowed/, "a Cluster has no databases; leave the number out of the URL"],
  [/READONLY/, "this is a replica; name its master"],
  [/^OOM/, "raise its maxmemory, and set maxmemory-policy to noeviction: Redis must not evict keys"],
  [/WRONGTYPE/, "other software uses keys with this prefix; choose another one with ?prefix="],
  [/LOADING/, "it is still reading its data"],
  [/MASTERDOWN/, "this is a replica that has lost its master; name the master"],
];
