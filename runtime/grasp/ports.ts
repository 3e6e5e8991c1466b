/**
 * The ports that GRASP needs beyond those of `runtime/platform.ts`. Hosts with processes and a disk supply them.
 * @module
 */
import type { Json } from "../platform.ts";
import type { Dated, NostrEvent } from "./events/event.ts";
import type { Filter } from "./events/filter.ts";
import type { Entry } from "./purgatory/entry.ts";

/** Times and ids of events, in any order. */
export interface TimedIds {
  /** Seconds since the epoch. */
  readonly times: Uint32Array;
  /** 32 bytes for each time, one after the other, from the beginning of a buffer. */
  readonly ids: Uint8Array;
}

/** The refs of a repository at one moment. */
export interface RefSnapshot {
  /** Changes with every change of a ref or of `HEAD` (G34). */
  readonly version: string;
  /** Every ref with its object id, hidden ones too. */
  readonly refs: ReadonlyMap<string, string>;
  /** The branch that `HEAD` names, whether it exists or not. */
  readonly head: string;
}

/** One ref to be moved. 40 zeros stand for "no ref". */
export interface RefUpdate {
  readonly ref: string;
  readonly old: string;
  readonly new: string;
}

/** What a repository had before a change that loses values, and which are kept (N21). */
export interface Backup {
  /** When, in milliseconds since the epoch: the name of its refs has it. */
  readonly atMs: number;
  /** The state that caused the change. */
  readonly cause: { readonly id: string; readonly author: string };
  /** Every branch and tag, in the order of names. */
  readonly refs: readonly (readonly [ref: string, id: string])[];
  /** The branch that `HEAD` named. */
  readonly head: string;
}

/** Bounds on a pack (A41). */
export interface PackBounds {
  /** Largest pack, in bytes. */
  readonly maxBytes: number;
  /** Largest number of objects. */
  readonly maxObjects: number;
  /** Largest object, in bytes. Default: 1 GiB. */
  readonly maxObjectBytes?: number;
}

/** What a pack is refused for. */
export type PackFault =
  | { readonly kind: "too_large" | "too_many_objects" | "broken" | "timeout" }
  /** Our own trouble: a full disk, no file handles, Git was killed (O25). */
  | { readonly kind: "unavailable" }
  /** Git's strict check found a fault: the object, and Git's name for it (A49). */
  | {
      readonly kind: "fsck";
      readonly findings: readonly { readonly object: string; readonly check: string }[];
    }
  /** An object that a tip needs is neither in the pack nor here (A9). */
  | { readonly kind: "missing_objects" }
  /** A branch's tip is no commit (A19). */
  | { readonly kind: "not_a_commit"; readonly id: string };

/** Objects that arrived and are not accepted yet. Its repository is its alternate. */
export interface Quarantine {
  /**
   * Moves the objects into the repository (N26). The quarantine is gone afterwards.
   * @param tips only what these ids need; the rest is deleted. Default: everything
   */
  adopt(tips?: readonly string[]): Promise<void>;
  /** Deletes the objects. Does nothing after {@link Quarantine.adopt}. */
  discard(): Promise<void>;
  /**
   * Keeps a copy of what a tip needs, and neither the repository nor `without` has, under a name and apart from the repository
   * (A32). One of the same name is replaced. The quarantine stays.
   * @param without tips whose objects come into the repository.
   */
  keep(name: string, tip: string, without: readonly string[]): Promise<{ bytes: number; objects: number }>;
}

/** One bare repository. */
export interface GitRepository {
  /** The refs now, from memory: this process is the only one that moves them. */
  refs(): Promise<RefSnapshot>;
  /** Forgets what is in memory, so that the next call reads the disk: for repair, after a restored backup (T67). */
  reload(): void;
  /**
   * Receives a pack into a quarantine (A35, steps 2 and 3): checks it strictly, and that the tips are connected. Callers who
   * serve a client or fetch hold a slot of the pool.
   * @param pack its bytes; no bytes, or a pack without objects, makes an empty quarantine (A9).
   * @param tips object ids that refs shall have afterwards; those of branches must be commits.
   */
  receive(
    pack: AsyncIterable<Uint8Array>,
    tips: readonly { readonly id: string; readonly isBranch: boolean }[],
    bounds: PackBounds,
  ): Promise<{ quarantine: Quarantine } | { fault: PackFault }>;
  /**
   * Those of these object ids that are not here with all that they need (P10).
   * @param isThorough walks the whole history, for repair. Default: what refs lead to, and what was found complete before, is
   * taken for complete.
   */
  incomplete(ids: readonly string[], isThorough?: boolean): Promise<Set<string>>;
  /**
   * Those of these deletions and moves that lose a value which is here: every deletion, and each move to a value that is not a
   * descendant of the old one (N21).
   */
  losing(updates: readonly RefUpdate[]): Promise<readonly RefUpdate[]>;
  /**
   * Moves refs in one transaction with expected old values.
   * @returns `false` if a ref has another value than expected. Nothing has moved then.
   */
  updateRefs(updates: readonly RefUpdate[]): Promise<boolean>;
  /** Objects that no ref leads to go at the next maintenance, and not after their usual time (N23). Said before a ref goes. */
  forgetUnreachable(): Promise<void>;
  /** Lets `HEAD` name a branch, which need not exist (G22). */
  setHead(branch: string): Promise<void>;
  /** A pack with these objects and all that they need. */
  pack(ids: readonly string[]): AsyncIterable<Uint8Array>;
  /**
   * Removes what a crash left: lock files, refs that are empty or unreadable, a `shallow` file (N25, N27). `HEAD` is written again.
   * Objects of other folders become its own (O19). Called at start, while nothing else runs.
   */
  heal(): Promise<Healed>;
}

