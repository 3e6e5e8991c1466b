/**
 * Opens connections to one Redis server or to a Cluster.
 *
 * The client library is `@redis/client`, an optional peer of this package that only this file imports. Three of its features
 * are not used, each for a reason:
 *
 * - `commandOptions.timeout` bounds the wait until a command is sent, not until it is answered, and costs more than the rest
 *   of a command. Each answer has a timeout of ours instead.
 * - `reconnectStrategy` restores a connection to the same address, where another server may answer after a failover. A
 *   connection to a single server is opened again by us, and the server is asked for its role. A Cluster uses the strategy.
 * - `scripts` must be known when the client is created; the store and the limiter pass theirs with each call.
 * @module
 */
import type { Clock } from "../platform.ts";
import { elapsedMs, TIMEOUT_MS, within } from "./guard.ts";
import { type RedisAddress, type RedisNode, socketTo } from "./redis-address.ts";

/** The part of the library's client that is used here. */
interface Client {
  connect(): Promise<unknown>;
  sendCommand(args: string[]): Promise<unknown>;
  on(event: string, listener: () => void): unknown;
  destroy(): void;
}

/** The part of the library's client of a Cluster that is used here. */
interface ClusterClient {
  connect(): Promise<unknown>;
  sendCommand(firstKey: string, isReadonly: boolean, args: string[]): Promise<unknown>;
  on(event: string, listener: () => void): unknown;
  readonly masters: object[];
  nodeClient(node: object): Client | Promise<Client>;
  destroy(): void;
}

interface Library {
  createClient(options: object): Client;
  createCluster(options: object): ClusterClient;
}

/** An open connection. */
export interface Connection {
  /** Sends a command for one key. */
  send(key: string, args: string[]): Promise<unknown>;
  /** The masters, for a command that each of them has to answer. */
  masters(): Promise<Pick<Client, "sendCommand">[]>;
  destroy(): void;
  /** Whether it restores its lost parts by itself, as a Cluster does. */
  readonly healsItself: boolean;
  /** When it was opened, by `elapsedMs`. */
  readonly sinceMs: number;
}

/** How to open a connection. */
export interface ConnectionOptions {
  address: RedisAddress;
  /** Name of the address, for connections that share it. */
  name: string;
  /** Timeout of each step, in milliseconds. Default: `TIMEOUT_MS.redis`. */
  timeoutMs?: number;
  clock: Clock;
  /** Called with a connection to a single server when that has ended. */
  onLost(connection: Connection): void;
}

