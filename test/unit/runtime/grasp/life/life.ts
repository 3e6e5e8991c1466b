/**
 * One service on a model of Git, with a clock that the test moves and crashes that the test plans.
 * @module
 */
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import type { Grasp } from "../../../../../runtime/grasp/grasp.ts";
import type { EventStore } from "../../../../../runtime/grasp/ports.ts";
import { sqliteEventStore } from "../../../../../worker/grasp/store/event-store.ts";
import { HOST, sha256Hex } from "./cast.ts";
import { Disk, FakeRepositories } from "./fake-git.ts";
import { Gate } from "./gate.ts";

/** The service's code, so that the same life can run a damaged copy of it. */
export interface GraspModule {
  Grasp: typeof Grasp;
}

const FIRST_MS = 1_800_000_000_000;

export class Life {
  readonly disk = new Disk();
  readonly store: EventStore;
  /** Ids that listeners were told of as served, in this life. */
  readonly served: string[] = [];
  /** Those of them that did not begin to wait again, after they were held. */
  readonly servedNow = new Set<string>();
  /** Ids of all that was served, over all lives. */
  readonly everServed = new Set<string>();
  gate = new Gate();
  grasp: Grasp;
  /** The host's clock, in milliseconds. */
  wallMs = FIRST_MS;
  /** The clock that no correction moves. */
  steadyMs = FIRST_MS;
  readonly #code: GraspModule;

  constructor(code: GraspModule) {
    this.#code = code;
    this.store = sqliteEventStore({
      path: ":memory:",
      clock: { now: () => this.wallMs, after: () => () => {} },
    });
    this.grasp = this.#newGrasp();
  }

  /** A new process on the same disk. */
  async start(): Promise<void> {
    this.gate.isDead = true;
    this.gate = new Gate();
    this.steadyMs = this.wallMs;
    // Quarantines of an earlier run are deleted before anything else (P32).
    this.disk.quarantines = 0;
    this.served.length = 0;
    this.servedNow.clear();
    this.grasp = this.#newGrasp();
    await this.grasp.start();
  }

  get nowSeconds(): number {
    return Math.floor(this.wallMs / 1000);
  }

  /** Every served event. */
  events(): NostrEvent[] {
    return this.store.query([{ tags: new Map() }], this.nowSeconds);
  }

  /** The repositories, as the process that runs now sees them. */
  repositories(): FakeRepositories {
    return new FakeRepositories(this.disk, this.gate);
  }

  #newGrasp(): Grasp {
    const { gate } = this;
    const grasp = new this.#code.Grasp({
      store: guarded(this.store, gate),
      repositories: new FakeRepositories(this.disk, gate),
      ourselves: { hosts: [HOST], basePath: "/" },
      lists: {
        denyAuthors: new Set(),
        denyRepositories: new Set(),
        allowRepositories: null,
        maxRepositories: 100,
        archive: null,
        operator: null,
        relayKey: null,
      },
      takesPrs: true,
      nowMs: () => this.steadyMs,
      nowSeconds: () => this.nowSeconds,
      sha256Hex,
      verify: () => true,
    });
    grasp.onHappening((happening) => {
      if (happening.kind === "waits" && happening.entry.store !== "placeholder")
        this.servedNow.delete(happening.entry.event.id);
      if (happening.kind !== "served") return;
      this.servedNow.add(happening.event.id);
      this.served.push(happening.event.id);
      this.everServed.add(happening.event.id);
    });
    return grasp;
  }
}

/** A store whose transactions pass a gate. */
function guarded(store: EventStore, gate: Gate): EventStore {
  return new Proxy(store, {
    get(target, name) {
      if (name === "transaction")
        return (work: Parameters<EventStore["transaction"]>[0]) => gate.write(() => target.transaction(work));
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
