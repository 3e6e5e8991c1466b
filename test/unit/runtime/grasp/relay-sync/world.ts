/**
 * GRASP with relay sync among fake relays, in virtual time.
 * @module
 */
import { createHash } from "node:crypto";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import type { Grasp } from "../../../../../runtime/grasp/grasp.ts";
import { toNpub } from "../../../../../runtime/grasp/npub.ts";
import type { EventStore } from "../../../../../runtime/grasp/ports.ts";
import type { RelaySyncEvent } from "../../../../../runtime/grasp/relay-sync/events.ts";
import type {
  Cursor,
  Memory,
  RefusedRow,
  RelaySyncSettings,
} from "../../../../../runtime/grasp/relay-sync/ports.ts";
import { RelaySync } from "../../../../../runtime/grasp/relay-sync/relay-sync.ts";
import type { Clock } from "../../../../../runtime/platform.ts";
import { TimeHeap } from "../../../../../runtime/sync/time-heap.ts";
import { sqliteEventStore } from "../../../../../worker/grasp/store/event-store.ts";
import { graspOn } from "../../../../support/grasp.ts";
import { Timer } from "../../sync/virtual-clock.ts";
import { sha256Hex } from "../life/cast.ts";
import { Disk, FakeRepositories } from "../life/fake-git.ts";
import { Gate } from "../life/gate.ts";
import { FakeRelay } from "./fake-relay.ts";

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
/** The first moment, in milliseconds. */
export const FIRST_MS = 1_800_000_000_000;
export const FIRST_SECOND = FIRST_MS / 1000;
/** A signature that is not the author's. */
export const FORGED = "f".repeat(128);

const SETTINGS: RelaySyncSettings = {
  bootstrap: [],
  negentropy: true,
  baseBackoffMs: 5 * SECOND,
  maxBackoffMs: HOUR,
  avoidMs: 12 * HOUR,
  refusedHotMs: 120 * SECOND,
  refusedColdMs: 7 * 24 * HOUR,
  allowInsecure: false,
};

/** What survives a restart. */
export class FakeMemory implements Memory {
  readonly rows = new Map<string, RefusedRow>();
  readonly saved = new Map<string, Cursor>();
  flushes = 0;
  refused = () => [...this.rows.values()];
  putRefused = (row: RefusedRow) => void this.rows.set(row.id, row);
  removeRefused = (id: string) => void this.rows.delete(id);
  cursors = () => [...this.saved.values()];
  putCursor = (cursor: Cursor) => void this.saved.set(cursor.url, cursor);
  removeCursor = (url: string) => void this.saved.delete(url);
  flush = async () => void this.flushes++;
}

const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));

export class World {
  readonly relays = new Map<string, FakeRelay>();
  readonly memory = new FakeMemory();
  readonly store: EventStore;
  readonly grasp: Grasp;
  readonly happened: RelaySyncEvent[] = [];
  readonly signed: string[][][] = [];
  readonly settings: RelaySyncSettings;
  sync: RelaySync;
  nowMs = FIRST_MS;
  /** Events that are being judged. */
  judging = 0;
  readonly #timers = new TimeHeap<Timer>();

