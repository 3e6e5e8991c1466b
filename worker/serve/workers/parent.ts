/**
 * The parent of several workers: starts them, starts those again that die, replaces one after the other, and stops all.
 * @module
 */
import process from "node:process";
import { toHex } from "../../../runtime/lib/hex.ts";
import { answerCall } from "../../../runtime/limiters/owned.ts";
import type { Log, RateLimiter } from "../../../runtime/platform.ts";
import { resolveListen } from "../../hosts/process/shared-port.ts";
import { type Entry, urlOf } from "../../hosts/server.ts";
import type { TableSizes } from "../../hosts/table-sizes.ts";
import { byAddress, type Planned } from "../plan.ts";
import { listenFault } from "../serve.ts";
import { StartError } from "../start-error.ts";
import { Gathering } from "./gathering.ts";
import { Member, type MemberEnd } from "./member.ts";
import type { Place, ToParent } from "./messages.ts";
import { afterDeath } from "./restarts.ts";

/** Time for requests in flight and for closing, in milliseconds: more than a worker takes itself. */
const STOP_MS = 20_000;

/** One place for a worker. */
interface Slot {
  readonly number: number;
  member: Member | undefined;
  earlyDeaths: number;
}

export interface ParentOptions {
  readonly entry: Entry;
  readonly services: readonly Planned[];
  readonly count: number;
  readonly log: Log;
  /** As in `ServeOptions`. */
  drainDelayMs(): number;
}

/** Runs the workers of a server. */
export class Parent {
  /** Resolves if the server gives up, because a worker dies again and again. */
  readonly gaveUp: Promise<void>;
  readonly #options: ParentOptions;
  readonly #slots: Slot[];
  readonly #members = new Set<Member>();
  readonly #limiters: RateLimiter[] = [];
  readonly #gathering: Gathering;
  readonly #place: Omit<Place, "number" | "places">;
  #ports: OpenPorts = { places: {}, sockets: [] };
  #isStopping = false;
  #giveUp: () => void = () => {};
  /** The replacement that is going on, and whether another one shall follow. */
  #replacing: Promise<void> | undefined;
  #replaceAgain = false;

