/**
 * A client of one Redis server or a Redis Cluster. It connects at the first use, gives every answer a timeout, replaces lost
 * connections, and works the same with a server and a Cluster, because every operation has exactly one key.
 * @module
 */
import type { Clock } from "../platform.ts";
import { elapsedMs, messageOf, Operations, TIMEOUT_MS, TimeoutError, withHint, within } from "./guard.ts";
import { parseAddress } from "./redis-address.ts";
import type { Connection } from "./redis-connection.ts";
import { HINTS, isRefusal } from "./redis-faults.ts";
import { RETRY_MS } from "./redis-link.ts";
import { noteRefusal, openConnection } from "./redis-server.ts";

/** The part of Redis that the store and the limiter use. Every method rejects if Redis does not answer in time. */
export interface Redis {
  /** Sends a command whose first argument is its only key. */
  send(command: string, key: string, ...args: string[]): Promise<unknown>;
  /** Runs a Lua script on one key, `KEYS[1]`. Redis caches the script; it is sent again if Redis has lost it. */
  run(script: string, key: string, ...args: string[]): Promise<unknown>;
  /**
   * Visits every key that begins with `prefix`, in batches. A key may be visited twice; keys that are added or removed
   * meanwhile may be missed. Walks over all keys of all masters, whatever the prefix.
   */
  scan(prefix: string, visit: (keys: string[]) => void): Promise<void>;
  /** Waits for pending operations, then closes the connection. */
  close(): Promise<void>;
}

export interface RedisOptions {
  /**
   * `redis://USER:PASSWORD@HOST:PORT/DATABASE?prefix=TEXT&replicas=N`, or `rediss://` for TLS. Only the host is required. Commas separate
   * several nodes of a Cluster: `redis://a:6379,b:6379`. The prefix comes before every key. Default prefix: `millrace:`.
   * `?replicas=N`: a write fails unless N replicas confirm it. Default: 0 for one server; in a Cluster one, as long as the master
   * has one that could replace it.
   */
  url: string;
  /** Timeout of one operation, one answer of a scan, and one attempt to connect, in milliseconds. Default: 2000. */
  timeoutMs?: number;
  /** The timers for timeouts and retries. */
  clock: Clock;
}

/** The commands that write nothing. All others have to be confirmed by the replicas. */
const READS = new Set(["GET", "GETRANGE"]);
/** Keys that Redis checks in each step of a scan. */
const SCAN_STEP = "1000";

/**
 * A client of one Redis server or Cluster. Nothing connects before the first operation.
 * @throws {TypeError} that shows the form of the URL, never its password.
 */
export function connectRedis(options: RedisOptions): Redis {
  return new RedisClient(options);
}

class RedisClient implements Redis {
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #operations: Operations;
  readonly #open: () => Promise<Connection>;
  #current: Connection | null = null;
  #connecting: Promise<Connection> | null = null;
  #failure: { error: unknown; atMs: number } | null = null;

