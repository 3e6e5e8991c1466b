/**
 * The service without its shells: events and pushes come in, are judged, and wait or are served. Knows no WebSocket, no HTTP
 * and no Git command.
 * @module
 */
import type { Ourselves } from "./announcement.ts";
import {
  type Answer,
  answerOf,
  duplicate,
  notAdded,
  notSaved,
  type Outcome,
  refused,
  stored,
  WAITS,
} from "./answer.ts";
import {
  canonicalText,
  expiryOf,
  type NostrEvent,
  type ParsedEvent,
  parseEvent,
  tagValue,
} from "./events/event.ts";
import { isEphemeral, KIND } from "./events/kinds.ts";
import { Signatures } from "./events/signatures.ts";
import { type HappeningListener, Happenings } from "./happenings.ts";
import { Known } from "./known.ts";
import { Locks } from "./locks.ts";
import { judgeAnnouncement } from "./policy/announcement-policy.ts";
import { judgeOther } from "./policy/other-policy.ts";
import { commitOf, judgePr, taggedRepositories } from "./policy/pr-policy.ts";
import { judgeProtected } from "./policy/protected-policy.ts";
import { judgeState } from "./policy/state-policy.ts";
import type { Verdict } from "./policy/verdict.ts";
import type { Lists } from "./policy/world.ts";
import type { EventStore, Quarantine, Repositories, Room } from "./ports.ts";
import {
  type From,
  identifiersOf as identifiersIn,
  type WaitingAnnouncement,
  type WaitingPr,
  type WaitingState,
} from "./purgatory/entry.ts";
import { StoreJournal } from "./purgatory/journal.ts";
import { Purgatory } from "./purgatory/purgatory.ts";
import { processNewGitData, type ReleaseResult } from "./release.ts";

/** What the service needs of its host. */
export interface GraspParts {
  readonly store: EventStore;
  readonly repositories: Repositories;
  readonly ourselves: Ourselves;
  readonly lists: Lists;
  /** Whether there is room for new repositories (O24). Default: there is. */
  readonly room?: Room;
  /** Milliseconds since the epoch, by a clock that no correction turns back. */
  readonly nowMs: () => number;
  /** SHA-256 of a text in UTF-8, as lower-case hex. */
  sha256Hex(text: string): string;
  /** Whether a signature is the author's (BIP 340). */
  verify(event: NostrEvent): boolean | Promise<boolean>;
}

/** Who sent an event. */
export interface Sender extends From {
  /** The keys that the connection proved to have (R70). Default: none. */
  readonly keys?: ReadonlySet<string>;
}

const WRONG_ID = "the id is not the hash of the event";
const WRONG_SIGNATURE = "the signature is not the author's";
const NO_KEYS: ReadonlySet<string> = new Set();

export class Grasp {
  readonly known: Known;
  readonly purgatory: Purgatory;
  readonly journal: StoreJournal;
  readonly locks = new Locks();
  readonly #parts: GraspParts;
  readonly #happenings = new Happenings();
  readonly #signatures: Signatures;

