/**
 * Reads: what a repository has, and its objects (G9 to G15, G32 to G37).
 * @module
 */
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  lsRefsAnswer,
  receiveAdvertisement,
  type Service,
  uploadAdvertisement,
  type VisibleRefs,
  visibleRefs,
} from "../../../runtime/grasp/git/advertisement.ts";
import { errorBody } from "../../../runtime/grasp/git/report.ts";
import {
  protocolVersion,
  readUploadRequest,
  type Shareable,
} from "../../../runtime/grasp/git/upload-request.ts";
import { gitAnswer, gitError } from "./answers.ts";
import { RequestBody, readSmall } from "./body.ts";
import { clientStream, READ_MS, type Source } from "./client-stream.ts";
import type { Exchange } from "./exchange.ts";
import { joined } from "./free.ts";
import type { GitReadParts } from "./parts.ts";
import { startGit } from "./process.ts";
import type { DiskRepository } from "./repository.ts";
import { BrokenOff, MAX_MEMORY_BYTES, type Spool } from "./spool.ts";
import { allOf, openWholePack, packSource } from "./whole-pack.ts";

/** What upload-pack may do (G11, G12, G13). */
const SETTINGS = [
  "uploadpack.allowTipSHA1InWant=true",
  "uploadpack.allowReachableSHA1InWant=true",
  "uploadpack.allowFilter=true",
  "uploadpackfilter.allow=false",
  "uploadpackfilter.blob:none.allow=true",
  "uploadpackfilter.blob:limit.allow=true",
  "uploadpackfilter.tree.allow=true",
  // Which of them are visible is decided here (G14).
  "transfer.hideRefs=refs/nostr",
  // It has only what refs lead to, which is complete. Where objects are checked, it is not asked: it may outlive them.
  "core.commitGraph=true",
].flatMap((setting) => ["-c", setting]);
/** Requests up to this length are read before Git starts, in bytes. */
const SMALL_BYTES = 256 * 1024;
const RESULT = "upload-pack-result";
/** Messages of Git that are passed on, in bytes. */
const MAX_MESSAGE_BYTES = 4096;

/** Answers `info/refs`. No process runs, apart from one for tags that are new. */
export async function advertise(
  request: Request,
  service: Service,
  repository: DiskRepository,
  { cache, store, grasp }: GitReadParts,
): Promise<Response> {
  const version = service === "git-receive-pack" ? 0 : protocolVersion(request.headers.get("git-protocol"));
  const { key, visible } = await visibleNow(repository, { store, grasp });
  const make = async () =>
    service === "git-receive-pack"
      ? receiveAdvertisement(await visible())
      : uploadAdvertisement(await visible(), version);
  const body = await cache.short(`${key}\n${service} ${version}`, make);
  return gitAnswer(
    service === "git-receive-pack" ? "receive-pack-advertisement" : "upload-pack-advertisement",
    body,
  );
}

/** Answers one request of a fetch. */
export async function uploadPack(
  request: Request,
  identifier: string,
  repository: DiskRepository,
  exchange: Exchange,
  parts: GitReadParts,
): Promise<Response> {
  const { cache, clock } = parts;
  const body = new RequestBody(request, clock, exchange.body ?? undefined);
  const liftLimit = body.limit(READ_MS, "the request took too long");
  const { bytes, isWhole } = await readSmall(body, SMALL_BYTES);
  const version = protocolVersion(request.headers.get("git-protocol"));
  const asked = isWhole ? readUploadRequest(bytes, version) : { kind: "other" as const };
  if (isWhole) liftLimit();
  switch (asked.kind) {
    case "flush":
      return gitAnswer(RESULT, new Uint8Array());
    case "ls-refs": {
      const { key, visible } = await visibleNow(repository, parts);
      // A waiting state settles `HEAD` when its data come (G22): until then there is none to tell. The compliance tool (V4)
      // clones while its state waits, and creates the branch of `HEAD` itself, which fails if the clone did it.
      const unborn = asked.unborn && !parts.grasp.known.hasWaitingState(identifier);
      const wanted = { ...asked, unborn };
      return gitAnswer(
        RESULT,
        await cache.short(`${key}\n${JSON.stringify(wanted)}`, async () =>
          lsRefsAnswer(await visible(), wanted),
        ),
      );
    }
    case "shareable": {
      const whole = await storedPack(asked, version, repository, exchange, parts);
      if (whole !== null) return whole;
      const { version: refs } = await repository.refs();
      const key = `${repository.path}\n${refs}\nfetch ${version} ${asked.key}`;
      const produce = (spool: Spool, signal: AbortSignal) =>
        fill(spool, bytes, version, repository, signal, parts);
      const answer = await cache.long(key, exchange.address, produce, exchange.gone);
      if (answer instanceof Uint8Array) return gitAnswer(RESULT, answer);
      return streamed(answer, exchange, parts);
    }
    case "other":
      return direct(bytes, body, version, repository, exchange, parts);
  }
}

