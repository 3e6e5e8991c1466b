/**
 * The honest clients of a soak: authors who publish and push, readers who clone and fetch, and a subscriber.
 * @module
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { MAIN, PURGATORY, runGitClient, stateBy } from "../../../support/grasp-server.ts";
import { type Author, author } from "../../../support/nostr.ts";
import { announcementOn } from "../../../support/peers.ts";
import { connect, type RelayClient } from "../../../support/relay-client.ts";
import type { Ledger as PushLedger, Refs } from "../kills/ledger.ts";
import type { SoakLedger } from "./ledger.ts";
import { during, Fault, Interrupted, newAddress, type Place } from "./place.ts";

const NOSTR = "refs/nostr/";
const FIRST = "refs/tags/first";
const TOPIC = "refs/heads/topic";
/** Commits of an author's work tree, and their size in bytes. */
const COMMITS = 6;
const COMMIT_BYTES = 20_000;
/** Rest of a client after the server was ended under it, in milliseconds. */
const REST_MS = 200;
/** An event that expires lives for this many seconds. */
const SHORT_LIFE_SECONDS = 3;

/** What the clients did. */
export interface Done {
  repositories: number;
  pushes: number;
  pullRequests: number;
  clones: number;
  /** Events that the subscriber was owed and got. */
  heard: number;
  /** Requests under which the server was ended. */
  interrupted: number;
  /** Time until an `OK`, of a push, and of a query by id right after it, in milliseconds. */
  readonly times: { readonly ok: number[]; readonly push: number[]; readonly served: number[] };
}

/** A repository as an author knows it. */
interface Known {
  readonly owner: Author;
  readonly name: string;
  /** Commits of `main`, in the order of the states that were sent. */
  readonly sent: string[];
  /** Number of those that were reported. */
  reported: number;
}

/** The clients of one soak. */
export class Crowd {
  readonly done: Done = {
    ...{ repositories: 0, pushes: 0, pullRequests: 0, clones: 0, heard: 0, interrupted: 0 },
    times: { ok: [], push: [], served: [] },
  };
  /** Ids that the subscriber is owed: each was served while it listened. */
  readonly #owed = new Set<string>();
  #subscriber: RelayClient | null = null;
  readonly #known: Known[] = [];
  readonly #place: Place;
  readonly #ledger: SoakLedger;
  readonly #pushes: PushLedger;
  readonly #folder: string;
  readonly #host: string;
  #isStopping = false;

  /** @param folder an empty one @param host of the server, with its port */
  constructor(place: Place, ledger: SoakLedger, pushes: PushLedger, folder: string, host: string) {
    this.#place = place;
    this.#ledger = ledger;
    this.#pushes = pushes;
    this.#folder = folder;
    this.#host = host;
  }

  /** The path of some repository that is served; `null`: there is none yet. */
  victim(): string | null {
    const known = this.#readable();
    return known === null ? null : this.#pathOf(known.owner, known.name);
  }

