/**
 * What a connection to Redis does, whether to one server or to a Cluster.
 * @module
 */
import type { Clock } from "../platform.ts";
import type { RedisAddress } from "./redis-address.ts";
import type { Client } from "./redis-library.ts";

/** An open connection. */
export interface Connection {
  /** Sends a command that reads one key. */
  read(key: string, args: string[]): Promise<unknown>;
  /** Sends a command that may write one key. @throws {UnconfirmedError} if it was made and too few replicas have it */
  write(key: string, args: string[]): Promise<unknown>;
  /** The masters, for a command that each of them has to answer. */
  masters(): Promise<Pick<Client, "sendCommand">[]>;
  destroy(): void;
  /** Replaces the parts that have failed. A connection without this method is replaced as a whole. */
  heal?(): void;
  /** When it was opened, by `elapsedMs`. */
  readonly sinceMs: number;
}

/** How to open a connection. */
export interface ConnectionOptions {
  address: RedisAddress;
  /** Name of the address, for connections that share it. */
  name: string;
  /** Timeout of each step, in milliseconds. */
  timeoutMs: number;
  clock: Clock;
  /** Called with a connection to a single server when that has ended. */
  onLost(connection: Connection): void;
}
