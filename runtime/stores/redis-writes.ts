/**
 * Writes that count only once replicas have them: a failover to a replica loses what only the old master had.
 *
 * `WAIT` tells how many replicas have what its own connection wrote, and blocks that connection meanwhile. So writes have a
 * connection of their own, which is never opened again by the library: on another one `WAIT` would know of no write. One `WAIT`
 * confirms all writes that were sent while the one before it was under way.
 * @module
 */
import { messageOf } from "./guard.ts";
import { UnconfirmedError } from "./redis-faults.ts";
import { hasNoReplica } from "./redis-slots.ts";

/** The part of the library's client that is used here. */
interface Sender {
  sendCommand(args: string[]): Promise<unknown>;
}

export interface WritesOptions {
  /**
   * How many replicas must have a write. `null`, for a node of a Cluster: one, unless the Cluster has agreed that this master has
   * no replica which could replace it.
   */
  replicas: number | null;
  /** How long `WAIT` waits, in milliseconds. */
  waitMs: number;
}

/** How long `WAIT` waits, by the timeout of an operation: before it another one may be under way. */
export function waitMs(timeoutMs: number): number {
  return Math.ceil(timeoutMs / 3);
}

/** The writes of one connection to a master. */
export class Writes {
  readonly #client: Sender;
  readonly #replicas: number;
  readonly #waitMs: number;
  /** Whether the master has no replica, as far as is known: then it is asked for them instead of waiting for nothing. */
  #isAlone: boolean | "unknown";
  readonly #isInCluster: boolean;
  /** The confirmation that is under way. */
  #running: Promise<void> = Promise.resolve();
  /** The confirmation after it, for the writes that are sent until it starts. */
  #next: Promise<void> | null = null;

  constructor(client: Sender, { replicas, waitMs }: WritesOptions) {
    this.#client = client;
    this.#replicas = replicas ?? 1;
    this.#waitMs = waitMs;
    this.#isInCluster = replicas === null;
    this.#isAlone = this.#isInCluster && "unknown";
  }

  /**
   * @returns the answer, once it is confirmed
   * @throws {UnconfirmedError} if the write was made and is not confirmed; else what the command throws
   */
  async send(args: string[]): Promise<unknown> {
    const answer = this.#client.sendCommand(args);
    if (this.#replicas === 0) return answer;
    const confirmed = this.#confirm();
    confirmed.catch(() => {}); // a command that fails needs no confirmation
    const given = await answer;
    await confirmed;
    return given;
  }

  /** Confirms all commands that were sent before it starts. */
  #confirm(): Promise<void> {
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = null;
        this.#running = this.#ask();
        return this.#running;
      });
    return this.#next;
  }

  async #ask(): Promise<void> {
    try {
      if (this.#isAlone && (await this.#askForReplicas())) return;
      const count = await this.#client.sendCommand(["WAIT", `${this.#replicas}`, `${this.#waitMs}`]);
      if (Number(count) >= this.#replicas || (this.#isInCluster && (await this.#askForReplicas()))) return;
    } catch (cause) {
      throw new UnconfirmedError(`NOREPLICAS the master could not confirm the write: ${messageOf(cause)}`, {
        cause,
      });
    }
    const few = this.#replicas === 1 ? "no replica has" : `fewer than ${this.#replicas} replicas have`;
    throw new UnconfirmedError(`NOREPLICAS ${few} confirmed the write within ${this.#waitMs} ms`);
  }

  /** @returns whether the master has no replica. */
  async #askForReplicas(): Promise<boolean> {
    const [nodes, info] = await Promise.all([
      this.#client.sendCommand(["CLUSTER", "NODES"]),
      this.#client.sendCommand(["INFO", "replication"]),
    ]);
    this.#isAlone = hasNoReplica(String(nodes), String(info), this.#isAlone === true);
    return this.#isAlone;
  }
}
