/**
 * Background work: purgatory's deadlines, its sync and repair, the sizes of repositories, and maintenance.
 * @module
 */
import { DEADLINES_MS } from "../../../runtime/grasp/purgatory/deadlines.ts";
import { TEST_EVENTS_EVERY_MS } from "../../../runtime/grasp/test-events.ts";
import { followsRelays } from "../config.ts";
import { Maintenance } from "../maintenance.ts";
import { type RunningSync, runPurgatorySync } from "../purgatory-sync.ts";
import { RunningRelaySync } from "../relay-sync/run.ts";
import type { Core } from "./core.ts";
import { MAINTAINED_AT_ONCE, type Parts } from "./parts.ts";

/** Delay before all repositories are measured, in milliseconds: measuring them takes as long as the start. */
const MEASURED_AFTER_MS = 1000;

export class Background {
  readonly purgatorySync: RunningSync;
  /** `null`: no relay is followed. */
  readonly relaySync: RunningRelaySync | null;
  readonly #parts: Parts;
  readonly #core: Core;
  readonly #maintenance: Maintenance;
  #stopSweeping = () => {};
  #stopRemoving = () => {};
  #stopMeasuring = () => {};

  /** Starts purgatory sync; all else waits for {@link Background.start}. */
  constructor(parts: Parts, core: Core) {
    const { host, section, folders, store, repositories, disk, pool, steady } = parts;
    const { log, metrics } = parts.shared;
    const { grasp } = core;
    this.#parts = parts;
    this.#core = core;
    this.purgatorySync = runPurgatorySync({
      ...{ host, section, folders, grasp, store, repositories, pool, log, metrics, steady },
      room: disk,
    });
    this.relaySync = followsRelays(section) ? new RunningRelaySync(parts, core) : null;
    this.#maintenance = new Maintenance({
      ...{ grasp, repositories, folders, pool, disk, log, metrics },
      clock: steady,
      atOnce: MAINTAINED_AT_ONCE,
    });
  }

  start(): void {
    const { disk, host, shared } = this.#parts;
    this.#sweep();
    this.#stopMeasuring = host.clock.after(MEASURED_AFTER_MS, () =>
      disk
        .measureAll()
        .catch((error) => shared.log.error("the repositories could not be measured", { error })),
    );
    this.#maintenance.start();
    this.relaySync?.start();
    if (this.#parts.section.removeTestEvents) this.#removeTestEvents();
  }

  #removeTestEvents(): void {
    const { host, shared } = this.#parts;
    this.#stopRemoving = host.clock.after(TEST_EVENTS_EVERY_MS, () => this.#removeTestEvents());
    this.#core.grasp.testEvents
      .remove()
      .then((events) => events > 0 && shared.log.info("test events were removed", { events }))
      .catch((error) => shared.log.error("test events could not be removed", { error }));
  }

  #sweep(): void {
    const { host, shared } = this.#parts;
    this.#stopSweeping = host.clock.after(DEADLINES_MS.sweep, () => this.#sweep());
    this.#core.grasp.sweep().catch((error) => shared.log.error("purgatory could not be swept", { error }));
  }

  /** Begins the end while requests go on: fetches end, and nothing new begins. */
  stopping(): void {
    this.purgatorySync.close().catch(() => {});
    this.relaySync?.close().catch(() => {});
  }

  async close(): Promise<void> {
    this.#stopSweeping();
    this.#stopRemoving();
    this.#stopMeasuring();
    await Promise.all([this.purgatorySync.close(), this.relaySync?.close(), this.#maintenance.stop()]);
  }
}
