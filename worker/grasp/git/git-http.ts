/**
 * Git over smart HTTP (gitprotocol-http): advertisements, fetches and pushes.
 * @module
 */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type CommandList, readCommandList } from "../../../runtime/grasp/git/command-list.ts";
import { flushPacket, PktLineError, textPacket } from "../../../runtime/grasp/git/pkt-line.ts";
import { isBranchOrTag } from "../../../runtime/grasp/git/ref-name.ts";
import { errorBody, oneLine, type Report, reportBody } from "../../../runtime/grasp/git/report.ts";
import type { Grasp } from "../../../runtime/grasp/grasp.ts";
import { identifierFault } from "../../../runtime/grasp/identifier.ts";
import { fromNpub } from "../../../runtime/grasp/npub.ts";
import type { GitRepository, PackFault, Room } from "../../../runtime/grasp/ports.ts";
import { UNCLAIMED_BOUNDS } from "../../../runtime/grasp/pushes.ts";
import type { repositoriesIn } from "../repositories.ts";
import { BodyFault, bodyOf, readStart } from "./body.ts";
import { startGit } from "./process.ts";

/** Bounds on a pack (A41). */
const PACK_BOUNDS = { maxBytes: 4 * 1024 ** 3, maxObjects: 10_000_000 };
/** How much of a refused push is read and dropped, in bytes (A40). */
const MAX_DRAINED_BYTES = 64 * 1024 ** 2;
const NO_CACHE = {
  "cache-control": "no-cache, max-age=0, must-revalidate",
  pragma: "no-cache",
  expires: "Fri, 01 Jan 1980 00:00:00 GMT",
};
/** What receive-pack offers (A5). */
const CAPABILITIES =
  "report-status report-status-v2 side-band-64k delete-refs ofs-delta atomic quiet object-format=sha1 agent=millrace";
/** What upload-pack may do (G11, G12, G13). */
const UPLOAD_SETTINGS = [
  "uploadpack.allowTipSHA1InWant=true",
  "uploadpack.allowReachableSHA1InWant=true",
  "uploadpack.allowFilter=true",
  "uploadpackfilter.allow=false",
  "uploadpackfilter.blob:none.allow=true",
  "uploadpackfilter.blob:limit.allow=true",
  "uploadpackfilter.tree.allow=true",
  // A client that is told of a branch without a commit makes it, so that clones of new repositories could not name their own.
  "lsrefs.unborn=ignore",
].flatMap((setting) => ["-c", setting]);

/** What upload-pack offers in its first versions (G11). */
const UPLOAD_CAPABILITIES =
  "multi_ack_detailed side-band-64k ofs-delta shallow deepen-since deepen-not deepen-relative no-progress " +
  "allow-tip-sha1-in-want allow-reachable-sha1-in-want filter object-format=sha1 agent=millrace";

type Service = "git-upload-pack" | "git-receive-pack";

/** What the handler works with. */
export interface GitHttpParts {
  readonly grasp: Grasp;
  readonly repositories: ReturnType<typeof repositoriesIn>;
  readonly room: Room;
  /** An empty folder. */
  readonly home: string;
}

/** A repository's path: `/<npub>/<identifier>.git`, and what follows. */
interface Place {
  readonly owner: string;
  readonly identifier: string;
  readonly rest: string;
}

/** Reads a path: split first, each part decoded once (G1, G3). @returns `null`: it is no repository's */
export function readPlace(pathname: string): Place | null {
  const [, first = "", second = "", ...rest] = pathname.split("/");
  const owner = fromNpub(first);
  if (owner === null) return null;
  let name: string;
  try {
    name = decodeURIComponent(second);
  } catch {
    return null;
  }
  if (!name.endsWith(".git")) return null;
  const identifier = name.slice(0, -4);
  return identifierFault(identifier) === null ? { owner, identifier, rest: rest.join("/") } : null;
}

/**
 * Answers requests for repositories, given the path below the base path.
 * @returns `null` if the path is no repository's.
 */
export function gitHttp(parts: GitHttpParts): (request: Request, path: string) => Promise<Response | null> {
  return async (request, pathname) => {
    const url = new URL(request.url);
    const place = readPlace(pathname);
    if (place === null) return null;
    const path = parts.repositories.pathOf(place.owner, place.identifier);
    const isListed = parts.grasp.known.announcements(place.identifier).get(place.owner)?.status;
    if (path === null || isListed === undefined || isListed === "soft_expired")
      return text(404, "there is no such repository");
    try {
      return await answer(request, url, place, path, parts);
    } catch (error) {
      if (error instanceof BodyFault) return text(error.status, error.message);
      throw error;
    }
  };
}