/** Longest pause before a Cluster's lost connection is opened again, in milliseconds. The first pause is 0, then they double. */
const MAX_RECONNECT_MS = 1000;
/** How long the role of a server counts as known, in milliseconds: a replica answers reads too, with old values. */
const ROLE_KNOWN_MS = 250;
/** Maximum number of commands that wait for their answers; more are refused at once. */
const MAX_WAITING = 20_000;
/** Turns off the library's timeout of commands; see the text of the module. */
const NO_TIMEOUT = { timeout: 0 };

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
  readonly healsItself = false;
  readonly sinceMs: number;
  readonly #client: Client;
  readonly #name: string;
  readonly #clock: Clock;
  #roleKnownMs: number;
  /** Set once the server is no longer a master. */
  #fault: Error | null = null;

  constructor(client: Client, { name, clock, onLost }: ConnectionOptions) {
    this.#client = client;
    this.#name = name;
    this.#clock = clock;
    this.sinceMs = elapsedMs(clock);
    this.#roleKnownMs = this.sinceMs;
    client.on("error", () => onLost(this));
  }

  send(_key: string, args: string[]): Promise<unknown> {
    return this.sendCommand(args);
  }

  async sendCommand(args: string[]): Promise<unknown> {
    this.#checkRole();
    const answer = await this.#client.sendCommand(args);
    if (this.#fault !== null) throw this.#fault;
    return answer;
  }

  async masters() {
    return [this];
  }

  destroy(): void {
    this.#client.destroy();
  }

  /** Asks for the role unless it is known. The answer arrives before those of later commands. */
  #checkRole(): void {
    const nowMs = elapsedMs(this.#clock);
    const isKnown = nowMs - this.#roleKnownMs < ROLE_KNOWN_MS;
    if (isKnown && (refusedMs.get(this.#name) ?? 0) < this.#roleKnownMs) return;
    this.#roleKnownMs = nowMs;
    this.#client.sendCommand(["HELLO"]).then(
      (hello) => {
        this.#fault ??= roleFault(hello as Hello);
      },
      () => {}, // the command itself fails as well
    );
  }
}

class ClusterConnection implements Connection {
  readonly healsItself = true;
  readonly sinceMs: number;
  readonly #cluster: ClusterClient;

  constructor(cluster: ClusterClient, clock: Clock) {
    this.#cluster = cluster;
    this.sinceMs = elapsedMs(clock);
  }

  send(key: string, args: string[]): Promise<unknown> {
    return this.#cluster.sendCommand(key, false, args);
  }

  masters() {
    return Promise.all(this.#cluster.masters.map((master) => this.#cluster.nodeClient(master)));
  }

  destroy(): void {
    this.#cluster.destroy();
  }
}

/**
 * Opens a connection to the first node that answers, or to the Cluster that it belongs to.
 * @throws {Error} if no node answers, if the server is a replica, or if several nodes are not a Cluster.
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const { address, clock, timeoutMs = TIMEOUT_MS.redis } = options;
  const { nodes, username, password, tls, database } = address;
  const library = await load();

  /** @param reconnectStrategy the pause before the next attempt, in milliseconds; false: no further attempt. */
  const clientOptions = (reconnectStrategy: (retries: number) => number | false) => ({
    username,
    password,
    socket: { tls, reconnectStrategy },
    // Without a connection, every command is refused at once.
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING,
    commandOptions: NO_TIMEOUT,
  });

  async function connected<T extends Client | ClusterClient>(client: T): Promise<T> {
    // Errors surface in the promise of each command. The emitter still needs a listener, or the process ends.
    client.on("error", () => {});
    try {
      await within(client.connect(), timeoutMs, clock);
      return client;
    } catch (error) {
      client.destroy();
      throw error;
    }
  }

  /** @returns `null` if the node belongs to a Cluster. */
  async function openServer(node: RedisNode): Promise<Connection | null> {
    const shared = clientOptions(() => false);
    const socket = { ...shared.socket, ...socketTo(node) };
    const client = await connected(library.createClient({ ...shared, socket, database }));
    try {
      const hello = (await within(client.sendCommand(["HELLO"]), timeoutMs, clock)) as Hello;
      if (hello.mode !== "cluster") {
        const fault = roleFault(hello);
        if (fault !== null) throw fault;
        return new MasterConnection(client, options);
      }
    } catch (error) {
      client.destroy();
      throw error;
    }
    client.destroy();
    return null;
  }

  async function openCluster(): Promise<Connection> {
    const cluster = library.createCluster({
      rootNodes: nodes.map((node) => ({ socket: socketTo(node) })),
      defaults: clientOptions(reconnectPauseMs),
      commandOptions: NO_TIMEOUT,
    });
    return new ClusterConnection(await connected(cluster), clock);
  }

  const server = await firstSuccess(nodes, openServer);
  if (server === null) return openCluster();
  if (nodes.length === 1) return server;
  server.destroy();
  throw new Error("the server does not belong to a Cluster; name only one host");
}

/** @throws {Error} that says what to install, if the library is missing. */
async function load(): Promise<Library> {
  try {
    return (await import("@redis/client")) as unknown as Library;
  } catch (cause) {
    throw new Error("cannot load the client library; install it with npm i @redis/client", { cause });
  }
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

function reconnectPauseMs(retries: number): number {
  return retries === 0 ? 0 : Math.min(25 * 2 ** retries, MAX_RECONNECT_MS);
}
