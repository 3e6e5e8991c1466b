/**
 * Objects that are not accepted yet: a folder of their own, whose alternate is the repository (A35, decision 8).
 * @module
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { PackBounds, PackFault, Quarantine, Upload } from "../../../runtime/grasp/ports.ts";
import { areConnected, countNeeded, newCommits, sizesOf, typesOf } from "./connected.ts";
import { discardFolder } from "./discard.ts";
import { hasObjects, movePacks } from "./pack-folder.ts";
import { readPackIndex } from "./pack-index.ts";
import { packPart } from "./part.ts";
import { type GitResult, NoAnswer } from "./process.ts";
import type { GitRunner } from "./runner.ts";
import { rememberWhole } from "./whole-pack.ts";

/** Faults of old projects that are no danger (A41). */
const TOLERATED = [
  "zeroPaddedFilemode",
  "missingSpaceBeforeDate",
  "badTimezone",
  "missingEmail",
  "zeroPaddedDate",
];
const STRICT = TOLERATED.map((check) => `${check}=ignore`).join(",");
/** Bytes of a pack without objects: header and hash. */
const EMPTY_PACK_BYTES = 32;
/** Findings that are told of one pack (A49). */
const MAX_FINDINGS = 3;
/** The largest object, in bytes (A41). */
const MAX_OBJECT_BYTES = 1024 ** 3;
/** No compression of Git makes an object smaller than by this factor, apart from deltas, which are built in memory (O30). */
const MAX_COMPRESSION = 1032;

/** Longest time of a push, in milliseconds (G20). */
const PUSH_MS = 2 * 60 * 60_000;
/** Most objects that are listed to learn which tips are commits. */
const MAX_LISTED = 20_000;

/** Where objects are received, and by what. */
export interface QuarantinePlaces {
  /** The new folder. */
  readonly folder: string;
  /** The repository's folder. */
  readonly repository: string;
  /** Where quarantines are made. */
  readonly quarantines: string;
  /** Where the repository keeps unclaimed uploads. It need not exist. */
  readonly unclaimed: string;
  readonly home: string;
  readonly git: GitRunner;
  /** The ids of the repository's refs. */
  present(): Promise<string[]>;
  /**
   * Called with tips that are in the repository now, with all that they need.
   * @param parents commits that came, with their parents, as far as they are known.
   */
  onAdopted(ids: readonly string[], parents: ReadonlyMap<string, readonly string[]>): void;
}

/** An object that a ref shall have. */
export interface Tip {
  readonly id: string;
  readonly isBranch: boolean;
}

/** Receives a pack and checks it (A35, steps 2 and 3). */
export async function receivePack(
  pack: AsyncIterable<Uint8Array>,
  tips: readonly Tip[],
  bounds: PackBounds,
  places: QuarantinePlaces,
): Promise<{ quarantine: Quarantine } | { fault: PackFault }> {
  const { folder, repository, git } = places;
  await mkdir(join(folder, "pack"), { recursive: true });
  const ids = tips.map(({ id }) => id);
  let facts: Facts = { parents: new Map(), exact: null };
  const quarantine = quarantineAt(places, ids, () => facts);
  try {
    const env = quarantineEnv(folder, repository);
    const received = await indexPack(pack, bounds, folder, git, env);
    const checked = "fault" in received ? received : await checkTips(git, tips, received.objects, env);
    if ("fault" in checked) {
      await quarantine.discard();
      return { fault: checked.fault };
    }
    const isExact = "packs" in received && received.packs.length === 1 && checked.needed === received.objects;
    facts = { parents: checked.commits, exact: isExact ? received.packs[0]! : null };
    return { quarantine };
  } catch (error) {
    await quarantine.discard();
    if (error instanceof NoAnswer) return { fault: { kind: "unavailable" } };
    throw error;
  }
}

/**
 * Takes a folder of objects that Git has fetched and checked strictly for a quarantine, if it has one pack with exactly what some ids
 * need beside what the refs have: then nothing has to be packed and checked again (S13).
 * @param fetched the folder. It is the quarantine's from then on.
 * @returns `null`: it has more, or less, or is over a bound
 */
