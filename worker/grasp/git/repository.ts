/**
 * One bare repository on disk, by system Git.
 * @module
 */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readRefName } from "../../../runtime/grasp/git/ref-name.ts";
import type {
  GitRepository,
  PackFault,
  Quarantine,
  RefSnapshot,
  RefUpdate,
  Upload,
} from "../../../runtime/grasp/ports.ts";
import { heal } from "./heal.ts";
import { type PartPlaces, packPart } from "./part.ts";
import { type GitOptions, runGit, startGit } from "./process.ts";

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

/** Where a repository is, and what is beside it. */
export interface RepositoryPlaces {
  /** The bare repository's folder. */
  readonly path: string;
  /** Where quarantines are made. */
  readonly quarantines: string;
  /** Where this repository keeps unclaimed uploads. It need not exist. */
  readonly unclaimed: string;
  /** An existing, empty folder. */
  readonly home: string;
}

/** Opens a repository, which must exist. */
export function openRepository({ path, quarantines, unclaimed, home }: RepositoryPlaces): GitRepository {
  const git = (
    args: readonly string[],
    input?: Parameters<typeof runGit>[2],
    options?: Partial<GitOptions>,
  ) => runGit(args, { home, repository: path, ...options }, input);

  return {
    async refs() {
      const [list, head] = await Promise.all([
        must(git(["for-each-ref", "--format=%(objectname) %(refname)"])),
        git(["symbolic-ref", "--quiet", "HEAD"]),
      ]);
      return snapshotOf(list.stdout, head.stdout.toString("utf8").trim());
    },

    async receive(pack, tips, bounds) {
      const folder = join(quarantines, randomUUID());
      await mkdir(join(folder, "pack"), { recursive: true });
      const env = {
        GIT_OBJECT_DIRECTORY: folder,
        GIT_ALTERNATE_OBJECT_DIRECTORIES: join(path, "objects"),
      };
      const quarantine = quarantineAt(
        { quarantine: folder, repository: path, quarantines, home },
        unclaimed,
        git,
      );
      const refuse = async (fault: PackFault) => {
        await quarantine.discard();
        return { fault };
      };
      const first = await peeked(pack);
      if (first !== null) {
        const args = [
          "index-pack",
          "--stdin",
          "--fix-thin",
          `--strict=${STRICT}`,
          `--max-input-size=${bounds.maxBytes}`,
        ];
        const { code, stderr } = await git(args, first, { env });
        if (code !== 0) return refuse(indexFault(stderr));
        if ((await objectsIn(folder)) > bounds.maxObjects) return refuse({ kind: "too_many_objects" });
      }
      const fault = await tipFault(git, tips, env);
      return fault === null ? { quarantine } : refuse(fault);
    },

    async incomplete(ids) {
      const missing = new Set<string>();
      for (const id of ids) {
        // Git would read other texts as names of revisions (S4, T5).
        if (!/^[0-9a-f]{40}$/.test(id)) {
          missing.add(id);
          continue;
        }
        const { code } = await git(["rev-list", "--objects", "--quiet", "--stdin"], `${id}\n`);
        if (code !== 0) missing.add(id);
      }
      return missing;
    },

    async updateRefs(updates) {
      const { code } = await git(["update-ref", "--stdin", "-z"], updates.map(updateLine).join(""));
      return code === 0;
    },

    async setHead(branch) {
      await must(git(["symbolic-ref", "HEAD", branch]));
    },

    async *pack(ids) {
      const packing = startGit(["pack-objects", "--stdout", "--revs", "-q"], { home, repository: path });
      packing.stdin.end(ids.map((id) => `${id}\n`).join(""));
      yield* packing.stdout;
      const code = await packing.finished;
      if (code !== 0) throw new Error(`git pack-objects ended with ${code}`);
    },

    heal: () => heal(path),
  };
}

/** Creates an empty bare repository (P7): a few files and no process. */
export async function createRepository(path: string): Promise<void> {
  await mkdir(join(path, "objects/pack"), { recursive: true });
  await mkdir(join(path, "refs/heads"), { recursive: true });
  await mkdir(join(path, "refs/tags"), { recursive: true });
  await writeFile(
    join(path, "config"),
    "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n",
  );
  // Last: without it the folder is no repository.
  await writeFile(join(path, "HEAD"), "ref: refs/heads/main\n");
}

async function must(run: ReturnType<typeof runGit>): ReturnType<typeof runGit> {
  const result = await run;
  if (result.code !== 0) throw new Error(`git ended with ${result.code}: ${result.stderr.slice(0, 500)}`);
  return result;
}

