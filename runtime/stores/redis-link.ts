/**
 * The connection to one node of a Redis Cluster.
 * @module
 */
import type { Clock } from "../platform.ts";
import { elapsedMs, messageOf } from "./guard.ts";
import type { Client } from "./redis-library.ts";
import { Writes, type WritesOptions } from "./redis-writes.ts";

/** Pause after a failed attempt to connect before the next one, in milliseconds. Operations fail at once meanwhile. */
export const RETRY_MS = 250;

export interface LinkOptions extends WritesOptions {
  /** Opens the connection. @param onLost called when it has ended */
  open(onLost: () => void): Promise<Client>;
  /** Called when the connection was lost, or could not be opened. */
  onFault(): void;
  timeoutMs: number;
  clock: Clock;
}

/** The node cannot be reached: nothing was sent. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";

  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
  }
}

/** An open connection that knows how long its node has been silent. */
class OpenLink {
  readonly writes: Writes;
  readonly #client: Client;
  readonly #clock: Clock;
  #pending = 0;
  /** The time of the last answer, or of the first command since there was none to wait for. */
  #quietSinceMs = 0;

  constructor(client: Client, { clock, ...options }: LinkOptions) {
    this.#client = client;
    this.#clock = clock;
    this.writes = new Writes(this, options);
  }

  async sendCommand(args: string[]): Promise<unknown> {
    if (this.#pending++ === 0) this.#quietSinceMs = elapsedMs(this.#clock);
    try {
      return await this.#client.sendCommand(args);
    } finally {
      this.#pending--;
      this.#quietSinceMs = elapsedMs(this.#clock);
    }
  }

  /** Lets the node take the next command for a slot that is being moved to it. */
  ask(): void {
    this.sendCommand(["ASKING"]).catch(() => {}); // the command itself fails as well
  }

  silentMs(): number {
    return this.#pending === 0 ? 0 : elapsedMs(this.#clock) - this.#quietSinceMs;
  }

  destroy(): void {
    this.#client.destroy();
  }
}

/** A connection that is opened at its first use, and again after it was lost. */
export class Link {
  readonly #options: LinkOptions;
  #open: OpenLink | null = null;
  #opening: Promise<OpenLink> | null = null;
  #failure: { error: UnreachableError; atMs: number } | null = null;
  /** Replaced connections that may still have answers to come. */
  readonly #leaving = new Set<OpenLink>();
  #isClosed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** @throws {UnreachableError} */
  async read(args: string[], isAsk = false): Promise<unknown> {
    const link = this.#open ?? (await this.#connected());
    if (isAsk) link.ask();
    return link.sendCommand(args);
  }

  /** @throws {UnreachableError} @throws {UnconfirmedError} if the write was made and is not confirmed */
  async write(args: string[], isAsk = false): Promise<unknown> {
    const link = this.#open ?? (await this.#connected());
    if (isAsk) link.ask();
    return link.writes.send(args);
  }

  /** Gives up a connection whose node does not answer: the next operation opens another one. */
  dropIfSilent(): void {
    if (this.#open !== null && this.#open.silentMs() >= this.#options.timeoutMs / 2) this.#drop(this.#open);
  }

  destroy(): void {
    this.#isClosed = true;
    this.#open?.destroy();
    for (const link of this.#leaving) link.destroy();
  }

  async #connected(): Promise<OpenLink> {
    const { clock } = this.#options;
    if (this.#failure !== null && elapsedMs(clock) - this.#failure.atMs < RETRY_MS) throw this.#failure.error;
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #connect(): Promise<OpenLink> {
    const { open, clock, onFault } = this.#options;
    try {
      const link: OpenLink = new OpenLink(await open(() => this.#drop(link)), this.#options);
      if (this.#isClosed) link.destroy();
      this.#open = link;
      this.#failure = null;
      return link;
    } catch (cause) {
      const error = new UnreachableError(cause);
      this.#failure = { error, atMs: elapsedMs(clock) };
      onFault();
      throw error;
    }
  }

  #drop(link: OpenLink): void {
    if (this.#open !== link) return;
    const { clock, timeoutMs, onFault } = this.#options;
    this.#open = null;
    this.#leaving.add(link);
    // By then each of its operations has its answer or has timed out.
    clock.after(timeoutMs, () => {
      this.#leaving.delete(link);
      link.destroy();
    });
    onFault();
  }
}
