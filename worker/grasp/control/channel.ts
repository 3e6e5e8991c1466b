/**
 * Takes the commands of O14 beside the running service, on loopback and with a token. The answer is a stream of JSON lines.
 * @module
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { isObject } from "../../../runtime/lib/json.ts";
import type { Clock, Log } from "../../../runtime/platform.ts";
import { UsageError, type Values } from "../../cli/command.ts";
import { readText } from "../git/body.ts";
import { removeAddress, writeAddress } from "./address.ts";
import { Refusal, type Row, type Running, type Verb } from "./verb.ts";

const TOKEN_BYTES = 32;
/** Longest list of options and operands, in bytes. */
const MAX_REQUEST_BYTES = 64 * 1024;
/** A sign of life, so that no one takes a long command for a dead one, in milliseconds. */
const ALIVE_MS = 5_000;

/** A line of an answer. The last one is `end` or `error`. */
export type Line =
  | { readonly row: Row }
  | { readonly text: string }
  | { readonly progress: string }
  | { readonly error: string; readonly isUsage: boolean }
  | { readonly end: true }
  | Record<string, never>;

/** Opens the channel. @returns ends it, with the commands that run. */
export async function openControl(
  running: Running,
  verbs: Readonly<Record<string, Verb>>,
): Promise<{ close(): Promise<void> }> {
  const { shared, section } = running.parts;
  const token = randomBytes(TOKEN_BYTES).toString("hex");
  const stopping = new AbortController();
  const handler = (request: Request) => answer(request, { token, verbs, running, stopping: stopping.signal });
  // That it listens is worth no line in the log.
  const log = { ...shared.log, info: () => {} };
  const server = await shared.entry.serve([{ handler }], { host: "127.0.0.1", port: 0 }, log);
  writeAddress(section.dataDirectory, { url: server.url, token });
  return {
    async close() {
      removeAddress(section.dataDirectory);
      stopping.abort(new Refusal("the service stops"));
      await server.close(0);
    },
  };
}

interface Channel {
  readonly token: string;
  readonly verbs: Readonly<Record<string, Verb>>;
  readonly running: Running;
  readonly stopping: AbortSignal;
}

async function answer(request: Request, channel: Channel): Promise<Response> {
  const { verbs, running } = channel;
  if (!isToken(request.headers.get("authorization"), channel.token))
    return new Response("the token is wrong\n", { status: 401 });
  const name = new URL(request.url).pathname.slice(1);
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (request.method !== "POST" || verb === undefined)
    return new Response("there is no such command\n", { status: 404 });
  const values = await valuesOf(request, running.parts.host.clock);
  if (values === null) return new Response("the options cannot be read\n", { status: 400 });
  return new Response(linesOf(verb, values, running, channel.stopping), {
    headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" },
  });
}

function isToken(header: string | null, token: string): boolean {
  const [given, wanted] = [Buffer.from(header ?? ""), Buffer.from(`Bearer ${token}`)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function valuesOf(request: Request, clock: Clock): Promise<Values | null> {
  try {
    const values: unknown = JSON.parse(await readText(request, MAX_REQUEST_BYTES, clock));
    const isGood =
      isObject(values) && Object.values(values).every((v) => typeof v === "string" || v === true);
    return isGood ? (values as Values) : null;
  } catch {
    return null;
  }
}

/** The lines of a command. It is told when its caller leaves. */
function linesOf(
  verb: Verb,
  values: Values,
  running: Running,
  stopping: AbortSignal,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const left = new AbortController();
  const signal = AbortSignal.any([stopping, left.signal]);
  const { clock } = running.parts.host;
  let endSigns = () => {};
  return new ReadableStream({
    async start(controller) {
      const write = (line: Line) => {
        if (!left.signal.aborted) controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
      };
      const sign = () => {
        write({});
        endSigns = clock.after(ALIVE_MS, sign);
      };
      sign();
      const output = {
        row: (row: Row) => write({ row }),
        text: (text: string) => write({ text }),
        progress: (progress: string) => write({ progress }),
        signal,
      };
      write(await lastLine(verb.run(values, running, output), running.parts.shared.log));
      endSigns();
      if (!left.signal.aborted) controller.close();
    },
    cancel() {
      endSigns();
      left.abort(new Refusal("the caller left"));
    },
  });
}

async function lastLine(run: Promise<void>, log: Pick<Log, "error">): Promise<Line> {
  try {
    await run;
    return { end: true };
  } catch (error) {
    const isUsage = error instanceof UsageError;
    if (isUsage || error instanceof Refusal) return { error: (error as Error).message, isUsage };
    log.error("an administration command failed", { error });
    return { error: "the command failed; the service's log has the cause", isUsage: false };
  }
}
