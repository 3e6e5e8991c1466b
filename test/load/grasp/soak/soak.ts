/**
 * Keeps a GRASP server under a mix of everything (V10): authors, readers, subscribers, attackers, and other servers of which most are
 * sick. It is killed and restarted on the way, and at the end held against what it acknowledged.
 * @module
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { metric } from "../../../support/peers.ts";
import { connect } from "../../../support/relay-client.ts";
import { type ProcessRuntime, root, runtimes } from "../../../support/spawn.ts";
import { type CommandResult, runCommand } from "../../../support/start-program.ts";
import { type Ending, type Lives, memoryOf } from "../../soak/memory.ts";
import { Ledger as PushLedger } from "../kills/ledger.ts";
import { Crowd, type Done } from "./clients.ts";
import { Attackers } from "./hostile.ts";
import { type Audit, SoakLedger } from "./ledger.ts";
import { type Elsewhere, Others } from "./peers.ts";
import { during, Interrupted, newAddress, type Place } from "./place.ts";
import { SoakServer } from "./server.ts";

/** How long a soak is, and of what. */
export interface GraspSoakOptions {
  runtime: ProcessRuntime;
  seconds: number;
  /** Number of authors; others are beside them. */
  authors: number;
  /** Number of lives of the server that are cut short. Default: 6. */
  shortLives?: number;
  say(text: string): void;
}

/** What came of it. */
export interface GraspSoakReport extends Lives {
  seconds: number;
  authors: number;
  done: Done;
  /** How often each attack was made. */
  attacks: Record<string, number>;
  /** Requests to each kind of hostile Git host. */
  askedHostile: Record<string, number>;
  audit: Audit;
  /** Refs, objects and backups of the repositories against the reported pushes; each line is a fault. */
  refs: { repositories: number; pushes: number; unanswered: number; faults: string[] };
  /** Open file handles after the last start, and after the clients have left. */
  handles: { atStart: number; atEnd: number };
  /** Time until the peers' last repository was served, once no more of them were made, in seconds. */
  settledSeconds: number;
  /** Repositories that `millrace grasp check --data` found wrong. */
  checked: string[];
  /** What was left after the last end: quarantines, locks, temporary files, processes. */
  left: string[];
  faults: string[];
}

/** Share of the whole that one short life lasts. */
const SHORT_LIFE = 0.07;
const READERS = 2;
const ATTACKERS = 2;
/** Time between two repositories of peers, and between two breaks of the honest relay, in milliseconds. */
const PEER_EVERY_MS = 3_000;
const BREAK_EVERY_MS = 20_000;
/** Longest time until all of the peers' repositories are served. */
const SETTLE_MS = 240_000;
/** Longest time until what clients used is free again. */
const FREE_MS = 20_000;
/** Handles that the server may have more than after its start: connections to peers. */
const MORE_HANDLES = 24;
const LOOK_MS = 250;
/** Figures of the server that are 0 without clients. */
const OF_CLIENTS = [
  "grasp_connections",
  "grasp_subscriptions",
  "grasp_git_processes",
  "grasp_git_processes_waiting",
];
/** Ids in one query. */
const PAGE = 400;
const COMMAND_MS = 300_000;

/** Runs a soak in a folder of its own, which is gone afterwards. */
export async function runGraspSoak(options: GraspSoakOptions): Promise<GraspSoakReport> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-grasp-soak-"));
  const soak = await GraspSoak.start(folder, options);
  try {
    return await soak.run();
  } finally {
    await soak.discard();
    rmSync(folder, { recursive: true, force: true });
  }
}

class GraspSoak {
  readonly #options: GraspSoakOptions;
  readonly #server: SoakServer;
  readonly #others: Others;
  readonly #ledger = new SoakLedger();
  readonly #pushes = new PushLedger();
  readonly #place: Place;
  readonly #crowd: Crowd;
  readonly #attackers: Attackers;
  readonly #faults: string[] = [];
  readonly #endings: Ending[] = [];
  /** Repositories of peers that were published to the server itself, and that it is told to fetch. */
  readonly #asked: Elsewhere[] = [];
  #work: Promise<void>[] = [];
  #isStopping = false;