  constructor(parts: GraspParts) {
    this.#parts = parts;
    this.#signatures = new Signatures(parts.verify);
    this.journal = new StoreJournal(parts.store, this.#happenings);
    this.purgatory = new Purgatory(this.journal, parts.nowMs);
    this.known = new Known({ ...parts, purgatory: this.purgatory, now: () => this.nowSeconds });
  }

  get nowSeconds(): number {
    return Math.floor(this.#parts.nowMs() / 1000);
  }

  /** Takes over the journal of the last run (P31). */
  async restore(): Promise<void> {
    this.purgatory.restore(this.#parts.store.journal());
    const identifiers = new Set(
      [...this.#parts.store.journal()].flatMap((entry) => ("identifier" in entry ? entry.identifier : [])),
    );
    for (const identifier of identifiers) {
      for (const { event, isSoftExpired } of this.purgatory.announcements(identifier)) {
        if (!isSoftExpired) await this.#createRepository(event.pubkey, identifier);
      }
      await this.newGitData(identifier);
    }
  }

  /** Calls a listener for everything that happens from now on. @returns ends that */
  onHappening(listener: HappeningListener): () => void {
    return this.#happenings.on(listener);
  }

  /** Releases what is complete (N1), under the lock of the identifier (N2). */
  newGitData(identifier: string): Promise<ReleaseResult> {
    return this.locks.run(identifier, () => this.releaseLocked(identifier));
  }

  /** The same for callers who hold the lock. */
  releaseLocked(identifier: string): Promise<ReleaseResult> {
    const { store, repositories } = this.#parts;
    return processNewGitData(identifier, {
      known: this.known,
      store,
      purgatory: this.purgatory,
      journal: this.journal,
      repositories,
      now: () => this.nowSeconds,
      nowMs: this.#parts.nowMs,
      happenings: this.#happenings,
    });
  }

  /**
   * Keeps an upload to `refs/nostr/<id>` whose event is not known (A29). The caller holds the lock of the identifier.
   * @returns why it is not kept; `null`: it is.
   */
  async keepUpload(
    { owner, identifier, id, commit }: { owner: string; identifier: string; id: string; commit: string },
    quarantine: Quarantine,
  ): Promise<string | null> {
    const repository = `${owner}/${identifier}`;
    await quarantine.keep(id);
    const added = await this.journal.change(() =>
      this.purgatory.addPlaceholder({ id, repository, identifier, commit, address: null }),
    );
    if (added.outcome === "added") return null;
    await this.#parts.repositories.open(owner, identifier)?.kept(id)?.discard();
    return "too many uploads wait for their events; publish the event first";
  }

  /** An event that uploads wait for arrived: objects of the same commit move in, others are deleted (A32). */
  async #claimUploads(event: NostrEvent): Promise<void> {
    const commit = commitOf(event);
    for (const { owner, identifier } of taggedRepositories(event)) {
      const placeholder = this.purgatory.placeholder(`${owner}/${identifier}`, event.id);
      if (placeholder === null) continue;
      const upload = this.#parts.repositories.open(owner, identifier)?.kept(event.id) ?? null;
      if (placeholder.commit === commit) await upload?.adopt();
      else await upload?.discard();
      await this.journal.change(() =>
        this.purgatory.remove(placeholder, placeholder.commit === commit ? "released" : "replaced"),
      );
    }
  }

  /** Ends what waited too long (P18 to P23). Called once a minute. */
  async sweep(): Promise<void> {
    for (const { entry } of this.purgatory.due()) {
      await this.locks.runAll(identifiersIn(entry), async () => {
        // It may have been prolonged or released while the lock was waited for (P23).
        if (!this.purgatory.isStillDue(entry)) return;
        const isSoft = entry.store === "announcement" && !entry.isSoftExpired;
        await this.journal.change(() => this.purgatory.expire(entry));
        if (entry.store === "placeholder") {
          const [owner = ""] = entry.repository.split("/", 1);
          await this.#parts.repositories.open(owner, entry.identifier)?.kept(entry.id)?.discard();
        }
        if (isSoft) await this.#deleteIfUnused(entry.event.pubkey, entry.identifier);
      });
    }
  }

  /** Deletes the repository of an expired announcement, unless something else needs it (P23). */
  async #deleteIfUnused(owner: string, identifier: string): Promise<void> {
    const repository = this.#parts.repositories.open(owner, identifier);
    const isServed = this.#parts.store.newest(KIND.announcement, owner, identifier) !== null;
    if (repository === null || isServed || (await repository.refs()).refs.size > 0) return;
    await this.#deleteRepository(owner, identifier);
  }

  async #createRepository(owner: string, identifier: string): Promise<void> {
    if (this.#parts.repositories.open(owner, identifier) !== null) return;
    await this.#parts.repositories.create(owner, identifier);
    this.#happenings.tell({ kind: "repository-created", owner, identifier });
  }

  async #deleteRepository(owner: string, identifier: string): Promise<void> {
    if (this.#parts.repositories.open(owner, identifier) === null) return;
    await this.#parts.repositories.delete(owner, identifier);
    this.#happenings.tell({ kind: "repository-deleted", owner, identifier });
  }

  /** Takes an event (R7): cheap checks first, then what is known of its id, its signature, and the policy. */
  async submit(value: unknown, from: Sender): Promise<Answer> {
    const parsed = parseEvent(value, this.nowSeconds);
    const event = "event" in parsed ? parsed.event : null;
    const { outcome, reason, text } =
      "fault" in parsed ? refused("invalid", parsed.fault) : await this.#decide(parsed.event, from);
    const { source } = from;
    this.#happenings.tell({ kind: "judged", eventKind: event?.kind ?? null, source, outcome, reason });
    return { id: event?.id ?? idOf(value), ok: outcome !== "refused", text };
  }

  /** Reads an event that is not published, such as the proof of a key (R70): its shape, its id and its signature. */
  async genuine(value: unknown): Promise<ParsedEvent> {
    const parsed = parseEvent(value, this.nowSeconds);
    if ("fault" in parsed) return parsed;
    if (!this.#isHash(parsed.event)) return { fault: WRONG_ID };
    return (await this.#signatures.isGood(parsed.event)) ? parsed : { fault: WRONG_SIGNATURE };
  }

  #isHash(event: NostrEvent): boolean {
    return this.#parts.sha256Hex(canonicalText(event)) === event.id;
  }

  async #decide(event: NostrEvent, { source, address, keys }: Sender): Promise<Outcome> {
    const from: From = { source, address };
    const expiry = expiryOf(event);
    if (expiry !== null && expiry <= this.nowSeconds) return refused("invalid", "it is expired");
    if (!this.#isHash(event)) return refused("invalid", WRONG_ID);
    try {
      const known = await this.#knownAnswer(event, from);
      if (known !== null) return known;
      const forbidden = judgeProtected(event, keys ?? NO_KEYS, this.known);
      if (forbidden !== null) return answerOf(forbidden)!;
      if (!(await this.#signatures.isGood(event))) return refused("invalid", WRONG_SIGNATURE);
      return await this.locks.runAll(identifiersOf(event), () => this.#judge(event, from));
    } catch {
      // Never an acceptance (R16).
      return refused("error", "the event could not be decided on; send it again");
    }
  }

  /** What is known of an id, before its signature is verified (R8, R15). */
  async #knownAnswer(event: NostrEvent, { source, address }: From): Promise<Outcome | null> {
    if (this.#parts.store.get(event.id) !== null) return duplicate("it is served");
    const remembered = this.known.remembered(event.id);
    if (remembered === "deleted") return refused("blocked", "it is deleted");
    if (remembered === "expired" && source === "sync")
      return refused("blocked", "it expired here; a client may send it again");
    const announced =
      event.kind === KIND.announcement
        ? this.purgatory.announcement(event.pubkey, tagValue(event, "d") ?? "")
        : null;
    const waiting = announced?.event.id === event.id ? announced : this.purgatory.event(event.id);
    if (waiting === null) return null;
    if (source === "direct" && waiting.source === "sync") {
      await this.journal.change(() => this.purgatory.submittedByClient(waiting, address ?? ""));
    }
    return duplicate("it waits for its git data");
  }

  async #judge(event: NostrEvent, from: From): Promise<Outcome> {
    switch (event.kind) {
      case KIND.announcement:
        return this.#announce(event, from);
      case KIND.state:
        return this.#state(event, from);
      case KIND.pullRequest:
      case KIND.pullRequestUpdate:
        return this.#pullRequest(event, from);
      default:
        return this.#follow(judgeOther(event, this.known), event);
    }
  }

  async #announce(event: NostrEvent, from: From): Promise<Outcome> {
    const verdict = judgeAnnouncement(event, this.known);
    const identifier = tagValue(event, "d")!;
    if (verdict.kind === "delist") {
      const waiting = this.purgatory.announcement(event.pubkey, identifier);
      if (waiting !== null) {
        await this.journal.change(() => this.purgatory.remove(waiting, "withdrawn"));
        await this.#deleteRepository(event.pubkey, identifier);
      }
    }
    if (verdict.kind !== "wait") return this.#follow(verdict, event);
    const noRoom = await this.#noRoom(event.pubkey, identifier);
    if (noRoom !== null) return refused("error", noRoom);
    const added = await this.journal.change(() => this.purgatory.addAnnouncement(event, identifier, from));
    if (added.outcome !== "added") return notAdded(added);
    await this.#createRepository(event.pubkey, identifier);
    return WAITS;
  }

  /** Why a new repository has no room (O24); `null`: it has, or it is here already. */
  async #noRoom(owner: string, identifier: string): Promise<string | null> {
    const { repositories, room } = this.#parts;
    if (room === undefined || repositories.open(owner, identifier) !== null) return null;
    return room.refusal("repository", owner, identifier);
  }

  async #state(event: NostrEvent, from: From): Promise<Outcome> {
    const facts = { isComplete: false, isFromSync: from.source === "sync" };
    const verdict = judgeState(event, facts, this.known);
    if (verdict.kind !== "wait") return this.#follow(verdict, event);
    const identifier = tagValue(event, "d")!;
    const added = await this.journal.change(() => {
      const result = this.purgatory.addState(event, identifier, from);
      if (result.outcome === "added") this.#prolongAnnouncements(event, identifier);
      return result;
    });
    if (added.outcome !== "added") return notAdded(added);
    for (const { event: announcement } of this.purgatory.announcements(identifier)) {
      await this.#createRepository(announcement.pubkey, identifier);
    }
    return this.#released(event, identifier);
  }

  /** Every owner whose set has the author gets 30 minutes; a soft-expired announcement comes back (R39, P22). */
  #prolongAnnouncements(state: NostrEvent, identifier: string): void {
    for (const [owner, set] of this.known.sets(identifier)) {
      const waiting = this.purgatory.announcement(owner, identifier);
      if (waiting !== null && set.has(state.pubkey)) this.purgatory.stateArrived(waiting);
    }
  }

  async #pullRequest(event: NostrEvent, from: From): Promise<Outcome> {
    const verdict = judgePr(event, { isComplete: false }, this.known);
    if (verdict.kind !== "wait") return this.#follow(verdict, event);
    const identifiers = identifiersOf(event);
    await this.#claimUploads(event);
    const added = await this.journal.change(() => this.purgatory.addPr(event, identifiers, from));
    if (added.outcome !== "added") return notAdded(added);
    let answer = WAITS;
    for (const identifier of identifiers) answer = await this.#released(event, identifier);
    return answer;
  }

