/**
 * A small Git server that knows nothing of events: the other servers of the demonstration. It keeps a list of what it was asked.
 * @module
 */
import { spawn } from "node:child_process";
import { env as environment } from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { Clock, Log } from "../../../runtime/platform.ts";
import type { Entry } from "../../hosts/server.ts";

const HOST = "127.0.0.1";
/** Longest time of one Git process, in milliseconds. */
const TIMEOUT_MS = 30_000;
/** Grace period of requests in flight at the end, in milliseconds. */
const GRACE_MS = 200;

/** One question, and the answer. */
export interface OtherLine {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly text: string;
}

/** A running server. */
export interface OtherServer {
  /** The repository's address. */
  readonly url: string;
  readonly lines: readonly OtherLine[];
  close(): Promise<void>;
}

/** How it answers. */
export interface OtherOptions {
  /** The bare repository; `null`: it has none. */
  readonly repository: string | null;
  readonly path: string;
  /** How many questions after a push it answers with 429. */
  readonly busyTimes: number;
  /** An empty folder. */
  readonly home: string;
  /** Called when a line was added. */
  onLine(): void;
}

/** Starts a server on any free port. */
export async function startOther(
  { entry, log, clock }: { entry: Entry; log: Log; clock: Pick<Clock, "now"> },
  { repository, path, busyTimes, home, onLine }: OtherOptions,
): Promise<OtherServer> {
  const lines: OtherLine[] = [];
  let busyLeft = 0;
  let isEmpty = true;
  const say = (text: string) => {
    lines.push({ atMs: clock.now(), text });
    onLine();
  };

  async function answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const isStart = url.pathname.endsWith("/info/refs");
    const service = isStart ? url.searchParams.get("service") : url.pathname.split("/").at(-1);
    const isKnown = service === "git-upload-pack" || service === "git-receive-pack";
    if (repository === null || !isKnown || !url.pathname.startsWith(`${path}/`)) {
      if (isStart) say("does not have it (404)");
      return plain(404, "no such repository");
    }
    if (service === "git-upload-pack" && isStart && busyLeft > 0) {
      busyLeft -= 1;
      say("too busy (429)");
      return plain(429, "too many requests");
    }
    if (!isStart && service === "git-receive-pack") {
      isEmpty = false;
      busyLeft = busyTimes;
      say("took Ada’s push");
    } else if (isStart && service === "git-upload-pack" && isEmpty) say("is empty");
    else if (!isStart) say("gave the commit");
    return runService(request, service, isStart, repository, home);
  }

  const server = await entry.serve([{ handler: answer }], { host: HOST, port: 0 }, log);
  return { url: server.url + path, lines, close: () => server.close(GRACE_MS) };
}

/** Runs `git upload-pack` or `git receive-pack` for one request (gitprotocol-http). */
function runService(
  request: Request,
  service: string,
  isStart: boolean,
  repository: string,
  home: string,
): Response {
  const flags = ["--stateless-rpc", ...(isStart ? ["--http-backend-info-refs"] : [])];
  const child = spawn("git", [service.slice("git-".length), ...flags, repository], {
    stdio: ["pipe", "pipe", "ignore"],
    timeout: TIMEOUT_MS,
    env: {
      PATH: environment.PATH,
      HOME: home,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_PROTOCOL: request.headers.get("git-protocol") ?? "",
      LC_ALL: "C",
    },
  });
  child.on("error", () => child.stdout.destroy());
  child.stdin.on("error", () => {});
  if (request.body === null || isStart) child.stdin.end();
  else {
    const body = Readable.fromWeb(request.body as Parameters<typeof Readable.fromWeb>[0]);
    const isPacked = /gzip/.test(request.headers.get("content-encoding") ?? "");
    const sent = isPacked ? pipeline(body, createGunzip(), child.stdin) : pipeline(body, child.stdin);
    sent.catch(() => child.kill());
  }
  const type = isStart ? "advertisement" : "result";
  const isNewest = /version=2/.test(request.headers.get("git-protocol") ?? "");
  const first = isStart && (service !== "git-upload-pack" || !isNewest) ? serviceLine(service) : null;
  return new Response(withFirst(first, child.stdout), {
    headers: { "content-type": `application/x-${service}-${type}`, "cache-control": "no-cache" },
  });
}

function serviceLine(service: string): Uint8Array {
  const line = `# service=${service}\n`;
  return Buffer.from(`${(line.length + 4).toString(16).padStart(4, "0")}${line}0000`);
}

function withFirst(first: Uint8Array | null, output: Readable): ReadableStream<Uint8Array> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    if (first !== null) yield first;
    yield* output;
  }
  return Readable.toWeb(Readable.from(chunks(), { objectMode: false })) as ReadableStream<Uint8Array>;
}

function plain(status: number, text: string): Response {
  return new Response(`${text}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}
