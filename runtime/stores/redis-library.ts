/**
 * Opens single connections by the client library, `@redis/client`, an optional peer of this package that only this file imports.
 * Some of its features are not used, each for a reason:
 *
 * - `commandOptions.timeout` bounds the wait until a command is sent, not until it is answered, and costs more than the rest
 *   of a command. Each operation has a timeout of ours instead.
 * - `reconnectStrategy` restores a connection to the same address, where another server may answer after a failover, and sends
 *   there what the first server has not received. Lost connections are opened again by us.
 * - `createCluster` opens the connections to all masters or none, and does not tell which connection a command took: `WAIT`
 *   confirms only what its own connection wrote.
 * - `scripts` must be known when the client is created; the store and the limiter pass theirs with each call.
 * @module
 */
import type { Clock } from "../platform.ts";
import { within } from "./guard.ts";
import { type RedisAddress, type RedisNode, socketTo } from "./redis-address.ts";

/** The part of the library's client that is used here: one connection. */
export interface Client {
  connect(): Promise<unknown>;
  sendCommand(args: string[]): Promise<unknown>;
  on(event: string, listener: () => void): unknown;
  destroy(): void;
}

interface Library {
  createClient(options: object): Client;
}

export interface ClientOptions {
  address: Pick<RedisAddress, "username" | "password" | "tls" | "database">;
  /** Timeout of the attempt, in milliseconds. */
  timeoutMs: number;
  clock: Clock;
  /** Called when the connection has ended, unless it was destroyed. */
  onLost(): void;
}

/** Maximum number of commands that wait for their answers; more are refused at once. */
const MAX_WAITING = 20_000;

/** Opens a connection, which ends with its socket. */
export async function openClient(node: RedisNode, options: ClientOptions): Promise<Client> {
  const { address, timeoutMs, clock, onLost } = options;
  const { username, password, tls, database } = address;
  const { createClient } = await load();
  const client = createClient({
    username,
    password,
    database,
    socket: { tls, reconnectStrategy: () => false, ...socketTo(node) },
    // Without a connection, every command is refused at once.
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING,
    // Turns off the library's timeout.
    commandOptions: { timeout: 0 },
  });
  let isOpen = false;
  // Errors surface in the promise of each command. The emitter still needs a listener, or the process ends.
  client.on("error", () => {
    if (isOpen) onLost();
  });
  try {
    await within(client.connect(), timeoutMs, clock);
    isOpen = true;
    return client;
  } catch (error) {
    client.destroy();
    throw error;
  }
}

/** @throws {Error} that says what to install, if the library is missing. */
async function load(): Promise<Library> {
  try {
    return (await import("@redis/client")) as unknown as Library;
  } catch (cause) {
    throw new Error("cannot load the client library; install it with npm i @redis/client", { cause });
  }
}
