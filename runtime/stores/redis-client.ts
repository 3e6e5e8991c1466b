/**
 * A connection to Redis, opened at the first use: every answer bounded in time, restored by itself, and the same whether
 * one server is behind it or a Cluster, because every operation has exactly one key.
 *
 * The client library is `@redis/client`, an optional peer of this package that only this file imports.
 * @module
 */

/** As much of Redis as the store and the limiter use. Every method rejects when Redis does not answer in time. */
export interface Redis {
  /** Sends a command whose first argument is its only key. */
  send(command: string, key: string, ...args: string[]): Promise<unknown>;
  /** Runs a Lua script on one key, `KEYS[1]`. Redis keeps the script; where it has lost it, it gets it again. */
  run(script: string, key: string, ...args: string[]): Promise<unknown>;
  /**
   * Visits every key that begins with `prefix`, some at a time: some of them twice, and those that come or go meanwhile
   * or not. Walks over all keys of all masters: its cost is theirs, whatever the prefix.
   */
  scan(prefix: string, visit: (keys: string[]) => void): Promise<void>;
  /** Waits for what is under way, then ends the connection. */
  close(): Promise<void>;
}

export interface RedisOptions {
  /**
   * `redis://USER:PASSWORD@HOST:PORT/DATABASE?prefix=TEXT`, or `rediss://` for TLS; all but the host may be left out. Of a
   * Cluster several nodes may be named, with commas: `redis://a:6379,b:6379`. What the prefix goes before is every key;
   * left out: `millrace:`.
   */
  url: string;
  /** How long an answer may take, and a connection to come about, in milliseconds. Default 2000. */
  timeoutMs?: number;
}

/** As much of the library's client as is used here. */
interface Client {
  connect(): Promise<unknown>;
  sendCommand(args: string[]): Promise<unknown>;
  on(event: string, listener: () => void): unknown;
  destroy(): void;
}

/** As much of the library's client of a Cluster as is used here. */
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

/** One connection that has come about. */
interface Connection {
  send(key: string, args: string[]): Promise<unknown>;
  masters(): Promise<Pick<Client, "sendCommand">[]>;
  destroy(): void;
  /** Goes on by itself where a part of it fails: a Cluster, of which other parts may work. */
  readonly healsItself: boolean;
  /** When it came about, by `performance.now()`. */
  readonly sinceMs: number;
}

const DEFAULT_PORT = 6379;
const DEFAULT_PREFIX = "millrace:";
const DEFAULT_TIMEOUT_MS = 2000;
/** How long the next attempt waits where no usable connection could be opened, in milliseconds. */
const RETRY_MS = 250;
/** A Cluster's lost connections are tried again at first at once, then after pauses that double up to this, in milliseconds. */
const MAX_RECONNECT_MS = 1000;
/** How long a server that was a master is taken for one, in milliseconds: a replica answers reads too, and old values. */
const MASTER_FOR_MS = 250;
/** So many commands may wait for their answers; more are refused at once. */
const MAX_WAITING = 20_000;
/** The library's own bound on time ends when a command is sent, and costs more than the rest of the command. */
const UNBOUNDED = { timeout: 0 };
/** How many keys Redis looks at for each step of a scan. */
const SCAN_STEP = "1000";

/**
 * The server refuses before it does anything, and another server may be at the address by now: after a failover the old
 * master keeps its connections and answers so. Redis 6 puts it behind a script's name.
 */
const REFUSED = /(?:^|-)(?:READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|NOAUTH|UNBLOCKED|TRYAGAIN)\b/;

/** The connection has ended; nothing was sent. */
const ENDED = /client is (?:offline|closed)/;

/** When a server refused last, by its name: other connections to it then ask again whether it is a master. */
const refusedMs = new Map<string, number>();