/** What {@link GitRepository.heal} did, as file names in the repository. */
export interface Healed {
  /** What was found, and is well now. */
  readonly found: readonly string[];
  /** What could not be made well: objects may be missing. The next start tries again. */
  readonly failed: readonly string[];
}

/** An upload that was kept for an event to come. */
export interface Upload {
  adopt(): Promise<void>;
  discard(): Promise<void>;
}

/** Where an upload is. */
export interface UploadPlace {
  readonly owner: string;
  readonly identifier: string;
  /** The event's id. */
  readonly id: string;
}

/** The repositories of this server, by owner and identifier. */
export interface Repositories {
  /** `null`: there is none. */
  open(owner: string, identifier: string): GitRepository | null;
  /** Makes an empty one; does nothing if there is one. */
  create(owner: string, identifier: string): Promise<void>;
  /** Deletes one with everything in it. */
  delete(owner: string, identifier: string): Promise<void>;
  /** Every repository. */
  list(): Promise<{ readonly owner: string; readonly identifier: string }[]>;
  /** Takes one away and keeps it (R35, R59). One that is held already is replaced. @param untilMs milliseconds since the epoch */
  hold(owner: string, identifier: string, untilMs: number): Promise<void>;
  /** Brings back one that is held. @returns whether there was one */
  restoreHeld(owner: string, identifier: string): Promise<boolean>;
  /** Deletes what was held until now. */
  deleteHeld(nowMs: number): Promise<void>;
  /** Every repository that is held. `untilMs`: milliseconds since the epoch */
  listHeld(): Promise<{ readonly owner: string; readonly identifier: string; readonly untilMs: number }[]>;
  /** Deletes one that is held, at once. */
  dropHeld(owner: string, identifier: string): Promise<void>;
  /** What was kept for an event (A29); `null`: nothing. The repository need not exist. */
  upload(owner: string, identifier: string, id: string): Upload | null;
  /** Every upload that is kept. */
  uploads(): Promise<UploadPlace[]>;
}

/** What needs room on the disk (O24). */
export type RoomFor = "repository" | "push" | "fetch";

/** The room that is left: free disk space, and quotas. */
export interface Room {
  /**
   * Why there is no room for something of an owner's repository, as one sentence for people; `null`: there is room.
   * Reading never asks.
   */
  refusal(what: RoomFor, owner: string, identifier: string): Promise<string | null>;
}

/** What became of an event that was to be saved (N15). */
export type Saved =
  | {
      readonly outcome: "stored";
      /** Events that are no longer served because of it: replaced, deleted, or of an author who vanished. */
      readonly gone: readonly NostrEvent[];
    }
  | { readonly outcome: "duplicate" }
  | { readonly outcome: "refused"; readonly reason: "older" | "deleted" | "vanished" | "expired" };

/** What is remembered of an id that is not stored. */
export type Remembered = "deleted" | "expired";

/** An unfinished change of refs and events (N13). */
export interface Intent {
  readonly id: number;
  readonly plan: Json;
}

