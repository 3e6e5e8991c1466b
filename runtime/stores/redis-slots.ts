/**
 * Which node of a Redis Cluster has a key.
 * @module
 */
import type { RedisNode } from "./redis-address.ts";

const SLOTS = 16_384;

/** CRC-16/XMODEM of each byte. */
const CRC = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

const utf8 = new TextEncoder();

/** The slot of a key. If the key has text between a `{` and the next `}`, this text alone decides. */
export function slotOf(key: string): number {
  const [, tag] = /^[^{]*\{([^}]+)\}/.exec(key) ?? [];
  let crc = 0;
  for (const byte of utf8.encode(tag ?? key)) crc = (crc << 8) ^ CRC[((crc >> 8) ^ byte) & 0xff]!;
  return crc & (SLOTS - 1);
}

/** Names a node in maps. */
export function addressOf({ host, port }: RedisNode): string {
  return `${host}:${port}`;
}

/** The nodes of a Cluster. */
export interface Topology {
  /** The master of each slot; `undefined` if the slot has none. */
  masters: (RedisNode | undefined)[];
  /** Every master and replica by its address. */
  nodes: Map<string, RedisNode>;
}

/** The answer to `CLUSTER SLOTS`. */
type SlotRange = [from: number, to: number, ...nodes: [host: string | null, port: number, ...unknown[]][]];

/** @param asked the node that has answered: its host is used for hosts that the Cluster does not know. */
export function topologyOf(answer: unknown, asked: RedisNode): Topology {
  const topology: Topology = { masters: new Array(SLOTS).fill(undefined), nodes: new Map() };
  for (const [from, to, ...named] of answer as SlotRange[]) {
    const nodes = named.map(([host, port]) => ({ host: knownHost(host, asked), port: Number(port) }));
    for (const node of nodes) topology.nodes.set(addressOf(node), node);
    topology.masters.fill(nodes[0], Number(from), Number(to) + 1);
  }
  return topology;
}

/** Where a node sends a command that it does not serve. */
export interface Redirect {
  node: RedisNode;
  /** The slot is being moved: this one command goes there, and an `ASKING` before it. */
  isAsk: boolean;
}

/** The redirect in an error message of Redis; `null` if it has none. */
export function redirectIn(message: string, asked: RedisNode): Redirect | null {
  const [, word, host = "", port] = /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(message) ?? [];
  if (word === undefined) return null;
  return { node: { host: knownHost(host, asked), port: Number(port) }, isAsk: word === "ASK" };
}

function knownHost(host: string | null, asked: RedisNode): string {
  return host === null || host === "" || host === "?" ? asked.host : host;
}

/**
 * Whether no replica can confirm a master's writes, as the Cluster has agreed: it has none, each is marked as failed, or each
 * receives its first copy of the data.
 * @param nodes the master's answer to `CLUSTER NODES`
 * @param info the master's answer to `INFO replication`
 * @param hadNone whether this was so before: then a replica counts from its first copy on, not from the moment when it is back.
 */
export function hasNoReplica(nodes: string, info: string, hadNone = false): boolean {
  const lines = nodes.split("\n").map((line) => {
    const [id = "", , flags = "", master = ""] = line.split(" ");
    return { id, master, flags: flags.split(",") };
  });
  const self = lines.find(({ flags }) => flags.includes("myself"));
  if (self === undefined || !self.flags.includes("master")) return false;
  const alive = lines.filter(({ master, flags }) => master === self.id && !flags.includes("fail"));
  const states = Array.from(info.matchAll(/^slave\d+:.*\bstate=(\w+)/gm), ([, state]) => state);
  return !states.includes("online") && (hadNone || alive.length <= states.length);
}