/** What Redis or its client says, and the way out of it. */
const waysOut: readonly (readonly [RegExp, string])[] = [
  [/NOAUTH|WRONGPASS|AUTH /, "put the right user and password into the URL"],
  [/NOPERM/, "this user needs the rights to read and write keys, to run scripts and to scan"],
  [
    /ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ETIMEDOUT|client is (offline|closed)|[Ss]ocket closed|no answer/,
    "is it running, and is it there?",
  ],
  [/CLUSTERDOWN/, "a part of the Cluster is down; look after its nodes"],
  [/SELECT is not allowed/, "a Cluster has no databases; leave the number out of the URL"],
  [/READONLY/, "this is a replica; name its master"],
  [/^OOM/, "raise its maxmemory; it must not evict keys either, so maxmemory-policy is to be noeviction"],
  [/WRONGTYPE/, "other software uses keys with this prefix; choose another one with ?prefix="],
  [/LOADING/, "it is still reading its data"],
  [/MASTERDOWN/, "this is a replica that has lost its master; name the master"],
];

/**
 * A connection to one Redis server or Cluster. Nothing is opened before the first use.
 * @throws {TypeError} naming what is wrong with the URL, never the password in it.
 */
export function connectRedis({ url, timeoutMs = DEFAULT_TIMEOUT_MS }: RedisOptions): Redis {
  const address = parseAddress(url);
  const name = `Redis at ${address.nodes.map(({ host, port }) => `${host}:${port}`).join(", ")}`;
  const underWay = new Set<Promise<unknown>>();
  let current: Connection | null = null;
  let connecting: Promise<Connection> | null = null;
  let failure: { error: unknown; atMs: number } | null = null;
  let closed = false;

  /** Waits for an answer, but no longer than it may take. */
  function inTime<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new NoAnswer(timeoutMs)), timeoutMs);
      work.then(
        (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        (error) => {
          clearTimeout(timer);
          reject(error);
        },
      );
    });
  }

  /** Ends a connection when all that waits for its answers has them, or has waited long enough. */
  function leave(old: Connection): void {
    void Promise.all(underWay).then(() => old.destroy());
  }

  /** A connection that is no good any more: the next operation opens another one. */
  function drop(old: Connection): void {
    if (current !== old) return;
    current = null;
    leave(old);
  }

  /** Opens a connection and puts it in the place of the one before, if there was one. */
  function connect(): Promise<Connection> {
    connecting ??= open(address, name, inTime, drop)
      .then((fresh) => {
        if (current !== null) leave(current);
        current = fresh;
        failure = null;
        return fresh;
      })
      .catch((error) => {
        failure = { error, atMs: performance.now() };
        throw error;
      })
      .finally(() => {
        connecting = null;
      });
    return connecting;
  }

  async function connection(): Promise<Connection> {
    if (current !== null) return current;
    if (failure !== null && performance.now() - failure.atMs < RETRY_MS) throw failure.error;
    return connect();
  }

  /**
   * Leaves a connection whose server refuses.
   * @returns whether it is worth to try again now. A connection that is refused as soon as it is open is not: then all
   * operations fail for a while.
   */
  function leaveRefused(used: Connection, error: unknown): boolean {
    if (closed) return false;
    refusedMs.set(name, performance.now());
    if (used.healsItself) {
      const lastTryMs = Math.max(used.sinceMs, failure?.atMs ?? 0);
      if (performance.now() - lastTryMs >= RETRY_MS) connect().catch(() => {});
      return false;
    }
    if (current !== used) return true;
    drop(used);
    if (performance.now() - used.sinceMs >= RETRY_MS) return true;
    failure = { error, atMs: performance.now() };
    return false;
  }

  async function attempt<T>(work: (connection: Connection) => Promise<T>, isAgain = false): Promise<T> {
    const used = await connection();
    try {
      return await work(used);
    } catch (error) {
      // A silent server, or one that a connection no longer leads to: only a new connection can tell.
      if (error instanceof NoAnswer && current !== null && !closed) connect().catch(() => {});
      const isRefused = REFUSED.test(messageOf(error)) || ENDED.test(messageOf(error));
      if (isRefused && leaveRefused(used, error) && !isAgain) return attempt(work, true);
      throw error;
    }
  }

  /** Runs one operation, which {@link Redis.close} waits for. */
  function operation<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    if (closed) return Promise.reject(new Error(`${name}: the connection is closed`));
    const result = attempt(work).catch((error) => {
      throw explained(name, error);
    });
    const settled: Promise<unknown> = result.then(
      () => underWay.delete(settled),
      () => underWay.delete(settled),
    );
    underWay.add(settled);
    return result;
  }

  return {
    send(command, key, ...args) {
      const named = address.prefix + key;
      return operation(({ send }) => inTime(send(named, [command, named, ...args])));
    },

    run(script, key, ...args) {
      const named = address.prefix + key;
      const rest = ["1", named, ...args];
      return operation(async ({ send }) => {
        const digest = digests.get(script) ?? (await digestOf(script));
        try {
          return await inTime(send(named, ["EVALSHA", digest, ...rest]));
        } catch (error) {
          if (!/^NOSCRIPT/.test(messageOf(error))) throw error;
          return inTime(send(named, ["EVAL", script, ...rest]));
        }
      });
    },

    scan(prefix, visit) {
      const pattern = `${literal(address.prefix + prefix)}*`;
      return operation(async ({ masters }) => {
        for (const master of await inTime(masters())) {
          let cursor = "0";
          do {
            const args = ["SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_STEP];
            const [next, keys] = (await inTime(master.sendCommand(args))) as [string, string[]];
            visit(keys.map((key) => key.slice(address.prefix.length)));
            cursor = next;
          } while (cursor !== "0");
        }
      });
    },

    async close() {
      closed = true;
      while (underWay.size > 0) await Promise.all(underWay);
      await connecting?.catch(() => {});
      current?.destroy();
      current = null;
    },
  };
}