async function answer(
  request: Request,
  url: URL,
  place: Place,
  path: string,
  parts: GitHttpParts,
): Promise<Response> {
  const { method } = request;
  if (place.rest === "info/refs" && (method === "GET" || method === "HEAD")) {
    const service = url.searchParams.get("service");
    if (service === "git-upload-pack") {
      const { refs } = await parts.repositories.open(place.owner, place.identifier)!.refs();
      if (refs.size === 0 && !isSecondVersion(request)) return advertiseEmpty();
      return uploadPack(request, path, parts, "--http-backend-info-refs");
    }
    if (service === "git-receive-pack")
      return advertiseReceive(parts.repositories.open(place.owner, place.identifier)!);
  }
  if (method === "POST" && place.rest === "git-upload-pack") {
    mustHaveType(request, "git-upload-pack");
    return uploadPack(request, path, parts);
  }
  if (method === "POST" && place.rest === "git-receive-pack") {
    mustHaveType(request, "git-receive-pack");
    return receivePack(request, place, parts);
  }
  return text(404, "there is no such path");
}

function mustHaveType(request: Request, service: Service): void {
  const type = request.headers.get("content-type");
  if (type !== `application/x-${service}-request`)
    throw new BodyFault(415, `send application/x-${service}-request`);
}

/** Runs upload-pack: the advertisement, or one step of a fetch. Both directions stream (G19). */
function uploadPack(
  request: Request,
  repository: string,
  { home }: GitHttpParts,
  advertise?: string,
): Response {
  const protocol = request.headers.get("git-protocol") ?? "";
  const env: Record<string, string> = /^[a-z0-9=:.-]{1,64}$/i.test(protocol)
    ? { GIT_PROTOCOL: protocol }
    : {};
  const end = new AbortController();
  const options = { home, repository, env, signal: end.signal };
  const flags = advertise === undefined ? ["--stateless-rpc"] : ["--stateless-rpc", advertise];
  const git = startGit([...UPLOAD_SETTINGS, "upload-pack", "--strict", ...flags, "."], options);
  if (advertise === undefined) {
    const body = Readable.from(bodyOf(request), { objectMode: false });
    pipeline(body, git.stdin).catch(() => git.stdin.destroy());
  } else {
    git.stdin.end();
  }
  const type = advertise === undefined ? "result" : "advertisement";
  const hasServiceLine = !isSecondVersion(request);
  const announced =
    advertise !== undefined && hasServiceLine
      ? Buffer.concat([textPacket("# service=git-upload-pack"), flushPacket()])
      : null;
  return new Response(
    streamOf(git.stdout, announced, () => end.abort()),
    {
      headers: {
        "content-type": `application/x-git-upload-pack-${type}`,
        "x-accel-buffering": "no",
        ...NO_CACHE,
      },
    },
  );
}

function isSecondVersion(request: Request): boolean {
  return /\bversion=2\b/.test(request.headers.get("git-protocol") ?? "");
}

/** What Git 2.39 leaves out for a repository without refs: its capabilities (G11, G21). */
function advertiseEmpty(): Response {
  const body = Buffer.concat([
    textPacket("# service=git-upload-pack"),
    flushPacket(),
    textPacket(`${"0".repeat(40)} capabilities^{}\0${UPLOAD_CAPABILITIES}`),
    flushPacket(),
  ]);
  return new Response(body, {
    headers: { "content-type": "application/x-git-upload-pack-advertisement", ...NO_CACHE },
  });
}