/** The refs that clients see now, and a key that changes with them (G34). */
async function visibleNow(
  repository: DiskRepository,
  { store, grasp }: Pick<GitReadParts, "store" | "grasp">,
): Promise<{ key: string; visible(): Promise<VisibleRefs> }> {
  const snapshot = await repository.refs();
  const hasProposals = repository.hasProposals(snapshot);
  // Which events are served can change with every transaction of the store.
  const events = hasProposals ? store.version : 0;
  return {
    key: `${repository.path}\n${snapshot.version} ${events}`,
    visible: async () =>
      visibleRefs(snapshot, await repository.peeled(snapshot), (id) => grasp.known.served(id) !== null),
  };
}

/** The answer to a clone from a pack that has exactly what it needs, as it is in the repository; `null`: there is none. */
async function storedPack(
  { key, clone }: Shareable,
  version: 0 | 1 | 2,
  repository: DiskRepository,
  exchange: Exchange,
  parts: GitReadParts,
): Promise<Response | null> {
  if (clone === null) return null;
  const { refs, version: at } = await repository.refs();
  const tips = new Set(refs.values());
  // In versions 0 and 1 Git would refuse what no ref leads to (G13).
  if (!clone.every((id) => tips.has(id))) return null;
  const pack = await openWholePack(repository.path, clone);
  if (pack === null) return null;
  const source = packSource(pack, version, exchange.sent());
  parts.cache.countHit();
  if (source.bytes > MAX_MEMORY_BYTES) return streamed(source, exchange, parts, source.bytes);
  try {
    const short = `${repository.path}\n${at}\nclone ${version} ${key}`;
    return gitAnswer(RESULT, await parts.cache.short(short, () => allOf(source)));
  } finally {
    source.close();
  }
}

function upload({ path }: DiskRepository, version: 0 | 1 | 2, signal: AbortSignal, { home }: GitReadParts) {
  return startGit([...SETTINGS, "upload-pack", "--strict", "--stateless-rpc", "."], {
    home,
    repository: path,
    env: version === 0 ? {} : { GIT_PROTOCOL: `version=${version}` },
    signal,
    timeoutMs: READ_MS,
  });
}

/** Runs upload-pack into a spool. @returns whether the answer may be kept */
async function fill(
  spool: Spool,
  request: Uint8Array,
  version: 0 | 1 | 2,
  repository: DiskRepository,
  signal: AbortSignal,
  parts: GitReadParts,
): Promise<boolean> {
  const git = upload(repository, version, signal, parts);
  const message = messageOf(git.stderr);
  const read = availableOf(git.stdout);
  git.stdin.end(request);
  try {
    for (let piece = await read(); piece !== null; piece = await read()) await spool.append(piece);
  } catch (error) {
    git.kill();
    throw error;
  }
  if ((await git.finished) === 0) return true;
  if (spool.bytes === 0) await spool.append(errorBody(message()));
  else if (!isError(spool.inMemory())) throw new BrokenOff("git upload-pack failed");
  return false;
}

