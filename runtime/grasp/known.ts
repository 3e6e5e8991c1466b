/**
 * What the policy, pushes and releases know: the database and purgatory, looked at together.
 * @module
 */
import { type Ourselves, readAnnouncement } from "./announcement.ts";
import { authoritativeState, candidates } from "./authorise.ts";
import { type Dated, type NostrEvent, tagValue } from "./events/event.ts";
import type { Filter } from "./events/filter.ts";
import { KIND } from "./events/kinds.ts";
import { taggedRepositories } from "./policy/pr-policy.ts";
import { isHosted, type KnownAnnouncement, type Lists, setsOf, type World } from "./policy/world.ts";
import type { EventReads } from "./ports.ts";
import type { WaitingAnnouncement, WaitingState } from "./purgatory/entry.ts";
import type { Waiting } from "./purgatory/waiting.ts";
import { type RepositoryState, readState } from "./state.ts";

/** What {@link Known} looks at. */
export interface KnownParts {
  readonly store: EventReads;
  readonly purgatory: Waiting;
  readonly ourselves: Ourselves;
  readonly lists: Lists;
  /** Whether names that differ only in case or Unicode form are one file. Default: they are not */
  readonly foldsNames?: boolean;
  /** Whether contributors have repositories here (X6). Default: no */
  readonly takesPrs?: boolean;
  /** Whether a repository is in service on the disk. */
  readonly hasRepository: (owner: string, identifier: string) => boolean;
  /** Seconds since the epoch. */
  readonly now: () => number;
}

export class Known implements World {
  readonly ourselves: Ourselves;
  readonly lists: Lists;
  readonly foldsNames: boolean;
  readonly takesPrs: boolean;
  readonly #store: EventReads;
  readonly #purgatory: Waiting;
  readonly #hasRepository: (owner: string, identifier: string) => boolean;
  readonly #now: () => number;
  /** What announcements say; `null`: they cannot be read. What waits is asked for often, and events do not change. */
  readonly #read = new WeakMap<NostrEvent, Omit<KnownAnnouncement, "status"> | null>();

  constructor({ store, purgatory, ourselves, lists, foldsNames, takesPrs, hasRepository, now }: KnownParts) {
    this.#store = store;
    this.#purgatory = purgatory;
    this.ourselves = ourselves;
    this.lists = lists;
    this.foldsNames = foldsNames ?? false;
    this.takesPrs = takesPrs ?? false;
    this.#hasRepository = hasRepository;
    this.#now = now;
  }

  announcements(identifier: string): Map<string, KnownAnnouncement> {
    const known = new Map<string, KnownAnnouncement>();
    const add = (event: NostrEvent, status: KnownAnnouncement["status"]) => {
      const read = this.#announcementOf(event);
      if (read === null) return;
      // What was archived stays although its rule is removed, until a later version, which R35 ends.
      const isHosted = read.isHosted || this.#hasRepository(event.pubkey, identifier);
      known.set(event.pubkey, { ...read, status, isHosted });
    };
    for (const event of this.#store.withIdentifier(KIND.announcement, identifier)) add(event, "served");
    for (const { event, isSoftExpired } of this.#purgatory.announcements(identifier)) {
      const before = known.get(event.pubkey);
      // A waiting version does not hide the served one (R54).
      if (before === undefined) add(event, isSoftExpired ? "soft_expired" : "waiting");
    }
    return known;
  }

  #announcementOf(event: NostrEvent): Omit<KnownAnnouncement, "status"> | null {
    let known = this.#read.get(event);
    if (known === undefined) {
      const read = readAnnouncement(event);
      known =
        "fault" in read
          ? null
          : {
              announcement: read.announcement,
              isHosted: isHosted(read.announcement, this),
            };
      this.#read.set(event, known);
    }
    return known;
  }

  /** The maintainer sets of the owners who have a repository of an identifier here, by owner. */
  sets(identifier: string): Map<string, Set<string>> {
    return setsOf(this, identifier);
  }

  states(identifier: string): RepositoryState[] {
    const waiting = this.#purgatory.states(identifier).map(({ event }) => event);
    return [...this.servedStates(identifier), ...statesOf(waiting)];
  }

  /** Whether a state of an identifier waits for its data. */
  hasWaitingState(identifier: string): boolean {
    return this.#purgatory.states(identifier).length > 0;
  }