function snapshotOf(list: Buffer, head: string): RefSnapshot {
  const refs = new Map<string, string>();
  for (let at = 0; at < list.length; ) {
    const end = list.indexOf(0x0a, at);
    const line = list.subarray(at, end);
    const name = readRefName(line.subarray(41));
    if (name !== null) refs.set(name, line.toString("latin1", 0, 40));
    at = end + 1;
  }
  const version = [head, ...[...refs].map(([name, id]) => `${id} ${name}`)].join("\n");
  return { version, refs, head };
}

function updateLine({ ref, old, new: to }: RefUpdate): string {
  return `update ${ref}\0${to}\0${old}\0`;
}

/** The pack with its first bytes looked at; `null`: there is none, or it has no objects (A9). */
async function peeked(pack: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array> | null> {
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
  if (start.length === EMPTY_PACK_BYTES && start.readUInt32BE(8) === 0) return null;
  return (async function* () {
    yield start;
    for (;;) {
      const { value, done } = await iterator.next();
      if (done) return;
      yield value;
    }
  })();
}

/** The number of objects in a quarantine's packs, from their indexes' last fan-out entry. */
async function objectsIn(folder: string): Promise<number> {
  const { open } = await import("node:fs/promises");
  let objects = 0;
  for (const name of await readdir(join(folder, "pack"))) {
    if (!name.endsWith(".idx")) continue;
    const file = await open(join(folder, "pack", name));
    try {
      const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 8 + 255 * 4);
      objects += buffer.readUInt32BE(0);
    } finally {
      await file.close();
    }
  }
  return objects;
}

type Run = (
  args: readonly string[],
  input?: Parameters<typeof runGit>[2],
  options?: Partial<GitOptions>,
) => ReturnType<typeof runGit>;

/** Whether every tip is here with all that it needs, and branches' tips are commits. */
async function tipFault(
  git: Run,
  tips: readonly { id: string; isBranch: boolean }[],
  env: Record<string, string>,
): Promise<PackFault | null> {
  if (tips.length === 0) return null;
  const ids = tips.map(({ id }) => `${id}\n`).join("");
  const types = (await git(["cat-file", "--batch-check=%(objectname) %(objecttype)"], ids, { env })).stdout
    .toString("latin1")
    .split("\n");
  for (const [index, { id, isBranch }] of tips.entries()) {
    const type = types[index]?.slice(41);
    if (type === undefined || type === "missing") return { kind: "missing_objects" };
    if (isBranch && type !== "commit") return { kind: "not_a_commit", id };
  }
  const { code } = await git(["rev-list", "--objects", "--quiet", "--stdin", "--not", "--all"], ids, { env });
  return code === 0 ? null : { kind: "missing_objects" };
}

/** What Git's index-pack complained of. */
function indexFault(stderr: string): PackFault {
  if (/exceeds maximum allowed size/.test(stderr)) return { kind: "too_large" };
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

function quarantineAt(places: PartPlaces, unclaimed: string, git: Run): Quarantine {
  const { quarantine: folder, repository } = places;
  const discard = () => rm(folder, { recursive: true, force: true });
  const present = async () => [
    ...new Set(
      snapshotOf(
        (await must(git(["for-each-ref", "--format=%(objectname) %(refname)"]))).stdout,
        "",
      ).refs.values(),
    ),
  ];
  return {
    async adopt(tips) {
      const part = tips === undefined ? null : await packPart(tips, await present(), places);
      await adoptPacks(part?.folder ?? folder, repository);
      await discard();
    },
    discard,
    async keep(name, tip, without) {
      const { folder: kept, ...size } = await packPart([tip], [...without, ...(await present())], places);
      await mkdir(unclaimed, { recursive: true });
      await rm(join(unclaimed, name), { recursive: true, force: true });
      await rename(kept, join(unclaimed, name));
      return size;
    },
  };
}

/** An upload that is kept for an event. */
export function uploadAt(folder: string, repository: string): Upload {
  return {
    adopt: () => adoptPacks(folder, repository),
    discard: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Moves packs into a repository: the index last, because Git sees a pack by its index (N26). The folder is gone afterwards. */
async function adoptPacks(folder: string, repository: string): Promise<void> {
  const names = existsSync(folder) ? await readdir(join(folder, "pack")) : [];
  const order = [".pack", ".rev", ".idx"];
  const wanted = names.filter((name) => order.some((end) => name.endsWith(end)));
  wanted.sort(
    (a, b) => order.findIndex((end) => a.endsWith(end)) - order.findIndex((end) => b.endsWith(end)),
  );
  for (const name of wanted) await rename(join(folder, "pack", name), join(repository, "objects/pack", name));
  await rm(folder, { recursive: true, force: true });
}
