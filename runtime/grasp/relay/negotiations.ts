/**
 * Negotiations with clients (NIP-77, R23): which are open, and what they may cost.
 * @module
 */
import { fromHex, toHex } from "../../lib/hex.ts";
import type { Filter } from "../events/filter.ts";
import type { EventStore } from "../ports.ts";
import type { RelayLimits } from "./limits.ts";
import type { RelayMessage } from "./message.ts";
import { Negentropy, NegentropyFault } from "./negentropy.ts";
import { NegentropyRecords, type Sha256 } from "./negentropy-records.ts";

interface Session {
  readonly negentropy: Negentropy;
  idleMs: number;
}

/** What negotiations need. */
export interface NegotiationParts {
  readonly store: Pick<EventStore, "records">;
  readonly sha256: Sha256;
  readonly limits: RelayLimits;
}

/** The negotiations of all connections. Their ids are apart from those of subscriptions. */
export class Negotiations<Connection> {
  readonly #parts: NegotiationParts;
  readonly #sessions = new Map<Connection, Map<string, Session>>();
  #records = 0;

  constructor(parts: NegotiationParts) {
    this.#parts = parts;
  }

  /** The number of records that are held. */
  get records(): number {
    return this.#records;
  }

  /** Begins a negotiation, in place of one of the same id. */
  open(
    connection: Connection,
    id: string,
    filter: Filter,
    message: string,
    nowSeconds: number,
  ): RelayMessage {
    const { store, sha256, limits } = this.#parts;
    this.close(connection, id);
    const own = this.#sessions.get(connection) ?? new Map<string, Session>();
    if (own.size >= limits.negotiations)
      return ["NEG-ERR", id, `blocked: a connection has at most ${limits.negotiations} negotiations`];
    const records = store.records(filter, nowSeconds, limits.negotiationRecords);
    if (records === null)
      return ["NEG-ERR", id, `blocked: the filter matches more than ${limits.negotiationRecords} events`];
    if (this.#records + records.times.length > limits.allNegotiationRecords)
      return ["NEG-ERR", id, "blocked: too many negotiations are open; try again later"];
    const negentropy = new Negentropy(new NegentropyRecords(records, sha256), false);
    own.set(id, { negentropy, idleMs: 0 });
    this.#sessions.set(connection, own);
    this.#records += negentropy.records.size;
    return this.step(connection, id, message);
  }

  /** Answers a message of an open negotiation. A message that cannot be read ends it. */
  step(connection: Connection, id: string, message: string): RelayMessage {
    const session = this.#sessions.get(connection)?.get(id);
    if (session === undefined) return ["NEG-ERR", id, "closed: there is no negotiation of this id"];
    session.idleMs = 0;
    try {
      return ["NEG-MSG", id, toHex(session.negentropy.step(fromHex(message)).reply!)];
    } catch (error) {
      this.close(connection, id);
      if (!(error instanceof NegentropyFault)) throw error;
      return ["NEG-ERR", id, `invalid: ${error.message}`];
    }
  }

  close(connection: Connection, id: string): void {
    const own = this.#sessions.get(connection);
    const session = own?.get(id);
    if (session === undefined) return;
    this.#records -= session.negentropy.records.size;
    own!.delete(id);
    if (own!.size === 0) this.#sessions.delete(connection);
  }

  closeAll(connection: Connection): void {
    for (const id of [...(this.#sessions.get(connection)?.keys() ?? [])]) this.close(connection, id);
  }

  /** Closes negotiations that were idle for too long. @returns what their clients are told */
  tick(ms: number): { readonly connection: Connection; readonly message: RelayMessage }[] {
    const ended: { connection: Connection; message: RelayMessage }[] = [];
    for (const [connection, own] of this.#sessions) {
      for (const [id, session] of own) {
        session.idleMs += ms;
        if (session.idleMs < this.#parts.limits.negotiationIdleMs) continue;
        this.close(connection, id);
        ended.push({ connection, message: ["NEG-ERR", id, "closed: nobody went on with the negotiation"] });
      }
    }
    return ended;
  }
}
