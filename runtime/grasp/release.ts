/**
 * New Git data, one way in (N1 to N20): the only code that releases events from purgatory and the only code that aligns refs.
 * It runs under the lock of the identifier.
 * @module
 */
import { isNewer, type NostrEvent } from "./events/event.ts";
import { ZERO_ID } from "./git/command-list.ts";
import { isBranchOrTag } from "./git/ref-name.ts";
import type { Happenings, LeftBecause } from "./happenings.ts";
import type { Known } from "./known.ts";
import { commitOf, taggedRepositories } from "./policy/pr-policy.ts";
import type { EventStore, GitRepository, RefUpdate, Repositories, Saved, StoreChanges } from "./ports.ts";
import type { WaitingAnnouncement, WaitingPr, WaitingState } from "./purgatory/entry.ts";
import type { StoreJournal } from "./purgatory/journal.ts";
import type { Purgatory } from "./purgatory/purgatory.ts";
import { type RepositoryState, readState } from "./state.ts";

/** What a release needs. */
export interface ReleaseParts {
  readonly known: Known;
  readonly store: EventStore;
  readonly purgatory: Purgatory;
  readonly journal: StoreJournal;
  readonly repositories: Repositories;
  /** Seconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  readonly happenings: Happenings;
}

type Releasable = WaitingAnnouncement | WaitingState | WaitingPr;

/** What a release did (N18). */
export interface ReleaseResult {
  /** Events that are served now, in the order in which they were released. */
  readonly released: NostrEvent[];
  /** Refs that moved, by owner. */
  readonly moved: Map<string, RefUpdate[]>;
  readonly errors: unknown[];
}

/** Looks at everything that waits for an identifier, and releases what is complete. */
export async function processNewGitData(identifier: string, parts: ReleaseParts): Promise<ReleaseResult> {
  const result: ReleaseResult = { released: [], moved: new Map(), errors: [] };
  const { purgatory } = parts;
  const waiting = purgatory.states(identifier).sort((a, b) => (isNewer(a.event, b.event) ? 1 : -1));
  /** Each event is on its own: a failure is noted and the next goes on (N16). */
  const attempt = async (event: NostrEvent | null, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      result.errors.push(error);
      parts.happenings.tell({ kind: "release-failed", identifier, event, error });
    }
  };
  for (const entry of waiting)
    await attempt(entry.event, () => releaseState(entry, identifier, parts, result));
  await attempt(null, () => alignServed(identifier, parts, result));
  for (const entry of purgatory.prs(identifier))
    await attempt(entry.event, () => releasePr(entry, parts, result));
  return result;
}

/** Makes the refs of every repository equal to its authoritative state, where that is served already (S25). */
async function alignServed(identifier: string, parts: ReleaseParts, result: ReleaseResult): Promise<void> {
  const { known, repositories, store } = parts;
  for (const [owner, set] of known.sets(identifier)) {
    const repository = repositories.open(owner, identifier);
    const served = known.candidates(identifier, set).find(({ event }) => store.get(event.id) !== null);
    if (repository === null || served === undefined) continue;
    const present = await repository.refs();
    const updates = alignment(served, present.refs);
    const isHeadWrong = served.head !== null && served.refs.has(served.head) && served.head !== present.head;
    if (updates.length === 0 && !isHeadWrong) continue;
    const sources = allRepositories(known, repositories, identifier);
    const ids = [...new Set(served.refs.values())];
    if (!(await isComplete(ids, sources))) continue;
    await copyMissing(ids, repository, sources);
    for (const list of updates)
      if (!(await repository.updateRefs(list))) throw new Error("a ref moved meanwhile");
    if (isHeadWrong) await repository.setHead(served.head!);
    moved(owner, identifier, updates.flat(), parts, result);
  }
}

/** Notes and tells that refs of a repository moved. */
function moved(
  owner: string,
  identifier: string,
  updates: readonly RefUpdate[],
  { happenings }: ReleaseParts,
  result: ReleaseResult,
): void {
  result.moved.set(owner, [...(result.moved.get(owner) ?? []), ...updates]);
  happenings.tell({ kind: "aligned", owner, identifier, updates });
}

