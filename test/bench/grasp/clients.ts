/**
 * Clients of both servers. They keep the limits of each: at most 60 events a connection, a new address for each connection, and a new
 * author for each connection's events.
 * @module
 */
import { execFile } from "node:child_process";
import process from "node:process";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { type Author, author } from "../../support/nostr.ts";
import { connect, type RelayClient } from "../../support/relay-client.ts";
import type { Contender } from "./servers.ts";

/** Events that one connection sends. */
export const EVENTS_A_CONNECTION = 50;
const GIT_TIMEOUT_MS = 600_000;

let addresses = 0;

/** Connects from an address on loopback that no connection had. */
export function connectAnew({ url }: Contender): Promise<RelayClient> {
  addresses++;
  return connect(url, `127.${1 + (addresses >> 16)}.${(addresses >> 8) & 255}.${addresses & 255}`);
}

/** Publishes events over one connection, one after the other. @throws {Error} if one is refused */
export async function publishAll(server: Contender, events: readonly NostrEvent[]): Promise<void> {
  const client = await connectAnew(server);
  try {
    for (const event of events) {
      const [ok, text] = await client.publish(event);
      if (!ok) throw new Error(`${server.name} refuses an event of kind ${event.kind}: ${text}`);
    }
  } finally {
    client.close();
  }
}

/** Runs work on parts, some at once. */
export async function atOnce<T>(
  parts: readonly T[],
  workers: number,
  work: (part: T) => Promise<void>,
): Promise<void> {
  const left = [...parts];
  const worker = async () => {
    for (let part = left.shift(); part !== undefined; part = left.shift()) await work(part);
  };
  await Promise.all(Array.from({ length: workers }, worker));
}

/** Runs Git as a user does. @returns its output @throws {Error} if it fails */
export function git(cwd: string, ...args: string[]): Promise<string> {
  const env = {
    PATH: process.env.PATH,
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    LC_ALL: "C",
  };
  return new Promise((resolve, reject) => {
    execFile(
      "git",
      args,
      { cwd, env, timeout: GIT_TIMEOUT_MS, maxBuffer: 64 * 1024 ** 2 },
      (error, stdout, stderr) =>
        error === null ? resolve(stdout) : reject(new Error(`git ${args[0]}: ${stderr}`)),
    );
  });
}

/** An announcement that lists a server. @param others further clone URLs and relays */
export function announcementFor(
  { host }: Contender,
  owner: Author,
  identifier: string,
  others: { readonly clone?: readonly string[]; readonly relays?: readonly string[] } = {},
): NostrEvent {
  const url = `http://${host}/${toNpub(owner.key)}/${identifier}.git`;
  return owner.sign(30617, [
    ["d", identifier],
    ["clone", url, ...(others.clone ?? [])],
    ["relays", `ws://${host}`, ...(others.relays ?? [])],
  ]);
}

/** A state. @param at its date, in seconds */
export function stateFor(
  owner: Author,
  identifier: string,
  refs: Readonly<Record<string, string>>,
  at?: number,
): NostrEvent {
  return owner.sign(
    30618,
    [["d", identifier], ...Object.entries(refs), ["HEAD", "ref: refs/heads/main"]],
    "",
    at,
  );
}

/** A repository that both servers serve. */
export interface Served {
  readonly owner: Author;
  readonly identifier: string;
}

/**
 * Announces, states and pushes a repository.
 * @param work folder of a repository that has the refs
 */
export async function serve(
  server: Contender,
  work: string,
  identifier: string,
  refs: Readonly<Record<string, string>>,
  owner: Author = author(),
): Promise<Served> {
  await publishAll(server, [announcementFor(server, owner, identifier), stateFor(owner, identifier, refs)]);
  const specs =
    Object.keys(refs).length > 20
      ? ["refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*"]
      : Object.entries(refs).map(([ref, id]) => `${id}:${ref}`);
  await git(work, "push", "-q", server.repository(owner, identifier), ...specs);
  return { owner, identifier };
}