  /** Some repository to which something was pushed. */
  #readable(): Known | null {
    const readable = this.#known.filter(({ reported }) => reported > 0);
    return readable[Math.floor(Math.random() * readable.length)] ?? null;
  }

  /** Lets every client end what it does. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Does something again and again until the end. @throws {Fault} if the server did what it should not. */
  async #forever(what: () => Promise<void>): Promise<void> {
    while (!this.#isStopping) {
      try {
        await what();
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
        this.done.interrupted++;
        await sleep(REST_MS);
      }
    }
  }

  /** An author, who begins one repository after the other. */
  async write(number: number): Promise<void> {
    const work = workTree(this.#folder, `author-${number}`);
    const commits = Array.from({ length: COMMITS }, (_, at) => {
      const noise = crypto.getRandomValues(new Uint8Array(COMMIT_BYTES));
      return work.commit(`file-${at}`, Buffer.from(noise).toString("base64"));
    });
    let round = 0;
    await this.#forever(() => this.#repository(work, commits, `repo-${number}-${++round}`, round));
  }

  async #repository(work: WorkTree, commits: readonly string[], name: string, round: number): Promise<void> {
    const place = this.#place;
    const [owner, friend] = [author(), author()];
    const client = await during(place, "connect", () => connect(place.url, newAddress()));
    const started = Math.floor(Date.now() / 1000) - 100;
    const coordinate = `30617:${owner.key}:${name}`;
    const url = `${place.url}/${this.#pathOf(owner, name)}`;
    const isShort = round % 4 === 0;
    const known: Known = { owner, name, sent: [], reported: 0 };
    try {
      await this.publish(client, announcementOn([{ host: this.#host }], owner, name, [], started));
      this.done.repositories++;
      if (!isShort) this.#known.push(known);
      for (const [at, commit] of commits.entries()) {
        if (this.#isStopping) return;
        const refs: Refs = {
          [MAIN]: commit,
          [FIRST]: commits[0]!,
          ...(at % 3 === 1 ? { [TOPIC]: commits[at - 1]! } : {}),
        };
        const state = stateBy(owner, refs, name, started + at);
        known.sent.push(commit);
        const text = await this.publish(client, state);
        if (text !== PURGATORY) throw new Fault(`a state whose objects are not here got "${text}"`);
        const listener = this.#subscriber;
        // Of a repository that is deleted, no refs are left to compare.
        await this.#push(work, url, refs, isShort ? null : known);
        known.reported = known.sent.length;
        await this.#isServed(client, state);
        this.#owe(state, listener);
        await this.#about(client, friend, coordinate, at, started);
        if (at % 2 === 1)
          await this.#pullRequest(client, friend, coordinate, work, url, commit, at % 4 === 1);
      }
      if (isShort) await this.publish(client, owner.sign(5, [["a", coordinate]], "", started + 50));
      else await this.#afterwards(client, known, commits, started);
    } finally {
      client.close();
    }
  }

  #pathOf(owner: Author, name: string): string {
    const [, clone = ""] = announcementOn([{ host: this.#host }], owner, name, [], 1).tags.find(
      ([tag]) => tag === "clone",
    )!;
    return new URL(clone).pathname.slice(1);
  }

  async #push(work: WorkTree, url: string, refs: Refs, known: Known | null): Promise<void> {
    const specs = Object.entries(refs).map(([ref, id]) => `+${id}:${ref}`);
    const push = () => runGitClient(work.path, "push", "-q", url, ...specs);
    const began = performance.now();
    await during(this.#place, "push", async () => {
      if (known !== null) return this.#pushes.push(known.owner.key, known.name, refs, push);
      const { code, output } = await push();
      if (code !== 0) throw new Error(output);
    });
    this.done.times.push.push(performance.now() - began);
    this.done.pushes++;
  }

  /** Comments, an event that expires, and a comment that is deleted. */
  async #about(
    client: RelayClient,
    friend: Author,
    coordinate: string,
    at: number,
    started: number,
  ): Promise<void> {
    const about = (text: string, more: string[][] = []) =>
      friend.sign(1621, [["a", coordinate], ...more], text, started + at);
    const issue = about(`issue ${at}`);
    const listener = this.#subscriber;
    await this.publish(client, issue);
    this.#owe(issue, listener);
    await this.publish(client, friend.sign(1111, [["E", issue.id]], "a comment", started));
    if (at % 3 === 0) {
      const until = Math.floor(Date.now() / 1000) + SHORT_LIFE_SECONDS;
      await this.publish(client, about("soon over", [["expiration", String(until)]]));
    }
    if (at % 3 === 1) {
      const wrong = about("a mistake");
      await this.publish(client, wrong);
      await this.publish(client, friend.sign(5, [["e", wrong.id]], "", started + at));
    }
  }

  /** A pull request with a commit of its own: the event first, or its commit first. */
  async #pullRequest(
    client: RelayClient,
    friend: Author,
    coordinate: string,
    work: WorkTree,
    url: string,
    base: string,
    isEventFirst: boolean,
  ): Promise<void> {
    // Not on the newest commit: its upload would bring what later states wait for.
    const tree = work.git("rev-parse", `${base}^{tree}`);
    const commit = work.git("commit-tree", tree, "-p", base, "-m", `proposal ${crypto.randomUUID()}`);
    const pr = friend.sign(1618, [
      ["a", coordinate],
      ["c", commit],
    ]);
    const upload = async () => {
      await during(this.#place, "upload", async () => {
        const result = await runGitClient(work.path, "push", "-q", url, `${commit}:${NOSTR}${pr.id}`);
        if (result.code !== 0) throw new Error(result.output);
      });
      this.done.pushes++;
    };
    const listener = this.#subscriber;
    if (!isEventFirst) await upload();
    const text = await this.publish(client, pr);
    if (text !== (isEventFirst ? PURGATORY : "")) throw new Fault(`a pull request got "${text}"`);
    if (isEventFirst) await upload();
    await this.#isServed(client, pr);
    this.#owe(pr, listener);
    this.done.pullRequests++;
  }

  /** A state whose objects are here, one whose objects never come, and one that is deleted while it waits. */
  async #afterwards(
    client: RelayClient,
    known: Known,
    commits: readonly string[],
    started: number,
  ): Promise<void> {
    const { owner, name } = known;
    const back: Refs = { [MAIN]: commits[1]! };
    const first = stateBy(owner, back, name, started + 20);
    known.sent.push(commits[1]!);
    this.#pushes.willMove(owner.key, name, back);
    const text = await this.publish(client, first);
    if (text !== "") throw new Fault(`a state whose objects are here got "${text}"`);
    this.#pushes.moved(owner.key, name);
    known.reported = known.sent.length;
    await this.#isServed(client, first);
    const gone = stateBy(owner, { [MAIN]: "1".repeat(40) }, name, started + 30);
    await this.publish(client, gone);
    await this.publish(client, owner.sign(5, [["e", gone.id]], "", started + 31));
    await this.publish(client, stateBy(owner, { [MAIN]: "2".repeat(40) }, name, started + 40));
  }

  /** Publishes an event and notes the answer, which has to be yes. @returns its text */
  async publish(client: RelayClient, event: NostrEvent): Promise<string> {
    this.#ledger.sent(event);
    const began = performance.now();
    const [ok, text] = await during(this.#place, `event of kind ${event.kind}`, () => client.publish(event));
    this.#ledger.answered(event, ok);
    if (!ok) throw new Fault(`event of kind ${event.kind} was refused: ${text}`);
    this.done.times.ok.push(performance.now() - began);
    return text;
  }

  /** Asks for an event that was acknowledged as served (V11). */
  async #isServed(client: RelayClient, { id, kind }: NostrEvent): Promise<void> {
    const began = performance.now();
    const found = await during(this.#place, "query", () => client.query({ ids: [id] }));
    if (!found.includes(id)) throw new Fault(`event of kind ${kind} is not served right after its report`);
    this.done.times.served.push(performance.now() - began);
  }

  /** The subscriber has to get an event if it listened before the event was sent, and still does. */
  #owe({ id }: NostrEvent, listener: RelayClient | null): void {
    if (listener !== null && listener === this.#subscriber) this.#owed.add(id);
  }

  /** A reader, who clones what authors pushed, whole or shallow, and compares it with what they say. */
  async read(number: number): Promise<void> {
    const place = this.#place;
    let reads = 0;
    await this.#forever(async () => {
      const known = this.#readable();
      if (known === null) return sleep(REST_MS);
      const to = join(this.#folder, `clone-${number}`);
      const from = known.reported;
      const depth = ++reads % 2 === 0 ? ["--depth", "1"] : [];
      const url = `${place.url}/${this.#pathOf(known.owner, known.name)}`;
      try {
        await during(place, "clone", async () => {
          const cloned = await runGitClient(this.#folder, "clone", "-q", "--bare", ...depth, url, to);
          if (cloned.code !== 0) throw new Error(cloned.output);
          const { output } = await runGitClient(to, "rev-parse", "refs/heads/main");
          // A push may be under way: from what was reported before to what was sent until now.
          if (!known.sent.slice(from - 1).includes(output.trim()))
            throw new Error(`the clone is at ${output.trim()}, which was replaced`);
        });
        this.done.clones++;
      } finally {
        rmSync(to, { recursive: true, force: true });
      }
    });
  }

  /** A subscriber, who gets each event that is served while it listens. */
  async listen(): Promise<void> {
    const place = this.#place;
    await this.#forever(async () => {
      const client = await during(place, "connect", () => connect(place.url, newAddress()));
      try {
        const since = Math.floor(Date.now() / 1000) - 200;
        client.say("REQ", "all", { kinds: [1111, 1618, 1621, 30617, 30618], since });
        await during(place, "subscription", () => client.next(([type]) => type === "EOSE"));
        const { life } = place;
        this.#subscriber = client;
        while (!this.#isStopping && place.life === life && place.isUp) {
          await sleep(REST_MS);
          this.#hear(client);
        }
      } finally {
        if (!this.#isStopping) {
          this.#forget();
          client.close();
        }
      }
    });
  }

  #hear(client: RelayClient): void {
    for (const [type, , event] of client.messages.splice(0)) {
      if (type !== "EVENT") continue;
      if (this.#owed.delete((event as NostrEvent).id)) this.done.heard++;
      else this.#early.add((event as NostrEvent).id);
    }
    for (const id of this.#early) if (this.#owed.delete(id)) this.done.heard++;
  }

  /** Events that came before their author knew that they are served. */
  readonly #early = new Set<string>();

  #forget(): void {
    this.#subscriber = null;
    this.#owed.clear();
    this.#early.clear();
  }

  /** Ends the subscription. @returns ids that the subscriber was owed and did not get */
  async hearTheRest(waitMs: number): Promise<string[]> {
    const client = this.#subscriber;
    if (client === null) return [];
    const deadline = performance.now() + waitMs;
    this.#hear(client);
    while (this.#owed.size > 0 && performance.now() < deadline) {
      await sleep(REST_MS);
      this.#hear(client);
    }
    const missed = [...this.#owed];
    client.close();
    this.#forget();
    return missed;
  }
}
