/**
 * `POST /dry-run`: what would happen to an event, and to a push that follows it, and why (G29).
 * @module
 */
import type { DryRunAnswer, DryRunPush } from "../../runtime/grasp/dry-run.ts";
import { MAX_LIST_BYTES, readCommandList } from "../../runtime/grasp/git/command-list.ts";
import { flushPacket, joinPackets, PktLineError, textPacket } from "../../runtime/grasp/git/pkt-line.ts";
import type { Grasp } from "../../runtime/grasp/grasp.ts";
import { toNpub } from "../../runtime/grasp/npub.ts";
import { type BucketSize, Buckets } from "../../runtime/grasp/relay/buckets.ts";
import { parseRepositoryName } from "../../runtime/grasp/repository-name.ts";
import { networkOf } from "../../runtime/lib/addresses.ts";
import { isObject, jsonDepth, MAX_JSON_DEPTH, parseJson } from "../../runtime/lib/json.ts";
import { faultAnswer, textAnswer } from "./git/answers.ts";
import { BodyFault, readText } from "./git/body.ts";
import type { WatchClock } from "./git/silence.ts";

/** Questions of one address (G29). */
const ADMITTED: BucketSize = { capacity: 10, perMinute: 10 };
/** When an address that asked too often may ask again, in seconds: one question comes back then. */
const RETRY_SECONDS = 60 / ADMITTED.perMinute;

/** What the dry run needs. */
export interface DryRunParts {
  readonly grasp: Pick<Grasp, "dryRun">;
  readonly clock: WatchClock;
  /** Milliseconds since the epoch, by a clock that no correction turns back. */
  readonly nowMs: () => number;
  /** The relay's longest message, in bytes. A question may be longer by the longest command list. */
  readonly maxMessageBytes: number;
}

/** Answers a `POST`. @param address the client's; `null`: unknown */
export type DryRunHandler = (request: Request, address: string | null) => Promise<Response>;

export function dryRunHandler({ grasp, clock, nowMs, maxMessageBytes }: DryRunParts): DryRunHandler {
  const maxBytes = maxMessageBytes + MAX_LIST_BYTES;
  const buckets = new Buckets(ADMITTED);
  return async (request, address) => {
    // Who has an IPv6 network has 2^64 addresses.
    const network = address === null ? "" : networkOf(address);
    if (!buckets.take(network, nowMs())) {
      const headers = { "retry-after": String(RETRY_SECONDS) };
      return textAnswer(429, `an address may ask ${ADMITTED.perMinute} times a minute`, headers);
    }
    try {
      const { event, push } = readQuestion(await readText(request, maxBytes, clock));
      const answer = await grasp.dryRun(event, push, { source: "direct", address: network });
      return Response.json(shown(answer), { headers: { "cache-control": "no-store" } });
    } catch (error) {
      const answer = faultAnswer(error);
      if (answer === null) throw error;
      return answer;
    }
  };
}

/** @throws {BodyFault} for what is no question */
function readQuestion(text: string): { event: unknown; push: DryRunPush | null } {
  if (jsonDepth(text) > MAX_JSON_DEPTH) throw new BodyFault(400, "the question is nested too deeply");
  let value: unknown;
  try {
    value = parseJson(text, "the question");
  } catch (error) {
    throw new BodyFault(400, (error as Error).message);
  }
  if (!isObject(value) || !isObject(value.event))
    throw new BodyFault(400, "a question is a JSON object with an event, and perhaps with commands");
  const { event, commands, repository } = value;
  if (commands === undefined) return { event, push: null };
  return { event, push: { repository: readRepository(repository), commands: readCommands(commands) } };
}

/** Commands are written as Git sends them, and read by the same code. */
function readCommands(given: unknown): DryRunPush["commands"] {
  const isList =
    Array.isArray(given) && given.every((line) => typeof line === "string" && !line.includes("\0"));
  if (!isList)
    throw new BodyFault(400, 'commands is a list of texts such as "OLD-ID NEW-ID refs/heads/main"');
  try {
    const list = readCommandList(joinPackets([...(given as string[]).map(textPacket), flushPacket()]));
    return list!.commands;
  } catch (error) {
    if (error instanceof PktLineError || error instanceof RangeError) throw new BodyFault(400, error.message);
    throw error;
  }
}

function readRepository(given: unknown): DryRunPush["repository"] {
  if (given === undefined) return null;
  const name = typeof given === "string" ? parseRepositoryName(given) : null;
  if (name === null) throw new BodyFault(400, "repository is NPUB/IDENTIFIER");
  return name;
}

function shown({ outcome: { outcome, text }, push }: DryRunAnswer) {
  return {
    event: { ok: outcome !== "refused", outcome, text },
    push: push && {
      repository: `${toNpub(push.owner)}/${push.identifier}`,
      granted: push.isGranted,
      reason: push.reason,
      refused: [...push.refused].map(([ref, reason]) => ({ ref, reason })),
      remote: push.remote,
    },
  };
}
