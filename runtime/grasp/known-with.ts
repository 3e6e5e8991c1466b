/**
 * What would be known if one more event were (G29).
 * @module
 */
import { readAnnouncement } from "./announcement.ts";
import { authoritativeState, candidates } from "./authorise.ts";
import { type Dated, isNewer, type NostrEvent } from "./events/event.ts";
import { KIND } from "./events/kinds.ts";
import { Known, type KnownParts } from "./known.ts";
import { isHosted, type KnownAnnouncement, setsOf } from "./policy/world.ts";
import { type RepositoryState, readState } from "./state.ts";

export class KnownWith extends Known {
  readonly #event: NostrEvent;
  readonly #isServed: boolean;
  /** The event as a state; `null`: it is none. */
  readonly #state: RepositoryState | null;

  /** @param event passed the policy. @param isServed whether it is served at once; else it waits */
  constructor(parts: KnownParts, event: NostrEvent, isServed: boolean) {
    super(parts);
    this.#event = event;
    this.#isServed = isServed;
    const read = event.kind === KIND.state ? readState(event) : null;
    this.#state = read !== null && "state" in read ? read.state : null;
  }

  override announcements(identifier: string): Map<string, KnownAnnouncement> {
    const known = super.announcements(identifier);
    const event = this.#event;
    const read = event.kind === KIND.announcement ? readAnnouncement(event) : null;
    if (read !== null && "announcement" in read && read.announcement.identifier === identifier) {
      const { announcement } = read;
      const status = this.#isServed ? "served" : "waiting";
      known.set(event.pubkey, { announcement, status, isHosted: isHosted(announcement, this) });
    }
    if (this.#state?.identifier !== identifier) return known;
    // A state brings back the announcements that it is authorised by (P22).
    for (const [owner, set] of setsOf({ announcements: () => known }, identifier)) {
      const one = known.get(owner)!;
      if (one.status === "soft_expired" && set.has(event.pubkey))
        known.set(owner, { ...one, status: "waiting" });
    }
    return known;
  }

  override states(identifier: string): RepositoryState[] {
    const states = super.states(identifier);
    return this.#state?.identifier === identifier ? [...states, this.#state] : states;
  }

  override served(id: string): NostrEvent | null {
    return id === this.#event.id ? this.#event : super.served(id);
  }

  override known(id: string): NostrEvent | null {
    return id === this.#event.id ? this.#event : super.known(id);
  }

  /** A state without refs ends its author's earlier ones (R43). */
  override ended(owner: string, identifier: string): Dated[] {
    const ended = super.ended(owner, identifier);
    if (this.#state?.identifier !== identifier || this.#state.refs.size > 0) return ended;
    const set = this.sets(identifier).get(owner) ?? new Set();
    const { event } = authoritativeState(candidates(super.states(identifier), set, ended)) ?? {};
    const isWithdrawn = event?.pubkey === this.#event.pubkey && isNewer(this.#event, event);
    return isWithdrawn ? [...ended, event] : ended;
  }
}
