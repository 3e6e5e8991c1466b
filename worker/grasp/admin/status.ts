/**
 * The state of the running service as one value: the operator's page draws it, `status.json` beside the page is it, and the
 * commands `status` and `purgatory list` print it (O14). Texts of events and of other servers are foreign and unchanged.
 * @module
 */

import type { Share } from "../../../runtime/grasp/git/slots.ts";
import type { Entry } from "../../../runtime/grasp/purgatory/entry.ts";
import type { AvoidReason, RelayHealth, RelayState } from "../../../runtime/grasp/relay-sync/events.ts";
import type { InstanceStatus, StatusDomain } from "../../admin/status.ts";

/** The service's name on the operator's page. */
export const GRASP = "grasp";

/** Rows of each list that grows with what others send. What is left out is counted. */
export const MAX_ROWS = 100;
/** Repositories that are listed: those with the newest announcements. */
export const MAX_NEWEST = 20;
/** Happenings that are kept. */
export const MAX_RECENT = 50;

/** Times are milliseconds since the epoch, by the clock of {@link InstanceStatus.now_ms}. */
export interface GraspStatus extends InstanceStatus {
  service: typeof GRASP;
  /** Host under which others know the server. */
  domain: string;
  build: { version: string; commit: string; git: string; runtime: string };
  connections: number;
  subscriptions: number;
  purgatory: {
    counts: Record<Entry["store"], number>;
    /** When what waits longest arrived; `null`: nothing waits. */
    oldest_ms: number | null;
    /** The oldest first. */
    entries: WaitingStatus[];
    entries_left_out: number;
  };
  /** The fetches of Git data from other servers. */
  sync: { queued: number; domains: StatusDomain[]; domains_left_out: number };
  /** `null`: no relay is followed. */
  relays: RelaysStatus | null;
  repositories: {
    count: number;
    bytes: number;
    newest: RepositoryStatus[];
    repair: { checked: number; repaired: number; incomplete: number; oldest_ms: number | null };
  };
  /** `null`: it could not be read. */
  free_bytes: number | null;
  git: {
    /** Processes that may run at once. */
    limit: number;
    shares: { share: Share; running: number; waiting: number }[];
    /** Requests that found no free process in time, since the start. */
    refused: number;
  };
  /** What happened last, the newest first. */
  recent: RecentStatus[];
}

/** One entry of purgatory. */
export interface WaitingStatus {
  store: Entry["store"];
  /** The event's id. For an upload: the id of the event that it waits for. */
  id: string;
  identifiers: string[];
  /** npub; `null` for an upload, whose event is not known. */
  author: string | null;
  since_ms: number;
  until_ms: number;
  source: Entry["source"];
  /** An announcement that expired once, and has no repository until a state comes. */
  is_soft_expired: boolean;
  /** Whether other servers are asked for it. */
  is_queued: boolean;
  /** Objects that it names, and those of them that are not here; `null`: it waits for an event, or there was no look yet. */
  named: number;
  missing: number | null;
  /** Some of the missing ids. */
  missing_ids: string[];
  /** Servers that were asked for its identifiers, the newest first. */
  asked: AskedStatus[];
  asked_left_out: number;
}

/** A server that was asked for missing objects. */
export interface AskedStatus {
  url: string;
  at_ms: number;
  /** `null`: it is being asked. */
  outcome: string | null;
  answer: string | null;
  objects: number;
  times: number;
}

export interface RelaysStatus {
  tracked: number;
  connected: number;
  /** Those in trouble first. */
  list: RelayStatus[];
  list_left_out: number;
  refused_hot: number;
  refused_cold: number;
}

/** A relay that is followed. */
export interface RelayStatus {
  url: string;
  is_bootstrap: boolean;
  state: RelayState;
  health: RelayHealth;
  /** When it is tried again; `null`: it is connected. */
  retry_at_ms: number | null;
  failures: number;
  avoided_because: AvoidReason | null;
  /** When its history was last complete here; `null`: not yet. */
  history_at_ms: number | null;
  /** Parts of the history that are still to come. */
  pending: number;
  subscriptions: number;
  identifiers: number;
}

/** A repository whose announcement is served. */
export interface RepositoryStatus {
  owner: string;
  identifier: string;
  name: string | null;
  /** The announcement's date. */
  announced_ms: number;
  /** `null`: it is not measured yet, or it is not here. */
  bytes: number | null;
  /** What the last check of repair found; `null`: there was none since the start. */
  repair: "complete" | "repaired" | "incomplete" | "failed" | null;
}

/** Something that happened, as the log would say it. */
export interface RecentStatus {
  at_ms: number;
  level: "debug" | "info" | "warn" | "error";
  message: string;
  /** What varies, as text: without addresses and whole ids (O13). */
  details: string;
}
