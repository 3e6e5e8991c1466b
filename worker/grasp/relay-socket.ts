/**
 * The relay behind the WebSockets of the host: its timers, chance, and the networks of clients.
 * @module
 */
import { setImmediate } from "node:timers";
import type { Ourselves } from "../../runtime/grasp/announcement.ts";
import type { Grasp } from "../../runtime/grasp/grasp.ts";
import type { EventStore } from "../../runtime/grasp/ports.ts";
import type { Peer } from "../../runtime/grasp/relay/connection.ts";
import type { RelayLimits } from "../../runtime/grasp/relay/limits.ts";
import { Relay } from "../../runtime/grasp/relay/relay.ts";
import { networkOf } from "../../runtime/lib/addresses.ts";
import { toHex } from "../../runtime/lib/hex.ts";
import type { Clock, Random } from "../../runtime/platform.ts";
import type { SocketHooks, SocketPeer } from "../http/socket.ts";

/** Interval at which the relay looks for silent clients, in milliseconds. */
const TICK_MS = 5000;
const CHALLENGE_BYTES = 16;

/** What the relay of a process needs. */
export interface RelaySocketParts {
  readonly grasp: Pick<Grasp, "submit" | "genuine">;
  readonly store: Pick<EventStore, "texts" | "count" | "records" | "written" | "together">;
  readonly ourselves: Ourselves;
  readonly clock: Pick<Clock, "after">;
  readonly random: Random;
  /** Milliseconds since the epoch, by a clock that no correction turns back. */
  readonly nowMs: () => number;
  /** Seconds since the epoch, by the host's clock. */
  readonly nowSeconds: () => number;
  sha256(bytes: Uint8Array): Uint8Array;
  readonly limits: RelayLimits;
  /** Longest message of a client, in bytes. */
  readonly maxMessageBytes: number;
}

/** A relay and what the host's server calls. */
export interface RelaySocket {
  readonly relay: Relay;
  readonly hooks: SocketHooks;
  /** Ends its timer. */
  stop(): void;
}

export function relaySocket(parts: RelaySocketParts): RelaySocket {
  const { grasp, store, ourselves, clock, random, nowMs, nowSeconds } = parts;
  const relay = new Relay({
    store,
    ourselves,
    submit: (event, from) => grasp.submit(event, from),
    genuine: (event) => grasp.genuine(event),
    nowMs,
    nowSeconds,
    soon: (callback) => void setImmediate(() => void store.written().then(callback)),
    after: (ms, callback) => clock.after(ms, callback),
    together: (work) => store.together(work),
    makeChallenge() {
      const bytes = new Uint8Array(CHALLENGE_BYTES);
      random.fill(bytes);
      return toHex(bytes);
    },
    sha256: parts.sha256,
    limits: parts.limits,
  });
  let stop = () => {};
  const tick = () => {
    stop = clock.after(TICK_MS, tick);
    relay.tick(TICK_MS);
  };
  stop = clock.after(TICK_MS, tick);

  const peers = new Map<SocketPeer, Peer>();
  return {
    relay,
    hooks: {
      maxMessageBytes: parts.maxMessageBytes,
      accepts: (path) => path.split("?", 1)[0] === ourselves.basePath,
      open(socket) {
        const peer = peerOf(socket);
        peers.set(socket, peer);
        relay.open(peer);
      },
      message: (socket, message) => void relay.message(peers.get(socket)!, message),
      pong: (socket) => relay.pong(peers.get(socket)!),
      close(socket) {
        relay.close(peers.get(socket)!);
        peers.delete(socket);
      },
    },
    stop: () => stop(),
  };
}

function peerOf(socket: SocketPeer): Peer {
  const { address } = socket;
  return {
    // Who has an IPv6 network has 2^64 addresses.
    address: address === null ? null : networkOf(address),
    get bufferedBytes() {
      return socket.bufferedBytes;
    },
    send: (text) => socket.send(text),
    sendAll: (texts) => socket.sendAll(texts),
    ping: () => socket.ping(),
    close: (code, reason) => socket.close(code, reason),
  };
}
