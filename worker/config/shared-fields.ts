/**
 * The shared fields of the configuration, as a person writes them.
 * @module
 */
import type { LogLevel } from "../../runtime/observe/log.ts";

/** Where a service listens. */
export interface ListenFields {
  /** Host name or address. Default: `127.0.0.1`. */
  host?: string | undefined;
  /** Port; 0: any free port. Default: 8787. */
  port?: number | undefined;
}

/** Headers that tell about the client. Name only headers that your proxy sets, and that it removes from clients' requests. */
export interface ClientFields {
  /** Header with the client's address. Default: `null`, the socket's address. */
  ipHeader?: string | null | undefined;
  /** Header with the client's country, an ISO 3166-1 code of two letters. Default: `null`, the country is not known. */
  countryHeader?: string | null | undefined;
  /** Header with the client's region, for example `CA` or `US-CA`. Default: `null`, the region is not known. */
  regionHeader?: string | null | undefined;
  /** Header with the client's protocol, `http` or `https`. Default: `null`. */
  protocolHeader?: string | null | undefined;
  /** Number of proxies in front, or their address ranges, for example `["10.0.0.0/8"]`. Default: 0. */
  trustedProxies?: number | string[] | undefined;
}

/** The operator. */
export interface OperatorFields {
  /** SHA-256 of the operator's token, 64 hex digits (`millrace hash` prints it). Default: `null`, no admin API. */
  tokenHash?: string | null | undefined;
  /** SHA-256 of a token that may look at everything and change nothing, 64 hex digits. Default: `null`, there is none. */
  readOnlyTokenHash?: string | null | undefined;
}

/** The end of the process. */
export interface StopFields {
  /**
   * How long the process still accepts requests after SIGTERM, in seconds, while `/_ts/ready` and `/ready` are 503: a balancer
   * stops sending before the process stops accepting. Default: 0.
   */
  drainDelaySeconds?: number | undefined;
}

/** The log. */
export interface LogFields {
  /** Least severe level that is written. Default: `null`, the level in `MILLRACE_LOG`, else `info`. */
  level?: LogLevel | null | undefined;
  /** Whether each request writes a line, without addresses and queries, at level `info`. Default: false. */
  access?: boolean | undefined;
}

/** The sections that all services share. */
export interface SharedInput {
  /** Where services listen that have no `listen` of their own. */
  listen?: ListenFields | undefined;
  /** Headers that tell about the client. */
  client?: ClientFields | undefined;
  /** The operator. */
  operator?: OperatorFields | undefined;
  /** The end of the process. */
  stop?: StopFields | undefined;
  /** The log. */
  log?: LogFields | undefined;
}