/** Passes a request to Git and its answer to the client, both while they come (G19). */
async function direct(
  start: Uint8Array,
  body: RequestBody,
  version: 0 | 1 | 2,
  repository: DiskRepository,
  exchange: Exchange,
  parts: GitReadParts,
): Promise<Response> {
  const release = await parts.pool.take("read", exchange.address, exchange.gone);
  const end = new AbortController();
  let git: ReturnType<typeof startGit>;
  try {
    git = upload(repository, version, end.signal, parts);
  } catch (error) {
    release();
    throw error;
  }
  git.finished.then(release, release);
  const message = messageOf(git.stderr);
  async function* whole() {
    yield start;
    yield* body.rest();
  }
  // Git's input ends with the request (G35).
  pipeline(whole(), git.stdin).catch(() => git.stdin.destroy());
  const read = availableOf(git.stdout);
  let isError = false;
  const source: Source = {
    async next() {
      const chunk = await read();
      if (chunk !== null) {
        isError = isErrorPacket(chunk);
        return chunk;
      }
      if ((await git.finished) === 0 || isError) return null;
      throw body.fault ?? new BrokenOff("git upload-pack failed");
    },
    close: () => end.abort(),
  };
  try {
    return await streamed(source, exchange, parts);
  } catch (error) {
    end.abort();
    if (error instanceof BrokenOff) return gitError(RESULT, message());
    throw error;
  }
}

/** Waits for the first bytes, so that a failure before them has a status. @param bytes of the whole answer; `null`: not known */
async function streamed(
  source: Source,
  exchange: Exchange,
  { clock, passed }: GitReadParts,
  bytes: number | null = null,
): Promise<Response> {
  let first: Uint8Array | null;
  // An answer that has not begun is not cancelled by its reader.
  const leave = () => source.close();
  exchange.gone.addEventListener("abort", leave, { once: true });
  if (exchange.gone.aborted) leave();
  try {
    first = await source.next();
  } catch (error) {
    source.close();
    throw error;
  } finally {
    exchange.gone.removeEventListener("abort", leave);
  }
  if (first === null) {
    source.close();
    return gitAnswer(RESULT, new Uint8Array());
  }
  const { breakOff } = exchange;
  return gitAnswer(RESULT, clientStream(first, source, { clock, passed, breakOff }), bytes);
}

/** Pieces are gathered up to this size, in bytes (G41). */
const PIECE_BYTES = 64 * 1024;

/** Reads all that is at hand, so that pieces are large (G41): Git writes 8 KiB at once. */
export function availableOf(output: Readable): () => Promise<Uint8Array | null> {
  let wake = () => {};
  let isOver = false;
  output.on("readable", () => wake());
  for (const event of ["end", "close", "error"]) {
    output.on(event, () => {
      isOver = true;
      wake();
    });
  }
  const read = () => output.read() as Uint8Array | null;
  return async () => {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for (;;) {
      const part = read();
      if (part !== null) {
        parts.push(part);
        bytes += part.length;
      }
      if (bytes >= PIECE_BYTES || isOver || (part === null && bytes > 0)) break;
      // What Git has written meanwhile arrives in the next turn of the event loop.
      if (part !== null) await new Promise((resolve) => setImmediate(resolve));
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
    return bytes === 0 ? null : joined(parts);
  };
}

/** Git's last message, without its prefix (G24). It names no path of ours: the repository is `.` to it. */
function messageOf(stderr: Readable): () => string {
  let text = "";
  stderr.on("data", (chunk: Uint8Array) => {
    if (text.length < MAX_MESSAGE_BYTES) text += Buffer.from(chunk).toString("utf8");
  });
  return () => {
    const fatal = /^fatal: (.*)$/m.exec(text)?.[1];
    return fatal === undefined ? "git could not answer the request" : fatal;
  };
}

/** Whether all of a short answer is told, and it is a fault. */
function isError(answer: Uint8Array | null): boolean {
  return answer !== null && isErrorPacket(answer);
}

/** Whether bytes end with a packet `ERR`. */
function isErrorPacket(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.subarray(-2048)).toString("latin1");
  const at = text.lastIndexOf("ERR ");
  return at >= 4 && Number.parseInt(text.slice(at - 4, at), 16) === text.length - at + 4;
}
