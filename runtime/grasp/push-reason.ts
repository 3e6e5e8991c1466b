/**
 * Why a push was granted or refused, as a closed set of codes: what metrics and logs count pushes by.
 * @module
 */

/** Every reason. The first three are grants. */
export const PUSH_REASONS = [
  /** It makes the repository equal to the authoritative state (A20), or brings the commit of a known PR (A28). */
  "granted",
  /** It has no commands (A6). */
  "nothing",
  /** An upload to `refs/nostr/` whose event is not known yet (A29). */
  "unclaimed",
  /** Neither branch nor tag nor `refs/nostr/` (A23). */
  "foreign_name",
  /** A branch below `refs/heads/pr/` (A23). */
  "pr_branch",
  /** `refs/nostr/` with something other than 64 lower-case hex digits (A27). */
  "bad_event_id",
  /** Deletion of a ref below `refs/nostr/` (A31). */
  "nostr_deletion",
  /** The event was deleted; its name stays blocked (R61). */
  "deleted_event",
  /** The event of `refs/nostr/` is no PR and no PR update (A28). */
  "not_a_pr",
  /** The PR is for another repository (A28). */
  "other_repository",
  /** The PR names another commit, or the ref has another one (A28, A31). */
  "wrong_commit",
  /** The repository is archived here, or the server is a read-only archive (X4). */
  "archive",
  /** Another contributor's repository has an upload for the event (X12). */
  "id_taken",
  /** The operator denies the contributor (R26). */
  "denied",
  /** A bound on unclaimed uploads is reached (A34). */
  "too_many_uploads",
  /** No announcement, served or waiting (A15). */
  "not_announced",
  /** No state that counts (A16). */
  "no_state",
  /** The state names another value for a ref. */
  "wrong_value",
  /** The state does not name a ref, which may only be deleted. */
  "not_named",
  /** The push deletes a ref that the state names. */
  "named",
  /** A ref moved meanwhile (A8). */
  "moved",
  /** The state names refs elsewhere that the push leaves out (A22). */
  "missing_refs",
  /** Objects are missing, not allowed or over a bound (A35, steps 2 and 3). */
  "bad_pack",
  /** There is no room on the disk, or in the owner's quota (O24). */
  "no_room",
  /** The refs could not be moved, or the events not be stored (A37). */
  "failed",
] as const;

export type PushReason = (typeof PUSH_REASONS)[number];
