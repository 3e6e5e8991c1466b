/**
 * Repositories on a server under test, each with an owner, a connection and a client address of its own.
 * @module
 */
import { toNpub } from "../../runtime/grasp/npub.ts";
import type { WorkTree } from "./git.ts";
import { announcementBy, type GraspServer, MAIN, runGitClient, stateBy } from "./grasp-server.ts";
import { type Author, author } from "./nostr.ts";
import { connect, type RelayClient } from "./relay-client.ts";

/** One repository, which is announced. */
export interface HostedRepository {
  readonly owner: Author;
  readonly identifier: string;
  /** A connection of its own. */
  readonly relay: RelayClient;
  /** The client's address of that connection. */
  readonly address: string;
  readonly url: string;
  /** The value of an `a` tag. */
  readonly coordinate: string;
  /** Publishes a state that is newer than all before. @returns its id */
  state(
    refs: Readonly<Record<string, string>>,
    by?: Author,
  ): Promise<{ id: string; ok: boolean; text: string }>;
  /** Pushes with system Git. */
  push(...refspecs: string[]): Promise<{ code: number; output: string }>;
  /** What `git ls-remote` shows: ids by name. */
  refs(): Promise<Record<string, string>>;
  /** Whether a client can fetch an object by its id. @param version of Git's protocol */
  canRead(id: string, version?: number): Promise<boolean>;
  /** `status.json`, past the seconds for which it is kept. */
  // biome-ignore lint/suspicious/noExplicitAny: a page's data, compared by the tests.
  status(): Promise<any>;
}

/** Makes repositories on a server. */
export class HostedRepositories {
  readonly #server: GraspServer;
  readonly #work: WorkTree;
  readonly #clients: RelayClient[] = [];
  #count = 0;
  #date = 1_700_000_000;

  constructor(server: GraspServer, work: WorkTree) {
    this.#server = server;
    this.#work = work;
  }

  /** A client address that nobody else has. */
  address(): string {
    return `127.0.7.${++this.#count}`;
  }

  async client(from = this.address()): Promise<RelayClient> {
    const made = await connect(this.#server.url, from);
    this.#clients.push(made);
    return made;
  }

  /** A commit that nobody else has, on the branch `main` of the work tree. */
  commit(): string {
    return this.#work.commit("file", `content ${++this.#count}`);
  }

  /** An announced repository. */
  async announced(owner = author(), more: string[][] = [], identifier = "repo"): Promise<HostedRepository> {
    const server = this.#server;
    const work = this.#work;
    const address = this.address();
    const relay = await this.client(address);
    await relay.publish(announcementBy(owner, identifier, more, this.#date++));
    const url = server.repository(owner, identifier);
    const git = (...args: string[]) => runGitClient(work.path, ...args);
    let reads = 0;
    return {
      owner,
      identifier,
      relay,
      address,
      url,
      coordinate: `30617:${owner.key}:${identifier}`,
      state: async (refs, by = owner) => {
        const event = stateBy(by, refs, identifier, this.#date++);
        const [ok, text] = await relay.publish(event);
        return { id: event.id, ok, text };
      },
      push: (...refspecs) => git("push", server.repository(owner, identifier), ...refspecs),
      async refs() {
        const { output } = await git("ls-remote", server.repository(owner, identifier));
        const lines = output.split("\n").filter((line) => /^[0-9a-f]{40}\t/.test(line));
        return Object.fromEntries(lines.map((line) => [line.slice(41), line.slice(0, 40)]));
      },
      async canRead(id, version = 2) {
        const empty = `${server.folder}/read-${toNpub(owner.key).slice(5, 15)}-${++reads}`;
        await git("init", "-q", empty);
        const read = await git("-C", empty, "-c", `protocol.version=${version}`, "fetch", "-q", url, id);
        return read.code === 0;
      },
      async status() {
        const answer = await fetch(`${server.repository(owner, identifier)}/status.json`);
        return answer.status === 200 ? await answer.json() : answer.status;
      },
    };
  }

  /** A repository with one commit on `main`, served. */
  async served(
    owner = author(),
    more: string[][] = [],
  ): Promise<HostedRepository & { readonly base: string }> {
    const repository = await this.announced(owner, more);
    const base = this.commit();
    await repository.state({ [MAIN]: base });
    const pushed = await repository.push(`${base}:${MAIN}`);
    if (pushed.code !== 0) throw new Error(pushed.output);
    return { ...repository, base };
  }

  /** A pull request of a repository. */
  pullRequest(repository: HostedRepository, commit: string) {
    return author().sign(1618, [
      ["a", repository.coordinate],
      ["c", commit],
    ]);
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}
