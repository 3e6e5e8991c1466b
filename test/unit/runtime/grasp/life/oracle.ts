/**
 * The promises of V2, checked on what database, journal and disk hold. It decides on sets and states by itself.
 * @module
 */
import { isNewer, type NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import type { Entry } from "../../../../../runtime/grasp/purgatory/entry.ts";
import { BrokenProperty } from "./broken-property.ts";
import { HOST, IDENTIFIERS } from "./cast.ts";
import { isWhole, needs } from "./commits.ts";
import type { RepositoryData } from "./fake-git.ts";
import type { Life } from "./life.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const tag = (event: NostrEvent, name: string) => event.tags.find(([one]) => one === name);
const identifierOf = (event: NostrEvent) => tag(event, "d")?.[1] ?? "";
const listsUs = (event: NostrEvent) => tag(event, "clone")?.[1]?.startsWith(`https://${HOST}/`) === true;
/** Branches and tags of a state, or of a repository. */
const branches = (refs: Iterable<readonly [string, string]>) =>
  JSON.stringify([...refs].filter(([name]) => /^refs\/(heads|tags)\//.test(name)).sort());
const refsOf = (event: NostrEvent) =>
  event.tags
    .filter(([name = ""]) => name.startsWith("refs/"))
    .map(([name = "", id = ""]): [string, string] => [name, id]);

/** A tip that a branch or tag does not lead to any more (N21). */
interface LostTip {
  readonly name: string;
  readonly id: string;
  readonly atMs: number;
}

/** What the oracle saw at its last look. */
interface Seen {
  /** The authoritative states: of all, and of those that are served. What is held with repositories counts for those that are held. */
  readonly best: readonly NostrEvent[];
  /** The maintainer set. A repository that is held keeps the one that it had. */
  readonly set: ReadonlySet<string>;
  readonly isHeld: boolean;
  readonly data: RepositoryData;
  readonly refs: string;
}

export class Oracle {
  readonly #life: Life;
  /** Events that were answered with OK true. */
  readonly #accepted = new Map<string, NostrEvent>();
  readonly #submitted = new Map<string, NostrEvent>();
  /** Authoritative states that were deleted or withdrawn, by repository (A17). */
  readonly #ended = new Map<string, NostrEvent>();
  #seen = new Map<string, Seen>();
  /** Events that were acknowledged, or seen in database or journal, at some time. */
  readonly #taken = new Map<string, NostrEvent>();
  /** Events that were sent since the last look. */
  readonly #ofStep: NostrEvent[] = [];
  /** The branches and tags of each repository at the last look, and the tips that were lost since (N21). */
  readonly #tips = new Map<RepositoryData, Map<string, string>>();
  readonly #lost = new Map<RepositoryData, LostTip[]>();
  /** Repositories that were taken out of service since the last look. */
  readonly #ejected = new Set<string>();
  /** States that were served at some time. */
  readonly #everServed = new Map<string, NostrEvent>();

  constructor(life: Life) {
    this.#life = life;
  }

  accepted(event: NostrEvent): void {
    this.#accepted.set(event.id, event);
    this.#taken.set(event.id, event);
  }

  /** A repository is taken out of service: its announcement goes, and comes back only if it was served. */
  ejected(owner: string, identifier: string): void {
    for (const [id, event] of this.#accepted) {
      const isMeant = event.kind === 30617 && event.pubkey === owner && identifierOf(event) === identifier;
      if (isMeant) this.#accepted.delete(id);
    }
    this.#ejected.add(`${owner}/${identifier}`);
  }

  /** An event was sent, whatever the answer. */
  submitted(event: NostrEvent): void {
    this.#submitted.set(event.id, event);
    this.#ofStep.push(event);
  }

  /**
   * Everything that must hold while nothing is under way.
   * @param isAlone whether one thing happened since the last time. Of several at once, one may have ended what another brought.
   */
  check(isAlone: boolean): void {
    const isLate = this.#life
      .events()
      .some((one) => ends(one) && !this.#taken.has(one.id) && !this.#ofStep.some(({ id }) => id === one.id));
    // One that was refused before was judged again together with what let it in (N12): two things at once.
    const isOne = isAlone && !isLate;
    if (!isOne && (isLate || this.#ofStep.some(ends))) this.#adoptEnds();
    const waiting = [...this.#life.store.journal()];
    const served = this.#life.events();
    this.#nothingLeft(waiting);
    this.#waitingIsHidden(waiting);
    this.#deadlines(waiting);
    this.#noneTooOld(waiting);
    for (const identifier of IDENTIFIERS) {
      this.#refsWereServed(identifier);
      this.#servedIsComplete(identifier, served);
      this.#refs(identifier, served, waiting, isOne);
    }
    this.#pullRequests(served);
    this.#contributions(served, waiting);
    this.#announcementsHaveRefs(served);
    this.#accounted(served, waiting, isOne);
    this.#lostTipsAreKept();
  }

  /** The tip of a branch or tag that was deleted, or moved to no descendant, is reachable from a backup for 30 days (N21). */
  #lostTipsAreKept(): void {
    const { disk, store, steadyMs, wallMs } = this.#life;
    // Both clocks may have been set by the test meanwhile.
    const youngestMs = Math.max(steadyMs, wallMs) - 30 * DAY_MS + 3 * DAY_MS;
    for (const [name, data] of disk.repositories) {
      const now = new Map([...data.refs].filter(([ref]) => /^refs\/(heads|tags)\//.test(ref)));
      const lost = [...(this.#tips.get(data) ?? [])].filter(([ref, id]) => {
        const tip = now.get(ref);
        return tip === undefined || !needs(tip).has(id);
      });
      const all = (this.#lost.get(data) ?? []).filter(({ atMs }) => atMs > youngestMs);
      all.push(...lost.map(([, id]) => ({ name, id, atMs: steadyMs })));
      this.#tips.set(data, now);
      this.#lost.set(data, all);
      const backups = [...data.refs].filter(([ref]) => ref.startsWith("refs/millrace/backup/"));
      for (const { id } of all) {
        if (!backups.some(([, kept]) => needs(kept).has(id)))
          throw new BrokenProperty("lost tips are kept", `${name} lost ${id}`);
      }
      const [owner = "", identifier = ""] = name.split("/");
      const records = new Set(store.backups(owner, identifier).map(({ atMs }) => String(atMs)));
      for (const [ref] of backups) {
        if (!records.has(ref.split("/")[3]!) && Number(ref.split("/")[3]) > youngestMs)
          throw new BrokenProperty("lost tips are kept", `${name} has ${ref} without a record`);
      }
    }
  }

  /** After maintenance no backup is older than 30 days. */
  afterMaintenance(): void {
    for (const [name, { refs }] of this.#life.disk.repositories) {
      for (const ref of refs.keys()) {
        const [, , kind, time] = ref.split("/");
        if (kind === "backup" && Number(time) <= this.#life.steadyMs - 30 * DAY_MS)
          throw new BrokenProperty("deadlines", `${name} keeps ${ref}`);
      }
    }
  }

  /** All that database, journal and disk hold, apart from deadlines. */
  snapshot(): string {
    const { store, disk } = this.#life;
    const entries = [...store.journal()].map((entry) =>
      JSON.stringify({ ...entry, arrivedMs: 0, deadlineMs: 0, source: "", address: "" }),
    );
    const repositories = [...disk.repositories].map(([name, { refs, head, objects }]) => [
      name,
      head,
      [...objects].sort(),
      [...refs].sort(),
    ]);
    return JSON.stringify([
      this.#life.events().map(({ id }) => id),
      entries.sort(),
      repositories.sort(),
      [...disk.uploads.keys()].sort(),
      [...disk.held.keys()].sort(),
      store.intents(),
    ]);
  }

  #nothingLeft(waiting: readonly Entry[]): void {
    const { grasp, disk, store } = this.#life;
    const left = (what: string) => new BrokenProperty("8 nothing is left", what);
    if (grasp.busy > 0) throw left("a lock");
    if (disk.quarantines > 0) throw left("a quarantine");
    if (store.intents().length > 0) throw left(`an intent: ${JSON.stringify(store.intents())}`);
    const records = waiting.flatMap((one) =>
      one.store === "placeholder" ? `${one.repository}/${one.id}` : [],
    );
    if (records.sort().join() !== [...disk.uploads.keys()].sort().join())
      throw left(`placeholders ${records} and uploads ${[...disk.uploads.keys()]}`);
    const journal = waiting.map((entry) => JSON.stringify(entry)).sort();
    const memory = this.#inMemory()
      .map((entry) => JSON.stringify(entry))
      .sort();
    if (journal.length !== memory.length) throw left(`memory has ${memory}, the journal ${journal}`);
  }

  /** What must hold after a write failed, before the next start. */
  afterFailure(): void {
    const { grasp, store } = this.#life;
    if (grasp.busy > 0) throw new BrokenProperty("8 nothing is left", "a lock");
    const journal = [...store.journal()].map((entry) => JSON.stringify(entry)).sort();
    const memory = this.#inMemory()
      .map((entry) => JSON.stringify(entry))
      .sort();
    if (journal.join() !== memory.join())
      throw new BrokenProperty("8 nothing is left", `memory has ${memory}, the journal ${journal}`);
  }

  /** Of one author no state waits that is older than a served one (N6). */
  #noneTooOld(waiting: readonly Entry[]): void {
    for (const entry of waiting) {
      if (entry.store !== "state") continue;
      const served = this.#life.store.newest(30618, entry.event.pubkey, entry.identifier);
      if (served !== null && isNewer(served, entry.event))
        throw new BrokenProperty("1 nothing accepted is forgotten", `${entry.event.id} waits and is too old`);
    }
  }

  /** Branches and tags are those of a state that was served, or there are none. */
  #refsWereServed(identifier: string): void {
    const { store } = this.#life;
    for (const event of store.withIdentifier(30618, identifier)) this.#everServed.set(event.id, event);
    for (const id of this.#life.everServed) {
      const event = this.#submitted.get(id);
      if (event?.kind === 30618) this.#everServed.set(id, event);
    }
    const known = new Set(
      [...this.#everServed.values()]
        .filter((event) => identifierOf(event) === identifier)
        .map((event) => branches(refsOf(event))),
    );
    for (const [owner, { refs }] of this.#repositories(identifier)) {
      const now = branches(refs);
      if (now !== "[]" && !known.has(now))
        throw new BrokenProperty("3 refs are those of a served state", `${owner} has ${now}`);
    }
  }

  #inMemory(): Entry[] {
    const { purgatory } = this.#life.grasp;
    const found = IDENTIFIERS.flatMap((one): Entry[] => [
      ...purgatory.announcements(one),
      ...purgatory.states(one),
      ...purgatory.prs(one),
    ]);
    return [...new Set([...found, ...purgatory.allPlaceholders()])];
  }

  #waitingIsHidden(waiting: readonly Entry[]): void {
    for (const entry of waiting) {
      if (entry.store === "placeholder") continue;
      if (this.#life.store.refusal(entry.event, this.#life.nowSeconds) !== null)
        throw new BrokenProperty("6 what waits is in no answer", `${entry.event.id} is deleted and waits`);
      if (this.#life.store.get(entry.event.id) === null) continue;
      throw new BrokenProperty("6 what waits is in no answer", entry.event.id);
    }
    for (const id of this.#life.servedNow) {
      if (waiting.some((entry) => entry.store !== "placeholder" && entry.event.id === id))
        throw new BrokenProperty("6 what waits is in no answer", `${id} was sent to subscribers`);
    }
  }

  /** An announcement is served only with a branch or tag of its repository (N10). */
  #announcementsHaveRefs(served: readonly NostrEvent[]): void {
    for (const event of served) {
      if (event.kind !== 30617 || !listsUs(event)) continue;
      const identifier = identifierOf(event);
      // One that was served because a maintainer's need not list us (R29) has no refs yet.
      const isException = [...this.#submitted.values()].some(
        (one) =>
          one.kind === 30617 &&
          one.pubkey === event.pubkey &&
          identifierOf(one) === identifier &&
          !listsUs(one),
      );
      const data = this.#life.disk.repositories.get(`${event.pubkey}/${identifier}`);
      if (!isException && (data === undefined || branches(data.refs) === "[]"))
        throw new BrokenProperty("4 without authority nothing changes", `${event.id} is served without refs`);
    }
  }

  #deadlines(waiting: readonly Entry[]): void {
    const { steadyMs } = this.#life;
    for (const entry of waiting) {
      const isSoft = entry.store === "announcement" && entry.isSoftExpired;
      const most = (isSoft ? 24 * 60 : 30) * MINUTE_MS;
      if (entry.deadlineMs > steadyMs + most)
        throw new BrokenProperty("deadlines", `${entry.store} waits ${entry.deadlineMs - steadyMs} ms`);
    }
  }

  /** After a sweep nothing is overdue. */
  afterSweep(): void {
    for (const entry of this.#life.store.journal()) {
      if (entry.deadlineMs <= this.#life.steadyMs)
        throw new BrokenProperty("deadlines", `${entry.store} is overdue`);
    }
  }

  #repositories(identifier: string): Map<string, RepositoryData> {
    return new Map(
      [...this.#life.disk.repositories]
        .filter(([name]) => name.endsWith(`/${identifier}`))
        .map(([name, data]) => [name.split("/")[0]!, data]),
    );
  }

  /** Objects that are held with a repository are not here. */
  #isHere(commit: string, identifier: string): boolean {
    return [...this.#life.disk.repositories].some(
      ([name, data]) => name.endsWith(`/${identifier}`) && isWhole(commit, data.objects),
    );
  }

  #servedIsComplete(identifier: string, served: readonly NostrEvent[]): void {
    for (const event of served) {
      if (event.kind !== 30618 || identifierOf(event) !== identifier) continue;
      const missing = refsOf(event).find(([, id]) => !this.#isHere(id, identifier));
      if (missing !== undefined)
        throw new BrokenProperty("2 what is served is complete", `${event.id} ${missing}`);
    }
    for (const [owner, { refs, objects }] of this.#repositories(identifier)) {
      const broken = [...refs].find(([, id]) => !isWhole(id, objects));
      if (broken !== undefined)
        throw new BrokenProperty("2 what is served is complete", `${owner} ${broken}`);
    }
  }

  /** The newest announcement of each author: served, else waiting. */
  #announcements(identifier: string): Map<string, NostrEvent> {
    const found = new Map<string, NostrEvent>();
    for (const { event } of this.#life.grasp.purgatory.announcements(identifier))
      found.set(event.pubkey, event);
    for (const event of this.#life.store.withIdentifier(30617, identifier)) found.set(event.pubkey, event);
    return found;
  }

  /** The maintainer set: who can be reached from the owner. */
  #set(owner: string, announcements: ReadonlyMap<string, NostrEvent>): Set<string> {
    const set = new Set([owner]);
    for (const key of set)
      for (const named of tag(announcements.get(key) ?? NOTHING, "maintainers")?.slice(1) ?? [])
        set.add(named);
    return set;
  }

  /** The owners who have a repository of the identifier, with their sets. */
  #owners(identifier: string): [owner: string, set: Set<string>][] {
    const announcements = this.#announcements(identifier);
    return [...announcements]
      .filter(([, event]) => listsUs(event))
      .map(([owner]) => [owner, this.#set(owner, announcements)]);
  }

  #best(states: readonly NostrEvent[], set: ReadonlySet<string>, name: string): NostrEvent | null {
    const newest = new Map<string, NostrEvent>();
    for (const event of states) {
      const known = newest.get(event.pubkey);
      if (set.has(event.pubkey) && (known === undefined || isNewer(event, known)))
        newest.set(event.pubkey, event);
    }
    const ended = this.#ended.get(name);
    const list = [...newest.values()].filter(
      (event) => refsOf(event).length > 0 && (ended === undefined || isNewer(event, ended)),
    );
    return list.reduce<NostrEvent | null>((a, b) => (a === null || isNewer(b, a) ? b : a), null);
  }

  #refs(
    identifier: string,
    served: readonly NostrEvent[],
    waiting: readonly Entry[],
    isAlone: boolean,
  ): void {
    const states = served.filter((event) => event.kind === 30618 && identifierOf(event) === identifier);
    const waits = waiting.flatMap((entry) =>
      entry.store === "state" && entry.identifier === identifier ? [entry.event] : [],
    );
    if (isAlone) this.#noteEnds(identifier, served);
    const isComplete = (event: NostrEvent) =>
      refsOf(event).every(([, id]) => this.#hasAnywhere(id, identifier));
    const ready = waits.find(
      (event) => isComplete(event) && this.#owners(identifier).some(([, set]) => set.has(event.pubkey)),
    );
    if (ready !== undefined)
      throw new BrokenProperty("3 refs equal the newest complete state", `${ready.id} is complete and waits`);
    const repositories = this.#repositories(identifier);
    for (const [owner, set] of this.#owners(identifier)) {
      const data = repositories.get(owner);
      const isSoft = this.#life.grasp.purgatory.announcement(owner, identifier)?.isSoftExpired === true;
      if (data === undefined) {
        if (isSoft) continue;
        throw new BrokenProperty("3 refs equal the newest complete state", `${owner} has no repository`);
      }
      const name = `${owner}/${identifier}`;
      const best = this.#best(states, set, name);
      const now = branches(data.refs);
      const before = this.#seen.get(name);
      if (isAlone && before?.isHeld === true) this.#isBack(before, [...states, ...waits], set, name);
      if (best !== null && !isSoft) {
        const head = tag(best, "HEAD")?.[1]?.slice("ref: ".length);
        if (now !== branches(refsOf(best)) || (head !== undefined && head !== data.head))
          throw new BrokenProperty(
            "3 refs equal the newest complete state",
            `${owner} has ${now} and not ${best.id}`,
          );
      } else if (isAlone && before !== undefined && before.data === data && before.refs !== now) {
        throw new BrokenProperty("3 refs equal the newest complete state", `${owner} moved without a state`);
      }
      const seen = { best: this.#bests(states, waits, set, name), set, isHeld: false };
      this.#seen.set(name, { ...seen, data, refs: now });
    }
    this.#seeHeld(identifier, states, waits, isAlone);
  }

  /** What was authoritative while a repository was held is here again with it, or something newer of its author is (R59). */
  #isBack(before: Seen, here: readonly NostrEvent[], set: ReadonlySet<string>, name: string): void {
    const ended = this.#ended.get(name);
    for (const event of before.best) {
      const counts = set.has(event.pubkey) && (ended === undefined || isNewer(event, ended));
      const isHere = here.some(
        (one) => one.id === event.id || (one.pubkey === event.pubkey && isNewer(one, event)),
      );
      if (counts && !isHere)
        throw new BrokenProperty("1 nothing accepted is forgotten", `${name} is back without ${event.id}`);
    }
  }

  /** Of repositories that are held, the authoritative states change, too; those that are gone for good have none (R59, R60). */
  #seeHeld(
    identifier: string,
    states: readonly NostrEvent[],
    waits: readonly NostrEvent[],
    isAlone: boolean,
  ): void {
    const { disk, store } = this.#life;
    const here = new Set(this.#owners(identifier).map(([owner]) => `${owner}/${identifier}`));
    const isGone = (name: string) =>
      name.endsWith(`/${identifier}`) && !here.has(name) && !disk.held.has(name);
    for (const name of [...this.#seen.keys()].filter(isGone)) this.#seen.delete(name);
    const names = [...disk.held.keys()].filter((name) => name.endsWith(`/${identifier}`) && !here.has(name));
    const held = names.flatMap((name) => store.held(name)).map(({ event }) => event);
    for (const name of names) {
      const [owner = ""] = name.split("/");
      const { data } = disk.held.get(name)!;
      const before = this.#seen.get(name);
      // Of several things at once, one may have changed the set before the repository was held: the service's own record counts.
      const recorded = isAlone || before?.isHeld === true ? null : store.heldSets(identifier).get(owner);
      const set = recorded ?? before?.set;
      if (set === undefined) continue;
      const all = [...states, ...held.filter(({ kind }) => kind === 30618)];
      const best = this.#bests(all, waits, set, name);
      this.#seen.set(name, { best, set, isHeld: true, data, refs: branches(data.refs) });
    }
  }

  /** The authoritative states: over all, and over those that do not wait. */
  #bests(
    states: readonly NostrEvent[],
    waits: readonly NostrEvent[],
    set: ReadonlySet<string>,
    name: string,
  ): NostrEvent[] {
    const both = [this.#best([...states, ...waits], set, name), this.#best(states, set, name)];
    return both.filter((one) => one !== null);
  }

  #hasAnywhere(commit: string, identifier: string): boolean {
    const announced = this.#announcements(identifier);
    return [...this.#repositories(identifier)].some(
      ([owner, { objects }]) => announced.has(owner) && isWhole(commit, objects),
    );
  }

  /** Ends of states that came and went since the last look: the service's own record, as far as such a state was taken back. */
  #adoptEnds(): void {
    const { store, disk } = this.#life;
    const served = this.#life.events();
    // Also of repositories that are held: they may come back.
    for (const name of [...disk.repositories.keys(), ...disk.held.keys()]) {
      const [owner = "", identifier = ""] = name.split("/");
      const ended = this.#submitted.get(store.ended(owner, identifier)?.id ?? "");
      if (ended === undefined || !served.some((one) => one.pubkey === ended.pubkey && takesBack(one, ended)))
        continue;
      this.#ended.set(name, ended);
    }
  }

  /** Authoritative states that are gone because their authors took them back. */
  #noteEnds(identifier: string, served: readonly NostrEvent[]): void {
    for (const [name, seen] of this.#seen) {
      if (!name.endsWith(`/${identifier}`)) continue;
      for (const best of seen.best) {
        const isDeleted = served.some((event) => event.pubkey === best.pubkey && takesBack(event, best));
        const known = this.#ended.get(name);
        if (isDeleted && (known === undefined || isNewer(best, known))) this.#ended.set(name, best);
      }
    }
  }

  #pullRequests(served: readonly NostrEvent[]): void {
    const prs = served.filter(({ kind }) => kind === 1618 || kind === 1619);
    for (const event of prs) {
      const commit = tag(event, "c")?.[1] ?? "";
      const ref = `refs/nostr/${event.id}`;
      for (const [, address = ""] of event.tags.filter(([name]) => name === "a")) {
        const [, tagged = "", identifier = ""] = address.split(":");
        const owners = this.#owners(identifier);
        const wanted = owners.find(([owner]) => owner === tagged)?.[1] ?? new Set([tagged]);
        for (const [owner, set] of owners) {
          const isServed = this.#life.store.newest(30617, owner, identifier) !== null;
          if (!isServed || ![...set].some((key) => wanted.has(key))) continue;
          if (this.#repositories(identifier).get(owner)?.refs.get(ref) !== commit)
            throw new BrokenProperty("2 what is served is complete", `${owner} has no ${ref}`);
        }
      }
    }
    for (const [name, { refs }] of this.#life.disk.repositories) {
      for (const ref of refs.keys()) {
        const id = ref.slice("refs/nostr/".length);
        if (
          ref.startsWith("refs/nostr/") &&
          this.#life.store.remembered(id, this.#life.nowSeconds) === "deleted"
        )
          throw new BrokenProperty("2 what is served is complete", `${name} has ${ref} of a deleted event`);
      }
    }
  }

  /**
   * Contributors' repositories have refs of their own served PRs only, with all objects, each PR in one of them (X8, X11, X12); a
   * served PR of no repository here is complete in one (X9).
   */
  #contributions(served: readonly NostrEvent[], waiting: readonly Entry[]): void {
    const broken = (what: string) => new BrokenProperty("2 what is served is complete", what);
    const placeOf = new Map<string, string>();
    const byId = new Map(served.map((event) => [event.id, event]));
    for (const [name, { refs, objects }] of this.#life.disk.repositories) {
      if (!name.startsWith("prs/")) continue;
      const [, author = "", identifier = ""] = name.split("/");
      const hasUploads = [...this.#life.disk.uploads.keys()].some((key) => key.startsWith(`${name}/`));
      // An update waits for its PR, although its commit is here (R48).
      const isAwaited = waiting.some(
        (one) =>
          one.store === "pr" &&
          one.event.kind === 1619 &&
          one.event.pubkey === author &&
          one.identifiers.includes(identifier) &&
          isWhole(tag(one.event, "c")?.[1] ?? "", objects),
      );
      if (refs.size === 0 && !hasUploads && !isAwaited)
        throw new BrokenProperty("8 nothing is left", `${name} is empty`);
      for (const [ref, id] of refs) {
        const event = byId.get(ref.slice("refs/nostr/".length));
        const isRight =
          event?.pubkey === author &&
          tag(event, "c")?.[1] === id &&
          event.tags.some(([one, value = ""]) => one === "a" && value.endsWith(`:${identifier}`));
        if (!isRight || !isWhole(id, objects) || placeOf.has(ref)) throw broken(`${name} has ${ref}`);
        placeOf.set(ref, name);
      }
    }
    for (const event of served) {
      if (event.kind !== 1618 && event.kind !== 1619) continue;
      const isHosted = event.tags.some(([one, value = ""]) => {
        const [, , identifier = ""] = value.split(":");
        return one === "a" && this.#owners(identifier).length > 0;
      });
      if (!isHosted && !placeOf.has(`refs/nostr/${event.id}`)) throw broken(`${event.id} has no repository`);
    }
  }

  /**
   * Nothing that was acknowledged is lost without a reason. What is gone for a reason counts no more, until it is acknowledged
   * again.
   */
  #accounted(served: readonly NostrEvent[], waiting: readonly Entry[], isAlone: boolean): void {
    const waits = waiting.flatMap((entry) => (entry.store === "placeholder" ? [] : [entry.event]));
    const here = new Set([...served, ...waits].map(({ id }) => id));
    for (const event of [...served, ...waits]) this.#taken.set(event.id, event);
    const taken = [...this.#taken.values()];
    // Of several things at once, and in a crash, something may have come and gone.
    const now = isAlone ? [] : this.#ofStep;
    const isFlicker =
      (!isAlone && this.#ejected.size > 0) ||
      now.some(({ kind }) => kind === 5 || kind === 62 || kind === 30617);
    for (const event of this.#accepted.values()) {
      if (here.has(event.id)) continue;
      const remembered = this.#life.store.remembered(event.id, this.#life.nowSeconds);
      const others = [...taken, ...now].filter((one) => one.pubkey === event.pubkey);
      const isReplaced = others.some((one) => replaces(one, event));
      const isTakenBack = others.some((one) => takesBack(one, event));
      const hasReason =
        isReplaced ||
        isTakenBack ||
        remembered === "expired" ||
        (event.kind === 30617 && this.#isDelisted(event)) ||
        // It was sent again at the same moment, and was still here.
        (event.kind === 30617 && !isAlone && this.#ejected.has(`${event.pubkey}/${identifierOf(event)}`)) ||
        (event.kind !== 30617 && (isFlicker || !this.#isOwned(event)));
      if (!hasReason)
        throw new BrokenProperty("1 nothing accepted is forgotten", `${event.kind} ${event.id}`);
      this.#accepted.delete(event.id);
    }
    this.#ofStep.length = 0;
    this.#ejected.clear();
  }

  /** Whether its author sent a newer version that does not list us. */
  #isDelisted(event: NostrEvent): boolean {
    return [...this.#submitted.values()].some(
      (one) => one.pubkey === event.pubkey && replaces(one, event) && !listsUs(one),
    );
  }

  /** Whether a repository that an event belongs to is here. */
  #isOwned(event: NostrEvent): boolean {
    if (event.kind === 30618) {
      const { purgatory } = this.#life.grasp;
      const identifier = identifierOf(event);
      // A soft-expired announcement has no repository (P23).
      return this.#owners(identifier).some(
        ([owner, set]) =>
          set.has(event.pubkey) && purgatory.announcement(owner, identifier)?.isSoftExpired !== true,
      );
    }
    if (event.kind === 1619 && !this.#mayUpdate(event)) return false;
    return event.tags.some(([name, value = ""]) => {
      const [, owner = "", identifier = ""] = value.split(":");
      if (!/^a$/i.test(name ?? "") || this.#life.store.newest(30617, owner, identifier) === null)
        return false;
      // A maintainer's announcement alone has no repository (R29): a PR needs one of whose set it is part (N11).
      const owners = this.#owners(identifier);
      const wanted = owners.find(([one]) => one === owner)?.[1] ?? new Set([owner]);
      return (
        event.kind > 1619 ||
        event.kind < 1618 ||
        owners.some(([, set]) => [...set].some((key) => wanted.has(key)))
      );
    });
  }

  /** Whether an update's author is the PR's, or a maintainer (R48), as far as the PR is known. */
  #mayUpdate(event: NostrEvent): boolean {
    const pr = this.#submitted.get(tag(event, "E")?.[1] ?? "");
    return pr === undefined || pr.pubkey === event.pubkey;
  }
}

/** Whether an event is a newer version of another. */
function replaces(one: NostrEvent, event: NostrEvent): boolean {
  const isVersion = event.kind >= 30000 && one.kind === event.kind && one.pubkey === event.pubkey;
  return isVersion && identifierOf(one) === identifierOf(event) && isNewer(one, event);
}

const NOTHING = { tags: [] } as unknown as NostrEvent;

/** Whether an event may take others back. */
function ends(one: NostrEvent): boolean {
  return one.kind === 5 || one.kind === 62 || (one.kind === 30618 && refsOf(one).length === 0);
}

/** Whether an event by the same author takes another back: a deletion, a request to vanish, a newer state without refs. */
function takesBack(one: NostrEvent, target: NostrEvent): boolean {
  if (one.kind === 62) return one.created_at >= target.created_at;
  const address = `${target.kind}:${target.pubkey}:${identifierOf(target)}`;
  if (one.kind === 5) {
    return one.tags.some(
      ([name, value]) =>
        (name === "e" && value === target.id) ||
        (name === "a" && target.kind >= 30000 && value === address && one.created_at >= target.created_at),
    );
  }
  const isWithdrawal = one.kind === 30618 && target.kind === 30618 && refsOf(one).length === 0;
  return isWithdrawal && identifierOf(one) === identifierOf(target) && isNewer(one, target);
}
