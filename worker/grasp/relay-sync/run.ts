/**
 * Relay sync (GRASP-02) on the host's clock, network and database.
 * @module
 */
import type { RelaySyncEvent, RelaySyncView } from "../../../runtime/grasp/relay-sync/events.ts";
import { relaySyncLine } from "../../../runtime/grasp/relay-sync/log-lines.ts";
import { RelaySyncMetrics } from "../../../runtime/grasp/relay-sync/metrics.ts";
import { RelaySync } from "../../../runtime/grasp/relay-sync/relay-sync.ts";
import type { Log } from "../../../runtime/platform.ts";
import { VERSION } from "../../version.ts";
import type { Signer } from "../client/signer.ts";
import { relaySyncSettings } from "../config.ts";
import { publicAddresses } from "../git/fetch-address.ts";
import type { Core } from "../start/core.ts";
import type { Parts } from "../start/parts.ts";
import { relayDialer } from "./dialer.ts";
import { SqliteMemory } from "./memory.ts";

/** Relay sync that runs. */
export class RunningRelaySync {
  readonly #sync: RelaySync;
  readonly #memory: SqliteMemory;
  readonly #metrics: RelaySyncMetrics;
  readonly #log: Log;
  #closing: Promise<void> | null = null;

  constructor(parts: Parts, { grasp }: Pick<Core, "grasp">) {
    const { host, section, store, relayKey, databasePath, digests, steady, shared } = parts;
    const { log } = shared;
    const { clock, random } = host;
    const settings = relaySyncSettings(section);
    let signer: Signer | null = null;
    this.#log = log;
    this.#metrics = new RelaySyncMetrics(shared.metrics);
    this.#memory = new SqliteMemory({
      path: databasePath,
      clock,
      onError: (error) => log.error("what relay sync remembers could not be written", { error }),
    });
    this.#sync = new RelaySync({
      ...{ grasp, store, settings, random },
      clock: steady,
      dialer: relayDialer({
        clock: steady,
        resolve: publicAddresses(section.allowLoopbackServers),
        allowInsecure: settings.allowInsecure,
        userAgent: `millrace/${VERSION}`,
      }),
      memory: this.#memory,
      sha256: digests.sha256,
      async sign({ kind, tags, created_at, content }) {
        // Loaded by the first relay that asks who we are: few do.
        signer ??= (await import("../client/signer.ts")).signerOf(relayKey.secret);
        return signer.sign(kind, tags, created_at, content);
      },
      onEvent: (event) => this.#hear(event),
    });
  }

  /** Reads what is followed from the database, and begins to connect (L12). */
  start(): void {
    this.#sync.start().catch((error) => this.#log.error("relay sync could not start", { error }));
  }

  /**
   * Compares the history with a relay, or with those of an identifier, now (O14).
   * @param what a relay's URL, or an identifier
   * @returns the relays that are asked
   */
  syncNow(what: string): string[] {
    return this.#sync.syncNow(what);
  }

  /** Relays with their state and health, for the operator's page and `status` (O14). */
  view(): RelaySyncView {
    return this.#sync.view();
  }

  /** Sets the gauges. */
  sample(): void {
    this.#metrics.sample(this.view());
  }

  /** Ends all connections, and keeps what is remembered (L25). Once. */
  close(): Promise<void> {
    this.#closing ??= this.#sync.stop().finally(() => this.#memory.close());
    return this.#closing;
  }

  #hear(event: RelaySyncEvent): void {
    this.#metrics.listen(event);
    const line = relaySyncLine(event);
    if (line !== null) this.#log[line.level](line.message, line.fields);
  }
}
