/**
 * One visitor's story: Ada hosts a repository, Ben sends a pull request, and a subscriber listens. Events, pushes and the
 * subscriber are real; what the page shows is asked of the server, not remembered.
 * @module
 */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NostrEvent, Tag } from "../../../runtime/grasp/events/event.ts";
import { KIND } from "../../../runtime/grasp/events/kinds.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { type Addresses, addressesOn, announcementTags, stateTags } from "../client/events.ts";
import { RelayConnection } from "../client/relay-connection.ts";
import { newSecretKey, type Signer, signerOf } from "../client/signer.ts";
import type { OtherOptions, OtherServer } from "./other-server.ts";
import { MAIN, nameOf, neededBy, SignedEvents } from "./signed-events.ts";
import type { SkippingClock } from "./skipping-clock.ts";
import type { Commit, Heard, SentEvent, Snapshot } from "./snapshot.ts";
import { git, mustGit, type Person, type Shown } from "./terminal.ts";

/** What the visitor can cause, in order. */
export const ACTIONS = [
  ...(["announce", "state", "refuse", "push", "upload", "propose"] as const),
  ...(["elsewhere", "ask", "fetch", "delete"] as const),
] as const;
export type Action = (typeof ACTIONS)[number];

/** Longest list of what the subscriber heard. */
const MAX_HEARD = 50;
/** How long the server leaves other servers alone after a client's event, and a busy server after its answer, in milliseconds. */
const FIRST_DELAY_MS = 180_000;
const REST_MS = 60_000;
/** How long the page waits for what the server does by itself, in milliseconds, and how often it looks. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 100;

/** What a story needs. */
export interface StoryParts {
  /** The server's address. */
  readonly server: string;
  /** A folder of the story's own. */
  readonly folder: string;
  readonly clock: SkippingClock;
  /** Starts a server that knows nothing of events. */
  startOther(options: OtherOptions): Promise<OtherServer>;
}

export class Story {
  readonly watchers = new Set<() => void>();
  readonly #parts: StoryParts;
  readonly #ada: Signer = signerOf(newSecretKey());
  readonly #ben: Signer = signerOf(newSecretKey());
  /** Its end differs between stories: purgatory sync hunts for an identifier, of any owner. */
  readonly #identifier = `lighthouse-${this.#ada.key.slice(0, 4)}`;
  readonly #repository: Addresses;
  readonly #homeAda: Person;
  readonly #homeBen: Person;
  readonly #homeReader: Person;
  readonly #home: string;
  readonly #relay: RelayConnection;
  /** Brook has what Ada pushes there, Dell has nothing. */
  #others: { readonly name: string; readonly server: OtherServer }[] = [];
  #lastSecond = 0;
  readonly #events = new SignedEvents();
  readonly #commits = new Map<string, Commit>();
  readonly #heard: Heard[] = [];
  readonly #sent: Partial<Record<Action, (SentEvent | Shown)[]>> = {};
  readonly #done: Action[] = [];
  #refs: readonly (readonly [ref: string, id: string])[] | null = null;
  #busy: Action | null = null;
  #fault: string | null = null;

  private constructor(parts: StoryParts, relay: RelayConnection) {
    const { server, folder } = parts;
    this.#parts = parts;
    this.#relay = relay;
    this.#repository = addressesOn(new URL(server), this.#ada.key, this.#identifier);
    this.#home = join(folder, "home");
    this.#homeAda = { name: "Ada", folder: join(folder, "ada") };
    this.#homeBen = { name: "Ben", folder: join(folder, "ben") };
    this.#homeReader = { name: "Cleo", folder: join(folder, "reader") };
  }