  constructor(settings: Partial<RelaySyncSettings> = {}) {
    this.settings = { ...SETTINGS, ...settings };
    this.store = sqliteEventStore({
      path: ":memory:",
      clock: { now: () => this.nowMs, after: () => () => {} },
    });
    const repositories = new FakeRepositories(new Disk(), new Gate());
    this.grasp = this.#counted(
      graspOn(
        { store: this.store, repositories },
        ({ sig }) => sig !== FORGED,
        () => this.nowMs,
      ),
    );
    this.sync = this.#newSync();
  }

  readonly clock: Clock = {
    now: () => this.nowMs,
    after: (delayMs, callback) => {
      const timer = new Timer(this.nowMs + Math.max(0, delayMs), callback);
      this.#timers.set(timer, timer.at);
      return () => this.#timers.remove(timer);
    },
  };

  /** Timers that wait. */
  get timers(): number {
    return this.#timers.size;
  }

  get nowSeconds(): number {
    return Math.floor(this.nowMs / 1000);
  }

  /** A relay at `wss://<name>.example`. */
  relay(name: string): FakeRelay {
    const url = `wss://${name}.example`;
    const known = this.relays.get(url);
    if (known !== undefined) return known;
    const relay = new FakeRelay(url, this.clock);
    this.relays.set(url, relay);
    return relay;
  }

  /** Saves events as served, past the policy: what is here from the beginning. */
  async serve(...events: readonly NostrEvent[]): Promise<void> {
    await this.store.transaction((changes) => {
      for (const event of events) changes.save(event, this.nowSeconds);
    });
  }

  async start(): Promise<void> {
    const started = this.sync.start();
    await this.run(1);
    await started;
  }

  /** Lets time pass. @param isDone ends it early */
  async run(ms: number, isDone: () => boolean = () => false): Promise<void> {
    const until = this.nowMs + ms;
    await this.#settle();
    while (!isDone()) {
      const timer = this.#timers.peek();
      if (timer === undefined || timer.at > until) {
        this.nowMs = until;
        return;
      }
      this.nowMs = Math.max(this.nowMs, timer.at);
      this.#timers.remove(timer);
      timer.callback();
      if (this.#timers.peekDue(this.nowMs) === undefined) await this.#settle();
    }
  }

  /** Stops, and leaves the process for a time. */
  async stop(): Promise<void> {
    const stopped = this.sync.stop();
    await this.run(1);
    await stopped;
  }

  /** A new process. */
  async restart(awayMs: number): Promise<void> {
    await this.stop();
    this.nowMs += awayMs;
    this.sync = this.#newSync();
    await this.start();
  }

  /** Whether an event is served or waits. */
  has({ id }: Pick<NostrEvent, "id">): boolean {
    return this.store.get(id) !== null || this.grasp.purgatory.event(id) !== null;
  }

  /** What happened of a kind. */
  all<K extends RelaySyncEvent["kind"]>(kind: K): Extract<RelaySyncEvent, { kind: K }>[] {
    return this.happened.filter((one): one is Extract<RelaySyncEvent, { kind: K }> => one.kind === kind);
  }

  stateOf(relay: FakeRelay): string | undefined {
    return this.sync.view().relays.find(({ url }) => url === relay.url)?.state;
  }

  healthOf(relay: FakeRelay): string | undefined {
    return this.sync.view().relays.find(({ url }) => url === relay.url)?.health;
  }

  #newSync(): RelaySync {
    return new RelaySync({
      grasp: this.grasp,
      store: this.store,
      memory: this.memory,
      settings: this.settings,
      clock: this.clock,
      random: { fill: (target) => target.fill(128) },
      sha256: (bytes) => createHash("sha256").update(bytes).digest(),
      sign: (given) => {
        this.signed.push(given.tags.map((tag) => [...tag]));
        const unsigned = { ...given, pubkey: "9".repeat(64) };
        return { ...unsigned, id: sha256Hex(JSON.stringify(unsigned)), sig: "0".repeat(128) };
      },
      dialer: {
        dial: (url, _options, listener) => (this.relays.get(url) ?? this.#nobody(url)).dial(listener),
        information: async (url) => this.relays.get(url)?.information ?? null,
      },
      onEvent: (event) => this.happened.push(event),
    });
  }

  #nobody(url: string): FakeRelay {
    const relay = new FakeRelay(url, this.clock);
    relay.refuses = "connection";
    return relay;
  }

  #counted(grasp: Grasp): Grasp {
    return new Proxy(grasp, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target) as unknown;
        if (typeof value !== "function") return value;
        if (name !== "receive") return value.bind(target) as unknown;
        return async (...args: Parameters<Grasp["receive"]>) => {
          this.judging++;
          try {
            return await target.receive(...args);
          } finally {
            this.judging--;
          }
        };
      },
    });
  }

  /** Everything happens that can happen without time passing. */
  async #settle(): Promise<void> {
    do await breathe();
    while (this.judging > 0);
  }
}

/** An announcement that lists us at git.example and these relays. */
export function announced(owner: string, identifier: string, relays: readonly string[]): string[][] {
  return [
    ["d", identifier],
    ["clone", `https://git.example/${toNpub(owner)}/${identifier}.git`],
    ["relays", "wss://git.example", ...relays],
  ];
}
