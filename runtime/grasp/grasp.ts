/**
 * The service without its shells: events and pushes come in, are judged, and wait or are served. Knows no WebSocket, no HTTP
 * and no Git command.
 * @module
 */
import type { Ourselves } from "./announcement.ts";
import { type Answer, answerOf, duplicate, forged, type Outcome, refused } from "./answer.ts";
import { Cleaning } from "./cleaning.ts";
import type { Core } from "./core.ts";
import { DryRun, type DryRunAnswer, type DryRunPush } from "./dry-run.ts";
import {
  canonicalText,
  type EventLimits,
  expiryOf,
  type NostrEvent,
  type ParsedEvent,
  parseEvent,
} from "./events/event.ts";
import { Signatures } from "./events/signatures.ts";
import { Expiry } from "./expiry.ts";
import { type HappeningListener, Happenings } from "./happenings.ts";
import { Hosted } from "./hosted.ts";
import { Known } from "./known.ts";
import { Locks } from "./locks.ts";
import { Operator } from "./operator.ts";
import { ListsWithBans } from "./policy/bans.ts";
import { judgeProtected } from "./policy/protected-policy.ts";
import type { Lists } from "./policy/world.ts";
import type { EventStore, GitRepository, Repositories, Room } from "./ports.ts";
import type { From } from "./purgatory/entry.ts";
import { StoreJournal } from "./purgatory/journal.ts";
import { Purgatory } from "./purgatory/purgatory.ts";
import { Pushes } from "./pushes.ts";
import type { ReleaseResult } from "./release/release-run.ts";
import { type NewData, Releases } from "./release/releases.ts";
import { Removals } from "./removals.ts";
import { restoreContribution, type StartReport, start } from "./start.ts";
import { Submissions } from "./submission.ts";
import { TestEvents } from "./test-events.ts";
import { Undo } from "./undo.ts";

/** What the service needs of its host. */
export interface GraspParts {
  readonly store: EventStore;
  readonly repositories: Repositories;
  readonly ourselves: Ourselves;
  readonly lists: Lists;
  /** Whether there is room for new repositories (O24). Default: there is. */
  readonly room?: Room;
  /** Whether names that differ only in case or Unicode form are one file where repositories are (R27, A46). Default: they are not */
  readonly foldsNames?: boolean;
  /** Whether contributors have repositories here (GRASP-06, X6). Default: no */
  readonly takesPrs?: boolean;
  /** Default: those of R9. */
  readonly eventLimits?: EventLimits;
  /** Milliseconds since the epoch, by a clock that no correction turns back or forth (P25). */
  readonly nowMs: () => number;
  /** Seconds since the epoch, by the host's clock. */
  readonly nowSeconds: () => number;
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
  readonly pushes: Pushes;
  /** Earlier states of repositories (N21, N22). */
  readonly undo: Undo;
  /** What the operator does while the service runs (O14). */
  readonly operator: Operator;
  /** Unused repositories (O16). */
  readonly cleaning: Cleaning;
  /** What tools publish to test this server (O17). */
  readonly testEvents: TestEvents;
  readonly #core: Core;
  readonly #parts: GraspParts;
  readonly #signatures: Signatures;
  readonly #releases: Releases;
  readonly #removals: Removals;
  readonly #submissions: Submissions;
  readonly #expiry: Expiry;
  readonly #dryRun: DryRun;