  /** Begins a story: new keys, Ada's repository with one commit, and a subscriber who listens. */
  static async begin(parts: StoryParts): Promise<Story> {
    const story = new Story(parts, await RelayConnection.open(parts.server.replace(/^http/, "ws")));
    for (const folder of [story.#home, ...story.#people().map((person) => person.folder)]) {
      await mkdir(folder, { recursive: true });
    }
    await story.#git(story.#homeAda, "init", "-q", "-b", "main");
    await story.#git(story.#homeAda, "remote", "add", "server", story.#repository.clone);
    await story.#startOthers();
    await story.#commit(story.#homeAda, "lamp.txt", "on\n", "Light the lamp");
    await story.#relay.subscribe({ authors: [story.#ada.key, story.#ben.key] }, (event) =>
      story.#hear(event),
    );
    return story;
  }

  /** The action that is next; `null`: all are done. */
  get next(): Action | null {
    return ACTIONS.find((action) => !this.#done.includes(action)) ?? null;
  }

  /**
   * Performs the next action.
   * @returns `false` if another one is next, or under way.
   */
  async perform(action: Action): Promise<boolean> {
    if (this.#busy !== null || this.next !== action) return false;
    this.#busy = action;
    this.#fault = null;
    this.#sent[action] = [];
    this.#notify();
    try {
      await this.#act(action);
      await this.#look();
      this.#done.push(action);
    } catch (error) {
      this.#fault = error instanceof Error ? error.message : String(error);
    } finally {
      this.#busy = null;
      this.#notify();
    }
    return true;
  }

  snapshot(): Snapshot {
    return {
      repository: this.#repository.clone,
      relay: this.#repository.relay,
      npub: toNpub(this.#ada.key),
      done: this.#done,
      busy: this.#busy,
      next: this.next,
      fault: this.#fault,
      lines: this.#sent,
      events: this.#events.shown(this.#done.includes("elsewhere") || this.#busy === "elsewhere"),
      commits: [...this.#commits.values()],
      refs: this.#refs,
      heard: this.#heard,
      others: this.#others.map(({ name, server: { lines } }) => ({ name, lines })),
      nowMs: this.#parts.clock.now(),
    };
  }

  async close(): Promise<void> {
    this.#relay.close();
    await Promise.all(this.#others.map(({ server }) => server.close()));
    this.watchers.clear();
    await rm(this.#parts.folder, { recursive: true, force: true });
  }

  #act(action: Action): Promise<void> {
    switch (action) {
      case "announce":
        return this.#announce();
      case "state":
        return this.#state();
      case "refuse":
        return this.#pushAnotherCommit();
      case "push":
        return this.#pushTheStated();
      case "upload":
        return this.#uploadFirst();
      case "propose":
        return this.#sendTheProposal();
      case "elsewhere":
        return this.#pushElsewhere();
      case "ask":
        return this.#letThreeMinutesPass();
      case "fetch":
        return this.#letAMinutePass();
      case "delete":
        return this.#delete();
    }
  }

  async #announce(): Promise<void> {
    const rootCommit = await this.#head(this.#homeAda);
    const own = announcementTags({ identifier: this.#identifier, servers: [this.#repository], rootCommit });
    const others = this.#others.map(({ server }) => server.url);
    const tags = own.map((tag) => (tag[0] === "clone" ? [...tag, ...others] : tag));
    await this.#send("announce", "announcement", this.#sign(this.#ada, KIND.announcement, tags), "Ada");
  }

  /** Two other servers, which the announcement lists, too. */
  async #startOthers(): Promise<void> {
    const repository = join(this.#parts.folder, "brook.git");
    await this.#git(this.#homeAda, "init", "-q", "--bare", "-b", "main", repository);
    const path = `/${this.#identifier}.git`;
    const common = { path, home: this.#home, onLine: () => this.#notify() };
    const brook = await this.#parts.startOther({ ...common, repository, busyTimes: 1 });
    this.#others.push({ name: "Brook", server: brook });
    const dell = await this.#parts.startOther({ ...common, repository: null, busyTimes: 0 });
    this.#others.push({ name: "Dell", server: dell });
    await this.#git(this.#homeAda, "remote", "add", "brook", brook.url);
  }

  async #state(): Promise<void> {
    const refs = new Map([[MAIN, await this.#head(this.#homeAda)]]);
    const event = this.#sign(this.#ada, KIND.state, stateTags(this.#identifier, refs, MAIN));
    await this.#send("state", "state", event, "Ada");
  }

  /** Ada pushes a commit that no state names. */
  async #pushAnotherCommit(): Promise<void> {
    await this.#git(this.#homeAda, "switch", "-q", "-c", "pink");
    const commit = await this.#commit(this.#homeAda, "paint.txt", "pink\n", "Paint it pink");
    await this.#git(this.#homeAda, "switch", "-q", "main");
    const shown = await this.#show("refuse", this.#homeAda, "push", "server", "pink:main");
    if (shown.code !== 0) this.#commits.set(commit, { ...this.#commits.get(commit)!, isRefused: true });
  }

  async #pushTheStated(): Promise<void> {
    await this.#show("push", this.#homeAda, "push", "server", "main");
    await this.#show("push", this.#homeReader, "clone", this.#repository.clone);
    await this.#show("push", inside(this.#homeReader, this.#identifier), "log", "--oneline");
  }

  /** Ben signs a pull request and keeps it; its commit goes to the server first. */
  async #uploadFirst(): Promise<void> {
    await this.#git(this.#homeBen, "clone", "-q", this.#repository.clone, ".");
    await this.#git(this.#homeBen, "remote", "rename", "origin", "server");
    const commit = await this.#commit(this.#homeBen, "bulb.txt", "new\n", "Change the bulb");
    const tags: Tag[] = [
      ["a", `${KIND.announcement}:${this.#ada.key}:${this.#identifier}`],
      ["p", this.#ada.key],
      ["subject", "Change the bulb"],
      ["c", commit],
      ["clone", this.#repository.clone],
    ];
    const event = this.#sign(this.#ben, KIND.pullRequest, tags);
    this.#events.remember(event, "pull request", "Ben", "draft", this.#parts.clock.now());
    this.#notify();
    const shown = await this.#show("upload", this.#homeBen, "push", "server", `main:refs/nostr/${event.id}`);
    if (shown.code === 0) this.#commits.set(commit, { ...this.#commits.get(commit)!, isKept: true });
  }

  async #sendTheProposal(): Promise<void> {
    const event = this.#events.ofKind(KIND.pullRequest)[0]!;
    await this.#send("propose", "pull request", event, "Ben");
    const commit = neededBy(event)!;
    this.#commits.set(commit, { ...this.#commits.get(commit)!, isKept: false });
    await this.#show(
      "propose",
      inside(this.#homeReader, this.#identifier),
      "fetch",
      "origin",
      `refs/nostr/${event.id}`,
    );
  }

  /** Ada pushes a new commit to Brook only, and its state to this server only. */
  async #pushElsewhere(): Promise<void> {
    const commit = await this.#commit(this.#homeAda, "horn.txt", "hoo\n", "Add a fog horn");
    const shown = await this.#show("elsewhere", this.#homeAda, "push", "brook", "main");
    if (shown.code === 0) this.#commits.set(commit, { ...this.#commits.get(commit)!, isElsewhere: true });
    const event = this.#sign(
      this.#ada,
      KIND.state,
      stateTags(this.#identifier, new Map([[MAIN, commit]]), MAIN),
    );
    await this.#send("elsewhere", "state", event, "Ada");
  }

  /** The first delay is over, and both servers answer that they give nothing. */
  async #letThreeMinutesPass(): Promise<void> {
    const before = this.#others.map(({ server }) => server.lines.length);
    await this.#parts.clock.skip(FIRST_DELAY_MS);
    await this.#until(() => this.#others.every(({ server }, at) => server.lines.length > before[at]!));
  }

  /** Brook's rest is over, and it gives the commit. */
  async #letAMinutePass(): Promise<void> {
    const { id } = this.#events.ofKind(KIND.state).at(-1)!;
    await this.#parts.clock.skip(REST_MS);
    await this.#until(() => this.#heard.some((heard) => heard.id === id));
  }

  /** Waits for what the server does by itself. @throws {Error} if it does not */
  async #until(isDone: () => boolean): Promise<void> {
    const endMs = Date.now() + PATIENCE_MS;
    while (!isDone()) {
      if (Date.now() > endMs) throw new Error("The server did not do it in time. Repeat the step.");
      // A second more: backoff may lie behind a rest.
      await this.#parts.clock.skip(1000);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async #delete(): Promise<void> {
    const address = (kind: number) => `${kind}:${this.#ada.key}:${this.#identifier}`;
    const tags = [
      ["a", address(KIND.announcement)],
      ["a", address(KIND.state)],
    ];
    await this.#send("delete", "deletion", this.#sign(this.#ada, KIND.deletion, tags), "Ada");
    await this.#show("delete", this.#homeReader, "clone", this.#repository.clone, "again");
  }

  /** Asks the server what is served, and which refs the repository has. */
  async #look(): Promise<void> {
    await this.#events.lookForServed(this.#relay);
    const { code, output } = await git(this.#home, this.#homeReader, "ls-remote", this.#repository.clone);
    this.#refs = code === 0 ? refsIn(output) : null;
    await this.#events.lookForDeadlines(this.#repository.clone);
  }

  #sign(signer: Signer, kind: number, tags: readonly Tag[]): NostrEvent {
    // Two events of one second would have no order.
    this.#lastSecond = Math.max(Math.floor(this.#parts.clock.now() / 1000), this.#lastSecond + 1);
    return signer.sign(kind, tags, this.#lastSecond);
  }

  async #send(action: Action, name: string, event: NostrEvent, by: string): Promise<void> {
    const { ok, text } = await this.#relay.publish(event);
    const place = text.startsWith("purgatory:") ? "waits" : "served";
    if (ok) this.#events.remember(event, name, by, place, this.#parts.clock.now());
    this.#sent[action]!.push({ who: by, name, event, ok, text });
    this.#notify();
  }

  #hear(event: NostrEvent): void {
    const name = nameOf(event.kind);
    const by = event.pubkey === this.#ada.key ? "Ada" : "Ben";
    this.#heard.push({ id: event.id, name, by, atMs: this.#parts.clock.now() });
    this.#heard.splice(0, this.#heard.length - MAX_HEARD);
    this.#notify();
  }

  /** Runs Git and shows it to the visitor. */
  async #show(action: Action, person: Person, ...args: string[]): Promise<Shown> {
    const shown = await git(this.#home, person, ...args);
    this.#sent[action]!.push(shown);
    this.#notify();
    return shown;
  }

  #git(person: Person, ...args: string[]): Promise<string> {
    return mustGit(this.#home, person, ...args);
  }

  async #commit(person: Person, file: string, content: string, subject: string): Promise<string> {
    await writeFile(join(person.folder, file), content);
    await this.#git(person, "add", file);
    await this.#git(person, "commit", "-q", "-m", subject);
    const id = await this.#head(person);
    this.#commits.set(id, {
      id,
      subject,
      by: person.name,
      isKept: false,
      isElsewhere: false,
      isRefused: false,
    });
    return id;
  }

  #head(person: Person): Promise<string> {
    return this.#git(person, "rev-parse", "HEAD");
  }

  #people(): Person[] {
    return [this.#homeAda, this.#homeBen, this.#homeReader];
  }

  #notify(): void {
    for (const watcher of this.watchers) watcher();
  }
}

function inside({ name, folder }: Person, below: string): Person {
  return { name, folder: join(folder, below) };
}

function refsIn(output: string): [ref: string, id: string][] {
  return output
    .split("\n")
    .map((line) => line.split("\t"))
    .flatMap(([id = "", ref]) => (ref === undefined ? [] : [[ref, id] as [string, string]]));
}