/** A stream of a process's output. A client that goes away ends the process. */
function streamOf(
  output: Readable,
  first: Uint8Array | null,
  onCancel: () => void,
): ReadableStream<Uint8Array> {
  const chunks = output[Symbol.asyncIterator]();
  let start = first;
  return new ReadableStream({
    async pull(controller) {
      if (start !== null) {
        controller.enqueue(start);
        start = null;
        return;
      }
      const { value, done } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: onCancel,
  });
}

/** Branches and tags with what a push may use (A5, A47). */
async function advertiseReceive(repository: GitRepository): Promise<Response> {
  const { refs } = await repository.refs();
  const lines = [...refs].filter(([ref]) => isBranchOrTag(ref)).map(([ref, id]) => `${id} ${ref}`);
  const [first = `${"0".repeat(40)} capabilities^{}`, ...others] = lines;
  const body = Buffer.concat([
    textPacket("# service=git-receive-pack"),
    flushPacket(),
    textPacket(`${first}\0${CAPABILITIES}`),
    ...others.map(textPacket),
    flushPacket(),
  ]);
  return new Response(body, {
    headers: { "content-type": "application/x-git-receive-pack-advertisement", ...NO_CACHE },
  });
}

/** The course of a push (A35). */
async function receivePack(request: Request, place: Place, parts: GitHttpParts): Promise<Response> {
  const { grasp, repositories } = parts;
  const { owner, identifier } = place;
  const body = bodyOf(request);
  let read: Awaited<ReturnType<typeof readStart<CommandList>>>;
  try {
    read = await readStart(body, readCommandList);
  } catch (error) {
    if (!(error instanceof PktLineError)) throw error;
    return result(errorBody(`the push is refused: ${error.message}`));
  }
  const { value: list, start, rest } = read;
  if (list === null) throw new BodyFault(400, "the command list breaks off");
  // A lone flush comes before a large push (G18).
  if (list.commands.length === 0) return result(new Uint8Array());
  const repository = repositories.open(owner, identifier)!;
  const finish = (report: Omit<Report, "commands">) =>
    result(reportBody({ ...report, commands: list.commands }, list.capabilities));

  const push = await grasp.pushes.begin({ owner, identifier, list, address: null }, await repository.refs());
  try {
    if (!push.early.isGranted) {
      await drained(rest);
      return finish({ unpackFault: null, refused: push.early.refused, remote: push.early.remote });
    }
    const noRoom = await parts.room.refusal("push", owner, identifier);
    if (noRoom !== null) {
      push.refused("no_room");
      await drained(rest);
      const refused = new Map(list.commands.map(({ ref }) => [ref, noRoom]));
      return finish({ unpackFault: null, refused, remote: [noRoom] });
    }
    const tips = list.commands
      .filter(({ new: id }) => !/^0+$/.test(id))
      .map(({ new: id, ref }) => ({ id, isBranch: ref.startsWith("refs/heads/") }));
    const isOnlyUpload = push.early.unclaimed.length === list.commands.length;
    const bounds = isOnlyUpload ? UNCLAIMED_BOUNDS : PACK_BOUNDS;
    const received = await repository.receive(packOf(start.subarray(list.end), rest), tips, bounds);
    if ("fault" in received) {
      push.refused("bad_pack");
      await drained(rest);
      const text = packText(received.fault);
      return finish({
        unpackFault: text,
        refused: new Map(list.commands.map(({ ref }) => [ref, text])),
        remote: [text],
      });
    }
    return finish({ unpackFault: null, ...(await push.finish(received.quarantine)) });
  } finally {
    await push.end();
  }
}

async function* packOf(start: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (start.length > 0) yield start;
  for (;;) {
    const { value, done } = await rest.next();
    if (done) return;
    yield value;
  }
}

/** Reads what a client still sends, so that it sees the report (A40). */
async function drained(rest: AsyncIterator<Uint8Array>): Promise<void> {
  let bytes = 0;
  for (;;) {
    const { value, done } = await rest.next();
    if (done) return;
    bytes += value.length;
    if (bytes > MAX_DRAINED_BYTES) return void (await rest.return?.());
  }
}

function packText(fault: PackFault): string {
  switch (fault.kind) {
    case "fsck":
      return `the pack is refused: ${fault.findings.map(({ object, check }) => `object ${object}: ${check}`).join(", ")}`;
    case "not_a_commit":
      return `a branch must point to a commit, and ${fault.id} is none`;
    case "missing_objects":
      return "objects are missing: push the whole history";
    case "too_large":
      return "the pack is too large";
    case "too_many_objects":
      return "the pack has too many objects";
    case "timeout":
      return "the pack took too long";
    case "broken":
      return "the pack is broken";
  }
}

function result(body: Uint8Array): Response {
  return new Response(body as Uint8Array<ArrayBuffer>, {
    headers: { "content-type": "application/x-git-receive-pack-result", ...NO_CACHE },
  });
}

function text(status: number, message: string): Response {
  return new Response(`${oneLine(message)}\n`, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}
