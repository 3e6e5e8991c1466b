/**
 * One run of Git as a client of another server (S11, S17 to S22, S29, S30, S35). Its working folder is a quarantine.
 * @module
 */
import { GitReply } from "../../../runtime/grasp/purgatory-sync/git-reply.ts";
import { type GitOptions, GitUnavailable, startGit } from "./process.ts";

/** Faults of old projects that are no danger (A41). */
const TOLERATED = [
  "zeroPaddedFilemode",
  "missingSpaceBeforeDate",
  "badTimezone",
  "missingEmail",
  "zeroPaddedDate",
];

const SETTINGS = [
  "protocol.allow=never",
  "protocol.https.allow=always",
  "http.followRedirects=false",
  "http.version=HTTP/1.1",
  "http.proxy=",
  // We end a fetch from a silent server much earlier. If this process was killed, nothing ends it earlier.
  "http.lowSpeedLimit=1",
  "http.lowSpeedTime=600",
  "credential.helper=",
  // Nothing that the server says leads elsewhere.
  "transfer.bundleURI=false",
  "fetch.uriProtocols=",
  "fetch.unpackLimit=1",
  "fetch.fsckObjects=true",
  ...TOLERATED.map((check) => `fetch.fsck.${check}=ignore`),
  "fetch.writeCommitGraph=false",
  "fetch.recurseSubmodules=false",
];

const FETCH = [
  "fetch",
  "--stdin",
  "--progress",
  "--no-tags",
  "--no-write-fetch-head",
  "--no-auto-maintenance",
  "--refmap=",
  "--end-of-options",
];
/** `--refs`: a peeled tag is no value of a ref. */
const LIST = ["ls-remote", "--refs", "--end-of-options"];

/** Where Git runs, and whom it asks. */
export interface FetchPlace {
  /** The repository whose refs tell the server what is here. */
  readonly repository: string;
  readonly home: string;
  /** `GIT_OBJECT_DIRECTORY` and the like. */
  readonly env: Readonly<Record<string, string>>;
  /** The value of `http.curloptResolve`; `null`: the URL names an address. */
  readonly pin: string | null;
  readonly allowInsecure: boolean;
  readonly signal: AbortSignal;
  /** Called when Git tells of anything. */
  onProgress(): void;
}

/** A run that can be ended. */
export interface FetchRun {
  readonly ended: Promise<{
    readonly code: number | null;
    readonly reply: GitReply;
    readonly stdout: string;
  }>;
  /** Ends the process and its children. */
  kill(): void;
}

/** Fetches objects by their ids. @param ids 40 hex digits each (S4) */
export function runFetch(url: string, ids: readonly string[], place: FetchPlace): FetchRun {
  return run([...FETCH, url], `${ids.join("\n")}\n`, place, 0);
}

/** Longest list of refs that is read, in bytes. */
const MAX_LIST_BYTES = 16 * 1024 ** 2;

/** Lists the refs of a server, one a line. */
export function runList(url: string, place: FetchPlace): FetchRun {
  return run([...LIST, url], "", place, MAX_LIST_BYTES);
}

function run(args: readonly string[], input: string, place: FetchPlace, maxBytes: number): FetchRun {
  const { repository, home, env, pin, allowInsecure, signal, onProgress } = place;
  const settings = [
    ...SETTINGS,
    ...(allowInsecure ? ["protocol.http.allow=always"] : []),
    ...(pin === null ? [] : [`http.curloptResolve=${pin}`]),
  ].flatMap((setting) => ["-c", setting]);
  const options: GitOptions = {
    repository,
    home,
    signal,
    env: { ...env, GIT_TRACE_CURL: "2", GIT_TRACE_CURL_NO_DATA: "1" },
  };
  const git = startGit([...settings, ...args], options);
  const reply = new GitReply();
  git.stderr.setEncoding("utf8");
  git.stderr.on("data", (text: string) => {
    onProgress();
    reply.add(text);
    // The dumb protocol asks for file after file, and each is a request.
    if (reply.isDumb) git.kill();
  });
  let stdout = "";
  git.stdout.setEncoding("latin1");
  git.stdout.on("data", (text: string) => {
    if (stdout.length <= maxBytes) stdout += text;
    else git.kill();
  });
  git.stdin.end(input);
  const ended = git.finished.then(
    (code) => {
      reply.end();
      signal.throwIfAborted();
      return { code, reply, stdout };
    },
    (cause) => {
      throw new GitUnavailable("git cannot be started", { cause });
    },
  );
  return { ended, kill: git.kill };
}
