/**
 * What a GRASP server has acknowledged, and whether it is so after a crash (V7): events by their `OK`, pushes by their report. A
 * request without an answer may have been carried out or not.
 * @module
 */
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import { connect, type RelayClient } from "../../../support/relay-client.ts";

/** Branches and tags with their ids. */
export type Refs = Readonly<Record<string, string>>;

/** Events that a connection re-sends in a check: fewer than an address may send at once. */
const EVENTS_A_CONNECTION = 50;

let addresses = 0;

/** An address on loopback that no client had, because the server limits what an address may send. */
function newAddress(): string {
  addresses++;
  return `127.2.${addresses >> 8}.${addresses & 255}`;
}

/** What is known of one repository. */
interface Repository {
  readonly owner: string;
  readonly identifier: string;
  /** Branches and tags after the last push that was reported, or the last state that was served at once. */
  reported: Refs | null;
  /** Those after the push that is under way, or whose end nobody knows. */
  pending: Refs | null;
  /** Ids that branches and tags had, as far as it was reported. */
  readonly past: readonly string[];
}

/** How much was acknowledged so far. */
export interface Counts {
  events: number;
  pushes: number;
  /** Requests that a crash left without an answer. */
  unanswered: number;
}

export class Ledger {
  readonly counts: Counts = { events: 0, pushes: 0, unanswered: 0 };
  /** Acknowledged events that no deletion names, by id. */
  readonly #events = new Map<string, NostrEvent>();
  /** Ids whose deletion was sent. */
  readonly #deleted = new Set<string>();
  readonly #repositories = new Map<string, Repository>();