/** What is read of the database: served events, the journal of purgatory, and intents, in one file. Reads never wait. */
export interface EventReads {
  /** Changes with every transaction. */
  readonly version: number;
  /**
   * Reads the database as it is at one moment. Each read takes half the time then: SQLite locks its file once for all. Nothing may be
   * written meanwhile, and nothing waited for.
   */
  together(read: () => void): void;
  /**
   * Stored events that match any of the filters: newest first, equal times by smaller id (R17), each once (R67).
   * @param nowSeconds events that expired before are left out (R12).
   */
  query(filters: readonly Filter[], nowSeconds: number): NostrEvent[];
  /** The same as texts of JSON, our own writing (R64), read when they are asked for. What is removed meanwhile is left out. */
  texts(filters: readonly Filter[], nowSeconds: number): Iterator<string, void>;
  /**
   * Times and ids of stored events, for negentropy.
   * @returns `null`: there are more than `max`.
   */
  records(filter: Filter, nowSeconds: number, max: number): TimedIds | null;
  /** The number of stored events that match any of the filters (R21). */
  count(filters: readonly Filter[], nowSeconds: number): number;
  get(id: string): NostrEvent | null;
  /** The served event of an address. */
  newest(kind: number, pubkey: string, identifier: string): NostrEvent | null;
  /** The served events of a kind with this `d`, by all authors. */
  withIdentifier(kind: number, identifier: string): NostrEvent[];
  /** Whether an author has an event here, deletions and requests to vanish apart. */
  hasEventsOf(author: string): boolean;
  /** The fewest steps of a stored event that refers to an id or address (R51); `null`: none does, or none may. */
  stepsTo(target: string): number | null;
  /** Whether an address was deleted (R56). */
  isDeletedAddress(address: string): boolean;
  /** Why an event would not be stored (R55); `null`: it would, unless a newer version is stored. */
  refusal(event: NostrEvent, nowSeconds: number): "deleted" | "vanished" | "expired" | null;
  /** What is remembered of an id; `null`: nothing. */
  remembered(id: string, nowSeconds: number): Remembered | null;
  /** The newest state of an owner's repository that was authoritative when it was deleted or withdrawn (A17); `null`: none. */
  ended(owner: string, identifier: string): Dated | null;
  /** Events that are held for a repository (R59), oldest first, with their steps (R51). */
  held(repository: string): { readonly event: NostrEvent; readonly steps: number }[];
  /** Whether events or a maintainer set are held for a repository. */
  hasHeld(repository: string): boolean;
  /** The maintainer sets that repositories of an identifier had when they were held, by owner (R60). */
  heldSets(identifier: string): Map<string, ReadonlySet<string>>;
  /** Whether an event of an author is held. */
  hasHeldBy(author: string): boolean;
  /** What events are held for: repositories, and authors by their keys alone. */
  heldFor(): { readonly repository: string; readonly events: number; readonly untilSeconds: number }[];
  /** What the operator banned (O14): `<key>`, `<key>/<identifier>`, or an identifier alone. */
  bans(): string[];
  /** What an owner's repository had before changes that lost values (N21), newest first. */
  backups(owner: string, identifier: string): Backup[];
  /** Entries of purgatory's journal. */
  journal(): Iterable<Entry>;
  /** Unfinished intents. */
  intents(): Intent[];
}

/** The database of the process that writes. */
export interface EventStore extends EventReads {
  /**
   * Runs changes as one transaction. It is on the disk when the promise resolves. `work` must not wait for anything. Transactions
   * that fail together are rejected in reverse order, so that callers who keep a copy in memory can take their changes back.
   * @throws what `work` throws, with nothing changed.
   */
  transaction<T>(work: (changes: StoreChanges) => T): Promise<T>;
  /**
   * Waits until all that can be read is on the disk, and the transactions that wrote it have resolved: what can be read may be on its
   * way there. An answer that says that an event is here waits for this, and so does an answer to a query: each subscriber hears of an
   * event once, with the stored ones or after them (R18).
   */
  written(): Promise<void>;
  close(): Promise<void>;
}

/** Changes inside a transaction. */
export interface StoreChanges {
  /**
   * Saves an event by the rules of replacement and deletion (R54 to R62).
   * @param steps how far it is from an event that is accepted by itself (R51). Default: 0
   */
  save(event: NostrEvent, nowSeconds: number, steps?: number): Saved;
  /**
   * Stops serving events until their repository is announced again (R59), or the operator brings them back.
   * @param repository `<key>/<identifier>`; a key alone, for events of a banned author.
   */
  hold(ids: readonly string[], repository: string, untilSeconds: number): void;
  /** Ends the hold of an event: it comes back now, or never. */
  endHold(id: string): void;
  /** Remembers the maintainer set of a repository that is held: whose states may be its authoritative one (R60). */
  holdSet(repository: string, set: ReadonlySet<string>, untilSeconds: number): void;
  /** A repository is held no more. */
  endHoldSet(repository: string): void;
  /** Lets versions of an address come again that {@link StoreChanges.removeAddress} ended up to this time, in seconds, and no later. */
  allowAddress(address: string, untilSeconds: number): void;
  /** A state that was ended counts again (A17). */
  resumeState(id: string): void;
  ban(target: string): void;
  unban(target: string): void;
  /** Removes what is expired: events (R12), remembered ids and held events. @returns the events */
  removeExpired(nowSeconds: number): NostrEvent[];
  /** Stops serving an event. @param remember so that it does not come back; `null`: nothing is remembered */
  remove(id: string, remember: Remembered | null, untilSeconds?: number): void;
  /**
   * Stops serving the versions of an address up to a time, and remembers that, so that they do not come back (R35).
   * @returns the events that were served
   */
  removeAddress(kind: number, pubkey: string, identifier: string, untilSeconds: number): NostrEvent[];
  journalPut(key: string, entry: Entry): void;
  journalRemove(key: string): void;
  /** Remembers an expired id (P18). */
  rememberExpired(id: string, untilSeconds: number): void;
  /** A state of an owner's repository was authoritative and is deleted or withdrawn (A17). A newer one that is known stays. */
  endState(owner: string, identifier: string, state: Dated): void;
  /** Records a backup beside its refs (N21). The oldest records above the bounds of a repository go (N24). */
  addBackup(owner: string, identifier: string, backup: Backup): void;
  /** Forgets the backups of a repository up to a time, in milliseconds since the epoch. */
  removeBackups(owner: string, identifier: string, untilMs: number): void;
  beginIntent(plan: Json): number;
  endIntent(id: number): void;
}
