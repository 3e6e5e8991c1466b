/**
 * The running service, as the process sees it.
 * @module
 */
import { settlesWithin } from "../../runtime/lib/within.ts";
import type { PastFigures } from "../admin/past.ts";
import { changedFields } from "../config/changed-fields.ts";
import type { SharedConfig } from "../config/shared.ts";
import type { Server } from "../hosts/server.ts";
import type { NodeExchange } from "../http/fetch-listener.ts";
import type { SocketHooks } from "../http/socket.ts";
import type { RunningService } from "../service.ts";
import type { StatusReader } from "./admin/read-status.ts";
import type { GraspStatus } from "./admin/status.ts";
import type { GraspSection } from "./config.ts";
import { exchangeOf } from "./git/exchange.ts";
import { CORS, type Site } from "./site.ts";
import type { Background } from "./start/background.ts";
import { type Core, removeDenied } from "./start/core.ts";
import type { Parts } from "./start/parts.ts";

/** How long pushes under way may take when the service stops, in milliseconds (O21). */
const PUSH_GRACE_MS = 60_000;
/** How long other work that was begun may take then, in milliseconds: less than the process gives all of the closing. */
const IDLE_MS = 4000;

/** What a running service is made of. */
export interface RunningParts {
  readonly parts: Parts;
  readonly core: Core;
  readonly background: Background;
  readonly site: Site;
  /** Takes administration commands. */
  readonly control: { close(): Promise<void> };
  readonly status: StatusReader;
  readonly past: PastFigures;
  /** `null`: metrics have no address of their own. */
  readonly metricsServer: Server | null;
  /** Releases the lock on the data directory. */
  release(): void;
}

export class RunningGrasp implements RunningService {
  readonly #running: RunningParts;
  readonly facts: Readonly<Record<string, string>>;
  readonly socket: SocketHooks;
  /** Git's clients may be silent before a pack (A48); bodies have limits of their own. */
  readonly uploadIdleMs = 0;
  readonly refusalHeaders = CORS;

  constructor(running: RunningParts) {
    const { parts, core, metricsServer } = running;
    this.#running = running;
    this.facts = {
      git: parts.build.git,
      ...(metricsServer === null ? {} : { metrics: metricsServer.url }),
    };
    this.socket = parts.observer.sockets(core.hooks);
  }

  readonly handler = (request: Request, exchange: NodeExchange): Promise<Response> => {
    const { parts, site } = this.#running;
    parts.observer.request(request, exchange);
    const { ip } = parts.shared.client(request, [exchange]);
    return site.answer(request, exchangeOf(ip, [exchange]));
  };

  reload(next: unknown, shared: SharedConfig): string[] {
    const { parts, core } = this.#running;
    const { log, config } = parts.shared;
    const fields = next as GraspSection;
    const changed = parts.settings.take(fields);
    parts.settings.operator = shared.operator;
    parts.lists.take(fields);
    removeDenied(core.grasp, log).catch((error) =>
      log.error("denied repositories could not be removed", { error }),
    );
    return [
      ...changed.map((field) => `grasp.${field}`),
      ...changedFields(config.client, shared.client, "client"),
    ];
  }

  status(): Promise<GraspStatus> {
    return this.#running.status.read();
  }

  graceMs(): number {
    return this.#running.parts.observer.pushes > 0 ? PUSH_GRACE_MS : 0;
  }

  draining(): void {
    this.#running.site.draining();
  }

  stopping(): void {
    const { site, core, background } = this.#running;
    site.stopping();
    core.relay.closeAll();
    background.stopping();
  }

  async close(): Promise<void> {
    const { parts, core, background, control, past, metricsServer, release } = this.#running;
    past.stop();
    await control.close();
    await background.close();
    core.stop();
    if (!(await settlesWithin(this.#idle(), IDLE_MS, parts.host.clock)))
      parts.shared.log.warn("work that was begun is not finished; the next start finishes it");
    await parts.signatures.close();
    await metricsServer?.close(0);
    await parts.store.close();
    release();
  }

  /** Waits until what was begun is done, and its Git processes have ended. */
  async #idle(): Promise<void> {
    const { parts, core } = this.#running;
    // Work between two processes holds a lock, and work before its lock may run one.
    do {
      await Promise.all([core.grasp.idle(), parts.pool.idle()]);
    } while (core.grasp.busy > 0);
  }
}