export async function takeFetched(
  fetched: string,
  ids: readonly string[],
  bounds: PackBounds,
  places: QuarantinePlaces,
): Promise<Quarantine | null> {
  const { folder, repository, git } = places;
  const env = quarantineEnv(fetched, repository);
  const content = await contentOf(fetched, bounds, git, env);
  if ("fault" in content || content.packs.length !== 1) return null;
  const tips = ids.map((id) => ({ id, isBranch: false }));
  const checked = await checkTips(git, tips, content.objects, env);
  if ("fault" in checked || checked.needed !== content.objects) return null;
  await rename(fetched, folder);
  const facts = { parents: checked.commits, exact: content.packs[0]! };
  return quarantineAt(places, ids, () => facts);
}

/** The environment of Git with a quarantine in front of a repository's objects. @param repository `null`: of nothing */
export function quarantineEnv(folder: string, repository: string | null): Record<string, string> {
  const env = { GIT_OBJECT_DIRECTORY: folder };
  return repository === null
    ? env
    : { ...env, GIT_ALTERNATE_OBJECT_DIRECTORIES: join(repository, "objects") };
}

/** What is known of what came. */
interface Facts {
  /** Commits with their parents, as far as they are known. */
  readonly parents: ReadonlyMap<string, readonly string[]>;
  /** The pack that came, if it has exactly what the tips need beside what the refs have; else `null`. */
  readonly exact: string | null;
}

/** @returns the packs that came, and the number of their objects */
async function indexPack(
  pack: AsyncIterable<Uint8Array>,
  bounds: PackBounds,
  folder: string,
  git: GitRunner,
  env: Record<string, string>,
): Promise<{ objects: number; packs: readonly string[] } | { fault: PackFault }> {
  const first = await peeked(pack);
  if (first === null) return { objects: 0, packs: [] };
  if (first.objects > bounds.maxObjects) return { fault: { kind: "too_many_objects" } };
  const args = ["index-pack", "--stdin", "--fix-thin", `--strict=${STRICT}`];
  const options = { env, timeoutMs: PUSH_MS };
  const ended = await git([...args, `--max-input-size=${bounds.maxBytes}`], first.pack, options);
  if (ended.code !== 0) return { fault: indexFault(ended) };
  return contentOf(folder, bounds, git, env);
}

/** The packs in a quarantine, and the number of their objects, if none is over a bound. */
async function contentOf(
  folder: string,
  { maxObjects, maxObjectBytes = MAX_OBJECT_BYTES }: PackBounds,
  git: GitRunner,
  env: Record<string, string>,
): Promise<{ objects: number; packs: readonly string[] } | { fault: PackFault }> {
  let all = 0;
  const packs: string[] = [];
  for (const file of await readdir(join(folder, "pack"))) {
    if (!file.endsWith(".idx")) continue;
    const name = file.slice(0, -".idx".length);
    packs.push(name);
    const path = join(folder, "pack", name);
    const { objects, large } = await readPackIndex(path, maxObjectBytes / MAX_COMPRESSION);
    if (large.length > 0 && (await hasLargerThan(maxObjectBytes, large, git, env)))
      return { fault: { kind: "too_large" } };
    all += objects;
  }
  return all > maxObjects ? { fault: { kind: "too_many_objects" } } : { objects: all, packs };
}

async function hasLargerThan(
  maxBytes: number,
  ids: readonly string[],
  git: GitRunner,
  env: Record<string, string>,
): Promise<boolean> {
  return (await sizesOf(git, ids, env)).some((size) => size > maxBytes);
}

/**
 * Whether every tip is here with all that it needs, and branches' tips are commits.
 * @returns the new commits with their parents, and how many objects the tips need beside what the refs have; `null`: not known
 */
async function checkTips(
  git: GitRunner,
  tips: readonly Tip[],
  newObjects: number,
  env: Record<string, string>,
): Promise<
  { commits: ReadonlyMap<string, readonly string[]>; needed: number | null } | { fault: PackFault }
