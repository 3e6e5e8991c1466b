/**
 * One worker: it serves what its parent says, counts limits in the parent, and tells the parent what it counted.
 * @module
 */
import process from "node:process";
import { OwnedLimiter } from "../../../runtime/limiters/owned.ts";
import { mergeMetrics } from "../../../runtime/observe/merge-metrics.ts";
import type { MetricSnapshot } from "../../../runtime/observe/metrics.ts";
import type { Host, LimiterParts } from "../../hosts/host.ts";
import type { Entry, SharedListen } from "../../hosts/server.ts";
import type { Workers } from "../../service.ts";
import type { RunningServices } from "../run-services.ts";
import type { App, Orders } from "../serve.ts";
import { Channel } from "./channel.ts";
import {
  type Gathered,
  type Place,
  type Reading,
  type SocketMessage,
  type ToParent,
  type ToWorker,
  WORKER_VARIABLE,
} from "./messages.ts";

/** Whether this process was started as a worker. */
export function isWorker(): boolean {
  return process.send !== undefined && process.env[WORKER_VARIABLE] !== undefined;
}

/** This process as a worker. */
export class Worker {
  readonly place: Place;
  readonly #channel: Channel<ToWorker, ToParent>;
  readonly #inbox: Inbox;
  readonly #listens: ReadonlyMap<string, SharedListen>;
  readonly #limiters: OwnedLimiter[] = [];
  readonly #urls: Record<string, string> = {};
  #running: RunningServices | undefined;

  private constructor(
    place: Place,
    listens: ReadonlyMap<string, SharedListen>,
    channel: Channel<ToWorker, ToParent>,
    inbox: Inbox,
  ) {
    this.place = place;
    this.#listens = listens;
    this.#channel = channel;
    this.#inbox = inbox;
    inbox.full = ({ limiter, table }) => this.#limiters[limiter]?.tellFull(table);
    inbox.read = (question) => this.#read(question);
  }

  /** Joins the parent. Ends the process when the parent is gone. */
  static async join(): Promise<Worker> {
    // Programs that this process starts are no workers, and it is no field of the configuration.
    delete process.env[WORKER_VARIABLE];
    // The parent passes signals on: a terminal and a service manager send them to every process of the group.
    for (const name of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR2"]) process.on(name, () => {});
    process.on("disconnect", () => process.exit(1));
    const inbox = new Inbox();
    const port = {
      send: (message: object) => void process.send!(message),
      onMessage: (receive: (message: unknown) => void) => void process.on("message", receive),
    };
    const sockets = new Sockets();
    process.on("message", (message, socket) => sockets.receive(message as Partial<SocketMessage>, socket));
    const channel = new Channel<ToWorker, ToParent>(port, (question) => inbox.answer(question));
    const place = (await channel.ask({ kind: "hello" })) as Place;
    const listens = Object.entries(place.places).map(async ([title, { listen, socket }]) => {
      const shared = socket === null ? listen : { ...listen, socket: await sockets.get(socket) };
      return [title, shared] as const;
    });
    return new Worker(place, new Map(await Promise.all(listens)), channel, inbox);
  }

  /** The entry with limiters that the parent owns. */
  entry(entry: Entry): Entry {
    const host: Host = {
      ...entry.host,
      openLimiter: (url, given, args) =>
        url === "local" ? this.#openLimiter(given) : entry.host.openLimiter(url, given, args),
    };
    return { ...entry, host };
  }

  #openLimiter({ sizes }: LimiterParts): OwnedLimiter {
    const limiter = this.#limiters.length;
    const opened = this.#channel.ask({ kind: "open limiter", limiter, sizes });
    // Takes fail if it cannot be opened.
    opened.catch(() => {});
    const owned = new OwnedLimiter(async (call) => {
      await opened;
      return this.#channel.ask({ kind: "limiter", limiter, call });
    });
    this.#limiters.push(owned);
    return owned;
  }

  /** The workers as a service sees them. */
  workersOf(service: string): Workers {
    const { number, count, instance, startedMs } = this.place;
    const gather = async (what: Reading) =>
      (await this.#channel.ask({ kind: "gather", service, what })) as Gathered;
    return {
      ...{ number, count, instance, startedMs },
      async metrics() {
        const { parts, beside } = await gather("metrics");
        return mergeMetrics([...(parts as MetricSnapshot[][]), ...beside]);
      },
      async statuses() {
        const [{ parts }, metrics] = await Promise.all([gather("status"), this.metrics()]);
        return { statuses: parts as object[], metrics };
      },
      pasts: async () => (await gather("past")).parts as object[],
    };
  }

  /** The apps, each where the parent says. */
  placed(apps: readonly App[]): App[] {
    return apps.map((app) => ({ ...app, listen: this.#listens.get(app.title) ?? app.listen }));
  }

  /** Orders of the parent. */
  orders(running: RunningServices): Orders {
    this.#running = running;
    let first: (() => void) | undefined;
    return {
      stop: () =>
        new Promise((resolve) => {
          this.#inbox.stop = ({ signal }) => {
            resolve(signal);
            this.#inbox.stop = () => first?.();
          };
        }),
      onSecondStop: (end) => {
        first = end;
      },
      onReload: (reload) => {
        this.#inbox.reload = reload;
      },
      ready: (title, url) => {
        this.#urls[title] = url;
        if (Object.keys(this.#urls).length < running.apps.length) return;
        this.#channel.tell({ kind: "ready", urls: this.#urls });
      },
      ended: () => this.#channel.ask({ kind: "bye", metrics: this.#allMetrics() }),
    };
  }

  /** Tells the parent that this worker cannot start. */
  async fail(error: unknown): Promise<void> {
    const message = error instanceof Error ? error.message : String(error);
    await this.#channel.ask({ kind: "failed", message }).catch(() => {});
  }

  #allMetrics(): Record<string, MetricSnapshot[]> {
    const metrics = this.#running?.metrics ?? new Map();
    return Object.fromEntries([...metrics].map(([title, registry]) => [title, registry.snapshot()]));
  }

  #read({ service, what, tables }: ToWorker & { kind: "read" }): unknown {
    for (const [i, limiter] of this.#limiters.entries()) limiter.tell(tables[i] ?? []);
    const app = this.#running?.apps.find(({ title }) => title === service)?.service;
    switch (what) {
      case "metrics":
        return this.#running?.metrics.get(service)?.snapshot();
      case "status":
        return app?.status?.();
      case "past":
        return app?.past?.();
    }
  }
}

/** The sockets that the parent sends. */
class Sockets {
  readonly #arrived = new Map<number, object>();
  readonly #waiting = new Map<number, (socket: object) => void>();

  receive({ socket: number }: Partial<SocketMessage>, socket: unknown): void {
    if (number === undefined || typeof socket !== "object" || socket === null) return;
    this.#arrived.set(number, socket);
    this.#waiting.get(number)?.(socket);
  }

  get(number: number): object | Promise<object> {
    return this.#arrived.get(number) ?? new Promise<object>((resolve) => this.#waiting.set(number, resolve));
  }
}

/** What the parent says; each part is set once this worker is that far. */
class Inbox {
  stop: (order: ToWorker & { kind: "stop" }) => void = () => process.exit(0);
  reload: () => void = () => {};
  full: (told: ToWorker & { kind: "full" }) => void = () => {};
  read: (question: ToWorker & { kind: "read" }) => unknown = () => null;

  answer(question: ToWorker): unknown {
    switch (question.kind) {
      case "stop":
        return this.stop(question);
      case "reload":
        return this.reload();
      case "full":
        return this.full(question);
      case "read":
        return this.read(question);
    }
  }
}
