/**
 * Work for connections in fair turns: each connection has one piece of work done, then the next one. What a client takes back
 * before its turn is never begun (R65).
 * @module
 */

/** What a piece of work says after its turn: it is over, it goes on, or it waits until the client has read. */
export type Progress = "done" | "more" | "waits";

/** One piece of work. */
export interface Work {
  /** The subscription that it answers; `null`: none. */
  readonly subscription: string | null;
  turn(): Progress;
}

/** How long a turn waits where all clients have to read first, in milliseconds. */
const READING_MS = 20;

/** When turns run. */
export interface Schedule {
  /** Runs a callback when what has arrived already is read. */
  soon(callback: () => void): void;
  /** Runs a callback after a time, in milliseconds. @returns cancels it */
  after(ms: number, callback: () => void): () => void;
  /** Runs the work of several connections, which costs less together. */
  together(work: () => void): void;
}

/** Work of all connections. */
export class Turns<Connection> {
  readonly #schedule: Schedule;
  readonly #work = new Map<Connection, Work[]>();
  #isScheduled = false;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  /** The number of pieces of work that a connection waits for. */
  count(connection: Connection): number {
    return this.#work.get(connection)?.length ?? 0;
  }

  add(connection: Connection, work: Work): void {
    const own = this.#work.get(connection);
    if (own === undefined) this.#work.set(connection, [work]);
    else own.push(work);
    this.#wake(true);
  }

  /** Drops the work for a subscription, whether it is begun or not. */
  drop(connection: Connection, subscription: string): void {
    const own = this.#work.get(connection);
    if (own === undefined) return;
    this.#keep(
      connection,
      own.filter((work) => work.subscription !== subscription),
    );
  }

  dropAll(connection: Connection): void {
    this.#work.delete(connection);
  }

  #keep(connection: Connection, work: Work[]): void {
    if (work.length === 0) this.#work.delete(connection);
    else this.#work.set(connection, work);
  }

  #wake(isReady: boolean): void {
    if (this.#isScheduled || this.#work.size === 0) return;
    this.#isScheduled = true;
    const run = () => {
      this.#isScheduled = false;
      this.#run();
    };
    if (isReady) this.#schedule.soon(run);
    else this.#schedule.after(READING_MS, run);
  }

  #run(): void {
    const connections = [...this.#work.keys()];
    let isReady = false;
    const run = () => {
      for (const connection of connections) isReady = this.#runOne(connection) || isReady;
    };
    if (connections.length > 1) this.#schedule.together(run);
    else run();
    this.#wake(isReady);
  }

  /** Runs a connection's first piece of work. @returns whether its next turn need not wait */
  #runOne(connection: Connection): boolean {
    const first = this.#work.get(connection)?.[0];
    if (first === undefined) return false;
    const progress = first.turn();
    if (progress === "done") this.#remove(connection, first);
    return progress !== "waits";
  }

  /** Removes the first piece of work, unless it was dropped meanwhile. */
  #remove(connection: Connection, first: Work): void {
    const own = this.#work.get(connection);
    if (own?.[0] !== first) return;
    if (own.length === 1) this.#work.delete(connection);
    else own.shift();
  }
}
