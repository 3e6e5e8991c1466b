/**
 * What happens in GRASP, told to listeners: metrics, the log, pages and purgatory sync. Listeners are called synchronously, after
 * what they are told of is on the disk.
 * @module
 */
import type { NostrEvent } from "./events/event.ts";
import type { RefusalPrefix } from "./policy/verdict.ts";
import type { RefUpdate } from "./ports.ts";
import type { BoundName } from "./purgatory/bounds.ts";
import type { Entry, Releasable, Source, WaitingAnnouncement } from "./purgatory/entry.ts";
import type { PushReason } from "./push-reason.ts";

/** Why an entry left purgatory. */
export type LeftBecause =
  /** It is served now. */
  | "released"
  /** A newer version of it is here. */
  | "replaced"
  /** Its author deleted it, or vanished. */
  | "deleted"
  /** Its time was over (P18 to P20). */
  | "expired"
  /** Its author took it back: de-listed, or withdrawn by a state without refs (R35, R43). */
  | "withdrawn"
  /** The operator denies its repository (R26). */
  | "denied"
  /** Its author is in no maintainer set any more (N6, R36). */
  | "unauthorised"
  /** Its release failed several times for a reason of its own (P38). */
  | "failed";

/** An event was answered. */
export interface Judged {
  readonly kind: "judged";
  /** The event's kind; `null`: it has no shape. */
  readonly eventKind: number | null;
  readonly source: Source;
  readonly outcome: "stored" | "waits" | "duplicate" | "refused";
  /** The prefix of the refusal; `null`: it was not refused. */
  readonly reason: RefusalPrefix | null;
}

/** An event is served from now on. Events that are only passed on (R22) count. */
export interface Served {
  readonly kind: "served";
  readonly event: NostrEvent;
  /** How long it waited in purgatory, in milliseconds; `null`: it did not wait. */
  readonly waitedMs: number | null;
}

/** A repository, by its owner's key and its identifier. */
interface OfRepository {
  readonly owner: string;
  readonly identifier: string;
}

/** One thing that happened. */
export type GraspHappening =
  | Judged
  | Served
  /** An entry found no room in purgatory (P6). */
  | { readonly kind: "no-room"; readonly store: Entry["store"]; readonly bound: BoundName }
  /** An entry was added to purgatory. */
  | { readonly kind: "waits"; readonly entry: Entry }
  /** Another server sent a copy of an event that a client brought and that waits: it serves it, with its Git data. */
  | { readonly kind: "served-elsewhere"; readonly entry: Releasable }
  /** An entry is gone from purgatory. `reason`: the text of the failure, where `because` is `failed`. */
  | {
      readonly kind: "left";
      readonly entry: Entry;
      readonly because: LeftBecause;
      readonly reason?: string;
    }
  /** An announcement expired; it is kept without its repository (P19). */
  | { readonly kind: "soft-expired"; readonly entry: WaitingAnnouncement }
  /** A soft-expired announcement has its repository again (P22). */
  | { readonly kind: "revived"; readonly entry: WaitingAnnouncement }
  /** Branches, tags or `HEAD` of a repository were made equal to a state (N9). */
  | ({ readonly kind: "aligned"; readonly updates: readonly RefUpdate[] } & OfRepository)
  /** The release of an event, or an alignment (`event` is `null`), failed (N16). */
  | {
      readonly kind: "release-failed";
      readonly identifier: string;
      readonly event: NostrEvent | null;
      readonly error: unknown;
    }
  /** A push was answered. */
  | ({
      readonly kind: "push-judged";
      readonly granted: boolean;
      readonly reason: PushReason;
    } & OfRepository)
  | ({ readonly kind: "repository-created" } & OfRepository)
  | ({ readonly kind: "repository-deleted" } & OfRepository);

export type HappeningListener = (happening: GraspHappening) => void;

/** Those who listen. */
export class Happenings {
  readonly #listeners = new Set<HappeningListener>();

  /** Calls a listener from now on. @returns ends that */
  on(listener: HappeningListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(happening: GraspHappening): void {
    for (const listener of this.#listeners) listener(happening);
  }
}
