/**
 * A connection to a Redis Cluster: sends each command to the master that has its key, and follows the Cluster's changes.
 *
 * Reads and writes to a node have a connection each, because `WAIT` blocks the one of the writes. A node that is down concerns only
 * its own keys. Who is the master of what is asked again when a node redirects, refuses, is lost or is silent.
 * @module
 */
import { elapsedMs, messageOf, within } from "./guard.ts";
import type { RedisNode } from "./redis-address.ts";
import type { Connection, ConnectionOptions } from "./redis-connection.ts";
import { openClient } from "./redis-library.ts";
import { Link, RETRY_MS, UnreachableError } from "./redis-link.ts";
import { addressOf, redirectIn, slotOf, type Topology, topologyOf } from "./redis-slots.ts";
import { waitMs } from "./redis-writes.ts";

/** Maximum number of redirects of one command. */
const MAX_REDIRECTS = 5;
/** How much of the timeout one node has to tell the topology; then another node is asked. */
const PART = 1 / 3;

interface NodeLinks {
  reads: Link;
  writes: Link;
}

export class ClusterConnection implements Connection {
  readonly sinceMs: number;
  readonly #options: ConnectionOptions;
  readonly #links = new Map<string, NodeLinks>();
  #topology: Topology;
  #discovering: Promise<void> | null = null;
  #discoveredMs = Number.NEGATIVE_INFINITY;
  /** The node that is asked first for the topology: another one each time. */
  #turn = 0;
  #isDestroyed = false;

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    this.sinceMs = elapsedMs(options.clock);
    const nodes = options.address.nodes.map((node) => [addressOf(node), node] as const);
    this.#topology = { masters: [], nodes: new Map(nodes) };
  }

  /** @throws {Error} if none of the given nodes tells the masters. */
  static async open(options: ConnectionOptions): Promise<ClusterConnection> {
    const cluster = new ClusterConnection(options);
    try {
      await cluster.#discover();
      return cluster;
    } catch (error) {
      cluster.destroy();
      throw error;
    }
  }

  read(key: string, args: string[]): Promise<unknown> {
    return this.#route(key, ({ reads }, isAsk) => reads.read(args, isAsk));
  }

  write(key: string, args: string[]): Promise<unknown> {
    return this.#route(key, ({ writes }, isAsk) => writes.write(args, isAsk));
  }

  async masters() {
    const masters = new Map<string, RedisNode>();
    for (const node of this.#topology.masters) {
      if (node === undefined) throw this.#uncovered();
      masters.set(addressOf(node), node);
    }
    return Array.from(masters.values(), (node) => ({
      sendCommand: (args: string[]) => this.#linksTo(node).reads.read(args),
    }));
  }

  heal(): void {
    for (const { reads, writes } of this.#links.values()) {
      reads.dropIfSilent();
      writes.dropIfSilent();
    }
    void this.#refresh();
  }

  destroy(): void {
    this.#isDestroyed = true;
    for (const { reads, writes } of this.#links.values()) {
      reads.destroy();
      writes.destroy();
    }
  }

  async #route(key: string, send: (links: NodeLinks, isAsk: boolean) => Promise<unknown>): Promise<unknown> {
    const slot = slotOf(key);
    let node = this.#topology.masters[slot];
    let isAsk = false;
    for (let redirects = 0; ; redirects++) {
      if (node === undefined) throw this.#uncovered();
      try {
        return await send(this.#linksTo(node), isAsk);
      } catch (error) {
        if (redirects === MAX_REDIRECTS) throw error;
        const redirect = redirectIn(messageOf(error), node);
        if (error instanceof UnreachableError) {
          // Another master may have its slots by now.
          await this.#refresh();
          const next: RedisNode | undefined = this.#topology.masters[slot];
          if (next === undefined || addressOf(next) === addressOf(node)) throw error;
          node = next;
        } else if (redirect !== null) {
          if (!redirect.isAsk) void this.#refresh();
          node = redirect.node;
          isAsk = redirect.isAsk;
        } else {
          throw error;
        }
      }
    }
  }

  #uncovered(): Error {
    void this.#refresh();
    return new Error("CLUSTERDOWN no node has the slot of the key");
  }

  #linksTo(node: RedisNode): NodeLinks {
    const address = addressOf(node);
    const known = this.#links.get(address);
    if (known !== undefined) return known;
    const { address: to, timeoutMs, clock } = this.#options;
    const options = {
      replicas: to.replicas,
      waitMs: waitMs(timeoutMs),
      timeoutMs,
      clock,
      open: (onLost: () => void) => openClient(node, { address: to, timeoutMs, clock, onLost }),
      onFault: () => void this.#refresh(),
    };
    const reads = new Link(options);
    const links = { reads, writes: to.replicas === 0 ? reads : new Link(options) };
    this.#links.set(address, links);
    return links;
  }

  /** Asks for the topology, at most four times a second. Operations that fail meanwhile ask again. */
  async #refresh(): Promise<void> {
    if (this.#discovering === null && elapsedMs(this.#options.clock) - this.#discoveredMs < RETRY_MS) return;
    await this.#discover().catch(() => {});
  }

  #discover(): Promise<void> {
    this.#discovering ??= this.#askForTopology().finally(() => {
      this.#discovering = null;
      this.#discoveredMs = elapsedMs(this.#options.clock);
    });
    return this.#discovering;
  }

  /** @throws the last node's error if none answers. */
  async #askForTopology(): Promise<void> {
    const { address, timeoutMs, clock } = this.#options;
    const known = new Map([
      ...this.#topology.nodes,
      ...address.nodes.map((node) => [addressOf(node), node] as const),
    ]);
    const nodes = [...known.values()];
    const first = this.#turn++ % nodes.length;
    let fault: unknown;
    for (const node of [...nodes.slice(first), ...nodes.slice(0, first)]) {
      if (this.#isDestroyed) return;
      try {
        const answer = this.#linksTo(node).reads.read(["CLUSTER", "SLOTS"]);
        const topology = topologyOf(await within(answer, timeoutMs * PART, clock), node);
        if (topology.nodes.size === 0) throw new Error("CLUSTERDOWN the node does not know the others");
        this.#topology = topology;
        this.#forgetOthers(known);
        return;
      } catch (error) {
        fault = error;
      }
    }
    throw fault;
  }

  /** Closes the connections to nodes that have left. */
  #forgetOthers(known: ReadonlyMap<string, RedisNode>): void {
    for (const [address, { reads, writes }] of this.#links) {
      if (this.#topology.nodes.has(address) || known.has(address)) continue;
      this.#links.delete(address);
      reads.destroy();
      writes.destroy();
    }
  }
}