/** Where Redis is, as a URL tells it. */
interface Address {
  /** Hosts with the brackets that an IPv6 address has in a URL. */
  nodes: { host: string; port: number }[];
  tls: boolean;
  username: string | undefined;
  password: string | undefined;
  database: number;
  prefix: string;
}

function parseAddress(url: string): Address {
  const [, scheme, authority = "", rest = ""] = /^(rediss?):\/\/([^/?#]*)(.*)$/s.exec(url) ?? [];
  const hosts = authority.slice(authority.lastIndexOf("@") + 1);
  const user = authority.slice(0, authority.length - hosts.length);
  try {
    // Each host with the same user makes a URL of its own, which the platform reads.
    const parsed = hosts.split(",").map((host) => new URL(`${scheme}://${user}${host}${rest}`));
    const [first] = parsed as [URL, ...URL[]];
    const path = first.pathname.replace(/^\//, "");
    const isKnown = [...first.searchParams.keys()].every((key) => key === "prefix");
    if (!isKnown || !/^\d{0,5}$/.test(path) || parsed.some(({ hostname }) => hostname === "")) throw null;
    return {
      nodes: parsed.map(({ hostname, port }) => ({ host: hostname, port: Number(port || DEFAULT_PORT) })),
      tls: scheme === "rediss",
      username: decodeURIComponent(first.username) || undefined,
      password: decodeURIComponent(first.password) || undefined,
      database: Number(path),
      prefix: first.searchParams.get("prefix") ?? DEFAULT_PREFIX,
    };
  } catch {
    // What the platform says of a URL may hold the password.
    throw new TypeError(
      "the URL of Redis is to be redis://USER:PASSWORD@HOST:PORT/DATABASE?prefix=TEXT, or rediss:// for TLS; " +
        "all but the host may be left out, and several hosts of a Cluster be named with commas",
    );
  }
}

/** A host as a socket takes it. */
function socketTo({ host, port }: { host: string; port: number }) {
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port };
}

/** What a server says of itself. */
interface Hello {
  mode?: string;
  role?: string;
}

/** @throws {Error} if a server is no master. */
function mustBeMaster({ role }: Hello): void {
  if (role === "replica" || role === "slave") throw new Error("READONLY the server is a replica");
}

/**
 * Opens a connection to the first node that answers, and to all of its Cluster if it belongs to one.
 * @param lost called with a connection to one server when that has ended.
 */
async function open(
  address: Address,
  name: string,
  inTime: <T>(work: Promise<T>) => Promise<T>,
  lost: (connection: Connection) => void,
): Promise<Connection> {
  const library = await load();
  const { username, password, tls } = address;

  /** What every connection has. @param reconnectStrategy the pause before the next attempt, in milliseconds; false: none */
  const options = (reconnectStrategy: (retries: number) => number | false) => ({
    username,
    password,
    socket: { tls, reconnectStrategy },
    // While there is no connection every command is refused at once.
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING,
    commandOptions: UNBOUNDED,
  });

  async function connected<T extends Client | ClusterClient>(client: T): Promise<T> {
    // Whoever asks something of it hears of its faults; a listener there must be.
    client.on("error", () => {});
    try {
      await inTime(client.connect());
      return client;
    } catch (error) {
      client.destroy();
      throw error;
    }
  }

  async function openNode(node: Address["nodes"][number]): Promise<Client> {
    // A lost connection is not restored by the library: another server may be there by now, which is asked who it is.
    const shared = options(() => false);
    const socket = { ...shared.socket, ...socketTo(node) };
    return connected(library.createClient({ ...shared, socket, database: address.database }));
  }

  /** A connection to a server that is a master, and stays one. */
  function toMaster(client: Client): Connection {
    let knownMs = performance.now();
    let fault: unknown = null;

    /** Asks the server what it is, every now and then; its answer comes before those of later commands. */
    function check(): void {
      const isKnown = performance.now() - knownMs < MASTER_FOR_MS;
      if (isKnown && (refusedMs.get(name) ?? 0) < knownMs) return;
      knownMs = performance.now();
      client.sendCommand(["HELLO"]).then(
        (hello) => {
          try {
            mustBeMaster(hello as Hello);
          } catch (error) {
            fault = error;
          }
        },
        () => {},
      );
    }

    async function sendCommand(args: string[]): Promise<unknown> {
      check();
      const answer = await client.sendCommand(args);
      if (fault !== null) throw fault;
      return answer;
    }

    const connection: Connection = {
      healsItself: false,
      sinceMs: performance.now(),
      send: (_key, args) => sendCommand(args),
      masters: async () => [{ sendCommand }],
      destroy: () => client.destroy(),
    };
    client.on("error", () => lost(connection));
    return connection;
  }

  /** @returns `null` if the node belongs to a Cluster. */
  async function openServer(node: Address["nodes"][number]): Promise<Connection | null> {
    const client = await openNode(node);
    try {
      const hello = (await inTime(client.sendCommand(["HELLO"]))) as Hello;
      if (hello.mode !== "cluster") {
        mustBeMaster(hello);
        return toMaster(client);
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
      rootNodes: address.nodes.map((node) => ({ socket: socketTo(node) })),
      defaults: options(pauseMs),
      commandOptions: UNBOUNDED,
    });
    await connected(cluster);
    return {
      healsItself: true,
      sinceMs: performance.now(),
      send: (key, args) => cluster.sendCommand(key, false, args),
      masters: () => Promise.all(cluster.masters.map((master) => cluster.nodeClient(master))),
      destroy: () => cluster.destroy(),
    };
  }

  const server = await firstOf(address.nodes, openServer);
  if (server === null) return openCluster();
  if (address.nodes.length === 1) return server;
  server.destroy();
  throw new Error("that is no Cluster; name one host and no more");
}

/** @throws {Error} saying what to install, if the library is not there. */
async function load(): Promise<Library> {
  try {
    return (await import("@redis/client")) as unknown as Library;
  } catch (cause) {
    throw new Error("its client library cannot be loaded; npm i @redis/client installs it", { cause });
  }
}

/** What the first one of them comes to for which the work succeeds. @throws what the last one throws, if none does. */
async function firstOf<Item, T>(items: readonly Item[], work: (item: Item) => Promise<T>): Promise<T> {
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

function pauseMs(retries: number): number {
  return retries === 0 ? 0 : Math.min(25 * 2 ** retries, MAX_RECONNECT_MS);
}

/** An answer, or a connection, took too long. */
class NoAnswer extends Error {
  override readonly name = "TimeoutError";

  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
  }
}

/** What Redis says of a failure never holds a key or a value. */
function explained(name: string, cause: unknown): Error {
  const what = messageOf(cause);
  const wayOut = waysOut.find(([words]) => words.test(what))?.[1];
  return new Error(`${name}: ${what}${wayOut === undefined ? "" : ` (${wayOut})`}`, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A text as a pattern that matches itself only. */
function literal(text: string): string {
  return text.replace(/[*?[\]\\]/g, "\\$&");
}

const digests = new Map<string, string>();

/** A script's name for `EVALSHA`. By Web Crypto: `node:crypto` would be loaded whether or not there is a Redis. */
async function digestOf(script: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-1", new TextEncoder().encode(script)));
  const digest = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  digests.set(script, digest);
  return digest;
}
