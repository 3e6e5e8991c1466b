/**
 * The course of a push (A35).
 * @module
 */
import {
  type CommandList,
  MAX_LIST_BYTES,
  readCommandList,
  readRefusedList,
  ZERO_ID,
} from "../../../runtime/grasp/git/command-list.ts";
import { PktLineError, UntilFlush } from "../../../runtime/grasp/git/pkt-line.ts";
import { type Report, reportBody } from "../../../runtime/grasp/git/report.ts";
import type { Place } from "../../../runtime/grasp/place.ts";
import type { PackFault, RefSnapshot } from "../../../runtime/grasp/ports.ts";
import { type Push, type PushRequest, UNCLAIMED_BOUNDS } from "../../../runtime/grasp/pushes.ts";
import type { Clock } from "../../../runtime/platform.ts";
import { gitAnswer, gitError } from "./answers.ts";
import { BodyFault, IDLE_MS, RequestBody } from "./body.ts";
import type { Exchange } from "./exchange.ts";
import type { GitHttpParts } from "./parts.ts";
import { reportAnswer } from "./push-report.ts";
import type { DiskRepository } from "./repository.ts";

/** Bounds on a pack (A41). */
const PACK_BOUNDS = { maxBytes: 4 * 1024 ** 3, maxObjects: 10_000_000 };
/** How much of a refused push is read and dropped, in bytes and milliseconds (A40). */
const DRAIN = { bytes: 64 * 1024 ** 2, ms: 60_000 };
/** Longest time of the command list (A2), of a push (G20), and of silence before the pack (A48), in milliseconds. */
const LIST_MS = 10_000;
const PUSH_MS = 2 * 60 * 60_000;
const BEFORE_PACK_MS = 10 * 60_000;
/** How often the deadlines of what a push completes are moved while bytes flow, in milliseconds (P15). */
const FLOW_MS = 60_000;
const LATE = "the push took too long";

type Outcome = Omit<Report, "commands">;

/** Answers a push. @throws {BodyFault} for a request that is none */
export async function receivePack(
  request: Request,
  place: Place,
  repository: DiskRepository,
  { address, gone, body: raw }: Exchange,
  parts: GitHttpParts,
): Promise<Response> {
  const body = new RequestBody(request, parts.clock, raw ?? undefined);
  const liftPush = body.limit(PUSH_MS, LATE);
  try {
    const liftList = body.limit(LIST_MS, "the command list took too long");
    const gathered = new UntilFlush(MAX_LIST_BYTES);
    let list: CommandList;
    try {
      list = await readList(body, gathered);
    } catch (error) {
      if (!(error instanceof PktLineError)) throw error;
      liftList();
      return await refusedList(`the push is refused: ${error.message}`, gathered.bytes, body, parts.clock);
    }
    liftList();
    const start = gathered.bytes.subarray(list.end);
    // A lone flush comes before a large push (G18).
    if (list.commands.length === 0) return gitAnswer("receive-pack-result", new Uint8Array());
    const { owner, identifier } = place;
    const push = { owner, identifier, list, address };
    const report = courseOf(push, body, start, gone, repository, parts).then((outcome) =>
      reportBody({ ...outcome, commands: list.commands }, list.capabilities),
    );
    const hasSideBand = list.capabilities.has("side-band-64k");
    return await reportAnswer(report, body.ended, hasSideBand, parts.clock);
  } finally {
    liftPush();
  }
}

/** Reads the command list. @throws {PktLineError} for a list that A2 refuses */
async function readList(body: RequestBody, gathered: UntilFlush): Promise<CommandList> {
  for (let chunk = await body.next(); chunk !== null; chunk = await body.next())
    if (gathered.add(chunk)) return readCommandList(gathered.bytes)!;
  throw new BodyFault(400, "the command list breaks off");
}

/**
 * The answer to a list that A2 refuses: a report to a client whose capabilities were read, else `ERR` (G24). A client that reads bands
 * takes the first letter of `ERR` for one.
 * @param read what was read of the body
 */
async function refusedList(
  text: string,
  read: Uint8Array,
  body: RequestBody,
  clock: GitHttpParts["clock"],
): Promise<Response> {
  const list = readRefusedList(read);
  if (list === null) {
    await drained(body);
    return gitError("receive-pack-result", text);
  }
  const { refs, capabilities } = list;
  const commands = refs.map((ref) => ({ ref }));
  const report = drained(body).then(() =>
    reportBody({ ...refusedWhole({ commands }, text), commands }, capabilities),
  );
  return reportAnswer(report, body.ended, capabilities.has("side-band-64k"), clock);
}

