/**
 * The shape of a service. `services.ts` lists the services that exist; hosts, the configuration, the command line and the
 * log learn of a service only through this shape.
 * @module
 */
import type { Fault } from "../runtime/lib/schema.ts";
import type { MetricDescription } from "../runtime/observe/metric-list.ts";
import type { MetricSnapshot, MetricsRegistry } from "../runtime/observe/metrics.ts";
import type { Redaction } from "../runtime/observe/redaction.ts";
import type { Tracer } from "../runtime/observe/tracer.ts";
import type { Client, Log, LogFields } from "../runtime/platform.ts";
import type { Command, Values } from "./cli/command.ts";
import type { ConfigSection } from "./config/compose.ts";
import type { Environment } from "./config/environment.ts";
import type { SharedConfig } from "./config/shared.ts";
import type { Entry, Listen, Served } from "./hosts/server.ts";
import type { SocketPeer } from "./http/socket.ts";

/** The workers of a server: processes that serve the same on one port. This process is one of them. */
export interface Workers {
  /** This worker's number, from 1. */
  readonly number: number;
  readonly count: number;
  /** A random name of the server as a whole. */
  readonly instance: string;
  /** When the server started, in milliseconds since the epoch. */
  readonly startedMs: number;
  /** The metrics of all workers as one, and those of the process that starts them. */
  metrics(): Promise<MetricSnapshot[]>;
  /** The {@link RunningService.status} of each worker, and the metrics as {@link metrics}. */
  statuses(): Promise<{ readonly statuses: readonly object[]; readonly metrics: MetricSnapshot[] }>;
  /** The {@link RunningService.past} of each worker. */
  pasts(): Promise<readonly object[]>;
}

/** What a service gets from the process that runs it. */
export interface Shared {
  readonly entry: Entry;
  /** The shared sections of the configuration. */
  readonly config: SharedConfig;
  /** Where the service listens. */
  readonly listen: Listen;
  /** All workers, if there are several processes; `null`: this process is the only one. */
  readonly workers: Workers | null;
  readonly log: Log;
  /** The service's own metrics. Those of {@link ServiceModule.metrics} are described in it already. */
  readonly metrics: MetricsRegistry;
  /** Begins the spans of calls to other servers. */
  readonly tracer: Tracer;
  /**
   * The client of a request, by the configuration's `client`.
   * @param args the handler's arguments after the request.
   */
  client(request: Request, args: readonly unknown[]): Client;
  /** The client of a WebSocket, by the same rules. */
  socketClient(peer: Pick<SocketPeer, "headers" | "address">): Client;
}

/** One service that a millrace process can run. The section's presence in the configuration enables it. */
export interface ServiceModule<Section = unknown> extends ConfigSection<Section> {
  /** The service's metrics. Default: none. */
  readonly metrics?: readonly MetricDescription[];
  /** What must not be logged, applied to {@link Shared.log}. Configured secrets are removed in any case. Default: nothing. */
  readonly redact?: Redaction;
  /** The service's own commands, by name. Default: none. */
  readonly commands?: Readonly<Record<string, ServiceCommand>>;
  /** Where the service listens. Default: the shared `listen`. */
  listen?(section: Section): Listen | undefined;
  /**
   * The hosts whose requests belong to this service where several services share an address. A host without a port matches
   * any port. Default: every host that belongs to no other service; one service of an address may do that.
   */
  hosts?(section: Section): readonly string[] | undefined;
  /** The proxies in front of this service. Default: the shared `client.trustedProxies`. */
  trustedProxies?(section: Section): SharedConfig["client"]["trustedProxies"] | undefined;
  /** Faults of a valid section that only a server or its host can tell. Opens nothing. Fields are relative to the section. */
  servingFaults?(section: Section, listen: Listen, entry: Entry): Fault[];
  /**
   * Faults of single fields that only a host can tell, also of a section that has other faults. Opens nothing.
   * @param given the section as it is given, of any type.
   */
  hostFaults?(given: unknown, entry: Entry): Fault[];
  /** Faults of a valid section that keep several processes from serving it. Default: there are none. */
  workersFaults?(section: Section, entry: Entry): Fault[];
  /** Warnings for a valid section. */
  warnings?(section: Section, shared: SharedConfig): string[];
  /**
   * Starts the service.
   * @throws {StartError} saying what cannot be opened.
   */
  create(shared: Shared, section: Section): Promise<RunningService>;
  /** The section in the file that `millrace init` writes. */
  readonly starting?: StartingSection;
  /** The demonstration that `npm start` serves where nothing is configured. */
  readonly demonstration?: {
    /** Fields of the section. If an environment variable sets one of them, the service counts as configured. */
    readonly unless: readonly string[];
    /** @param env environment variables, without those of other services' fields */
    start(entry: Entry, env: Environment): Promise<Demonstration>;
  };
}

/** A service's own command. */
export interface ServiceCommand extends Omit<Command, "run"> {
  /** As {@link Command.run}. @param services those that a millrace process can run. */
  run(values: Values, services: readonly ServiceModule[]): Promise<void>;
}

/** A section to start with. */
export interface StartingSection {
  /**
   * The section as JSON with comments, without its name.
   * @param secret a new random secret.
   */
  text(secret: string): string;
  /** What to change before the service can run, one line each. */
  readonly edits: readonly string[];
}

/** One running service. */
export interface RunningService extends Omit<Served, "hosts"> {
  /** Facts for the log line that says that the service listens. */
  readonly facts?: LogFields;
  /** Called when the process was told to stop: the service is not ready any more, and still answers every request. */
  draining?(): void;
  /** Called before the server stops accepting. */
  stopping?(): void;
  /**
   * How long work in flight may still take when the server stops, in milliseconds. Read after {@link stopping}. Default: 10,000,
   * which is also the least.
   */
  graceMs?(): number;
  /** Ends responses that have no end of their own. Called when the server accepts no more. */
  endStreams?(): void;
  /**
   * Applies a new configuration to the running service, as far as that is possible. Without it every changed field needs a
   * restart.
   * @returns the changed fields that need a restart, by their full names such as `edgeCookie.store`.
   */
  reload?(section: unknown, shared: SharedConfig): string[];
  /** The service's state as JSON, for the operator's page and tools. */
  status?(): object | Promise<object>;
  /** The figures of the last minutes as JSON, for the operator's page. */
  past?(): object;
  /** Finishes background work and closes what is open. */
  close?(): Promise<void>;
}

/** A demonstration that runs. */
export interface Demonstration {
  readonly listen: Listen;
  /** Whether another free port is used if the chosen one is taken. */
  readonly anyPort: boolean;
  readonly log: Log;
  readonly service: RunningService;
  /** Called with the address when the server listens. */
  listening(url: string): void;
}