> {
  if (tips.length === 0) return { commits: new Map(), needed: null };
  const ids = [...new Set(tips.map(({ id }) => id))];
  const listed = newObjects <= MAX_LISTED ? await newCommits(git, ids, env) : null;
  const needed = newObjects <= MAX_LISTED ? listed?.needed : await countNeeded(git, ids, env);
  if (needed == null && !(await areConnected(git, ids, { env })))
    return { fault: { kind: "missing_objects" } };
  const commits = listed?.commits ?? null;
  // A tip that is not among the new commits is old, or no commit.
  const unsure = tips.filter(({ id, isBranch }) => isBranch && !commits?.has(id)).map(({ id }) => id);
  const types = await typesOf(git, unsure, env);
  const at = types.findIndex((type) => type !== "commit");
  if (at !== -1) return { fault: { kind: "not_a_commit", id: unsure[at]! } };
  return { commits: commits ?? new Map(), needed: needed ?? null };
}

/** The objects of a pack's header, and the pack; `null`: there is none, or it has no objects (A9). */
async function peeked(
  pack: AsyncIterable<Uint8Array>,
): Promise<{ objects: number; pack: AsyncIterable<Uint8Array> } | null> {
  const iterator = pack[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < EMPTY_PACK_BYTES + 1) {
    const { value, done } = await iterator.next();
    if (done) break;
    chunks.push(value);
    bytes += value.length;
  }
  const start = Buffer.concat(chunks);
  if (start.length === 0) return null;
  const objects = start.length < 12 ? 0 : start.readUInt32BE(8);
  if (start.length === EMPTY_PACK_BYTES && objects === 0) return null;
  async function* whole() {
    yield start;
    for (;;) {
      const { value, done } = await iterator.next();
      if (done) return;
      yield value;
    }
  }
  return { objects, pack: whole() };
}

/** What Git's index-pack complained of. */
function indexFault({ code, isLate, stderr }: Pick<GitResult, "code" | "isLate" | "stderr">): PackFault {
  if (isLate) return { kind: "timeout" };
  if (code === null || /No space left|Disk quota|Too many open files|Read-only file/i.test(stderr))
    return { kind: "unavailable" };
  if (/exceeds maximum allowed size|[Oo]ut of memory/.test(stderr)) return { kind: "too_large" };
  const findings = [...stderr.matchAll(/^error: object ([0-9a-f]{40}): (\w+):/gm)].map(
    ([, object, check]) => ({
      object: object!,
      check: check!,
    }),
  );
  if (findings.length > 0) return { kind: "fsck", findings: findings.slice(0, MAX_FINDINGS) };
  if (/did not receive expected object|unresolved delta/.test(stderr)) return { kind: "missing_objects" };
  return { kind: "broken" };
}

/** A folder of objects that exists. @param received the tips that it came for */
function quarantineAt(places: QuarantinePlaces, received: readonly string[], facts: () => Facts): Quarantine {
  const { folder, repository, unclaimed, present, onAdopted } = places;
  const part = (ids: readonly string[], without: readonly string[]) =>
    packPart(ids, without, { ...places, quarantine: folder });
  const discard = () => discardFolder(folder);
  const isEmpty = async () => (await present()).length === 0 && !hasObjects(repository);
  return {
    async adopt(tips) {
      const { parents, exact } = facts();
      const wanted = tips === undefined ? folder : (await part(tips, await present())).folder;
      const isWhole = tips === undefined && exact !== null && (await isEmpty());
      await adoptPacks(wanted, repository);
      if (isWhole) await rememberWhole(repository, exact, received);
      onAdopted(tips ?? received, parents);
      await discard();
    },
    discard,
    async keep(name, tip, without) {
      const { folder: kept, ...size } = await part([tip], [...without, ...(await present())]);
      await mkdir(unclaimed, { recursive: true });
      await rm(join(unclaimed, name), { recursive: true, force: true });
      await rename(kept, join(unclaimed, name));
      return size;
    },
  };
}

/** An upload that is kept for an event. @param onAdopted called when its objects are in the repository */
export function uploadAt(folder: string, repository: string, onAdopted: () => void): Upload {
  return {
    async adopt() {
      await adoptPacks(folder, repository);
      onAdopted();
    },
    discard: () => discardFolder(folder),
  };
}

/** Moves packs into a repository: the index last, because Git sees a pack by its index (N26). The folder is gone afterwards. */
async function adoptPacks(folder: string, repository: string): Promise<void> {
  if (existsSync(folder)) await movePacks(folder, join(repository, "objects"));
  await discardFolder(folder);
}
