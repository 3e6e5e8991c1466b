/**
 * What the parts of the service share: the database, purgatory, the repositories and the locks.
 * @module
 */
import type { Happenings } from "./happenings.ts";
import type { Hosted } from "./hosted.ts";
import type { Known } from "./known.ts";
import type { Locks } from "./locks.ts";
import type { EventStore } from "./ports.ts";
import type { StoreJournal } from "./purgatory/journal.ts";
import type { Purgatory } from "./purgatory/purgatory.ts";

export interface Core {
  readonly store: EventStore;
  readonly known: Known;
  readonly purgatory: Purgatory;
  readonly journal: StoreJournal;
  readonly hosted: Hosted;
  readonly locks: Locks;
  readonly happenings: Happenings;
  /** Milliseconds since the epoch, by a clock that no correction turns back (P25). */
  readonly nowMs: () => number;
  /** Seconds since the epoch, by the host's clock. */
  readonly nowSeconds: () => number;
}
