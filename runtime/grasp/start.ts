/**
 * The start (P31, P32): what a crash left half done is finished, and database and disk agree.
 * @module
 */
import { contributorOf } from "./contributor.ts";
import { contributionsIn } from "./contributor-prs.ts";
import type { Core } from "./core.ts";
import type { Healed, Intent } from "./ports.ts";
import { type Entry, identifiersOf, keyOf, type Releasable } from "./purgatory/entry.ts";
import { nostrId } from "./push.ts";
import { reversed } from "./release/alignment.ts";
import { lookPlan, type ReleasePlan, readLookPlan, readReleasePlan, repeatMoves } from "./release/intent.ts";
import { EVERYTHING, type Releases } from "./release/releases.ts";
import { readRemovalPlan } from "./removal-plan.ts";
import type { Removals } from "./removals.ts";
import { deleteIfUnused } from "./unused.ts";

/** What the start found. */
export interface StartReport {
  /** Identifiers that wait for objects: the sync queue (P30). */
  readonly waiting: readonly string[];
  /** Repositories with refs that no announcement belongs to. They stay (P32). */
  readonly orphans: readonly { readonly owner: string; readonly identifier: string }[];
  /** Repositories in which a crash or another server had left something (N25, N27, O19). */
  readonly healed: readonly (Healed & { readonly owner: string; readonly identifier: string })[];
}

/** Repositories that are healed at the same time: each waits for the disk. */
const HEALED_AT_ONCE = 8;

export async function start(core: Core, releases: Releases, removals: Removals): Promise<StartReport> {
  const { store, purgatory, hosted } = core;
  // Lock files would keep refs from moving: they go first.
  const all = await hosted.port.list();
  const healed = await heal(all, core);
  const identifiers = new Set(healed.map(({ identifier }) => identifier));

  const entries = new Map([...store.journal()].map((entry) => [keyOf(entry), entry]));
  const intents = store.intents();
  const looks: Intent[] = [];
  for (const intent of intents) {
    for (const identifier of readLookPlan(intent.plan)?.identifiers ?? []) identifiers.add(identifier);
    const plan = readReleasePlan(intent.plan);
    if (plan === null) continue;
    for (const { identifier } of plan.moves) identifiers.add(identifier);
    const look = await finishRelease(intent, plan, entries, core);
    if (look !== null) looks.push(look);
  }
  const waiting = await core.journal.change(() => purgatory.restore(entries.values()));
  for (const identifier of purgatory.identifiers()) identifiers.add(identifier);
  for (const { id, plan } of intents) {
    const removal = readRemovalPlan(plan);
    if (removal !== null) await removals.carryOut(id, removal);
  }
  await restoreContributions(all, healed, core, releases);
  const orphans = await reconcile(all, core);
  for (const { owner, identifier } of announced(core)) await hosted.create(owner, identifier);
  const failed = new Set<string>();
  for (const identifier of identifiers) {
    const look = (held: ReadonlySet<string>) => releases.run(identifier, EVERYTHING, held);
    const { errors } = await releases.locked([identifier], look);
    if (errors.length > 0) failed.add(identifier);
  }
  for (const { id, plan } of [...intents, ...looks]) {
    const look = readLookPlan(plan);
    // What failed is looked at again by the next start.
    const isDone = look !== null && !look.identifiers.some((identifier) => failed.has(identifier));
    if (isDone) await store.transaction((changes) => changes.endIntent(id));
  }
  return { waiting: [...waiting].filter((identifier) => purgatory.hasPending(identifier)), orphans, healed };
}

/** The repositories of waiting announcements, and served ones of the same identifiers. */
function announced({ purgatory, known }: Core): { owner: string; identifier: string }[] {
  return purgatory
    .identifiers()
    .flatMap((identifier) =>
      [...known.announcements(identifier)]
        .filter(([, { isHosted, status }]) => isHosted && status !== "soft_expired")
        .map(([owner]) => ({ owner, identifier })),
    );
}

/** A repository's name. */
interface Named {
  readonly owner: string;
  readonly identifier: string;
}

async function heal(all: readonly Named[], { hosted }: Core): Promise<StartReport["healed"]> {
  const healed: StartReport["healed"][number][] = [];
  const left = all.values();
  await Promise.all(
    Array.from({ length: HEALED_AT_ONCE }, async () => {
      for (const { owner, identifier } of left) {
        const { found = [], failed = [] } = (await hosted.open(owner, identifier)?.heal()) ?? {};
        if (found.length + failed.length > 0) healed.push({ owner, identifier, found, failed });
      }
    }),
  );
  return healed;
}

