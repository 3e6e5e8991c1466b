/**
 * An event whose shape, id and signature are good is judged, and waits, is served, or is refused.
 * @module
 */
import { answerOf, duplicate, notAdded, notSaved, type Outcome, refused, stored, WAITS } from "./answer.ts";
import type { Core } from "./core.ts";
import { type NostrEvent, tagValue } from "./events/event.ts";
import { isEphemeral, KIND } from "./events/kinds.ts";
import { toNpub } from "./npub.ts";
import { roomFault, storeFault } from "./obstacles.ts";
import { isDenied } from "./policy/announcement-policy.ts";
import { judge } from "./policy/judge.ts";
import { identifiersOfPr } from "./policy/pr-policy.ts";
import type { Verdict } from "./policy/verdict.ts";
import type { Room } from "./ports.ts";
import type { From } from "./purgatory/entry.ts";
import { RefusedEvents } from "./refused-events.ts";
import { lookPlan } from "./release/intent.ts";
import { EVERYTHING, type Releases } from "./release/releases.ts";
import type { Removals } from "./removals.ts";
import { readState } from "./state.ts";
import { saveWithdrawal } from "./withdrawals.ts";

/** A deletion is judged alike, wherever it comes from. */
const DIRECT = { source: "direct" } as const;
/** How many keys the text of an `OK` names. */
const MAX_NAMED = 3;

export class Submissions {
  /** Announcements and states that may be let in later (N12). */
  readonly refusedEvents = new RefusedEvents();
  readonly #core: Core;
  readonly #releases: Releases;
  readonly #removals: Removals;
  readonly #room: Room | undefined;

  /** @param room whether there is room for new repositories (O24). Default: there is */
  constructor(core: Core, releases: Releases, removals: Removals, room?: Room) {
    this.#core = core;
    this.#releases = releases;
    this.#removals = removals;
    this.#room = room;
  }