  constructor({ url, timeoutMs = TIMEOUT_MS.redis, clock }: RedisOptions) {
    const address = parseAddress(url);
    const name = `Redis at ${address.nodes.map(({ host, port }) => `${host}:${port}`).join(", ")}`;
    this.#prefix = address.prefix;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#name = name;
    this.#operations = new Operations({
      name: `the connection to ${name}`,
      explain: (cause) => withHint(name, cause, HINTS),
    });
    const onLost = (connection: Connection) => this.#drop(connection);
    this.#open = () => openConnection({ address, name, timeoutMs, clock, onLost });
  }

  send(command: string, key: string, ...args: string[]): Promise<unknown> {
    const named = this.#prefix + key;
    const full = [command, named, ...args];
    if (READS.has(command)) return this.#operation((connection) => connection.read(named, full));
    return this.#operation((connection) => connection.write(named, full));
  }

  run(script: string, key: string, ...args: string[]): Promise<unknown> {
    const named = this.#prefix + key;
    const rest = ["1", named, ...args];
    return this.#operation(async (connection) => {
      const digest = digests.get(script) ?? (await digestOf(script));
      try {
        return await connection.write(named, ["EVALSHA", digest, ...rest]);
      } catch (error) {
        if (!/^NOSCRIPT/.test(messageOf(error))) throw error;
        return connection.write(named, ["EVAL", script, ...rest]);
      }
    });
  }

  scan(prefix: string, visit: (keys: string[]) => void): Promise<void> {
    const pattern = `${literal(this.#prefix + prefix)}*`;
    return this.#operations.run(() =>
      this.#attempt(async (connection) => {
        for (const master of await this.#within(connection.masters())) {
          let cursor = "0";
          do {
            const args = ["SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_STEP];
            const [next, keys] = (await this.#within(master.sendCommand(args))) as [string, string[]];
            visit(keys.map((key) => key.slice(this.#prefix.length)));
            cursor = next;
          } while (cursor !== "0");
        }
      }),
    );
  }

  async close(): Promise<void> {
    await this.#operations.close();
    await this.#connecting?.catch(() => {});
    this.#current?.destroy();
    this.#current = null;
  }

  /** Waits for a part of an operation. */
  async #within<T>(part: Promise<T>): Promise<T> {
    try {
      return await within(part, this.#timeoutMs, this.#clock);
    } catch (error) {
      if (error instanceof TimeoutError) this.#suspect();
      throw error;
    }
  }

  #operation<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#operations.run(() => this.#attempt((connection) => this.#within(work(connection))));
  }

  async #attempt<T>(work: (connection: Connection) => Promise<T>, isRepeated = false): Promise<T> {
    const connection = await this.#connection();
    try {
      return await work(connection);
    } catch (error) {
      if (isRefusal(error) && this.#replace(connection, error) && !isRepeated) {
        return this.#attempt(work, true);
      }
      throw error;
    }
  }

  /** The server may be silent, or the connection broken without notice: only a new connection can tell. */
  #suspect(): void {
    if (this.#current === null || this.#operations.isClosed) return;
    if (this.#current.heal !== undefined) this.#current.heal();
    else this.#connectInBackground();
  }

  async #connection(): Promise<Connection> {
    if (this.#current !== null) return this.#current;
    if (this.#failure !== null && this.#now() - this.#failure.atMs < RETRY_MS) throw this.#failure.error;
    return this.#connect();
  }

  /** Opens a connection, which replaces the current one. */
  #connect(): Promise<Connection> {
    this.#connecting ??= this.#open()
      .then((fresh) => {
        if (this.#current !== null) this.#destroyLater(this.#current);
        this.#current = fresh;
        this.#failure = null;
        return fresh;
      })
      .catch((error) => {
        this.#failure = { error, atMs: this.#now() };
        throw error;
      })
      .finally(() => {
        this.#connecting = null;
      });
    return this.#connecting;
  }

  #connectInBackground(): void {
    this.#connect().catch(() => {});
  }

  /** Gives up a connection: the next operation opens another one. */
  #drop(connection: Connection): void {
    if (this.#current !== connection) return;
    this.#current = null;
    this.#destroyLater(connection);
  }

  /** Destroys a connection once the pending operations have their answers or have timed out. */
  #destroyLater(connection: Connection): void {
    void this.#operations.settled().then(() => connection.destroy());
  }

  /**
   * Replaces a connection whose server refuses.
   * @returns whether to repeat the operation now. Not if the connection was opened just now: then another one would be refused
   * too, and all operations fail until `RETRY_MS` is over.
   */
  #replace(connection: Connection, error: unknown): boolean {
    if (this.#operations.isClosed) return false;
    const nowMs = this.#now();
    noteRefusal(this.#name, nowMs);
    if (connection.heal !== undefined) {
      connection.heal();
      return false;
    }
    if (this.#current !== connection) return true;
    this.#drop(connection);
    if (nowMs - connection.sinceMs >= RETRY_MS) return true;
    this.#failure = { error, atMs: nowMs };
    return false;
  }

  #now(): number {
    return elapsedMs(this.#clock);
  }
}

/** A pattern for `SCAN` that matches exactly this text. */
function literal(text: string): string {
  return text.replace(/[*?[\]\\]/g, "\\$&");
}

const digests = new Map<string, string>();

/** The name of a script for `EVALSHA`. By Web Crypto: `node:crypto` would be loaded even without Redis. */
async function digestOf(script: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-1", new TextEncoder().encode(script)));
  const digest = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  digests.set(script, digest);
  return digest;
}