async function courseOf(
  request: PushRequest,
  body: RequestBody,
  start: Uint8Array,
  gone: AbortSignal,
  repository: DiskRepository,
  parts: GitHttpParts,
): Promise<Outcome> {
  const snapshot = await repository.refs();
  const push = await parts.grasp.pushes.begin(request, snapshot);
  try {
    const { early } = push;
    const noRoom = early.isGranted
      ? await parts.room.refusal("push", request.owner, request.identifier)
      : null;
    if (!early.isGranted || noRoom !== null) {
      if (noRoom !== null) push.refused("no_room");
      await drained(body);
      if (noRoom !== null) return { ...refusedWhole(request.list, noRoom), unpackFault: null };
      return { unpackFault: null, refused: early.refused, remote: early.remote };
    }
    await push.prepare();
    const target = parts.repositories.open(request.owner, request.identifier);
    if (target === null) throw new Error("a contributor's repository was not made");
    const received = await quarantined(push, request, body, start, gone, target, snapshot, parts);
    if ("quarantine" in received) return { unpackFault: null, ...(await push.finish(received.quarantine)) };
    push.refused("bad_pack");
    if (body.fault !== null) throw body.fault;
    await drained(body);
    return refusedWhole(request.list, packText(received.fault));
  } finally {
    await push.end();
  }
}

/** Steps 2 and 3: the pack goes into a quarantine and is checked. */
async function quarantined(
  push: Push,
  { list, address }: PushRequest,
  body: RequestBody,
  start: Uint8Array,
  gone: AbortSignal,
  repository: DiskRepository,
  { refs }: RefSnapshot,
  { pool, clock, passed }: GitHttpParts,
) {
  const tips = list.commands
    .filter(({ new: id }) => id !== ZERO_ID)
    .map(({ new: id, ref }) => ({ id, isBranch: ref.startsWith("refs/heads/") }));
  const isOnlyUpload = push.early.unclaimed.length === list.commands.length;
  const bounds = isOnlyUpload ? UNCLAIMED_BOUNDS : PACK_BOUNDS;
  // A push that changes nothing brings nothing (A7, T3).
  const changesNothing = list.commands.every(({ ref, new: id }) => id === (refs.get(ref) ?? ZERO_ID));
  const flow = watchFlow(push, clock);
  async function* pack(first: Uint8Array | null) {
    if (first !== null) yield first;
    for await (const chunk of body.rest()) {
      const { length } = chunk;
      flow.add(length);
      yield chunk;
      // Its memory may be free by now.
      passed?.(length);
    }
  }
  try {
    // A client may think before it sends the pack (A48); it holds no process meanwhile.
    body.idleMs = BEFORE_PACK_MS;
    const first = start.length > 0 ? start : await body.next();
    body.idleMs = IDLE_MS;
    if (changesNothing) await drained(body);
    // All of the pack may be here when its client leaves (G19). What is checked by then is finished.
    const receive = () => repository.receive(changesNothing ? nothing() : pack(first), tips, bounds, gone);
    return await pool.run("push", address, receive, gone);
  } finally {
    flow.stop();
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** What a push completes waits on while its bytes flow (P15). */
function watchFlow(push: Push, clock: Pick<Clock, "after">): { add(bytes: number): void; stop(): void } {
  let bytes = 0;
  let stop = () => {};
  const look = () => {
    stop = clock.after(FLOW_MS, look);
    if (bytes > 0) push.flows().catch(() => {});
    bytes = 0;
  };
  stop = clock.after(FLOW_MS, look);
  return {
    add(more) {
      bytes += more;
    },
    stop: () => stop(),
  };
}

function refusedWhole({ commands }: Pick<Report, "commands">, text: string): Outcome {
  return { unpackFault: text, refused: new Map(commands.map(({ ref }) => [ref, text])), remote: [text] };
}

/** Reads what a client still sends, so that it sees the report (A40). */
async function drained(body: RequestBody): Promise<void> {
  const lift = body.limit(DRAIN.ms, LATE);
  try {
    let bytes = 0;
    for (let chunk = await body.next(); chunk !== null; chunk = await body.next()) {
      bytes += chunk.length;
      if (bytes > DRAIN.bytes) return;
    }
  } catch {
    // A client that does not send the rest may not see the report.
  } finally {
    lift();
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
      return "the pack, or an object in it, is too large";
    case "too_many_objects":
      return "the pack has too many objects";
    case "timeout":
      return "the pack took too long";
    case "broken":
      return "the pack is broken";
    case "unavailable":
      return "the server cannot take the pack now; push again later";
  }
}