/**
 * Repeats steps 3 to 5 of N13. What the store would refuse now is taken back instead.
 * @returns the intent to look at what follows from an announcement that is served now; `null`: there is none
 */
async function finishRelease(
  { id }: Intent,
  plan: ReleasePlan,
  entries: Map<string, Entry>,
  { store, hosted, happenings, nowMs, nowSeconds }: Core,
): Promise<Intent | null> {
  const released = plan.entries.flatMap((key) => entries.get(key) ?? []) as Releasable[];
  const isRefused = released.some(({ event }) => store.refusal(event, nowSeconds()) !== null);
  const open = (owner: string, identifier: string) => hosted.open(owner, identifier);
  const moves = isRefused
    ? plan.moves.map(({ updates, head, ...one }) => ({
        ...one,
        updates: reversed(updates),
        head: head === null ? null : { old: head.new, new: head.old },
      }))
    : plan.moves;
  await repeatMoves(moves, open);
  const announced = isRefused ? [] : released.filter((entry) => entry.store === "announcement");
  const follows = lookPlan([...new Set(announced.flatMap(identifiersOf))]);
  const look = await store.transaction((changes) => {
    for (const entry of isRefused ? [] : released) {
      changes.save(entry.event, nowSeconds());
      changes.journalRemove(keyOf(entry));
    }
    for (const { owner, identifier, backup } of isRefused ? [] : moves)
      if (backup != null) changes.addBackup(owner, identifier, backup);
    changes.endIntent(id);
    return announced.length === 0 ? null : changes.beginIntent(follows);
  });
  if (isRefused) return null;
  for (const entry of released) {
    entries.delete(keyOf(entry));
    const { event, arrivedMs } = entry;
    happenings.tell({ kind: "left", entry, because: "released" });
    happenings.tell({ kind: "served", event, waitedMs: nowMs() - arrivedMs });
  }
  return look === null ? null : { id: look, plan: follows };
}

/** Makes disk and journal agree (P32). @returns repositories with refs that no announcement belongs to */
async function reconcile(all: readonly Named[], core: Core): Promise<StartReport["orphans"]> {
  const { hosted, journal, known, purgatory } = core;
  const keptUploads = new Set<string>();
  for (const { owner, identifier, id } of await hosted.port.uploads()) {
    if (purgatory.placeholder(`${owner}/${identifier}`, id) !== null)
      keptUploads.add(`${owner}/${identifier}/${id}`);
    else await hosted.port.upload(owner, identifier, id)?.discard();
  }
  for (const entry of purgatory.allPlaceholders()) {
    if (keptUploads.has(`${entry.repository}/${entry.id}`)) continue;
    await journal.change(() => purgatory.remove(entry, "failed"));
  }
  const orphans: { owner: string; identifier: string }[] = [];
  for (const { owner, identifier } of all) {
    const announced = known.announcements(identifier).get(owner);
    if (announced?.isHosted && announced.status !== "soft_expired") continue;
    await deleteIfUnused(owner, identifier, core);
    const isKept = hosted.open(owner, identifier) !== null;
    if (isKept && contributorOf(owner) === null && announced?.status !== "soft_expired")
      orphans.push({ owner, identifier });
  }
  return orphans;
}

/** Sets the refs of served PRs that a crash took from contributors' repositories (N25). */
async function restoreContributions(
  all: readonly Named[],
  healed: StartReport["healed"],
  core: Core,
  releases: Releases,
): Promise<void> {
  for (const { owner, identifier } of all) {
    if (contributorOf(owner) === null) continue;
    const found = healed.find((one) => one.owner === owner && one.identifier === identifier)?.found ?? [];
    await restoreContribution(owner, identifier, core, releases, found);
  }
}

/**
 * Sets the refs of served PRs that one contributor's repository has lost (N25).
 * @param unreadable names of refs that were here and could not be read. Default: none
 */
export async function restoreContribution(
  owner: string,
  identifier: string,
  { hosted, known }: Core,
  releases: Releases,
  unreadable: readonly string[] = [],
): Promise<void> {
  const { refs } = (await hosted.open(owner, identifier)?.refs()) ?? {};
  if (refs === undefined) return;
  const wereHere = unreadable.flatMap((ref) => known.served(nostrId(ref) ?? "") ?? []);
  const all = [...wereHere, ...(await contributionsIn(owner, identifier, refs, { known, hosted }))];
  const lost = all.filter(
    ({ id, pubkey }) => pubkey === contributorOf(owner) && !refs.has(`refs/nostr/${id}`),
  );
  if (lost.length === 0) return;
  await releases.locked([identifier], (held) => releases.repairPullRequests(identifier, lost, held, true));
}
