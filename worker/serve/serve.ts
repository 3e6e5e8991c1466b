/**
 * Runs a server in this process until it is told to stop.
 * @module
 */
import process from "node:process";
import { inspect } from "node:util";
import { settlesWithin } from "../../runtime/lib/within.ts";
import type { Log, LogFields } from "../../runtime/platform.ts";
import type { FetchHandler } from "../hosts/host.ts";
import { type Entry, type Listen, type Server, urlOf } from "../hosts/server.ts";
import type { ReverseProxy } from "../http/proxy.ts";

/** How long what is in flight may take to finish, in milliseconds. */
const GRACE_MS = 10_000;
/** How long background work and the closing of the store may take after that, in milliseconds. */
const CLOSE_MS = 5_000;

/** What is served. */
export interface App {
  // biome-ignore lint/suspicious/noExplicitAny: the host's arguments pass through unread.
  handler: FetchHandler<any>;
  listen: Listen;
  /** Answers for a site behind the server, before the handler is asked. */
  proxy?: ReverseProxy;
  /** What else the line of the log tells that says that the server listens. */
  facts?: LogFields;
  /** Told the address once the server listens and has said so. */
  listening?(url: string): void;
  /** Told that the process is about to end, before it stops accepting. */
  stopping?(): void;
  /** Ends responses that have no end of their own, once nothing more is accepted. */
  endStreams?(): void;
  /** Finishes background work and closes what is open. */
  close(): Promise<void>;
}

/** Something that keeps the process from starting; its message says what to do about it. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/**
 * Serves, says so on standard output, and ends the process on SIGTERM or SIGINT: with 0 once everything is finished,
 * with 1 if closing failed, and at once on a second signal.
 * @throws {StartError} if it cannot listen.
 */
export async function serveUntilSignal(entry: Entry, app: App, log: Log): Promise<void> {
  logStrayOutput(log);
  stayOnHangup(log);
  // Well before anybody can know that there is something to stop: Deno takes a moment to begin listening to signals.
  const told = firstSignal();
  const server = await listen(entry, app, log);
  process.stdout.write(`millrace listening on ${server.url}\n`);
  log.info("listening", { url: server.url, runtime: entry.host.name, ...app.facts });
  app.listening?.(server.url);

  log.info("stopping", { signal: await told });
  for (const name of SIGNALS) process.on(name, () => process.exit(1));
  app.stopping?.();
  try {
    const closed = server.close(GRACE_MS);
    app.endStreams?.();
    await closed;
    const inTime = await settlesWithin(app.close(), CLOSE_MS, entry.host.clock);
    if (!inTime) throw new Error(`background work did not end within ${CLOSE_MS} ms`);
    log.info("stopped");
    process.exit(0);
  } catch (error) {
    log.error("closing failed", { error });
    process.exit(1);
  }
}

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** A terminal that is closed, or a tool that has rotated logs, does not end work that is under way. */
function stayOnHangup(log: Log): void {
  process.on("SIGHUP", () => log.info("SIGHUP changes nothing: restart to read the configuration again"));
}

function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    const onSignal = (name: string) => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
      resolve(name);
    };
    for (const signal of SIGNALS) process.on(signal, onSignal);
  });
}

async function listen(entry: Entry, { handler, listen, proxy }: App, log: Log): Promise<Server> {
  const guarded = async (request: Request, ...args: unknown[]): Promise<Response> => {
    try {
      return await handler(request, ...args);
    } catch (error) {
      // Bun and Deno hand over requests whose Host header makes no URL.
      if (!URL.canParse(request.url)) return plain(400, "the request's host or path makes no URL");
      log.error("a request failed", { error });
      return plain(500, "the request failed; the log has the cause");
    }
  };
  try {
    return await entry.serve(guarded, listen, log, proxy);
  } catch (error) {
    throw new StartError(`cannot listen on ${urlOf(listen)}: ${listenFault(error)}`, { cause: error });
  }
}

function plain(status: number, message: string): Response {
  return new Response(`${message}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}

/** Every runtime has its own names for the same three mistakes. */
function listenFault(error: unknown): string {
  const {
    code = "",
    name = "",
    message = String(error),
  } = error as { code?: string; name?: string; message?: string };
  const said = `${code} ${name} ${message}`;
  if (/EADDRINUSE|AddrInUse/.test(said)) {
    return "another program does so already; end it, or choose another listen.port (0: any free one)";
  }
  if (/EACCES|EPERM|PermissionDenied/.test(said)) {
    return "this user may not; choose a listen.port of 1024 or more";
  }
  if (/EADDRNOTAVAIL|AddrNotAvailable|EINVAL|ENOTFOUND|EAI_|lookup|resolve/i.test(said)) {
    return "this machine has no such address; look at listen.host";
  }
  return message;
}

/**
 * Turns what libraries and the runtime write to the console, and what nobody caught, into lines of the log: standard
 * output has one line, and standard error nothing but JSON.
 */
function logStrayOutput(log: Log): void {
  const say =
    (level: keyof Log) =>
    (...args: unknown[]) => {
      const error = args.find((arg) => arg instanceof Error);
      log[level](
        error?.message ?? args.map((arg) => (typeof arg === "string" ? arg : inspect(arg))).join(" "),
        {
          source: "console",
          ...(error === undefined ? {} : { error }),
        },
      );
    };
  Object.assign(console, {
    error: say("warn"),
    warn: say("warn"),
    info: say("debug"),
    log: say("debug"),
    debug: say("debug"),
  });
  process.removeAllListeners("warning");
  process.on("warning", (warning) => log.debug(warning.message, { source: warning.name }));
  process.on("unhandledRejection", (error) => log.error("nobody dealt with a failure", { error }));
  process.on("uncaughtException", (error) => {
    log.error("the process failed", { error });
    process.exit(1);
  });
}
