/**
 * Opens connections to one Redis server or to a Cluster.
 * @module
 */
import type { Clock } from "../platform.ts";
import { elapsedMs, within } from "./guard.ts";
import type { RedisNode } from "./redis-address.ts";
import { ClusterConnection } from "./redis-cluster.ts";
import type { Connection, ConnectionOptions } from "./redis-connection.ts";
import { type Client, openClient } from "./redis-library.ts";
import { Writes, waitMs } from "./redis-writes.ts";

/** How long the role of a server counts as known, in milliseconds: a replica answers reads too, with old values. */
const ROLE_KNOWN_MS = 250;

/** When a server refused last, by the name of its address: every connection to it then asks for its role again. */
const refusedMs = new Map<string, number>();

/** Call when a server refuses to do what masters do. */
export function noteRefusal(name: string, atMs: number): void {
  refusedMs.set(name, atMs);
}

/** What a server answers to `HELLO`. */
interface Hello {
  mode?: string;
  role?: string;
}

/** An error if a server is not a master. */
function roleFault({ role }: Hello): Error | null {
  return role === "replica" || role === "slave" ? new Error("READONLY the server is a replica") : null;
}

/** A connection to a single server, which must remain a master. */
class MasterConnection implements Connection {
  readonly sinceMs: number;
  readonly #reader: Client;
  readonly #writer: Client;
  /** `null`: no replica has to confirm a write. */
  readonly #writes: Writes | null;
  readonly #name: string;
  readonly #clock: Clock;
  #roleKnownMs: number;
  /** Set once the server is no longer a master. */
  #fault: Error | null = null;

  constructor(reader: Client, writer: Client, { name, clock, address, timeoutMs }: ConnectionOptions) {
    this.#reader = reader;
    this.#writer = writer;
    this.#writes = address.replicas
      ? new Writes(writer, { replicas: address.replicas, waitMs: waitMs(timeoutMs) })
      : null;
    this.#name = name;
    this.#clock = clock;
    this.sinceMs = elapsedMs(clock);
    this.#roleKnownMs = this.sinceMs;
  }

  read(_key: string, args: string[]): Promise<unknown> {
    return this.sendCommand(args);
  }

  write(_key: string, args: string[]): Promise<unknown> {
    return this.#writes === null ? this.sendCommand(args) : this.#writes.send(args);
  }

  async sendCommand(args: string[]): Promise<unknown> {
    this.#checkRole();
    const answer = await this.#reader.sendCommand(args);
    if (this.#fault !== null) throw this.#fault;
    return answer;
  }

  async masters() {
    return [this];
  }

  destroy(): void {
    this.#reader.destroy();
    if (this.#writer !== this.#reader) this.#writer.destroy();
  }

  /** Asks for the role unless it is known. The answer arrives before those of later commands. */
  #checkRole(): void {
    const nowMs = elapsedMs(this.#clock);
    const isKnown = nowMs - this.#roleKnownMs < ROLE_KNOWN_MS;
    if (isKnown && (refusedMs.get(this.#name) ?? 0) < this.#roleKnownMs) return;
    this.#roleKnownMs = nowMs;
    this.#reader.sendCommand(["HELLO"]).then(
      (hello) => {
        this.#fault ??= roleFault(hello as Hello);
      },
      () => {}, // the command itself fails as well
    );
  }
}

/**
 * Opens a connection to the first node that answers, or to the Cluster that it belongs to.
 * @throws {Error} if no node answers, if the server is a replica, or if several nodes are not a Cluster.
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const { nodes } = options.address;
  const server = await firstSuccess(nodes, (node) => openServer(node, options));
  if (server === null) return ClusterConnection.open(options);
  if (nodes.length === 1) return server;
  server.destroy();
  throw new Error("the server does not belong to a Cluster; name only one host");
}

/** @returns `null` if the node belongs to a Cluster. */
async function openServer(node: RedisNode, options: ConnectionOptions): Promise<Connection | null> {
  const { address, timeoutMs, clock, onLost } = options;
  const clients: Client[] = [];
  let connection: MasterConnection | undefined;
  const open = async () => {
    const client = await openClient(node, {
      address,
      timeoutMs,
      clock,
      onLost: () => connection && onLost(connection),
    });
    clients.push(client);
    return client;
  };
  try {
    const reader = await open();
    const hello = (await within(reader.sendCommand(["HELLO"]), timeoutMs, clock)) as Hello;
    if (hello.mode !== "cluster") {
      const fault = roleFault(hello);
      if (fault !== null) throw fault;
      const writer = address.replicas ? await open() : reader;
      connection = new MasterConnection(reader, writer, options);
      return connection;
    }
  } catch (error) {
    for (const client of clients) client.destroy();
    throw error;
  }
  for (const client of clients) client.destroy();
  return null;
}

/** The result for the first item for which `work` succeeds. @throws the error for the last item if it never does. */
async function firstSuccess<Item, T>(items: readonly Item[], work: (item: Item) => Promise<T>): Promise<T> {
  let fault: unknown;
  for (const item of items) {
    try {
      return await work(item);
    } catch (error) {
      fault = error;
    }
  }
  throw fault;
}