  private constructor(server: SoakServer, others: Others, folder: string, options: GraspSoakOptions) {
    this.#options = options;
    this.#server = server;
    this.#others = others;
    this.#place = { url: `http://${server.host}`, isUp: false, life: 0 };
    const clients = join(folder, "clients");
    mkdirSync(clients);
    this.#crowd = new Crowd(this.#place, this.#ledger, this.#pushes, clients, server.host);
    this.#attackers = new Attackers(this.#place, this.#ledger, clients, () => this.#crowd.victim());
  }

  static async start(folder: string, options: GraspSoakOptions): Promise<GraspSoak> {
    const server = await SoakServer.in(options.runtime, folder);
    const elsewhere = join(folder, "others");
    mkdirSync(elsewhere);
    const others = await Others.start(elsewhere, server.host);
    server.configure(others.relays);
    return new GraspSoak(server, others, folder, options);
  }

  async run(): Promise<GraspSoakReport> {
    const { authors, say } = this.#options;
    const startedAt = Date.now();
    await this.#begin();
    this.#work = [
      ...Array.from({ length: authors }, (_, n) => this.#crowd.write(n)),
      ...Array.from({ length: READERS }, (_, n) => this.#crowd.read(n)),
      ...Array.from({ length: ATTACKERS }, () => this.#attackers.attack()),
      this.#crowd.listen(),
      this.#peers(),
    ];
    // A fault in the crowd ends the soak at once.
    const working = Promise.all(this.#work);
    working.catch(() => {});
    const atStart = await this.#live(working);
    this.#stopClients();
    await working;
    const missed = await this.#crowd.hearTheRest(10_000);
    if (missed.length > 0) this.#faults.push(`${missed.length} events did not reach the subscriber`);
    const lived = (Date.now() - startedAt) / 1000;
    say(`waiting until what peers have is served: ${this.#ledger.peerIds().length} events`);
    const settledSeconds = await this.#settle();
    const handles = { atStart, atEnd: await this.#free(atStart) };
    say("comparing the refs with the reports");
    const { pushes, unanswered } = this.#pushes.counts;
    const faults = await this.#pushes.check(this.#place.url, this.#server.data);
    const checked = await this.#check();
    await this.#end("asked to end");
    const { stored, faults: ofDatabase } = this.#server.stored();
    return {
      ...{ runtime: this.#options.runtime, startedAt, seconds: lived, authors },
      ...{ endings: this.#endings.slice(0, -1), samples: this.#server.samples() },
      done: this.#crowd.done,
      attacks: this.#attackers.made,
      askedHostile: this.#others.asked(),
      audit: this.#ledger.audit(stored, Math.floor(Date.now() / 1000)),
      refs: { repositories: this.#crowd.done.repositories, pushes, unanswered, faults },
      ...{ handles, settledSeconds, checked },
      left: this.#server.leftovers(this.#endings.findLast(({ how }) => how === "killed")?.at ?? 0),
      faults: [...this.#faults, ...ofDatabase],
    };
  }

  /** Lives through the restarts and the long life after them. @returns the handles after the last start */
  async #live(working: Promise<unknown>): Promise<number> {
    const { seconds, shortLives = 6, say } = this.#options;
    const wait = (share: number) => Promise.race([working, sleep(share * seconds * 1000)]);
    let handles = this.#server.handles();
    for (let life = 0; life < shortLives; life++) {
      await wait(SHORT_LIFE);
      const how = life % 2 === 0 ? "killed" : "asked to end";
      say(`${how} after ${this.#ledger.acknowledged} events and ${this.#crowd.done.pushes} pushes`);
      await this.#end(how);
      await this.#begin();
      handles = this.#server.handles();
    }
    await wait(1 - shortLives * SHORT_LIFE);
    return handles;
  }

  async #begin(): Promise<void> {
    await this.#server.start();
    this.#place.life++;
    this.#place.isUp = true;
  }

  async #end(how: Ending["how"]): Promise<void> {
    this.#endings.push({ at: Date.now(), how });
    this.#place.isUp = false;
    const code = await this.#server.program.stop(how === "killed" ? "SIGKILL" : "SIGTERM");
    if (how === "asked to end" && code !== 0)
      this.#faults.push(`asked to end, the server ended with ${code}`);
  }

  #stopClients(): void {
    this.#isStopping = true;
    this.#crowd.stop();
    this.#attackers.stop();
  }

  /** Lets peers make repositories: most come by their relay, some are published here and asked for by the operator. */
  async #peers(): Promise<void> {
    let lastBreak = Date.now();
    for (let made = 0; !this.#isStopping; made++) {
      const one = this.#others.make();
      if (made % 3 === 2) {
        await this.#publishHere(one);
      } else {
        this.#note(one);
        this.#others.publish(one);
      }
      if (Date.now() - lastBreak > BREAK_EVERY_MS) {
        this.#others.breakOff();
        lastBreak = Date.now();
      }
      for (let waited = 0; waited < PEER_EVERY_MS && !this.#isStopping; waited += LOOK_MS)
        await sleep(LOOK_MS);
    }
  }

  #note({ announcement, state }: Elsewhere): void {
    this.#ledger.fromPeer(announcement);
    this.#ledger.fromPeer(state);
  }

  /** Publishes a peer's events here until they are acknowledged, and asks for their Git data. */
  async #publishHere(one: Elsewhere): Promise<void> {
    while (!this.#isStopping) {
      try {
        const client = await during(this.#place, "connect", () => connect(this.#place.url, newAddress()));
        await this.#crowd.publish(client, one.announcement);
        await this.#crowd.publish(client, one.state);
        client.close();
        this.#note(one);
        this.#asked.push(one);
        // The server may have been ended meanwhile; what is not served in the end is asked for again.
        await this.#command("sync", `${one.npub}/${one.name}`);
        return;
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
        await sleep(LOOK_MS);
      }
    }
  }

  /** Waits until what peers have is served. @returns how long that took, in seconds */
  async #settle(): Promise<number> {
    const began = performance.now();
    const client = await connect(this.#place.url, newAddress());
    const ids = this.#ledger.peerIds();
    try {
      for (;;) {
        const served = new Set<string>();
        for (let at = 0; at < ids.length; at += PAGE)
          for (const id of await client.query({ ids: ids.slice(at, at + PAGE), limit: PAGE })) served.add(id);
        const seconds = (performance.now() - began) / 1000;
        if (served.size === ids.length || seconds * 1000 > SETTLE_MS) return seconds;
        const asked = this.#asked.filter(({ state }) => !served.has(state.id));
        for (const { npub, name } of asked) await this.#command("sync", `${npub}/${name}`);
        await sleep(LOOK_MS);
      }
    } finally {
      client.close();
    }
  }

  /** Waits until what clients used is free again: connections, subscriptions, Git processes. @returns the handles then */
  async #free(atStart: number): Promise<number> {
    const deadline = performance.now() + FREE_MS;
    for (;;) {
      const handles = this.#server.handles();
      const used: string[] = [];
      for (const series of OF_CLIENTS) if ((await metric(this.#place.url, series)) > 0) used.push(series);
      if (used.length === 0 && handles <= atStart + MORE_HANDLES) return handles;
      if (performance.now() > deadline) {
        this.#faults.push(...used.map((series) => `${series} is not 0 after the clients left`));
        return handles;
      }
      await sleep(LOOK_MS);
    }
  }

  /** Runs an administration command. */
  #command(...args: string[]): Promise<CommandResult> {
    const { runtime, config } = this.#server;
    const [command, ...first] = runtimes[runtime];
    return runCommand({
      command: command!,
      args: [...first, "worker/cli/main.ts", "grasp", ...args, "--config", config],
      cwd: root,
      timeoutMs: COMMAND_MS,
    });
  }

  /** @returns what `millrace grasp check --data` finds */
  async #check(): Promise<string[]> {
    const { code, stdout, stderr } = await this.#command("check", "--data", "--json");
    const rows = stdout.split("\n").filter(Boolean);
    return code === 0 ? rows : [...rows, `it ended with ${code}: ${stderr}`];
  }

  async discard(): Promise<void> {
    this.#stopClients();
    this.#place.isUp = false;
    await this.#server.discard();
    await Promise.allSettled(this.#work);
    await this.#others.stop();
  }
}

/** What no soak should have. */
export function faultsOf(report: GraspSoakReport): string[] {
  const { faults, audit, refs, checked, left, handles } = report;
  const all = [...faults, ...audit.faults, ...refs.faults];
  all.push(
    ...checked.map((row) => `the check of data finds ${row}`),
    ...left.map((what) => `${what} is left`),
  );
  if (handles.atEnd > handles.atStart + MORE_HANDLES)
    all.push(`${handles.atStart} handles were open at first, ${handles.atEnd} at the end`);
  if (memoryOf(report)?.hasGrown) all.push("the memory grew");
  return all;
}
