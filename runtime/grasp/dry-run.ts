/**
 * What would happen to an event, and to a push that follows it, by the same decisions as the real thing (G29). Changes nothing.
 * @module
 */
import { answerOf, notAdded, type Outcome, stored, WAITS } from "./answer.ts";
import { authoritativeState, candidates } from "./authorise.ts";
import type { Core } from "./core.ts";
import { type NostrEvent, tagValue } from "./events/event.ts";
import { KIND } from "./events/kinds.ts";
import type { RefCommand } from "./git/command-list.ts";
import type { KnownParts } from "./known.ts";
import { KnownWith } from "./known-with.ts";
import { roomFault, storeFault } from "./obstacles.ts";
import { judge } from "./policy/judge.ts";
import {
  commitOf,
  contributedRepositories,
  hostsOf,
  identifiersOfPr,
  judgeUpdate,
  type TaggedRepository,
  taggedRepositories,
} from "./policy/pr-policy.ts";
import type { Verdict } from "./policy/verdict.ts";
import type { Room } from "./ports.ts";
import type { From } from "./purgatory/entry.ts";
import { decidePush, type PushDecision } from "./push.ts";
import { isComplete } from "./release/objects.ts";
import { readState } from "./state.ts";

/** A push that is judged as if the event were known. */
export interface DryRunPush {
  /** The repository; `null`: the one that the event is for. */
  readonly repository: TaggedRepository | null;
  readonly commands: readonly RefCommand[];
}

/** What would happen. */
export interface DryRunAnswer {
  /** Of the event. */
  readonly outcome: Outcome;
  /** Of the push; `null`: none was asked about, or the event is refused. */
  readonly push:
    | (Pick<PushDecision, "isGranted" | "reason" | "refused" | "remote"> & TaggedRepository)
    | null;
}

export class DryRun {
  readonly #core: Core;
  readonly #parts: KnownParts;
  readonly #room: Room | undefined;

  constructor(core: Core, parts: KnownParts, room: Room | undefined) {
    this.#core = core;
    this.#parts = parts;
    this.#room = room;
  }

