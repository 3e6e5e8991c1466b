/**
 * The shape of a service. `services.ts` lists the services that exist; everything else learns of them by this shape.
 * @module
 */
import type { Fault } from "../runtime/lib/schema.ts";
import type { MetricDescription, MetricsRegistry } from "../runtime/observe/metrics.ts";
import type { Redaction } from "../runtime/observe/redaction.ts";
import type { Log, LogFields } from "../runtime/platform.ts";
import type { Command } from "./cli/command.ts";
import type { ConfigSection } from "./config/compose.ts";
import type { SharedConfig } from "./config/shared.ts";
import type { Entry, Listen, Served } from "./hosts/server.ts";

/** What a service gets of the process that runs it. */
export interface Shared {
  readonly entry: Entry;
  /** The shared sections of the configuration. */
  readonly config: SharedConfig;
  /** Where the service will listen. */
  readonly listen: Listen;
  readonly log: Log;
  /** The process's metrics. Those of {@link ServiceModule.metrics} are described in it already. */
  readonly metrics: MetricsRegistry;
}

/** One service that a millrace process can run. */
export interface ServiceModule<Section = unknown> extends ConfigSection<Section> {
  /** Its name in readiness lines and logs, for example `edge-cookie`. */
  readonly title: string;
  /** Fields without a default, for example `publisher.domain`: whoever sets one by environment configures the service. */
  readonly requiredFields: readonly string[];
  readonly metrics: readonly MetricDescription[];
  /** What must not be logged. Applied to {@link Shared.log}. */
  readonly redact: Redaction;
  /** Its own commands, by name. */
  readonly commands?: Readonly<Record<string, Command>>;
  /** Where the service listens if not at the shared `listen`. */
  listen?(section: Section): Listen | undefined;
  /** What keeps a server from running with this section, beyond what the schema finds. Opens nothing. */
  servingFaults?(section: Section, listen: Listen, entry: Entry): Fault[];
  /** Warnings for a valid section. */
  warnings?(section: Section, shared: SharedConfig): string[];
  /**
   * Starts the service.
   * @throws {StartError} saying what cannot be opened.
   */
  create(shared: Shared, section: Section): Promise<RunningService>;
  /** Starts its demonstration, which `npm start` serves. */
  demonstrate?(entry: Entry): Promise<Demonstration>;
}

/** One running service. Its {@link Served.handler} is its fetch handler. */
export interface RunningService extends Served {
  /** Facts for the log line that says that the service listens. */
  readonly facts?: LogFields;
  /** Called when the process is about to end, before it stops accepting. */
  stopping?(): void;
  /** Ends responses that have no end of their own, once nothing more is accepted. */
  endStreams?(): void;
  /**
   * Takes over what may change while running: lists, tokens, limits. Fields that need a restart are left as they are.
   * @returns the fields that changed and need a restart.
   */
  reload?(section: unknown, shared: SharedConfig): string[];
  /** The service's state as JSON, for the operator's page and tools. */
  status(): Readonly<Record<string, unknown>>;
  /** Finishes background work and closes what is open. */
  close(): Promise<void>;
}

/** A demonstration that runs. */
export interface Demonstration {
  readonly listen: Listen;
  /** Whether any free port will do where the chosen one is taken. */
  readonly anyPort: boolean;
  readonly log: Log;
  readonly service: RunningService;
  /** Called with the address once the server listens. */
  listening(url: string): void;
}
