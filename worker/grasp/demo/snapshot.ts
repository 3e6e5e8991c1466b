/**
 * What the page draws, as one value.
 * @module
 */
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import type { OtherLine } from "./other-server.ts";
import type { Shown } from "./terminal.ts";

/** Where an event is: on its author's computer, in purgatory, served, or no longer on the server. */
export type Place = "draft" | "waits" | "served" | "gone";

/** An event that was sent, and the server's answer. */
export interface SentEvent {
  readonly who: string;
  readonly name: string;
  readonly event: NostrEvent;
  readonly ok: boolean;
  readonly text: string;
}

/** A commit of the story. */
export interface Commit {
  readonly id: string;
  readonly subject: string;
  readonly by: string;
  /** Whether it is on the server, apart from the repository. */
  readonly isKept: boolean;
  /** Whether Ada pushed it to another server. */
  readonly isElsewhere: boolean;
  readonly isRefused: boolean;
}

/** An event that the subscriber was sent. */
export interface Heard {
  readonly id: string;
  readonly name: string;
  readonly by: string;
  readonly atMs: number;
}

/** Times are milliseconds since the epoch. */
export interface Snapshot {
  readonly repository: string;
  readonly relay: string;
  /** Ada's public key. */
  readonly npub: string;
  readonly done: readonly string[];
  /** The action that is under way. */
  readonly busy: string | null;
  readonly next: string | null;
  /** Why the last action could not be done. */
  readonly fault: string | null;
  /** What each action sent and ran. */
  readonly lines: Readonly<Partial<Record<string, readonly (SentEvent | Shown)[]>>>;
  readonly events: readonly {
    readonly id: string;
    readonly name: string;
    readonly by: string;
    readonly place: Place;
    readonly sinceMs: number;
    /** When it is discarded; `null`: it does not wait. */
    readonly untilMs: number | null;
    /** The commit that it names; `null`: none. */
    readonly needs: string | null;
    /** Whether other servers will be asked for it within the story. */
    readonly isHunted: boolean;
  }[];
  readonly commits: readonly Commit[];
  /** Branches, tags and pull requests on the server; `null`: it answers that there is no repository. */
  readonly refs: readonly (readonly [ref: string, id: string])[] | null;
  readonly heard: readonly Heard[];
  /** The other servers, with what they were asked. */
  readonly others: readonly { readonly name: string; readonly lines: readonly OtherLine[] }[];
  /** The server's time. Its clock is ahead after the visitor let time pass. */
  readonly nowMs: number;
}