  /** @param early the answer to the event, if it has one without its signature and the policy */
  async run(
    event: NostrEvent,
    early: Outcome | null,
    push: DryRunPush | null,
    from: From,
  ): Promise<DryRunAnswer> {
    const { known } = this.#core;
    const verdict = early === null ? judge(event, from, known) : null;
    const before = early ?? answerOf(verdict!) ?? (await this.#obstacle(event, verdict!, from));
    const after = before === null ? new KnownWith(this.#parts, event, verdict!.kind === "serve") : known;
    const outcome = before ?? (await this.#accepted(event, verdict!, after));
    if (push === null || outcome.outcome === "refused") return { outcome, push: null };
    const repository = push.repository ?? repositoryOf(event, after);
    return { outcome, push: repository && { ...repository, ...(await this.#push(repository, push, after)) } };
  }

  /** What keeps an accepted event out; `null`: nothing. */
  async #obstacle(event: NostrEvent, verdict: Verdict, { source, address }: From): Promise<Outcome | null> {
    const { known, purgatory } = this.#core;
    const identifier = tagValue(event, "d") ?? "";
    const fault = storeFault(event, this.#core);
    if (fault !== null || verdict.kind !== "wait") return fault;
    const arriving = { event, source, address, identifier };
    let kept: ReturnType<typeof purgatory.obstacle>;
    if (event.kind === KIND.announcement) {
      const noRoom = await roomFault(event.pubkey, identifier, this.#core, this.#room);
      if (noRoom !== null) return noRoom;
      kept = purgatory.obstacle({ store: "announcement", ...arriving });
    } else if (event.kind === KIND.state) {
      kept = purgatory.obstacle({ store: "state", ...arriving });
    } else {
      const identifiers = identifiersOfPr(event, known);
      kept = purgatory.obstacle({ store: "pr", event, source, address, identifiers });
    }
    return kept === null ? null : notAdded(kept);
  }

  /** Served at once, or waiting: whether the Git data are here decides (R40, R47, N10). */
  async #accepted(event: NostrEvent, verdict: Verdict, after: Core["known"]): Promise<Outcome> {
    if (verdict.kind === "serve") return stored();
    const identifier = tagValue(event, "d") ?? "";
    switch (event.kind) {
      case KIND.announcement: {
        const set = after.sets(identifier).get(event.pubkey) ?? new Set();
        const ended = after.ended(event.pubkey, identifier);
        const state = authoritativeState(candidates(after.servedStates(identifier), set, ended));
        return state !== null && (await this.#isHere(state.refs.values(), [identifier])) ? stored() : WAITS;
      }
      case KIND.state: {
        const read = readState(event);
        const ids = "state" in read ? read.state.refs.values() : [];
        return (await this.#isHere(ids, [identifier])) ? stored() : WAITS;
      }
      default: {
        const commit = commitOf(event)!;
        if (event.kind === KIND.pullRequestUpdate && judgeUpdate(event, after) === "unknown") return WAITS;
        const uploads = this.#core.purgatory.placeholders(event.id);
        if (uploads.some((upload) => upload.commit === commit)) return stored();
        const identifiers = taggedRepositories(event).map((tagged) => tagged.identifier);
        const own = contributedRepositories(event, after);
        return (await this.#isHere([commit], identifiers, own)) ? stored() : WAITS;
      }
    }
  }

  /** Whether objects are complete in the repositories of identifiers (P10, P11). */
  #isHere(
    ids: Iterable<string>,
    identifiers: readonly string[],
    others: readonly TaggedRepository[] = [],
  ): Promise<boolean> {
    const { hosted, known } = this.#core;
    const sources = [...new Set(identifiers)].flatMap((identifier) =>
      [...known.announcements(identifier).keys()].flatMap((owner) => hosted.open(owner, identifier) ?? []),
    );
    sources.push(...others.flatMap(({ owner, identifier }) => hosted.open(owner, identifier) ?? []));
    return isComplete(ids, sources);
  }

  async #push(
    { owner, identifier }: TaggedRepository,
    { commands }: DryRunPush,
    known: Core["known"],
  ): Promise<Pick<PushDecision, "isGranted" | "reason" | "refused" | "remote">> {
    const refuseAll = (reason: PushDecision["reason"], text: string) => ({
      isGranted: false,
      reason,
      refused: new Map(commands.map(({ ref }) => [ref, text])),
      remote: [text],
    });
    const announced = known.announcements(identifier).get(owner);
    if (announced?.isHosted !== true || announced.status === "soft_expired")
      return refuseAll("not_announced", "there is no such repository");
    const { hosted, purgatory } = this.#core;
    const snapshot = (await hosted.open(owner, identifier)?.refs()) ?? { refs: new Map<string, string>() };
    const decision = decidePush(owner, identifier, { commands }, snapshot, { known, purgatory });
    const noRoom = decision.isGranted ? await this.#room?.refusal("push", owner, identifier) : null;
    return noRoom ? refuseAll("no_room", noRoom) : decision;
  }
}

/** The repository that an event is for; `null`: it is for none. */
function repositoryOf(event: NostrEvent, known: Core["known"]): TaggedRepository | null {
  if (event.kind === KIND.pullRequest || event.kind === KIND.pullRequestUpdate) {
    return hostsOf(taggedRepositories(event), known)[0] ?? null;
  }
  const identifier = tagValue(event, "d");
  if ((event.kind !== KIND.announcement && event.kind !== KIND.state) || identifier === undefined)
    return null;
  const sets = known.sets(identifier);
  if (sets.has(event.pubkey)) return { owner: event.pubkey, identifier };
  const [owner] = [...sets].find(([, set]) => set.has(event.pubkey)) ?? [];
  return owner === undefined ? null : { owner, identifier };
}