async function releaseState(
  entry: WaitingState,
  identifier: string,
  parts: ReleaseParts,
  result: ReleaseResult,
): Promise<void> {
  const { known } = parts;
  const read = readState(entry.event);
  const owners = [...known.sets(identifier)].filter(([, set]) => set.has(entry.event.pubkey));
  // An author who lost authority, or a newer served state of the same author, ends it (N6).
  const served = parts.store.newest(entry.event.kind, entry.event.pubkey, identifier);
  if ("fault" in read || owners.length === 0 || (served !== null && isNewer(served, entry.event))) {
    return dropEntry(entry, owners.length === 0 ? "unauthorised" : "replaced", parts);
  }
  const { state } = read;
  const here = owners.flatMap(([owner]) => {
    const repository = parts.repositories.open(owner, identifier);
    return repository === null ? [] : [{ owner, repository }];
  });
  const sources = allRepositories(known, parts.repositories, identifier);
  const ids = [...new Set(state.refs.values())];
  if (!(await isComplete(ids, sources))) return;

  const moves: { owner: string; repository: GitRepository; updates: RefUpdate[][]; head: string | null }[] =
    [];
  for (const { owner, repository } of here) {
    const set = known.sets(identifier).get(owner)!;
    const newer = known.candidates(identifier, set).filter((one) => isNewer(one.event, entry.event));
    if (await someApplies(newer, sources, parts.store)) continue;
    await copyMissing(ids, repository, sources);
    const { refs, head } = await repository.refs();
    const wanted =
      state.head !== null && state.refs.has(state.head) && state.head !== head ? state.head : null;
    moves.push({ owner, repository, updates: alignment(state, refs), head: wanted });
  }
  await commitRelease(entry, identifier, moves, parts, result);
}

/** Whether a newer state is served, or waits and is complete (N7). */
async function someApplies(
  newer: readonly RepositoryState[],
  sources: readonly GitRepository[],
  store: EventStore,
) {
  for (const state of newer) {
    if (store.get(state.event.id) !== null) return true;
    if (await isComplete([...new Set(state.refs.values())], sources)) return true;
  }
  return false;
}

/**
 * The ref transactions that make a repository's branches and tags equal to a state (N9): one, or two where Git refuses to
 * delete `a` and to create `a/b` in the same one.
 */
export function alignment(
  state: Pick<RepositoryState, "refs">,
  present: ReadonlyMap<string, string>,
): RefUpdate[][] {
  const deletions: RefUpdate[] = [];
  const others: RefUpdate[] = [];
  for (const [ref, id] of present) {
    if (isBranchOrTag(ref) && !state.refs.has(ref)) deletions.push({ ref, old: id, new: ZERO_ID });
  }
  for (const [ref, id] of state.refs) {
    const old = present.get(ref) ?? ZERO_ID;
    if (old !== id) others.push({ ref, old, new: id });
  }
  const created = others.filter(({ old }) => old === ZERO_ID).map(({ ref }) => ref);
  const conflicts = deletions.filter(({ ref }) =>
    created.some((name) => name.startsWith(`${ref}/`) || ref.startsWith(`${name}/`)),
  );
  if (conflicts.length === 0) return [[...deletions, ...others]].filter((list) => list.length > 0);
  return [conflicts, [...deletions.filter((one) => !conflicts.includes(one)), ...others]];
}

/** Steps 2 to 5 of N13: intent, refs, one transaction of the database, broadcast. */
async function commitRelease(
  entry: WaitingState,
  identifier: string,
  moves: readonly { owner: string; repository: GitRepository; updates: RefUpdate[][]; head: string | null }[],
  parts: ReleaseParts,
  result: ReleaseResult,
): Promise<void> {
  const { store, purgatory, known } = parts;
  const intent = await store.transaction((changes) =>
    changes.beginIntent({
      identifier,
      event: entry.event.id,
      refs: moves.map(({ owner, updates, head }) => ({
        owner,
        updates: updates.map((list) => list.map((one) => ({ ...one }))),
        head,
      })),
    }),
  );
  const done: { repository: GitRepository; updates: RefUpdate[] }[] = [];
  try {
    for (const { repository, updates, head } of moves) {
      for (const list of updates) {
        if (!(await repository.updateRefs(list))) throw new Error("a ref moved meanwhile");
        done.push({ repository, updates: list });
      }
      if (head !== null) await repository.setHead(head);
    }
    const announcements = known.announcements(identifier);
    const aligned = moves.map(({ owner }) => owner);
    const withBranches = aligned.flatMap((owner) => {
      const waiting = purgatory.announcement(owner, identifier);
      return waiting !== null && announcements.get(owner)?.status !== "served" ? [waiting] : [];
    });
    const events = [...withBranches, entry];
    const saved = await save(events, parts, intent);
    for (const { owner, updates } of moves) moved(owner, identifier, updates.flat(), parts, result);
    serve(events, saved, parts, result);
  } catch (error) {
    // The refs are as before, and the events go on waiting (N14).
    for (const { repository, updates } of done.reverse()) {
      await repository.updateRefs(updates.map(({ ref, old, new: to }) => ({ ref, old: to, new: old })));
    }
    await store.transaction((changes: StoreChanges) => changes.endIntent(intent));
    throw error;
  }
}

