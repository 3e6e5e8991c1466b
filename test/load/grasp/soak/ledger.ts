/**
 * What a GRASP server has acknowledged in a soak, and what its database holds at the end (V10): each acknowledged event is there, or gone
 * for a reason that the clients gave.
 * @module
 */
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import { KIND } from "../../../../runtime/grasp/events/kinds.ts";

/** What the database holds. */
export interface Stored {
  readonly served: ReadonlyMap<string, NostrEvent>;
  /** Ids of events that wait in purgatory. */
  readonly waiting: ReadonlySet<string>;
}

/** How many acknowledged events ended in each way. */
export interface Ends {
  served: number;
  waiting: number;
  /** A newer version of it is served. */
  replaced: number;
  /** Its author deleted it. */
  deleted: number;
  /** Its time is over (NIP-40). */
  expired: number;
  /** Its owner deleted the repository to which it belongs (R59). */
  withRepository: number;
}

/** The database held against the ledger. */
export interface Audit {
  /** Acknowledged and lost, deleted and still there, refused and stored, or stored and sent by nobody. */
  readonly faults: readonly string[];
  readonly acknowledged: number;
  readonly ends: Ends;
  /** Events that peers had, and how many of them are served. */
  readonly fromPeers: { readonly known: number; readonly served: number };
  /** Requests that got no answer because the server was ended, and how many of their events are in the database. */
  readonly unanswered: { readonly sent: number; readonly stored: number };
  /** Events that were refused; none of them is in the database. */
  readonly refused: number;
  /** All in the database. */
  readonly stored: number;
}

/** The ledger of one soak. */
export class SoakLedger {
  readonly #acknowledged = new Map<string, NostrEvent>();
  readonly #unanswered = new Map<string, NostrEvent>();
  readonly #refused = new Map<string, NostrEvent>();
  readonly #fromPeers = new Map<string, NostrEvent>();
  /** Deletions by the id that they name; `sure`: it was acknowledged. */
  readonly #deletions = new Map<string, { sure: boolean }>();
  /** Addresses of announcements whose deletion was sent. */
  readonly #discarded = new Map<string, { sure: boolean }>();

  /** Number of events that were acknowledged so far. */
  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Notes an event before it is sent. */
  sent(event: NostrEvent): void {
    this.#unanswered.set(event.id, event);
    this.#noteDeletion(event, false);
  }

  /** Notes the server's answer to it. */
  answered(event: NostrEvent, isAccepted: boolean): void {
    this.#unanswered.delete(event.id);
    if (isAccepted) this.#noteDeletion(event, true);
    (isAccepted ? this.#acknowledged : this.#refused).set(event.id, event);
  }

  /** Notes an event that peers serve. */
  fromPeer(event: NostrEvent): void {
    this.#fromPeers.set(event.id, event);
  }

  /** Ids of the peers' events. */
  peerIds(): string[] {
    return [...this.#fromPeers.keys()];
  }

  #noteDeletion(event: NostrEvent, sure: boolean): void {
    if (event.kind !== KIND.deletion) return;
    for (const [name, value = ""] of event.tags) {
      if (name === "e") this.#deletions.set(value, { sure });
      if (name === "a") this.#discarded.set(value, { sure });
    }
  }

  /** Holds the ledger against the database. */
  audit({ served, waiting }: Stored, nowSeconds: number): Audit {
    const faults: string[] = [];
    const fault = ({ id, kind }: NostrEvent, text: string) =>
      faults.push(`event ${id.slice(0, 8)} of kind ${kind}: ${text}`);
    const isStored = (id: string) => served.has(id) || waiting.has(id);
    const newest = newestOf(served.values());
    const ends: Ends = { served: 0, waiting: 0, replaced: 0, deleted: 0, expired: 0, withRepository: 0 };

    for (const event of this.#acknowledged.values()) {
      const { id } = event;
      if (isStored(id)) {
        if (this.#deletions.get(id)?.sure) fault(event, "deleted, and still there");
        if (this.#discarded.get(addressOf(event) ?? "")?.sure) fault(event, "its repository was deleted");
        ends[served.has(id) ? "served" : "waiting"]++;
        continue;
      }
      const end = this.#endOf(event, newest, nowSeconds);
      if (end === null) fault(event, "acknowledged, and lost");
      else ends[end]++;
    }
    for (const event of this.#refused.values())
      if (isStored(event.id)) fault(event, "refused, and in the database");
    const byAddress = new Map<string, string>();
    for (const event of served.values()) {
      const { id } = event;
      const isKnown = [this.#acknowledged, this.#unanswered, this.#fromPeers].some((all) => all.has(id));
      if (!isKnown) fault(event, "in the database, and nobody sent it");
      const address = addressOf(event);
      if (address === null) continue;
      if (byAddress.has(address)) fault(event, "another version of it is served, too");
      byAddress.set(address, id);
    }
    const peers = [...this.#fromPeers.values()];
    for (const event of peers) if (!served.has(event.id)) fault(event, "a peer has it, and it is not served");
    return {
      faults,
      acknowledged: this.#acknowledged.size,
      ends,
      fromPeers: { known: peers.length, served: peers.filter(({ id }) => served.has(id)).length },
      unanswered: {
        sent: this.#unanswered.size,
        stored: [...this.#unanswered.keys()].filter(isStored).length,
      },
      refused: this.#refused.size,
      stored: served.size + waiting.size,
    };
  }

  /** Why an event that is not in the database is gone; `null`: for no reason. */
  #endOf(event: NostrEvent, newest: ReadonlyMap<string, NostrEvent>, nowSeconds: number): keyof Ends | null {
    if (this.#deletions.has(event.id)) return "deleted";
    const expires = event.tags.find(([name]) => name === "expiration")?.[1];
    if (expires !== undefined && Number(expires) <= nowSeconds) return "expired";
    const address = addressOf(event);
    const current = newest.get(address ?? "");
    if (current !== undefined && isNewer(current, event)) return "replaced";
    return this.#isOfDiscarded(event) ? "withRepository" : null;
  }

  /** Whether an event names a repository that was deleted, or belongs to it by the events that it names. */
  #isOfDiscarded(event: NostrEvent): boolean {
    const of = addressOf(event)?.replace(/^30618:/, "30617:");
    if (of !== undefined && this.#discarded.has(of)) return true;
    return event.tags.some(([, value = ""]) => {
      const named = this.#acknowledged.get(value);
      return this.#discarded.has(value) || (named !== undefined && this.#isOfDiscarded(named));
    });
  }
}

/** The address of an announcement or a state; `null` for other events. */
export function addressOf({ kind, pubkey, tags }: NostrEvent): string | null {
  if (kind !== KIND.announcement && kind !== KIND.state) return null;
  return `${kind}:${pubkey}:${tags.find(([name]) => name === "d")?.[1] ?? ""}`;
}

function newestOf(events: Iterable<NostrEvent>): Map<string, NostrEvent> {
  const newest = new Map<string, NostrEvent>();
  for (const event of events) {
    const address = addressOf(event);
    if (address === null) continue;
    const known = newest.get(address);
    if (known === undefined || isNewer(event, known)) newest.set(address, event);
  }
  return newest;
}

/** Of two versions with one date, the smaller id is the newer one (NIP-01). */
function isNewer(a: NostrEvent, b: NostrEvent): boolean {
  return a.created_at === b.created_at ? a.id < b.id : a.created_at > b.created_at;
}
