/**
 * Git servers on loopback that behave well or badly, in this process. They serve what `git http-backend` serves, and log what they
 * are asked.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { buffer } from "node:stream/consumers";

/** How a server answers. */
export interface GitServerBehaviour {
  /** The folder below which its bare repositories are. */
  readonly root: string;
  /** An address on loopback. Default: 127.0.0.1. */
  readonly host?: string;
  /** Answers a request itself; `false`: Git does. */
  answer?(request: GitServerRequest, response: ServerResponse): boolean | Promise<boolean>;
  /** Speaks protocol v0, where a client may ask for advertised ids only. */
  readonly isOld?: boolean;
  /** The time in the log, in milliseconds. Default: the system's. */
  now?(): number;
}

/** A request that arrived. */
export interface GitServerRequest {
  readonly method: string;
  readonly url: string;
  readonly body: Buffer;
}

/** One line of a server's log. */
export interface GitServerLine {
  readonly atMs: number;
  readonly method: string;
  readonly url: string;
}

export interface GitServer {
  /** Such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly log: readonly GitServerLine[];
  /** Requests that began and have not ended, and the most that there were at once. */
  readonly open: number;
  readonly mostOpen: number;
  stop(): Promise<void>;
}

export async function gitServer(behaviour: GitServerBehaviour): Promise<GitServer> {
  const log: GitServerLine[] = [];
  let open = 0;
  let mostOpen = 0;
  const server = createServer((request, response) => {
    const { method = "", url = "" } = request;
    log.push({ atMs: behaviour.now?.() ?? Date.now(), method, url });
    open++;
    mostOpen = Math.max(mostOpen, open);
    response.on("close", () => open--);
    request.on("error", () => {});
    response.on("error", () => {});
    handle(request, response, behaviour).catch(() => response.destroy());
  });
  const { host = "127.0.0.1" } = behaviour;
  server.listen(0, host);
  await once(server, "listening");
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    log,
    get open() {
      return open;
    },
    get mostOpen() {
      return mostOpen;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  behaviour: GitServerBehaviour,
): Promise<void> {
  const body = await buffer(request);
  const { method = "", url = "" } = request;
  if (await behaviour.answer?.({ method, url, body }, response)) return;
  const { pathname, search } = new URL(url, "http://server");
  const protocol = request.headers["git-protocol"];
  const git = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env.PATH,
      HOME: "/nonexistent",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_PROJECT_ROOT: behaviour.root,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: method,
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      CONTENT_LENGTH: String(body.length),
      HTTP_CONTENT_ENCODING: String(request.headers["content-encoding"] ?? ""),
      ...(protocol === undefined || behaviour.isOld ? {} : { GIT_PROTOCOL: String(protocol) }),
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  git.stdin.on("error", () => {});
  git.stdin.end(body);
  const answer = await buffer(git.stdout);
  const end = answer.indexOf("\r\n\r\n");
  for (const line of answer.toString("latin1", 0, end).split("\r\n")) {
    const [name = "", value = ""] = line.split(/: (.*)/);
    if (name === "Status") response.statusCode = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
  response.end(answer.subarray(end + 4));
}

/** Answers every request with a status. */
export function answering(status: number, headers: Record<string, string> = {}) {
  return (_request: GitServerRequest, response: ServerResponse) => {
    response.writeHead(status, headers);
    response.end("text of a stranger\n");
    return true;
  };
}

/** Lets Git answer after a while. */
export function slow(ms: number) {
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return false;
  };
}

/** Never answers. */
export function hanging() {
  return () => true;
}

/** Sends every client's `info/refs` elsewhere. @param to the repository's new URL */
export function redirecting(to: (url: string) => string, status = 301) {
  return ({ url }: GitServerRequest, response: ServerResponse) => {
    const location = to(url);
    if (location === url) return false;
    response.writeHead(status, { location });
    response.end();
    return true;
  };
}

/** Answers each fetch with this pack, whatever was asked for. */
export function sendingPack(pack: Buffer) {
  return ({ method, body }: GitServerRequest, response: ServerResponse) => {
    if (method !== "POST" || !body.includes("command=fetch")) return false;
    response.writeHead(200, { "content-type": "application/x-git-upload-pack-result" });
    response.write("000dpackfile\n");
    for (let at = 0; at < pack.length; at += 60_000) {
      const part = pack.subarray(at, at + 60_000);
      response.write((part.length + 5).toString(16).padStart(4, "0"));
      response.write("\x01");
      response.write(part);
    }
    response.end("0000");
    return true;
  };
}

/** Gives an object by its id only if it is one of these, as some servers do. */
export function givingTipsOnly(tips: readonly string[]) {
  return ({ method, body }: GitServerRequest, response: ServerResponse) => {
    if (method !== "POST") return false;
    const wants = [...body.toString("latin1").matchAll(/want ([0-9a-f]{40})/g)].map(([, id]) => id!);
    const refused = wants.find((id) => !tips.includes(id));
    if (refused === undefined) return false;
    const text = `ERR want ${refused} not valid`;
    response.writeHead(200, { "content-type": "application/x-git-upload-pack-result" });
    response.end((text.length + 4).toString(16).padStart(4, "0") + text);
    return true;
  };
}