async function releasePr(entry: WaitingPr, parts: ReleaseParts, result: ReleaseResult): Promise<void> {
  const { known, repositories } = parts;
  const commit = commitOf(entry.event);
  if (commit === null) return dropEntry(entry, "failed", parts);
  const tagged = taggedRepositories(entry.event);
  const targets = tagged.flatMap(({ owner, identifier }) => {
    const isServed = known.announcements(identifier).get(owner)?.status === "served";
    const repository = repositories.open(owner, identifier);
    return isServed && repository !== null ? [{ repository, identifier }] : [];
  });
  if (targets.length === 0) return;
  const sources = targets.flatMap(({ identifier }) => allRepositories(known, repositories, identifier));
  if (!(await isComplete([commit], sources))) return;
  const ref = `refs/nostr/${entry.event.id}`;
  for (const { repository } of targets) {
    await copyMissing([commit], repository, sources);
    const old = (await repository.refs()).refs.get(ref) ?? ZERO_ID;
    if (old !== commit) await repository.updateRefs([{ ref, old, new: commit }]);
  }
  serve([entry], await save([entry], parts, null), parts, result);
}

/** Saves events, takes them from purgatory, and ends their intent: one transaction (P28, N13). */
function save(
  entries: readonly Releasable[],
  { journal, purgatory, now }: ReleaseParts,
  intent: number | null,
): Promise<Saved[]> {
  return journal.change((changes) => {
    const saved = entries.map(({ event }) => changes.save(event, now()));
    for (const [index, entry] of entries.entries()) {
      const { outcome } = saved[index]!;
      purgatory.remove(entry, outcome === "refused" ? "deleted" : "released");
    }
    if (intent !== null) changes.endIntent(intent);
    return saved;
  });
}

/** Tells of the events that the store took (N15). */
function serve(
  entries: readonly Releasable[],
  saved: readonly Saved[],
  { happenings, nowMs }: ReleaseParts,
  result: ReleaseResult,
): void {
  for (const [index, { event, arrivedMs }] of entries.entries()) {
    if (saved[index]!.outcome !== "stored") continue;
    result.released.push(event);
    happenings.tell({ kind: "served", event, waitedMs: nowMs() - arrivedMs });
  }
}

async function dropEntry(
  entry: WaitingState | WaitingPr,
  because: LeftBecause,
  { journal, purgatory }: ReleaseParts,
): Promise<void> {
  await journal.change(() => purgatory.remove(entry, because));
}

/** Every repository of an identifier here (P11). */
function allRepositories(known: Known, repositories: Repositories, identifier: string): GitRepository[] {
  return [...known.announcements(identifier).keys()].flatMap(
    (owner) => repositories.open(owner, identifier) ?? [],
  );
}

/** Whether each id is complete in some repository (P10, P11). */
export async function isComplete(
  ids: readonly string[],
  sources: readonly GitRepository[],
): Promise<boolean> {
  let missing = new Set(ids);
  for (const source of sources) {
    if (missing.size === 0) return true;
    missing = await source.incomplete([...missing]);
  }
  return missing.size === 0;
}

/** Copies what a repository lacks from others, as packs (N8). */
async function copyMissing(
  ids: readonly string[],
  target: GitRepository,
  sources: readonly GitRepository[],
): Promise<void> {
  let missing = await target.incomplete(ids);
  for (const source of sources) {
    if (missing.size === 0) return;
    if (source === target) continue;
    const lacking = await source.incomplete([...missing]);
    const here = [...missing].filter((id) => !lacking.has(id));
    if (here.length === 0) continue;
    const tips = here.map((id) => ({ id, isBranch: false }));
    const received = await target.receive(source.pack(here), tips, NO_BOUNDS);
    if ("quarantine" in received) await received.quarantine.adopt();
    missing = await target.incomplete([...missing]);
  }
}

/** What is here already passed the bounds when it came. */
const NO_BOUNDS = { maxBytes: Number.MAX_SAFE_INTEGER, maxObjects: Number.MAX_SAFE_INTEGER };