  /** States in the database. */
  servedStates(identifier: string): RepositoryState[] {
    return statesOf(this.#store.withIdentifier(KIND.state, identifier));
  }

  /** The state that decides on an owner's repository (A16 to A18), over database and purgatory; `null`: there is none. */
  authoritative(owner: string, identifier: string, set: ReadonlySet<string>): RepositoryState | null {
    return authoritativeState(candidates(this.states(identifier), set, this.ended(owner, identifier)));
  }

  /** The authoritative states of an owner's repository that were deleted or withdrawn (A17). */
  ended(owner: string, identifier: string): Dated[] {
    const ended = this.#store.ended(owner, identifier);
    return ended === null ? [] : [ended];
  }

  /** The maintainer sets that held repositories of an identifier had, by owner. Those that are back are not among them. */
  heldSets(identifier: string): Map<string, ReadonlySet<string>> {
    const held = this.#store.heldSets(identifier);
    if (held.size > 0) for (const owner of this.sets(identifier).keys()) held.delete(owner);
    return held;
  }

  /** States that are held with repositories of an identifier. */
  heldStates(identifier: string): RepositoryState[] {
    const owners = [...this.heldSets(identifier).keys()];
    const events = owners.flatMap((owner) => this.#store.held(`${owner}/${identifier}`));
    return statesOf(events.map(({ event }) => event).filter(({ kind }) => kind === KIND.state));
  }

  /** Served PRs and PR updates of an identifier's repositories. */
  pullRequests(identifier: string): NostrEvent[] {
    // A PR may tag a maintainer who has no repository here.
    const keys = new Set([...this.sets(identifier).values()].flatMap((set) => [...set]));
    return this.pullRequestsFor([...keys], identifier);
  }

  /** Served PRs and PR updates that tag repositories of these owners. */
  pullRequestsFor(owners: readonly string[], identifier: string): NostrEvent[] {
    if (owners.length === 0) return [];
    const kinds = new Set<number>([KIND.pullRequest, KIND.pullRequestUpdate]);
    const tags = new Map([
      ["a", new Set(owners.map((owner) => `${KIND.announcement}:${owner}:${identifier}`))],
    ]);
    return this.#all({ kinds, tags });
  }

  /** Served PRs and PR updates by an author that tag repositories of an identifier. */
  pullRequestsBy(author: string, identifier: string): NostrEvent[] {
    const kinds = new Set<number>([KIND.pullRequest, KIND.pullRequestUpdate]);
    return this.#all({ kinds, authors: new Set([author]) }).filter((event) =>
      taggedRepositories(event).some((one) => one.identifier === identifier),
    );
  }

  #all(part: Partial<Filter>): NostrEvent[] {
    return [...everyEvent(this.#store, filterOf(part), this.#now)];
  }

  known(id: string): NostrEvent | null {
    return this.#store.get(id) ?? this.#purgatory.event(id)?.event ?? null;
  }

  repositoriesOf(author: string): number {
    const filter = filterOf({ authors: new Set([author]), kinds: new Set([KIND.announcement]) });
    return this.#store.count([filter], this.#now()) + this.#purgatory.announcementsOf(author);
  }

  /** The owner and identifier of every announcement, served and waiting. */
  everyAnnouncement(): { readonly owner: string; readonly identifier: string }[] {
    const served = this.#all({ kinds: new Set([KIND.announcement]) });
    const waiting = this.#purgatory
      .identifiers()
      .flatMap((identifier) => this.#purgatory.announcements(identifier).map(({ event }) => event));
    return [...served, ...waiting].map((event) => ({
      owner: event.pubkey,
      identifier: tagValue(event, "d") ?? "",
    }));
  }

  identifiersOf(author: string): string[] {
    const served = this.#all({ authors: new Set([author]), kinds: new Set([KIND.announcement]) });
    const waiting = this.#purgatory.by(author).filter(({ store }) => store === "announcement");
    return [...served, ...waiting.map(({ event }) => event)].map((event) => tagValue(event, "d") ?? "");
  }

  served(id: string): NostrEvent | null {
    return this.#store.get(id);
  }

  remembered(id: string): "deleted" | "expired" | null {
    return this.#store.remembered(id, this.#now());
  }

  servedAt(address: string): NostrEvent | null {
    const match = /^(\d{1,5}):([0-9a-f]{64}):(.*)$/s.exec(address);
    return match === null ? null : this.#store.newest(Number(match[1]), match[2]!, match[3]!);
  }

  isWaiting(id: string): boolean {
    return this.#purgatory.event(id) !== null;
  }

  isWaitingAt(address: string): boolean {
    return this.waitingAt(address).length > 0;
  }

  /** What waits at an address: an announcement, or an author's states of an identifier. */
  waitingAt(address: string): (WaitingAnnouncement | WaitingState)[] {
    const [, kind, author = "", identifier = ""] = /^(\d{1,5}):([0-9a-f]{64}):(.*)$/s.exec(address) ?? [];
    if (Number(kind) === KIND.state) {
      return this.#purgatory.states(identifier).filter(({ event }) => event.pubkey === author);
    }
    const announcement =
      Number(kind) === KIND.announcement ? this.#purgatory.announcement(author, identifier) : null;
    return announcement === null ? [] : [announcement];
  }

  stepsTo(target: string): number | null {
    return this.#store.stepsTo(target);
  }

  isDeletedAddress(address: string): boolean {
    return this.#store.isDeletedAddress(address);
  }

  deletionsOf(author: string): number {
    const filter = filterOf({ authors: new Set([author]), kinds: new Set([KIND.deletion]) });
    return this.#store.count([filter], this.#now());
  }

  hasEvents(author: string): boolean {
    return this.#store.hasEventsOf(author) || this.#purgatory.hasOf(author);
  }

  hasHeld(author: string): boolean {
    return this.#store.hasHeldBy(author);
  }
}

/** Every served event that fits, newest first, each once; read page by page as it is asked for. */
export function* everyEvent(
  store: Pick<EventReads, "query">,
  filter: Filter,
  now: () => number,
): Generator<NostrEvent, void> {
  // A page ends with all events of its last second (R72), so that only these come again.
  let known = new Set<string>();
  for (let until = filter.until; ; ) {
    const page = store.query([until === undefined ? filter : { ...filter, until }], now());
    const fresh = page.filter(({ id }) => !known.has(id));
    yield* fresh;
    if (fresh.length === 0) return;
    until = page.at(-1)!.created_at;
    known = new Set(page.filter(({ created_at }) => created_at === until).map(({ id }) => id));
  }
}

function filterOf(part: Partial<Filter>): Filter {
  return { tags: new Map(), ...part };
}

function statesOf(events: readonly NostrEvent[]): RepositoryState[] {
  return events.flatMap((event) => {
    const read = readState(event);
    return "state" in read ? [read.state] : [];
  });
}
