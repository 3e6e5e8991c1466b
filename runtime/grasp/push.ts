/**
 * Whether a push may happen, and what the client is told (A15 to A31, A38, A39).
 * @module
 */
import { isArchiveOnly } from "./archive.ts";
import { type CommandRefusal, judgeFit } from "./authorise.ts";
import { contributorOf } from "./contributor.ts";
import { isHex64, type NostrEvent } from "./events/event.ts";
import { type CommandList, type RefCommand, ZERO_ID } from "./git/command-list.ts";
import { isBranchOrTag } from "./git/ref-name.ts";
import type { Known } from "./known.ts";
import { overlap } from "./maintainers.ts";
import { toNpub } from "./npub.ts";
import { commitOf, contributedRepositories, taggedRepositories } from "./policy/pr-policy.ts";
import type { RefSnapshot } from "./ports.ts";
import type { Purgatory } from "./purgatory/purgatory.ts";
import type { PushReason } from "./push-reason.ts";
import type { RepositoryState } from "./state.ts";

/** What a push is judged by. */
export interface PushParts {
  readonly known: Known;
  readonly purgatory: Purgatory;
}

/** The answer to a push. */
export interface PushDecision {
  readonly isGranted: boolean;
  /** The same as a code. */
  readonly reason: PushReason;
  /** Why each ref is refused; a ref that is not here is granted. Empty texts do not occur. */
  readonly refused: ReadonlyMap<string, string>;
  /** Lines for the client's terminal: the fact, and the next step. */
  readonly remote: readonly string[];
  /** Uploads to `refs/nostr/` whose events are not known yet (A29). */
  readonly unclaimed: readonly RefCommand[];
  /** The state that the push completes; `null`: it touches `refs/nostr/` only, or nothing. */
  readonly state: RepositoryState | null;
}

/** A ref below `refs/nostr/`. */
export const NOSTR_REF = /^refs\/nostr\/(.*)$/s;
/** The event of a ref below `refs/nostr/`; `null`: it is another ref. */
export function nostrId(ref: string): string | null {
  const id = NOSTR_REF.exec(ref)?.[1];
  return id !== undefined && isHex64(id) ? id : null;
}

const UNKNOWN_EVENT = "the event of refs/nostr/ is not known: publish it first, then push";
/** A push that changes nothing beyond its commands. */
export const GRANTED = {
  isGranted: true,
  reason: "granted",
  refused: new Map<string, string>(),
  remote: [],
  unclaimed: [],
  state: null,
} as const;
const REFUSED = { isGranted: false, unclaimed: [], state: null } as const;
/** How many refs a text names at most. */
const MAX_NAMED = 3;