  /** Releases an event at once if its data is here already (R40, R47). */
  async #released(event: NostrEvent, identifier: string): Promise<Outcome> {
    await this.releaseLocked(identifier);
    return this.purgatory.event(event.id) === null && this.#parts.store.get(event.id) !== null
      ? stored()
      : WAITS;
  }

  /** Does what a verdict says, apart from waiting. */
  async #follow(verdict: Verdict, event: NostrEvent): Promise<Outcome> {
    const answer = answerOf(verdict);
    if (answer !== null) return answer;
    if (verdict.kind !== "serve") throw new Error(`no event of kind ${event.kind} is to ${verdict.kind}`);
    // Passed on and never stored (R22).
    if (!isEphemeral(event.kind)) {
      const saved = await this.#parts.store.transaction((changes) =>
        changes.save(event, this.nowSeconds, verdict.steps),
      );
      if (saved.outcome !== "stored") return notSaved(saved);
      if (event.kind === KIND.deletion) await this.#deleteWaiting(event);
    }
    this.#happenings.tell({ kind: "served", event, waitedMs: null });
    return stored(verdict.note);
  }

  /** A deletion reaches into purgatory: a state or PR goes, and an announcement with its repository (R58). */
  async #deleteWaiting(deletion: NostrEvent): Promise<void> {
    const named = deletion.tags.flatMap(
      ([name, value = ""]): readonly (WaitingAnnouncement | WaitingState | WaitingPr)[] => {
        if (name === "e") {
          const waiting = this.purgatory.event(value);
          return waiting === null ? [] : [waiting];
        }
        return name === "a" ? this.known.waitingAt(value) : [];
      },
    );
    for (const entry of named) {
      const { event } = entry;
      if (event.pubkey !== deletion.pubkey || event.created_at > deletion.created_at) continue;
      await this.locks.runAll(identifiersIn(entry), async () => {
        await this.journal.change((changes) => {
          this.purgatory.remove(entry, "deleted");
          changes.remove(event.id, "deleted");
        });
        if (entry.store === "announcement") await this.#deleteIfUnused(event.pubkey, entry.identifier);
      });
    }
  }
}

/** The locks that an event needs: those of the identifiers that it can move. */
function identifiersOf(event: NostrEvent): string[] {
  if (event.kind === KIND.announcement || event.kind === KIND.state) return [tagValue(event, "d") ?? ""];
  const isPr = event.kind === KIND.pullRequest || event.kind === KIND.pullRequestUpdate;
  return isPr ? [...new Set(taggedRepositories(event).map(({ identifier }) => identifier))] : [];
}

function idOf(value: unknown): string {
  const id = (value as { id?: unknown } | null)?.id;
  return typeof id === "string" && id.length <= 64 ? id : "";
}