  /** Takes the locks that an event needs, and judges it. */
  judge(event: NostrEvent, from: From): Promise<Outcome> {
    if (event.kind === KIND.deletion || event.kind === KIND.vanish) return this.#remove(event);
    const identifiers = isPullRequest(event)
      ? identifiersOfPr(event, this.#core.known)
      : identifiersOf(event);
    return this.#releases.locked(identifiers, (held) => this.#judgeLocked(event, from, held));
  }

  /** Takes away every repository here that the operator denies (R26). @returns those that it took away */
  async removeDenied(): Promise<{ readonly owner: string; readonly identifier: string }[]> {
    const { known } = this.#core;
    const removed = new Map<string, { owner: string; identifier: string }>();
    for (const one of known.everyAnnouncement()) {
      const { owner, identifier } = one;
      if (!isDenied(one, known.lists)) continue;
      await this.#releases.locked([identifier], async (held) => {
        if (!isDenied(one, known.lists) || !known.announcements(identifier).has(owner)) return;
        const look = await this.#removals.deny(owner, identifier);
        await this.look([identifier], look, held);
        removed.set(`${owner}/${identifier}`, { owner, identifier });
      });
    }
    return [...removed.values()];
  }

  /** The maintainer sets of an identifier may have changed: refused events of it are judged again (N12). The caller holds the locks. */
  async judgeAgain(identifier: string, held: ReadonlySet<string>): Promise<void> {
    for (let isAgain = true; isAgain; ) {
      isAgain = false;
      for (const { event, from } of this.refusedEvents.of(identifier)) {
        this.refusedEvents.remove(identifier, event.id);
        const { outcome } = await this.#judgeLocked(event, from, held);
        if (outcome !== "refused") isAgain = true;
      }
    }
  }

  async #judgeLocked(event: NostrEvent, from: From, held: ReadonlySet<string>): Promise<Outcome> {
    // Another connection may have brought it while the locks were waited for.
    if (this.#core.store.get(event.id) !== null) return duplicate("it is served");
    if (this.#core.purgatory.event(event.id) !== null) return duplicate("it waits for its git data");
    const verdict = judge(event, from, this.#core.known);
    switch (event.kind) {
      case KIND.announcement:
        return this.#kept(event, from, await this.#announce(event, verdict, from, held));
      case KIND.state:
        return this.#kept(event, from, answerOf(verdict) ?? (await this.#state(event, from, held)));
      case KIND.pullRequest:
      case KIND.pullRequestUpdate:
        return answerOf(verdict) ?? this.#pullRequest(event, from, held);
      default:
        return answerOf(verdict) ?? this.#serve(event, verdict.kind === "serve" ? verdict.steps : undefined);
    }
  }

  /** Remembers a refusal that a change of the sets could turn. */
  #kept(event: NostrEvent, from: From, outcome: Outcome): Outcome {
    const identifier = tagValue(event, "d");
    const mayTurn = outcome.outcome === "refused" && outcome.mayTurn === true;
    if (mayTurn && identifier !== undefined) this.refusedEvents.add(identifier, { event, from });
    return outcome;
  }

  async #announce(
    event: NostrEvent,
    verdict: Verdict,
    from: From,
    held: ReadonlySet<string>,
  ): Promise<Outcome> {
    const { journal, known, purgatory, hosted } = this.#core;
    const answer = answerOf(verdict);
    const identifier = tagValue(event, "d") ?? "";
    if (verdict.kind === "delist") {
      const look = await this.#removals.delist(event, identifier);
      await this.look([identifier], look, held);
    }
    if (answer !== null) return answer;
    const before = known.sets(identifier).get(event.pubkey) ?? new Set<string>();
    let outcome: Outcome;
    let look: number | null = null;
    if (verdict.kind === "serve") {
      ({ outcome, look } = await this.#serveAnnouncement(event, identifier));
      // It may be the first version that lists us.
      if (known.sets(identifier).has(event.pubkey)) await hosted.create(event.pubkey, identifier);
    } else {
      const noRoom = await roomFault(event.pubkey, identifier, this.#core, this.#room);
      if (noRoom !== null) return noRoom;
      const isNewVersion = purgatory.announcement(event.pubkey, identifier) !== null;
      const { fault, intent } = await journal.change((changes) => {
        const fault = storeFault(event, this.#core);
        if (fault !== null) return { fault, intent: null };
        const result = purgatory.addAnnouncement(event, identifier, from);
        if (result.outcome !== "added") return { fault: notAdded(result), intent: null };
        const set = known.sets(identifier).get(event.pubkey);
        if (isNewVersion && set !== undefined) purgatory.prolongStates(identifier, set);
        return { fault: null, intent: changes.beginIntent(lookPlan([identifier])) };
      });
      if (fault !== null) return fault;
      await hosted.create(event.pubkey, identifier);
      look = intent;
      outcome = WAITS;
    }
    if (outcome.outcome === "refused" || outcome.outcome === "duplicate") return outcome;
    const after = known.sets(identifier).get(event.pubkey) ?? new Set<string>();
    await this.look([identifier], look, held);
    const isServed = this.#core.store.get(event.id) !== null;
    return withDropped(isServed && outcome === WAITS ? stored() : outcome, before, after);
  }

  /** A newer version of a served announcement, or one that gets no repository (R29, R33). */
  async #serveAnnouncement(
    event: NostrEvent,
    identifier: string,
  ): Promise<{ outcome: Outcome; look: number | null }> {
    const { journal, happenings, nowSeconds } = this.#core;
    const { saved, look } = await journal.change((changes) => {
      const result = changes.save(event, nowSeconds());
      const isStored = result.outcome === "stored";
      return { saved: result, look: isStored ? changes.beginIntent(lookPlan([identifier])) : null };
    });
    if (saved.outcome !== "stored") return { outcome: notSaved(saved), look };
    happenings.tell({ kind: "served", event, waitedMs: null });
    return { outcome: stored(), look };
  }

  /** Judges again what waits for identifiers, and ends the intent that says so. */
  async look(
    identifiers: readonly string[],
    intent: number | null,
    held: ReadonlySet<string>,
  ): Promise<void> {
    let isDone = true;
    for (const identifier of identifiers) isDone = (await this.setsChanged(identifier, held)) && isDone;
    // What failed is looked at again by the next start, or by repair before that.
    if (intent !== null && isDone) await this.#core.store.transaction((changes) => changes.endIntent(intent));
  }

  /**
   * An announcement came or went: what waits is judged again by the new maintainer sets (R36). The caller holds the locks.
   * @returns `false`: something of it failed
   */
  async setsChanged(identifier: string, held: ReadonlySet<string>): Promise<boolean> {
    // One that is let in now may keep the authors of waiting states in a set, which the look would remove.
    await this.judgeAgain(identifier, held);
    const { errors } = await this.#releases.run(identifier, EVERYTHING, held);
    await this.judgeAgain(identifier, held);
    return errors.length === 0;
  }

  async #state(event: NostrEvent, from: From, held: ReadonlySet<string>): Promise<Outcome> {
    const { journal, purgatory, hosted } = this.#core;
    const read = readState(event);
    if ("fault" in read) return refused("invalid", read.fault);
    const { identifier, refs } = read.state;
    if (refs.size === 0) return this.#withdraw(event, identifier);
    const revived: string[] = [];
    const fault = await journal.change(() => {
      const refusal = storeFault(event, this.#core);
      if (refusal !== null) return refusal;
      const added = purgatory.addState(event, identifier, from);
      if (added.outcome !== "added") return notAdded(added);
      revived.push(...this.#prolongAnnouncements(event, identifier));
      return null;
    });
    if (fault !== null) return fault;
    for (const owner of revived) await hosted.create(owner, identifier);
    return this.#released(event, identifier, held);
  }

  /** A state without refs takes its author's earlier states back (R43). */
  async #withdraw(event: NostrEvent, identifier: string): Promise<Outcome> {
    const { happenings } = this.#core;
    const saved = await saveWithdrawal(event, identifier, this.#core);
    if (saved.outcome !== "stored") return notSaved(saved);
    happenings.tell({ kind: "served", event, waitedMs: null });
    return stored();
  }

  /**
   * Every owner whose set has the author gets 30 minutes; a soft-expired announcement comes back (R39, P22).
   * @returns the owners whose announcements came back
   */
  #prolongAnnouncements(state: NostrEvent, identifier: string): string[] {
    const { known, purgatory } = this.#core;
    return [...known.sets(identifier)].flatMap(([owner, set]) => {
      const waiting = purgatory.announcement(owner, identifier);
      if (waiting === null || !set.has(state.pubkey)) return [];
      return purgatory.stateArrived(waiting).isRevived ? [owner] : [];
    });
  }

  async #pullRequest(event: NostrEvent, from: From, held: ReadonlySet<string>): Promise<Outcome> {
    const { journal, known, purgatory } = this.#core;
    const identifiers = identifiersOfPr(event, known).filter((one) => held.has(one));
    const fault = await journal.change(() => {
      const refusal = storeFault(event, this.#core);
      if (refusal !== null) return refusal;
      const added = purgatory.addPr(event, identifiers, from);
      return added.outcome === "added" ? null : notAdded(added);
    });
    if (fault !== null) return fault;
    return this.#released(event, identifiers[0]!, held);
  }

  /** Releases an event at once if its data is here already (R40, R47). */
  async #released(event: NostrEvent, identifier: string, held: ReadonlySet<string>): Promise<Outcome> {
    await this.#releases.run(identifier, { repository: "", ids: "all" }, held);
    if (this.#core.purgatory.event(event.id) !== null) return WAITS;
    return this.#core.store.get(event.id) !== null ? stored() : duplicate("a newer one is known");
  }

  /** @param steps how it belongs here (R51). Default: 0 */
  async #serve(event: NostrEvent, steps = 0): Promise<Outcome> {
    const { store, happenings, nowSeconds } = this.#core;
    // Passed on and never stored (R22).
    if (!isEphemeral(event.kind)) {
      const saved = await store.transaction((changes) => changes.save(event, nowSeconds(), steps));
      if (saved.outcome !== "stored") return notSaved(saved);
    }
    happenings.tell({ kind: "served", event, waitedMs: null });
    return stored();
  }

  /** A deletion or a request to vanish: what it names goes from the database, from purgatory and from Git (R56 to R62). */
  async #remove(event: NostrEvent): Promise<Outcome> {
    for (;;) {
      const identifiers = this.#removals.identifiersOf(event);
      const outcome = await this.#releases.locked(identifiers, async (held): Promise<Outcome | null> => {
        if (this.#core.store.get(event.id) !== null) return duplicate("it is served");
        const answer = answerOf(judge(event, DIRECT, this.#core.known));
        if (answer !== null) return answer;
        const removed = await this.#removals.remove(event, held);
        // What it names changed while the locks were waited for.
        if (removed === null) return null;
        const { saved, look } = removed;
        if (saved.outcome !== "stored") return notSaved(saved);
        this.#core.happenings.tell({ kind: "served", event, waitedMs: null });
        await this.look(identifiers, look, held);
        return stored();
      });
      if (outcome !== null) return outcome;
    }
  }
}

/** Says which maintainers a version of an announcement drops (R36). */
function withDropped(outcome: Outcome, before: ReadonlySet<string>, after: ReadonlySet<string>): Outcome {
  const dropped = [...before].filter((key) => !after.has(key));
  if (dropped.length === 0) return outcome;
  const named = dropped.slice(0, MAX_NAMED).map(toNpub).join(", ");
  const more = dropped.length > MAX_NAMED ? ` and ${dropped.length - MAX_NAMED} more` : "";
  const note = `no maintainers any more: ${named}${more}`;
  return { ...outcome, text: outcome.text === "" ? note : `${outcome.text}; ${note}` };
}

function isPullRequest({ kind }: NostrEvent): boolean {
  return kind === KIND.pullRequest || kind === KIND.pullRequestUpdate;
}

/** The locks that an event needs: those of the identifiers that it can move. */
function identifiersOf(event: NostrEvent): string[] {
  return event.kind === KIND.announcement || event.kind === KIND.state ? [tagValue(event, "d") ?? ""] : [];
}