  constructor(parts: GraspParts) {
    const { store, repositories, nowMs, nowSeconds } = parts;
    this.#parts = parts;
    this.#signatures = new Signatures(parts.verify);
    const happenings = new Happenings();
    const journal = new StoreJournal(store, happenings);
    this.purgatory = new Purgatory(journal, nowMs);
    const lists = new ListsWithBans(parts.lists, store);
    const hasRepository = (owner: string, identifier: string) =>
      repositories.open(owner, identifier) !== null;
    const known = { ...parts, lists, purgatory: this.purgatory, hasRepository, now: nowSeconds };
    this.known = new Known(known);
    this.#core = {
      store,
      known: this.known,
      purgatory: this.purgatory,
      journal,
      hosted: new Hosted(repositories, happenings),
      locks: new Locks(),
      happenings,
      nowMs,
      nowSeconds,
    };
    this.#releases = new Releases(this.#core);
    this.#removals = new Removals(this.#core);
    this.#submissions = new Submissions(this.#core, this.#releases, this.#removals, parts.room);
    const submissions = this.#submissions;
    this.#releases.onAnnounced = (identifier, held) => submissions.judgeAgain(identifier, held);
    this.#expiry = new Expiry(this.#core, this.#releases, this.#removals, (identifier, held) =>
      submissions.setsChanged(identifier, held),
    );
    this.pushes = new Pushes(this.#core, this.#releases, this.#removals);
    this.#dryRun = new DryRun(this.#core, known, parts.room);
    this.undo = new Undo(this.#core);
    this.operator = new Operator(this.#core, lists, {
      releases: this.#releases,
      removals: this.#removals,
      submissions,
    });
    this.cleaning = new Cleaning(this.#core, this.operator);
    this.testEvents = new TestEvents(this.#core, this.operator);
  }

  /** Finishes what the last run left half done, and takes over what waits (P31). Nothing else may be called before. */
  start(): Promise<StartReport> {
    return start(this.#core, this.#releases, this.#removals);
  }

  /** The operator's lists are new: what they deny is not served any more, and its data are held (R26). @returns what went */
  removeDenied(): Promise<readonly { readonly owner: string; readonly identifier: string }[]> {
    return this.operator.removeDenied();
  }

  /** The number of identifiers that something is being done with. */
  get busy(): number {
    return this.#core.locks.size;
  }

  /** Waits until nothing is being done with any identifier. */
  idle(): Promise<void> {
    return this.#core.locks.idle();
  }

  /** Calls a listener for everything that happens from now on. @returns ends that */
  onHappening(listener: HappeningListener): () => void {
    return this.#core.happenings.on(listener);
  }

  /** New Git data is here: releases what is complete and aligns refs (N1). */
  newGitData(identifier: string, data: NewData): Promise<ReleaseResult> {
    return this.#releases.newGitData(identifier, data);
  }

  /**
   * Runs work under the lock of an identifier: for code that moves objects in (S14).
   * @param work gets a function that releases what is complete, as {@link newGitData} does.
   */
  underLock<T>(
    identifier: string,
    work: (release: (data: NewData) => Promise<ReleaseResult>) => Promise<T>,
  ): Promise<T> {
    return this.#releases.locked([identifier], (held) =>
      work((data) => this.#releases.run(identifier, data, held)),
    );
  }

  /** Sets the refs of served PRs that a contributor's repository has lost (S25). @param owner a contributor's owner name */
  repairContribution(owner: string, identifier: string): Promise<void> {
    return restoreContribution(owner, identifier, this.#core, this.#releases);
  }

  /** The repository of an announcement that is served or waits and lists us; `null`: there is none (P22, R35). */
  hostedRepository(owner: string, identifier: string): GitRepository | null {
    const announced = this.known.announcements(identifier).get(owner);
    const isHosted = announced?.isHosted === true && announced.status !== "soft_expired";
    return isHosted ? this.#core.hosted.open(owner, identifier) : null;
  }

  /** A fetch into a repository begins: the repository is not deleted until it ends (P23). @returns ends that */
  use(owner: string, identifier: string): () => Promise<void> {
    const { hosted } = this.#core;
    hosted.use(owner, identifier);
    let isOver = false;
    return async () => {
      if (isOver) return;
      isOver = true;
      hosted.unuse(owner, identifier);
      await this.#removals.afterUse(owner, identifier);
    };
  }

  /** Whether a push or a fetch into a repository is under way (O22). */
  isInUse(owner: string, identifier: string): boolean {
    return this.#core.hosted.isInUse(owner, identifier);
  }

  /** Bytes of a fetch for an identifier flow: what waits there waits on (P15). Called once a minute. */
  async bytesFlow(identifier: string): Promise<void> {
    const { journal, purgatory } = this.#core;
    if (!purgatory.hasPending(identifier)) return;
    await journal.change(() => {
      const announcements = purgatory.announcements(identifier).filter(({ isSoftExpired }) => !isSoftExpired);
      for (const entry of [...purgatory.states(identifier), ...purgatory.prs(identifier), ...announcements]) {
        purgatory.flows(entry);
      }
    });
  }

  /** Ends what waited too long (P18 to P23). Called once a minute. */
  sweep(): Promise<void> {
    return this.#expiry.sweep();
  }

  /** Ends an event that waits as if its time were over (O14). @returns whether it waited */
  drop(id: string): Promise<boolean> {
    return this.#expiry.endNow(id);
  }

  /** Takes an event (R7): cheap checks first, then what is known of its id, its signature, and the policy. */
  async submit(value: unknown, from: Sender): Promise<Answer> {
    const { event, outcome } = await this.receive(value, from);
    return { id: event?.id ?? idOf(value), ok: outcome.outcome !== "refused", text: outcome.text };
  }

  /** The same as {@link submit}, with the answer as a value (L21). */
  async receive(
    value: unknown,
    from: Sender,
  ): Promise<{ readonly event: NostrEvent | null; readonly outcome: Outcome }> {
    const parsed = this.#parse(value);
    const event = "event" in parsed ? parsed.event : null;
    const decided =
      "fault" in parsed ? refused("invalid", parsed.fault) : await this.#decide(parsed.event, from);
    const { outcome, reason } = decided;
    // What is here may be on its way to the disk.
    if (outcome === "duplicate") await this.#parts.store.written();
    this.#core.happenings.tell({
      kind: "judged",
      eventKind: event?.kind ?? null,
      source: from.source,
      outcome,
      reason,
    });
    return { event, outcome: decided };
  }

  /** Reads an event that is not published, such as the proof of a key (R70): its shape, its id and its signature. */
  async genuine(value: unknown): Promise<ParsedEvent> {
    const parsed = this.#parse(value);
    if ("fault" in parsed) return parsed;
    if (!this.#isHash(parsed.event)) return { fault: WRONG_ID };
    return (await this.#signatures.isGood(parsed.event)) ? parsed : { fault: WRONG_SIGNATURE };
  }

  #parse(value: unknown): ParsedEvent {
    return parseEvent(value, this.#parts.nowSeconds(), this.#parts.eventLimits);
  }

  #isHash(event: NostrEvent): boolean {
    return this.#parts.sha256Hex(canonicalText(event)) === event.id;
  }

  /** What would happen to an event, and to a push that follows it (G29). Changes nothing. */
  async dryRun(value: unknown, push: DryRunPush | null, from: Sender): Promise<DryRunAnswer> {
    const read = await this.genuine(value);
    if ("fault" in read) return { outcome: refused("invalid", read.fault), push: null };
    const { event } = read;
    return this.#dryRun.run(event, this.#unverified(event, from), push, from);
  }

  async #decide(event: NostrEvent, sender: Sender): Promise<Outcome> {
    try {
      const answer = this.#unverified(event, sender);
      if (answer?.outcome === "duplicate") await this.#sentAgain(event, sender);
      if (answer !== null) return answer;
      if (!(await this.#signatures.isGood(event))) return forged(WRONG_SIGNATURE);
      const { source, address } = sender;
      return await this.#submissions.judge(event, { source, address });
    } catch {
      // Never an acceptance (R16).
      return refused("error", "the event could not be decided on; send it again");
    }
  }

  /** The answer to an event as far as it needs no signature (R7, R8); `null`: there is none yet. */
  #unverified(event: NostrEvent, { source, keys }: Sender): Outcome | null {
    const expiry = expiryOf(event);
    if (expiry !== null && expiry <= this.#parts.nowSeconds()) return refused("invalid", "it is expired");
    if (!this.#isHash(event)) return forged(WRONG_ID);
    const known = this.#knownAnswer(event, source);
    if (known !== null) return known;
    const forbidden = judgeProtected(event, keys ?? NO_KEYS, this.known);
    return forbidden === null ? null : answerOf(forbidden)!;
  }

  /** What is known of an id, before its signature is verified (R8, R15). */
  #knownAnswer({ id }: NostrEvent, source: From["source"]): Outcome | null {
    if (this.#parts.store.get(id) !== null) return duplicate("it is served");
    const remembered = this.known.remembered(id);
    if (remembered === "deleted") return refused("blocked", "it is deleted");
    if (remembered === "expired" && source === "sync")
      return refused("blocked", "it expired here; a client may send it again");
    return this.purgatory.event(id) === null ? null : duplicate("it waits for its git data");
  }

  /** A client sent what sync had brought (R15), or sync brings what a client sent. */
  async #sentAgain({ id }: NostrEvent, { source, address }: From): Promise<void> {
    const waiting = this.purgatory.event(id);
    if (waiting === null || waiting.source === source) return;
    if (source === "sync") return this.#core.happenings.tell({ kind: "served-elsewhere", entry: waiting });
    await this.#core.journal.change(() => this.purgatory.submittedByClient(waiting, address ?? ""));
  }
}

function idOf(value: unknown): string {
  const id = (value as { id?: unknown } | null)?.id;
  return typeof id === "string" ? id : "";
}
