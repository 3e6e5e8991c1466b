/**
 * The guards of the service, each taken away. The random lives must catch each of them (V2).
 * @module
 */
import type { Edit } from "../../sync/mutate.ts";
import type { PropertyName } from "./broken-property.ts";

/** A damaged service. */
export interface Mutant {
  readonly name: string;
  /** Files are those of `runtime/grasp`. */
  readonly edits: readonly Edit[];
  /** The properties of which one is then broken; `null`: any. */
  readonly breaks: readonly PropertyName[] | null;
}

const edit = (file: string, within: string, find: string, replace: string): Edit => ({
  file,
  within,
  find,
  replace,
});

export const mutants: readonly Mutant[] = [
  {
    name: "the start does not repeat intents (N13)",
    edits: [edit("start", "start", "await finishRelease(intent, plan, entries, core)", "null")],
    breaks: null,
  },
  {
    name: "an older complete state moves refs although a newer one is served (N7)",
    edits: [
      edit(
        "release/release-run",
        "ReleaseRun.#releaseState",
        "if (authoritativeState(list)?.event.id !== state.event.id) continue;",
        "",
      ),
      edit(
        "release/release-run",
        "ReleaseRun.#allStates",
        "isAgain = (await this.#servedStates()) || isAgain;",
        "",
      ),
    ],
    breaks: ["3 refs equal the newest complete state"],
  },
  {
    name: "a state is released although objects are missing (N6)",
    edits: [
      edit(
        "release/release-run",
        "ReleaseRun.#completeStates",
        "![...state.refs.values()].some((id) => missing.has(id))",
        "true",
      ),
    ],
    breaks: null,
  },
  {
    name: "objects are not copied between repositories (N8)",
    edits: [
      edit(
        "release/release-run",
        "ReleaseRun.#moveOf",
        "await copyMissing(state.refs.values(), repository, this.sources());",
        "",
      ),
    ],
    breaks: null,
  },
  {
    name: "HEAD is not set (N9)",
    edits: [edit("release/alignment", "moveTo", "wanted === null || wanted === head", "true")],
    breaks: ["3 refs equal the newest complete state"],
  },
  {
    name: "what is served moves no refs when the sets change (R42, N15)",
    edits: [
      edit(
        "release/release-run",
        "ReleaseRun.#allStates",
        "isAgain = (await this.#servedStates()) || isAgain;",
        "",
      ),
    ],
    breaks: null,
  },
  {
    name: "a released entry stays in purgatory (P28)",
    edits: [edit("release/release-run", "ReleaseRun.#save", 'purgatory.remove(entry, "released");', "")],
    breaks: null,
  },
  {
    name: "the ref of a deleted PR stays (R61)",
    edits: [
      edit(
        "removal-consequences",
        "RemovalConsequences.#addRefs",
        "draft.refs.push({ owner, identifier, ref });",
        "void owner;",
      ),
      edit("removal-consequences", "RemovalConsequences.#addRefs", "this.#addOwnRefs(event, draft);", ""),
    ],
    breaks: ["2 what is served is complete"],
  },
  {
    name: "an empty repository of a contributor stays for a PR that never was in it (X11, X14)",
    edits: [edit("contributor-prs", "hasNeededPr", "await isLost(event, { known, hosted })", "true")],
    breaks: ["8 nothing is left"],
  },
  {
    name: "what an update waits alone in stays when the update goes (X11, P23)",
    edits: [
      edit(
        "removals",
        "Removals.carryOut",
        "contributorOf(owner) !== null",
        "contributorOf(owner) !== null && old !== undefined",
      ),
      edit("expiry", "Expiry.#end", "await deleteUnusedAfter(entry, this.#core);", ""),
    ],
    breaks: ["8 nothing is left"],
  },
  {
    name: "a PR that is deleted while it is held keeps its refs in other repositories (R61)",
    edits: [
      edit(
        "removal-targets",
        "heldOnes",
        "one.kind === KIND.state || isPullRequest(one)",
        "one.kind === KIND.state",
      ),
    ],
    breaks: ["2 what is served is complete"],
  },
  {
    name: "deletions do not reach purgatory (R58)",
    edits: [edit("removals", "Removals.remove", 'purgatory.remove(entry, "deleted");', "")],
    breaks: null,
  },
  {
    name: "only the tagged owner's repository gets the ref of a PR (N11)",
    edits: [edit("policy/pr-policy", "hostsOf", "overlap(one, set)", "one === set")],
    breaks: ["2 what is served is complete"],
  },
  {
    name: "uploads that no event claims stay on the disk (A33)",
    edits: [
      edit(
        "expiry",
        "Expiry.#end",
        "await hosted.port.upload(owner, entry.identifier, entry.id)?.discard();",
        "",
      ),
    ],
    breaks: ["8 nothing is left"],
  },
  {
    name: "the start leaves uploads without a placeholder (P32)",
    edits: [edit("start", "reconcile", "await hosted.port.upload(owner, identifier, id)?.discard();", "")],
    breaks: ["8 nothing is left"],
  },
  {
    name: "expired entries stay (P18)",
    edits: [edit("purgatory/purgatory", "Purgatory.expire", 'this.#left(key, "expired");', "")],
    breaks: null,
  },
  {
    name: "deadlines of the journal are taken as they are (P25)",
    edits: [edit("purgatory/deadlines", "restored", "nowMs + most", "Number.MAX_SAFE_INTEGER")],
    breaks: ["deadlines"],
  },
  {
    name: "a quarantine of a refused push stays (A35)",
    edits: [edit("pushes", "Push.finish", "await quarantine.discard().catch(() => {});", "")],
    breaks: ["8 nothing is left"],
  },
  {
    name: "a waiting announcement is released without a state (N10)",
    edits: [
      edit(
        "release/release-run",
        "ReleaseRun.#servedStates",
        "if (state === null) continue;",
        "if (state === null) { await this.attempt([], async () => ({ entries: this.#waitingAnnouncement(owner), moves: [] })); continue; }",
      ),
    ],
    breaks: null,
  },
  {
    name: "a becomes a/b in one transaction, which Git refuses (N9)",
    edits: [edit("release/alignment", "alignment", "conflicts.size === 0", "true")],
    breaks: ["3 refs equal the newest complete state"],
  },
  {
    name: "an older state takes the place of a deleted one (A17, R60)",
    edits: [edit("authorise", "candidates", "ended.every((past) => isNewer(event, past))", "true")],
    breaks: ["3 refs equal the newest complete state"],
  },
  {
    name: "an older state takes the place of one that is taken back while the repository is held (R59, R60)",
    edits: [
      edit("withdrawals", "authorities", "known.heldSets(identifier)", "new Map<string, Set<string>>()"),
    ],
    breaks: ["3 refs equal the newest complete state"],
  },
  {
    name: "an older state takes the place of one that is deleted while it is held (R59, R60)",
    edits: [
      edit(
        "removal-targets",
        "heldOnes",
        "one.kind === KIND.state || isPullRequest(one)",
        "isPullRequest(one)",
      ),
    ],
    breaks: ["3 refs equal the newest complete state"],
  },
  {
    name: "a state that is held with another repository does not come back with one that it counts for (R59)",
    edits: [edit("held-events", "HeldEvents.wait", "this.#statesElsewhere(owner, identifier)", "[]")],
    breaks: ["1 nothing accepted is forgotten"],
  },
  {
    name: "objects of a served state go with a repository, as the disk refused the other one (R59)",
    edits: [edit("removals", "Removals.#keepObjects", "!isMade && own[0] !== undefined", "false")],
    breaks: ["2 what is served is complete"],
  },
  {
    name: "a state stays served for a soft-expired announcement, which has no repository (R59, P23)",
    edits: [
      edit(
        "removal-consequences",
        "RemovalConsequences.#removeDependents",
        'announced.get(one)?.status === "soft_expired" ? [] : [set]',
        "[set]",
      ),
    ],
    breaks: ["2 what is served is complete"],
  },
  {
    name: "an announcement that the refs of served PRs release leaves the refs of others missing (N11, N12)",
    edits: [edit("release/releases", "Releases.run", "now === announced && !isWanted", "!isWanted")],
    breaks: ["2 what is served is complete"],
  },
  {
    name: "a change of the sets that a crash cut off is not looked at by the start (R36)",
    edits: [
      edit(
        "start",
        "start",
        "for (const identifier of readLookPlan(intent.plan)?.identifiers ?? []) identifiers.add(identifier);",
        "",
      ),
    ],
    breaks: ["3 refs equal the newest complete state"],
  },
  {
    name: "a change of the sets whose alignment failed is not looked at again (R36, N16)",
    edits: [edit("submission", "Submissions.look", "intent !== null && isDone", "intent !== null")],
    breaks: ["3 refs equal the newest complete state"],
  },
  {
    name: "no second decision under the lock (A36)",
    edits: [
      edit(
        "pushes",
        "Push.#finishLocked",
        "await decide(this.#request, await repository.refs(), this.#core)",
        "this.early",
      ),
    ],
    breaks: ["4 without authority nothing changes"],
  },
  {
    name: "no locks (N2)",
    edits: [edit("locks", "Locks.run", "before.then(work, work)", "work()")],
    breaks: null,
  },
  {
    name: "older states wait on under a served one (N6)",
    edits: [
      edit(
        "release/release-run",
        "ReleaseRun.#save",
        'if (entry.store === "state") this.#removeOlder(entry);',
        "",
      ),
    ],
    breaks: ["1 nothing accepted is forgotten"],
  },
  {
    // Without the intent alone nothing is lost: the start looks at what waits, and makes its refs true. Without that look alone,
    // refs are never those of a state that is not served.
    name: "a release without an intent, and a start that does not look at what waits (N13)",
    edits: [
      edit("release/release-run", "ReleaseRun.#carryOut", "moves.length === 0", "true"),
      edit(
        "start",
        "start",
        "for (const identifier of purgatory.identifiers()) identifiers.add(identifier);",
        "",
      ),
    ],
    breaks: ["3 refs are those of a served state"],
  },
  {
    // Each of the two alone makes refs true.
    name: "the start repeats no moves, and does not look at their identifiers (N13)",
    edits: [
      edit("start", "finishRelease", "await repeatMoves(moves, open);", ""),
      edit("start", "start", "for (const { identifier } of plan.moves) identifiers.add(identifier);", ""),
    ],
    breaks: ["3 refs equal the newest complete state", "2 what is served is complete"],
  },
  {
    name: "uploads of a mixed push whose release failed stay (A24, A25)",
    edits: [edit("pushes", "Push.#report", "await this.#dropUploads(kept);", "")],
    breaks: ["4 without authority nothing changes"],
  },
  {
    name: "values that get lost are not kept (N21)",
    edits: [edit("release/backups", "keepingBackups", "lost.length === 0", "true")],
    breaks: ["lost tips are kept"],
  },
  {
    name: "only values of deleted branches and tags are kept (N21)",
    edits: [
      edit(
        "release/backups",
        "keepingBackups",
        "({ old }) => old !== ZERO_ID",
        "({ old, new: to }) => old !== ZERO_ID && to === ZERO_ID",
      ),
    ],
    breaks: ["lost tips are kept"],
  },
  {
    name: "two losses in the same millisecond have one name (N21)",
    edits: [
      edit(
        "release/backups",
        "nextBackupTime",
        "Math.max(Math.floor(nowMs), (backupsIn(refs).at(-1)?.atMs ?? 0) + 1)",
        "Math.floor(nowMs)",
      ),
    ],
    breaks: null,
  },
  {
    name: "backups go before their time is over (N21)",
    edits: [edit("release/backups", "expiredBackups", "nowMs - BACKUP_MS", "nowMs - BACKUP_MS / 3")],
    breaks: ["lost tips are kept"],
  },
  {
    name: "backups do not end (N21)",
    edits: [edit("release/backups", "expiredBackups", "atMs <= nowMs - BACKUP_MS", "false")],
    breaks: ["deadlines"],
  },
  {
    name: "the oldest backups are not the first that go (N24)",
    edits: [edit("release/backups", "backupsIn", "a.atMs - b.atMs", "b.atMs - a.atMs")],
    breaks: null,
  },
  {
    name: "the start repeats moves without the record of their backups (N13, N21)",
    edits: [
      edit("start", "finishRelease", "if (backup != null) changes.addBackup(owner, identifier, backup);", ""),
    ],
    breaks: ["lost tips are kept"],
  },
  {
    name: "an event that came twice at once is judged twice (R10, R15)",
    edits: [
      edit(
        "submission",
        "Submissions.#judgeLocked",
        'if (this.#core.store.get(event.id) !== null) return duplicate("it is served");',
        "",
      ),
      edit(
        "submission",
        "Submissions.#judgeLocked",
        'if (this.#core.purgatory.event(event.id) !== null) return duplicate("it waits for its git data");',
        "",
      ),
    ],
    breaks: ["5 a repetition changes nothing"],
  },
];
