/**
 * A running read replica, as the process sees it.
 * @module
 */
import type { Relay } from "../../../runtime/grasp/relay/relay.ts";
import { changedFields } from "../../config/changed-fields.ts";
import type { SharedConfig } from "../../config/shared.ts";
import type { Server } from "../../hosts/server.ts";
import type { NodeExchange } from "../../http/fetch-listener.ts";
import type { SocketHooks } from "../../http/socket.ts";
import type { RunningService, Shared } from "../../service.ts";
import type { GraspSection } from "../config.ts";
import { exchangeOf } from "../git/exchange.ts";
import type { OperatorLists } from "../lists.ts";
import type { Observer } from "../observe.ts";
import type { Settings } from "../settings.ts";
import { CORS, type Site } from "../site.ts";
import type { ReplicaFolders } from "./replica-folders.ts";
import type { ReplicaStore } from "./replica-store.ts";

/** How often the database is looked at for events of the writer, in milliseconds: a look takes some microseconds. */
export const LOOK_MS = 100;

/** What a running replica is made of. */
export interface ReplicaParts {
  readonly shared: Shared;
  readonly settings: Settings;
  readonly lists: OperatorLists;
  readonly store: ReplicaStore;
  readonly own: ReplicaFolders;
  readonly observer: Observer;
  readonly relay: Relay;
  readonly hooks: SocketHooks;
  /** Ends the relay's timer. */
  readonly stop: () => void;
  readonly site: Site;
  /** `null`: metrics have no address of their own. */
  readonly metricsServer: Server | null;
  /** The version of Git. */
  readonly git: string;
}

export class RunningReplica implements RunningService {
  readonly #parts: ReplicaParts;
  readonly facts: Readonly<Record<string, string>>;
  readonly socket: SocketHooks;
  readonly uploadIdleMs = 0;
  readonly refusalHeaders = CORS;
  #stopLooking = () => {};
  #isFailing = false;

  constructor(parts: ReplicaParts) {
    const { metricsServer, git, observer, hooks } = parts;
    this.#parts = parts;
    this.facts = { role: "replica", git, ...(metricsServer === null ? {} : { metrics: metricsServer.url }) };
    this.socket = observer.sockets(hooks);
    this.#lookLater();
  }

  readonly handler = (request: Request, exchange: NodeExchange): Promise<Response> => {
    const { observer, shared, site } = this.#parts;
    observer.request(request, exchange);
    const { ip } = shared.client(request, [exchange]);
    return site.answer(request, exchangeOf(ip, [exchange]));
  };

  #lookLater(): void {
    this.#stopLooking = this.#parts.shared.entry.host.clock.after(LOOK_MS, () => {
      this.#lookLater();
      this.#look();
    });
  }

  /** A failure is logged when it begins: the next look may do. */
  #look(): void {
    const { store, shared } = this.#parts;
    try {
      store.look();
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing)
        shared.log.error("the database of the process that writes cannot be read", { error });
      this.#isFailing = true;
    }
  }

  reload(next: unknown, shared: SharedConfig): string[] {
    const { settings, lists } = this.#parts;
    const fields = next as GraspSection;
    const changed = settings.take(fields);
    lists.take(fields);
    return [
      ...changed.map((field) => `grasp.${field}`),
      ...changedFields(this.#parts.shared.config.client, shared.client, "client"),
    ];
  }

  draining(): void {
    this.#parts.site.draining();
  }

  stopping(): void {
    this.#parts.site.stopping();
    this.#parts.relay.closeAll();
  }

  async close(): Promise<void> {
    const { store, own, stop, metricsServer } = this.#parts;
    this.#stopLooking();
    stop();
    await metricsServer?.close(0);
    store.close();
    await own.remove();
  }
}