/** Judges a push by its list, the refs, and what is known now. All commands are granted, or none (A24, A25). */
export function decidePush(
  owner: string,
  identifier: string,
  { commands }: Pick<CommandList, "commands">,
  { refs }: Pick<RefSnapshot, "refs">,
  parts: PushParts,
): PushDecision {
  if (commands.length === 0) return { ...GRANTED, reason: "nothing" };
  if (isArchive(owner, identifier, parts.known)) {
    return refuseAll(commands, "archive", "an archive takes no pushes", [
      "This repository is archived here: it is filled from the servers that its announcement lists.",
      "Push to one of those.",
    ]);
  }
  const foreign = commands.filter(({ ref }) => !isBranchOrTag(ref) && !NOSTR_REF.test(ref));
  if (foreign.length > 0)
    return refuseAll(commands, "foreign_name", "not allowed here", foreignText(foreign));
  const proposals = commands.filter(({ ref }) => /^refs\/heads\/pr\//.test(ref));
  if (proposals.length > 0) {
    return refuseAll(commands, "pr_branch", "use refs/nostr", [
      "Branches below pr/ are not kept here.",
      "Push to refs/nostr/<event id>, and publish a pull request event with that commit in its c tag.",
    ]);
  }
  const unclaimed: RefCommand[] = [];
  for (const command of commands.filter(({ ref }) => NOSTR_REF.test(ref))) {
    const fault = nostrFault(command, owner, identifier, refs, parts);
    if (fault?.reason === "unclaimed") unclaimed.push(command);
    else if (fault !== null) return refuseAll(commands, fault.reason, fault.text, [fault.text]);
  }
  const ofState = commands.filter(({ ref }) => isBranchOrTag(ref));
  const decision =
    ofState.length === 0 ? GRANTED : decideByState(owner, identifier, commands, ofState, refs, parts);
  if (!decision.isGranted || unclaimed.length === 0) return decision;
  return { ...decision, reason: ofState.length === 0 ? "unclaimed" : "granted", unclaimed };
}

/**
 * Whether a repository takes no push: the server is a read-only archive, or it is here by a rule of the archive alone, which may be
 * removed meanwhile (X4, A15).
 */
function isArchive(owner: string, identifier: string, known: Known): boolean {
  const { lists, ourselves } = known;
  if (lists.archive?.isReadOnly) return true;
  const announced = known.announcements(identifier).get(owner);
  return announced !== undefined && isArchiveOnly(announced.announcement, ourselves);
}

function decideByState(
  owner: string,
  identifier: string,
  all: readonly RefCommand[],
  commands: readonly RefCommand[],
  refs: ReadonlyMap<string, string>,
  { known }: PushParts,
): PushDecision {
  const set = known.sets(identifier).get(owner);
  if (set === undefined) {
    return refuseAll(all, "not_announced", "the repository is not announced", [
      "This repository is not announced here.",
      `Publish an announcement (kind 30617) with d "${identifier}" that lists this server in clone and relays.`,
    ]);
  }
  const state = known.authoritative(owner, identifier, set);
  if (state === null) {
    return refuseAll(all, "no_state", "there is no state", noStateText(identifier, set, known));
  }
  const present = new Map([...refs].filter(([ref]) => isBranchOrTag(ref)));
  const fit = judgeFit(commands, state, present);
  if (fit.fits) {
    const gone = fit.unnamed.filter((ref) => !commands.some((command) => command.ref === ref));
    const remote =
      gone.length === 0 ? [] : [`The state does not name, so that they are deleted: ${gone.join(", ")}`];
    return { ...GRANTED, remote, state };
  }
  const refused = new Map(all.map(({ ref }) => [ref, "the push as a whole does not fit the state"]));
  for (const [ref, refusal] of fit.refused) refused.set(ref, shortReason(refusal));
  const [first] = fit.refused.values();
  return {
    ...REFUSED,
    reason: first?.reason ?? "missing_refs",
    refused,
    remote: misfitText(state, fit, commands),
  };
}

/** A push to `refs/nostr/<id>` (A27, A28, A31); `null`: it is granted. */
export function nostrFault(
  command: RefCommand,
  owner: string,
  identifier: string,
  refs: ReadonlyMap<string, string>,
  { known, purgatory }: PushParts,
): { readonly reason: PushReason; readonly text: string } | null {
  const fault = (reason: PushReason, text: string) => ({ reason, text });
  const id = NOSTR_REF.exec(command.ref)![1]!;
  if (!isHex64(id)) return fault("bad_event_id", "refs/nostr/ takes event ids of 64 lower-case hex digits");
  if (command.new === ZERO_ID)
    return fault("nostr_deletion", "refs/nostr/ is not deleted by a push: delete the event");
  if (known.remembered(id) === "deleted")
    return fault("deleted_event", "the event of refs/nostr/ was deleted");
  const event = known.served(id) ?? purgatory.event(id)?.event ?? null;
  if (event === null) return fault("unclaimed", UNKNOWN_EVENT);
  const commit = commitOf(event);
  if ((event.kind !== 1618 && event.kind !== 1619) || commit === null)
    return fault("not_a_pr", "the event of refs/nostr/ is no pull request");
  if (!isForRepository(event, owner, identifier, known))
    return fault("other_repository", "the pull request of refs/nostr/ is for another repository");
  if (command.new !== commit) return fault("wrong_commit", `the pull request names commit ${commit}`);
  const now = refs.get(command.ref);
  return now === undefined || now === commit ? null : fault("wrong_commit", "the ref has another commit");
}

/**
 * Whether an event tags a repository, or one of the same identifier whose maintainer set overlaps (A28). A contributor's repository is
 * for events of this contributor (X12).
 */
function isForRepository(event: NostrEvent, owner: string, identifier: string, known: Known): boolean {
  if (contributorOf(owner) !== null) {
    return contributedRepositories(event, known).some(
      (one) => one.owner === owner && one.identifier === identifier,
    );
  }
  const sets = known.sets(identifier);
  const own = sets.get(owner) ?? new Set([owner]);
  return taggedRepositories(event).some(
    (tagged) =>
      tagged.identifier === identifier &&
      (tagged.owner === owner || overlap(own, sets.get(tagged.owner) ?? new Set([tagged.owner]))),
  );
}

/** Refuses every command for one reason. @param text of each ref. @param remote lines for the terminal */
export function refuseAll(
  commands: readonly RefCommand[],
  reason: PushReason,
  text: string,
  remote: readonly string[],
): PushDecision {
  return { ...REFUSED, reason, refused: new Map(commands.map(({ ref }) => [ref, text])), remote };
}

function foreignText(foreign: readonly RefCommand[]): string[] {
  const named = foreign.slice(0, MAX_NAMED).map(({ ref }) => ref);
  const more = foreign.length > MAX_NAMED ? ` and ${foreign.length - MAX_NAMED} more` : "";
  return [
    `Only branches and tags are kept here, not ${named.join(", ")}${more}.`,
    "git push <url> 'refs/heads/*:refs/heads/*' 'refs/tags/*:refs/tags/*'",
  ];
}

function noStateText(identifier: string, set: ReadonlySet<string>, known: Known): string[] {
  const others = known.states(identifier).filter(({ event }) => !set.has(event.pubkey));
  const may = [...set].slice(0, MAX_NAMED).map(toNpub).join(", ");
  return [
    others.length === 0
      ? "No state of this repository is known."
      : `States are known of ${others.length} authors who are no maintainers of this repository.`,
    `Publish a state (kind 30618) with d "${identifier}" that names the refs you push. It may be signed by ${may}.`,
  ];
}

function misfitText(
  state: RepositoryState,
  fit: Extract<ReturnType<typeof judgeFit>, { fits: false }>,
  commands: readonly RefCommand[],
): string[] {
  const { event } = state;
  const by = `state ${event.id.slice(0, 8)} by ${toNpub(event.pubkey)} of ${new Date(event.created_at * 1000).toISOString()}`;
  const lines: string[] = [`The push must make the repository equal to the ${by}.`];
  for (const [ref, refusal] of [...fit.refused].slice(0, MAX_NAMED)) {
    const pushed = commands.find((command) => command.ref === ref)?.new ?? "";
    lines.push(longReason(ref, refusal, pushed));
  }
  if (fit.missing.length > 0) {
    const named = fit.missing.slice(0, MAX_NAMED).join(" ");
    lines.push(`Push these refs, too: ${named}${fit.missing.length > MAX_NAMED ? " …" : ""}`);
  }
  lines.push("Publish a state that names what you push, or fetch first.");
  return lines;
}

function shortReason(refusal: CommandRefusal): string {
  switch (refusal.reason) {
    case "wrong_value":
      return "the state names another commit";
    case "not_named":
      return "the state does not name it";
    case "named":
      return "the state names it, so that it cannot be deleted";
    case "moved":
      return "it moved meanwhile; fetch and push again";
    case "foreign_name":
      return "not allowed here";
  }
}

function longReason(ref: string, refusal: CommandRefusal, pushed: string): string {
  if (refusal.reason === "wrong_value")
    return `${ref}: the state names ${refusal.expected}, the push brings ${pushed}.`;
  if (refusal.reason === "moved") return `${ref}: it is at ${refusal.present} now.`;
  return `${ref}: ${shortReason(refusal)}.`;
}
