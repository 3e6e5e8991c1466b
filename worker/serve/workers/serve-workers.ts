/**
 * Serves with several processes: the parent's side of `millrace serve --workers N`.
 * @module
 */
import process from "node:process";
import type { Log } from "../../../runtime/platform.ts";
import type { Entry } from "../../hosts/server.ts";
import type { Plan } from "../plan.ts";
import { reloadConfig, signals } from "../serve.ts";
import { onReplaceSignal, Parent } from "./parent.ts";

export interface ServeWorkersOptions {
  readonly entry: Entry;
  readonly plan: Plan;
  readonly count: number;
  readonly log: Log;
  /** As in `ServeOptions`. */
  drainDelayMs(): number;
  /** Reads the configuration again for this process. @throws {ConfigError} then no worker reads it. */
  reload(): Promise<string[]>;
}

/**
 * Runs workers until a signal ends the process: with 0 if every worker ended as it should, else with 1. SIGHUP is passed on,
 * SIGUSR2 replaces one worker after the other.
 * @throws {StartError} if they cannot start.
 */
export async function serveWorkers(options: ServeWorkersOptions): Promise<void> {
  const { entry, plan, count, log, drainDelayMs, reload } = options;
  const parent = new Parent({ entry, services: plan.services, count, log, drainDelayMs });
  signals.onReload(
    () =>
      void reloadConfig(log, async () => {
        const fields = await reload();
        parent.reload();
        return fields;
      }),
  );
  const told = signals.stop();
  let isServing = false;
  onReplaceSignal(() => {
    const fault = entry.workers.replaceFault();
    if (fault !== null) log.error(`SIGUSR2: no worker is replaced: ${fault}`);
    else if (isServing) void parent.replaceAll();
  });
  const early = told.then((signal) => {
    if (!isServing) parent.kill();
    return signal;
  });
  const urls = await parent.start();
  isServing = true;
  for (const [title, url] of Object.entries(urls)) {
    signals.ready(title, url);
    log.info("listening", { service: title, url, runtime: entry.host.name, workers: count });
  }

  const order = await Promise.race([early, parent.gaveUp]);
  signals.onSecondStop(() => {
    parent.kill();
    process.exit(1);
  });
  log.info("stopping", { signal: order ?? null });
  const isSound = (await parent.stop(order ?? "SIGTERM")) && order !== undefined;
  if (isSound) log.info("stopped");
  process.exit(isSound ? 0 : 1);
}
