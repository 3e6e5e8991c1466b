/**
 * GRASP in this process without a network: the relay, the decisions and the database are the real ones, the disk of repositories is a
 * model. Signatures are taken as good: their check costs the same whatever else is here.
 * @module
 */
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import type { Grasp } from "../../../../runtime/grasp/grasp.ts";
import type { EventStore } from "../../../../runtime/grasp/ports.ts";
import type { Peer } from "../../../../runtime/grasp/relay/connection.ts";
import { Relay } from "../../../../runtime/grasp/relay/relay.ts";
import { sqliteEventStore } from "../../../../worker/grasp/store/event-store.ts";
import { graspOn } from "../../../support/grasp.ts";
import { announcementBy, HOST } from "../../../support/grasp-server.ts";
import { type Author, author } from "../../../support/nostr.ts";
import { Disk, FakeRepositories } from "../../../unit/runtime/grasp/life/fake-git.ts";
import { Gate } from "../../../unit/runtime/grasp/life/gate.ts";
import { type Contender, processorMs } from "../../harness.ts";

/** What the charts of GRASP show. */
export const MEASURED = {
  subtitle: "processor time of one process, without the check of a signature; medians of rounds in turn",
  unit: "µs of processor time",
};
/** The disk waits in between, so that processor time is counted and not time. */
export const PACE = { clock: processorMs, maxTimes: 200 };

const NO_TIMERS = { now: Date.now, after: () => () => {} };
/** Without the limit of events a minute. */
const LIMITS = { events: { capacity: 1e9, perMinute: 1e9 }, connections: 1e6, connectionsPerAddress: 1e6 };

/** A service that runs in this process. */
export interface Place {
  readonly store: EventStore;
  readonly grasp: Grasp;
  readonly relay: Relay;
  readonly disk: Disk;
  /** Serves a repository. @returns its owner */
  host(identifier: string): Promise<Author>;
  close(): Promise<void>;
}

/**
 * @param path of the database. Default: in memory
 * @param nowMs milliseconds since the epoch. Default: this machine's
 */
export function openPlace(path = ":memory:", nowMs = Date.now): Place {
  const store = sqliteEventStore({ path, clock: NO_TIMERS });
  const disk = new Disk();
  const grasp = graspOn({ store, repositories: new FakeRepositories(disk, new Gate()) }, () => true, nowMs);
  const relay = new Relay({
    store,
    ourselves: { hosts: [HOST], basePath: "/" },
    submit: (event, from) => grasp.submit(event, from),
    genuine: (event) => grasp.genuine(event),
    nowMs,
    nowSeconds: () => Math.floor(nowMs() / 1000),
    soon: (callback) => void setImmediate(() => void store.written().then(callback)),
    together: (work) => store.together(work),
    after: NO_TIMERS.after,
    makeChallenge: () => "challenge",
    sha256: (bytes) => createHash("sha256").update(bytes).digest(),
    limits: LIMITS,
  });
  grasp.onHappening((happening) => {
    if (happening.kind === "served") relay.broadcast(happening.event);
  });
  return {
    ...{ store, grasp, relay, disk },
    async host(identifier) {
      const owner = author();
      const announcement = announcementBy(owner, identifier);
      await store.transaction((changes) => changes.save(announcement, announcement.created_at));
      disk.repositories.set(`${owner.key}/${identifier}`, {
        objects: new Set(),
        refs: new Map(),
        head: "refs/heads/main",
      });
      return owner;
    },
    close: () => store.close(),
  };
}

/** A client of a relay in the same process. */
export class Client {
  readonly #relay: Relay;
  readonly #peer: Peer;
  /** Texts that the relay sent and the bench has not read yet. */
  heard = 0;
  #onText: (text: string) => void = () => {};

  constructor(relay: Relay, address: string) {
    this.#relay = relay;
    const send = (text: string) => {
      this.heard++;
      this.#onText(text);
    };
    this.#peer = {
      address,
      bufferedBytes: 0,
      send,
      sendAll: (texts) => {
        for (const text of texts) send(text);
      },
      ping() {},
      close() {
        throw new Error("the relay closed a connection");
      },
    };
    relay.open(this.#peer);
  }

  /** Asks. @returns the number of events */
  ask(filter: object): Promise<number> {
    return new Promise((resolve) => {
      let events = 0;
      this.#onText = (text) => {
        if (text.startsWith('["EVENT"')) events++;
        else if (text.startsWith('["EOSE"')) resolve(events);
      };
      void this.#relay.message(this.#peer, JSON.stringify(["REQ", "q", filter]));
    });
  }

  end(): void {
    void this.#relay.message(this.#peer, '["CLOSE","q"]');
  }

  /** Publishes. @throws {Error} if the event is refused */
  publish(event: NostrEvent): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onText = (text) => {
        if (!text.startsWith('["OK"')) return;
        if (text.includes(",true,")) resolve();
        else reject(new Error(text));
      };
      void this.#relay.message(this.#peer, JSON.stringify(["EVENT", event]));
    });
  }
}

/** Comments that are published and removed again, so that a database keeps its size. */
export function accepted(place: Place, owner: Author, identifier: string): Contender {
  const client = new Client(place.relay, "192.0.2.1");
  const by = author();
  let events: NostrEvent[] = [];
  let number = 0;
  return {
    name: identifier,
    async prepare(times) {
      await place.store.transaction((changes) => {
        for (const { id } of events) changes.remove(id, null);
      });
      events = Array.from({ length: times }, () =>
        by.sign(1111, [["a", `30617:${owner.key}:${identifier}`]], `a comment ${number++}`),
      );
    },
    async run(times) {
      for (let i = 0; i < times; i++) await client.publish(events[i]!);
    },
  };
}