  constructor(options: ParentOptions) {
    const { entry, count } = options;
    this.#options = options;
    this.#slots = Array.from({ length: count }, (_, i) => ({
      number: i + 1,
      member: undefined,
      earlyDeaths: 0,
    }));
    const name = new Uint8Array(4);
    entry.host.random.fill(name);
    this.#place = { count, instance: toHex(name), startedMs: entry.host.clock.now() };
    this.#gathering = new Gathering({
      members: () => this.#members,
      limiters: () => this.#limiters,
      runtime: entry.host.name,
      clock: entry.host.clock,
    });
    this.gaveUp = new Promise((resolve) => {
      this.#giveUp = resolve;
    });
  }

  /**
   * Starts all workers, and waits until each listens.
   * @returns the URL of each service, by title.
   * @throws {StartError} saying why one of them cannot start; no worker is left then.
   */
  async start(): Promise<Readonly<Record<string, string>>> {
    this.#ports = await openPorts(this.#options);
    const members = this.#slots.map((slot) => {
      slot.member = this.#fork(slot.number);
      return slot.member;
    });
    const starts = await Promise.all(members.map(({ started }) => started));
    const failed = starts.find((start) => start.kind === "failed");
    if (failed !== undefined) {
      await this.stop("SIGTERM");
      throw new StartError(failed.message);
    }
    for (const slot of this.#slots) this.#watch(slot, slot.member!);
    const [first] = starts;
    return first?.kind === "ready" ? first.urls : {};
  }

  /** Every worker reads its configuration again. */
  reload(): void {
    for (const { member } of this.#slots) member?.channel.tell({ kind: "reload" });
  }

  /**
   * Replaces one worker after the other: the new one listens before the old one stops accepting. If a new one cannot start, the
   * old one stays, and the rest, too.
   */
  replaceAll(): Promise<void> {
    this.#replaceAgain = true;
    this.#replacing ??= this.#replaceWhileAsked().finally(() => {
      this.#replacing = undefined;
    });
    return this.#replacing;
  }

  async #replaceWhileAsked(): Promise<void> {
    const { log } = this.#options;
    while (this.#replaceAgain && !this.#isStopping) {
      this.#replaceAgain = false;
      for (const slot of this.#slots) {
        if (this.#isStopping) return;
        const fault = await this.#replace(slot);
        if (fault === null) continue;
        log.error("SIGUSR2: a new worker cannot start; the others stay", {
          worker: slot.number,
          reason: fault,
        });
        return;
      }
      log.info("SIGUSR2: all workers were replaced");
    }
  }

  /** @returns why the new worker cannot start; `null`: it serves. */
  async #replace(slot: Slot): Promise<string | null> {
    const next = this.#fork(slot.number);
    const start = await next.started;
    if (start.kind === "failed") {
      await next.stop("SIGTERM", STOP_MS);
      return start.message;
    }
    const old = slot.member;
    slot.member = next;
    slot.earlyDeaths = 0;
    this.#watch(slot, next);
    if (this.#isStopping) {
      await next.stop("SIGTERM", STOP_MS);
      return null;
    }
    this.#options.log.info("a worker was replaced", { worker: slot.number, pid: next.pid });
    await old?.stop("SIGUSR2", this.#stopMs());
    return null;
  }

  /** Stops all workers, and ends at once those that do not listen yet. @returns whether the others ended as they should. */
  async stop(signal: string): Promise<boolean> {
    this.#isStopping = true;
    for (const socket of this.#ports.sockets) socket.close();
    const sound = await Promise.all(
      [...this.#members].map(async (member) => {
        if (!member.hasListened) member.kill();
        else if (!member.isStopping) await member.stop(signal, this.#stopMs());
        return (await member.ended).code === 0 || !member.hasListened;
      }),
    );
    return sound.every(Boolean);
  }

  /** Ends all workers at once. */
  kill(): void {
    for (const member of this.#members) member.kill();
  }

  #stopMs(): number {
    return this.#options.drainDelayMs() + STOP_MS;
  }

  #fork(number: number): Member {
    const { host, workers } = this.#options.entry;
    const member = new Member(number, {
      nowMs: host.clock.now(),
      env: workers.env,
      answer: (from, question) => this.#answer(from, question),
    });
    this.#members.add(member);
    void member.ended.then(() => this.#members.delete(member));
    return member;
  }

  #answer(member: Member, question: ToParent): unknown {
    switch (question.kind) {
      case "hello":
        for (const [i, socket] of this.#ports.sockets.entries()) member.give({ socket: i }, socket);
        return { ...this.#place, number: member.number, places: this.#ports.places } satisfies Place;
      case "open limiter":
        return void this.#openLimiter(question.limiter, question.sizes);
      case "limiter":
        return answerCall(this.#limiters[question.limiter]!, question.call);
      case "gather":
        return this.#gathering.gather(question.service, question.what);
      case "bye":
        member.isReadable = false;
        return this.#gathering.keep(question.metrics);
    }
  }

  /** All workers share the limiters: each opens the same ones in the same order. */
  #openLimiter(limiter: number, sizes: TableSizes): void {
    if (this.#limiters[limiter] !== undefined) return;
    const { clock, random, openLimiter } = this.#options.entry.host;
    const opened = openLimiter("local", { sizes, clock, random }, []);
    this.#limiters[limiter] = opened;
    opened.watch?.((table) => {
      for (const member of this.#members) member.channel.tell({ kind: "full", limiter, table });
    });
  }

  /** Starts another worker if this one dies. */
  #watch(slot: Slot, member: Member): void {
    void member.ended.then((end) => {
      if (!member.isStopping && !this.#isStopping && slot.member === member) this.#died(slot, member, end);
    });
  }

  #died(slot: Slot, member: Member, { code, signal }: MemberEnd): void {
    const { log, entry } = this.#options;
    this.#gathering.keep(member.lastMetrics);
    slot.member = undefined;
    const livedMs = entry.host.clock.now() - member.startedMs;
    const next = afterDeath(livedMs, slot.earlyDeaths);
    slot.earlyDeaths = next.earlyDeaths;
    const facts = { worker: slot.number, pid: member.pid, code, signal, livedMs };
    if (next.kind === "give up") {
      log.error("a worker dies again and again; the server ends", facts);
      this.#giveUp();
      return;
    }
    log.error("a worker died; another one starts", { ...facts, afterMs: next.afterMs });
    // Not a timer of the host: those do not keep the process alive.
    setTimeout(() => void this.#startAgain(slot), next.afterMs);
  }

  async #startAgain(slot: Slot): Promise<void> {
    // A replacement may have filled the place by now.
    if (this.#isStopping || slot.member !== undefined) return;
    const member = this.#fork(slot.number);
    slot.member = member;
    const start = await member.started;
    if (start.kind === "ready") {
      this.#options.log.info("a worker was started", { worker: slot.number, pid: member.pid });
    } else if (!this.#isStopping) {
      this.#options.log.error("a worker cannot start", { worker: slot.number, reason: start.message });
    }
    this.#watch(slot, member);
  }
}

/** Where the services listen. */
interface OpenPorts {
  readonly places: Place["places"];
  readonly sockets: readonly { close(): void }[];
}

/**
 * Finds a port for each service that may have any, and tries the others: of several processes on one port none would be told that
 * another program has it. Binds the sockets where the processes share them.
 * @throws {StartError} if an address cannot be had.
 */
async function openPorts({ entry, services }: Pick<ParentOptions, "entry" | "services">): Promise<OpenPorts> {
  const places: Record<string, Place["places"][string]> = {};
  const sockets: { close(): void }[] = [];
  for (const group of byAddress(services)) {
    const { listen } = group[0]!;
    try {
      const { address, family } = await resolveListen(listen);
      const socket = entry.workers.bind?.(address, family);
      if (socket !== undefined) sockets.push(socket);
      const place = {
        listen: { ...listen, port: address.port },
        socket: socket === undefined ? null : sockets.length - 1,
      };
      for (const { title } of group) places[title] = place;
    } catch (cause) {
      for (const socket of sockets) socket.close();
      throw new StartError(`cannot listen on ${urlOf(listen)}: ${listenFault(cause)}`, { cause });
    }
  }
  return { places, sockets };
}

/** The signals that replace the workers, where the runtime can do it. */
export function onReplaceSignal(replace: () => void): void {
  process.on("SIGUSR2", replace);
}
