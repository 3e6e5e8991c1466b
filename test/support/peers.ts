/**
 * Servers on loopback that follow each other's relays, and nothing beyond this machine.
 * @module
 */
import getPort from "get-port";
import type { NostrEvent } from "../../runtime/grasp/events/event.ts";
import { toNpub } from "../../runtime/grasp/npub.ts";
import { type GraspServer, graspServer } from "./grasp-server.ts";
import type { Author } from "./nostr.ts";
import { connect } from "./relay-client.ts";
import type { ProcessRuntime } from "./spawn.ts";

/** How often a test looks, in milliseconds. */
const LOOK_MS = 100;

/** The addresses of a server, as announcements list them. */
export interface Place {
  /** Such as `127.0.0.1:40123`. */
  readonly host: string;
}

/** A server of ours that follows relays. */
export interface Peer extends Place {
  readonly server: GraspServer;
}

/** Starts one. @param sync fields of `grasp.sync` @param section further fields of `grasp` */
export async function peer(
  runtime: ProcessRuntime,
  sync: Record<string, unknown> = {},
  section: Record<string, unknown> = {},
): Promise<Peer> {
  const port = await getPort();
  const host = `127.0.0.1:${port}`;
  const server = await graspServer(runtime, {
    domain: host,
    listen: { port },
    allowInsecureServers: true,
    allowLoopbackServers: true,
    minFreeBytes: 0,
    sync: { baseBackoffSeconds: 1, maxBackoffSeconds: 2, ...sync },
    ...section,
  });
  return { host, server };
}

/** An announcement that lists these servers. */
export function announcementOn(
  places: readonly Place[],
  owner: Author,
  identifier: string,
  more: string[][] = [],
  at?: number,
): NostrEvent {
  const path = `${toNpub(owner.key)}/${encodeURIComponent(identifier)}.git`;
  const tags = [
    ["d", identifier],
    ["clone", ...places.map(({ host }) => `http://${host}/${path}`)],
    ["relays", ...places.map(({ host }) => `ws://${host}`)],
    ...more,
  ];
  return owner.sign(30617, tags, "", at);
}

/**
 * Waits until a server serves events. The test's own timeout bounds it.
 * @param url of the server, with `http:`
 */
export async function served(url: string, ...events: readonly NostrEvent[]): Promise<void> {
  const client = await connect(url);
  const ids = events.map(({ id }) => id);
  try {
    while (new Set(await client.query({ ids })).size < ids.length) await pause();
  } finally {
    client.close();
  }
}

/** Waits until something is so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await pause();
}

/** A series of a server's metrics; 0 if it is not there. @param series as it is written, labels and all */
export async function metric(url: string, series: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length) ?? 0);
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}