  /** One that goes on from here by itself. Its numbers begin at 0. */
  copy(): Ledger {
    const copy = new Ledger();
    for (const [id, event] of this.#events) copy.#events.set(id, event);
    for (const id of this.#deleted) copy.#deleted.add(id);
    for (const [key, repository] of this.#repositories) copy.#repositories.set(key, { ...repository });
    return copy;
  }

  /** Publishes an event and notes its `OK`. @throws {Error} without an `OK`, or if it refuses. @returns its text */
  async publish(client: RelayClient, event: NostrEvent): Promise<string> {
    if (event.kind === 5) for (const [name, id = ""] of event.tags) if (name === "e") this.#deleted.add(id);
    let answer: [boolean, string];
    try {
      answer = await client.publish(event);
    } catch (error) {
      this.counts.unanswered++;
      throw error;
    }
    const [ok, text] = answer;
    if (!ok) throw new Refused(`event of kind ${event.kind}: ${text}`);
    this.#events.set(event.id, event);
    this.counts.events++;
    return text;
  }

  /**
   * Runs a push and notes its report.
   * @param refs branches and tags after it
   * @param push resolves with git's exit code and output
   * @throws {Error} if the push fails
   */
  async push(
    owner: string,
    identifier: string,
    refs: Refs,
    push: () => Promise<{ code: number; output: string }>,
  ): Promise<void> {
    const repository = this.#repository(owner, identifier);
    repository.pending = refs;
    const { code, output } = await push();
    if (code !== 0) {
      this.counts.unanswered++;
      throw new Error(output);
    }
    this.counts.pushes++;
    report(repository, refs);
  }

  /** Notes a state that is sent now, and that may move refs without a push. */
  willMove(owner: string, identifier: string, refs: Refs): void {
    this.#repository(owner, identifier).pending = refs;
  }

  /** Notes that such a state was served. */
  moved(owner: string, identifier: string): void {
    const repository = this.#repository(owner, identifier);
    report(repository, repository.pending!);
  }

  /**
   * Compares the server with what it acknowledged. Call it right after a start.
   * @param data its data directory
   * @returns what is wrong: nothing, if all is well
   */
  async check(url: string, data: string): Promise<string[]> {
    const findings: string[] = [];
    const quarantines = join(data, "quarantine");
    const left = existsSync(quarantines) ? readdirSync(quarantines) : [];
    if (left.length > 0) findings.push(`quarantines are left: ${left.join(", ")}`);
    // Refs first: they are to be right when the server begins to listen.
    for (const repository of this.#repositories.values())
      findings.push(...(await checkRefs(url, data, repository)));
    findings.push(...(await this.#checkEvents(url)));
    return findings;
  }

  /** Every acknowledged event is served or waits: sent again, it is a duplicate. */
  async #checkEvents(url: string): Promise<string[]> {
    const findings: string[] = [];
    const events = [...this.#events.values()].filter(({ id }) => !this.#deleted.has(id));
    for (let at = 0; at < events.length; at += EVENTS_A_CONNECTION) {
      const client = await connect(url, newAddress());
      for (const event of events.slice(at, at + EVENTS_A_CONNECTION)) {
        const [ok, text] = await client.publish(event);
        if (!ok || !text.startsWith("duplicate:"))
          findings.push(`event ${event.id} of kind ${event.kind} is lost: sent again, it gets "${text}"`);
      }
      client.close();
    }
    return findings;
  }

  #repository(owner: string, identifier: string): Repository {
    const key = `${owner}/${identifier}`;
    let repository = this.#repositories.get(key);
    if (repository === undefined) {
      repository = { owner, identifier, reported: null, pending: null, past: [] };
      this.#repositories.set(key, repository);
    }
    return repository;
  }
}

function report(repository: { -readonly [K in keyof Repository]: Repository[K] }, refs: Refs): void {
  repository.past = [...repository.past, ...Object.values(repository.reported ?? {})];
  repository.reported = refs;
  repository.pending = null;
}

/** The server said no. A crash is no reason for that. */
export class Refused extends Error {
  override readonly name = "Refused";
}

/** Refs are those of the newest served state and of the last report, and all that events name is here. */
async function checkRefs(url: string, data: string, repository: Repository): Promise<string[]> {
  const { owner, identifier, reported, pending, past } = repository;
  const path = join(data, "git", toNpub(owner), `${identifier}.git`);
  const where = `${toNpub(owner).slice(0, 12)}/${identifier}`;
  if (!existsSync(path)) return reported === null ? [] : [`${where}: the repository is gone`];
  const findings: string[] = [];
  const all = await refsOf(path);
  const refs = Object.fromEntries(Object.entries(all).filter(([ref]) => /^refs\/(heads|tags)\//.test(ref)));
  const isOneOf = [reported, pending].some((each) => same(refs, each ?? {}));
  if (!isOneOf) {
    findings.push(
      `${where}: refs are ${JSON.stringify(refs)}, reported were ${JSON.stringify(reported)}, under way ${JSON.stringify(pending)}`,
    );
  }
  const client = await connect(url, "127.0.0.7");
  const query = async (filter: object) => {
    client.say("REQ", "check", filter);
    await client.next(([type]) => type === "EOSE");
    client.say("CLOSE", "check");
    return client.messages
      .splice(0)
      .flatMap(([type, , event]) => (type === "EVENT" ? [event as NostrEvent] : []));
  };
  const [state] = await query({ kinds: [30618], authors: [owner], "#d": [identifier] });
  if (state !== undefined) {
    const named = Object.fromEntries(
      state.tags.filter(([name]) => name?.startsWith("refs/")) as [string, string][],
    );
    if (!same(refs, named))
      findings.push(
        `${where}: refs are ${JSON.stringify(refs)}, the served state says ${JSON.stringify(named)}`,
      );
    const missing = await missingOf(path, Object.values(named));
    if (missing !== null) findings.push(`${where}: the served state lacks objects: ${missing}`);
  }
  for (const { id, tags } of await query({ kinds: [1618, 1619], "#a": [`30617:${owner}:${identifier}`] })) {
    const commit = tags.find(([name]) => name === "c")?.[1] ?? "";
    if (all[`refs/nostr/${id}`] !== commit) findings.push(`${where}: refs/nostr/${id} is not at ${commit}`);
    const missing = await missingOf(path, [commit]);
    if (missing !== null) findings.push(`${where}: the served pull request ${id} lacks objects: ${missing}`);
  }
  client.close();
  for (const id of new Set(past)) {
    const kept = ["--branches", "--tags", "--glob=refs/millrace/backup/*"];
    const list = await git(path, "rev-list", "--objects", "--max-count=1", id, "--not", ...kept);
    const { code, stdout, stderr } = list;
    // The server may exchange packs meanwhile, and Git may say so: only what it lists is lost.
    if (code !== 0 || stdout !== "") {
      const told = `git rev-list ended with ${code}: ${stdout}${stderr}; the refs are ${JSON.stringify(all)}`;
      findings.push(`${where}: ${id} was lost, and no backup keeps it (N21): ${told}`);
    }
  }
  const fsck = await git(path, "fsck", "--connectivity-only", "--no-dangling");
  if (fsck.code !== 0) findings.push(`${where}: git fsck: ${fsck.stdout}${fsck.stderr}`);
  return findings;
}

function same(a: Refs, b: Refs): boolean {
  const [names, others] = [Object.keys(a), Object.keys(b)];
  return names.length === others.length && names.every((name) => a[name] === b[name]);
}

async function refsOf(path: string): Promise<Record<string, string>> {
  const { stdout } = await git(path, "for-each-ref", "--format=%(refname) %(objectname)");
  return Object.fromEntries(
    stdout.split("\n").flatMap((line) => (line === "" ? [] : [line.split(" ") as [string, string]])),
  );
}

/** What Git says of ids that are not here with all that they need; `null`: they are. */
async function missingOf(path: string, ids: readonly string[]): Promise<string | null> {
  const { code, stderr } = await git(
    path,
    "-c",
    "core.commitGraph=false",
    "rev-list",
    "--objects",
    "--quiet",
    ...ids,
  );
  return code === 0 ? null : stderr;
}

/** @returns how Git ended; its code is `null` if it was killed */
async function git(
  path: string,
  ...args: string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const env = { PATH: process.env.PATH, HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", LC_ALL: "C" };
  const run = promisify(execFile)("git", ["--git-dir", path, ...args], { env, timeout: 60_000 });
  return run.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code: typeof code === "number" ? code : null, stdout, stderr }),
  );
}
