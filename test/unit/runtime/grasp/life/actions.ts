/**
 * What can happen in a random life, and how often.
 * @module
 */
import fc from "fast-check";
import { AUTHORS, IDENTIFIERS } from "./cast.ts";
import { COMMITS } from "./commits.ts";
import type { CrashPlan } from "./gate.ts";

export const REF_NAMES = ["refs/heads/main", "refs/heads/a", "refs/heads/a/b", "refs/tags/v"];

/** What can happen. Numbers stand for authors, commits, ref names, and events that were made before. */
export type Action =
  | { do: "announce"; by: number; on: number; maintainers: number[]; listsUs: boolean; at: number }
  | { do: "state"; by: number; on: number; refs: [name: number, commit: number][]; at: number }
  | { do: "pull request"; by: number; to: number[]; on: number; commit: number; at: number }
  | { do: "update"; by: number; of: number; commit: number; at: number }
  | { do: "comment"; by: number; to: number; on: number; at: number }
  | { do: "delete"; by: number; what: number; how: "e" | "a"; at: number }
  | { do: "vanish"; by: number; at: number }
  | { do: "again"; what: number; isFromSync: boolean }
  /** `meanwhile` happens between the early decision and the one under the lock. */
  | { do: "push"; to: number; on: number; like: number; isWhole: boolean; meanwhile: Action | null }
  /** The same event comes from two connections at once. */
  | { do: "twice"; what: Action }
  | { do: "push one ref"; to: number; on: number; name: number; commit: number }
  | { do: "upload"; by: number; to: number; on: number; commit: number; at: number; like: number | null }
  /**
   * A contributor publishes a PR for a repository that may not be here, and pushes it below /prs/ (X9), in either order; or an update
   * of the PR `of`.
   */
  | {
      do: "contribute";
      by: number;
      to: number;
      on: number;
      commit: number;
      pushed: number;
      of: number | null;
      order: "event" | "push" | "no event" | "no push";
      at: number;
    }
  | { do: "fetch"; to: number; on: number; commit: number }
  /** The operator takes a repository out of service, or brings it back (O14). */
  | { do: "eject"; to: number; on: number }
  | { do: "bring back"; to: number; on: number }
  | { do: "wait"; minutes: number }
  | { do: "set the clock"; minutes: number }
  | { do: "restart" };

/** One or more actions at once, and perhaps a crash in them, or a write that fails. */
export interface Step {
  actions: Action[];
  crash: CrashPlan | null;
}

/** Most of what happens concerns few authors and commits, so that it meets. */
export const author = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.constant(1) },
  fc.nat(AUTHORS.length - 1),
);
const on = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(IDENTIFIERS.length - 1));
export const commit = fc.oneof({ weight: 2, arbitrary: fc.nat(2) }, fc.nat(COMMITS.length - 1));
const at = fc.nat(40);
const what = fc.nat(30);
const refs = fc.uniqueArray(fc.tuple(fc.nat(REF_NAMES.length - 1), commit), {
  maxLength: 3,
  selector: ([name]) => name,
});
const named = <T extends Record<string, unknown>>(
  name: string,
  fields: { [K in keyof T]: fc.Arbitrary<T[K]> },
) => fc.record({ do: fc.constant(name), ...fields }) as fc.Arbitrary<never>;

const simple: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: named("announce", {
      by: author,
      on,
      maintainers: fc.uniqueArray(author, { maxLength: 2 }),
      listsUs: fc.oneof({ weight: 6, arbitrary: fc.constant(true) }, fc.constant(false)),
      at,
    }),
  },
  { weight: 8, arbitrary: named("state", { by: author, on, refs, at }) },
  {
    weight: 9,
    arbitrary: named("push", {
      to: author,
      on,
      like: what,
      isWhole: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
      meanwhile: fc.constant(null),
    }),
  },
  {
    weight: 4,
    arbitrary: named("pull request", {
      by: author,
      to: fc.uniqueArray(author, { minLength: 1, maxLength: 2 }),
      on,
      commit,
      at,
    }),
  },
  {
    weight: 4,
    arbitrary: named("contribute", {
      by: author,
      to: author,
      on,
      commit,
      pushed: fc.oneof({ weight: 4, arbitrary: fc.constant(-1) }, commit),
      of: fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: what }),
      order: fc.constantFrom("event", "push", "event", "push", "no event", "no push"),
      at,
    }),
  },
  { weight: 2, arbitrary: named("update", { by: author, of: what, commit, at }) },
  { weight: 1, arbitrary: named("comment", { by: author, to: author, on, at }) },
  {
    weight: 2,
    arbitrary: named("delete", {
      by: author,
      what,
      how: fc.constantFrom("e", "a"),
      at: fc.integer({ min: 20, max: 60 }),
    }),
  },
  { weight: 1, arbitrary: named("vanish", { by: author, at: fc.integer({ min: 20, max: 60 }) }) },
  { weight: 2, arbitrary: named("again", { what, isFromSync: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: named("push one ref", { to: author, on, name: fc.nat(REF_NAMES.length - 1), commit }),
  },
  {
    weight: 3,
    arbitrary: named("upload", {
      by: author,
      to: author,
      on,
      commit,
      at,
      like: fc.option(what, { freq: 2 }),
    }),
  },
  { weight: 4, arbitrary: named("fetch", { to: author, on, commit }) },
  {
    weight: 3,
    arbitrary: named("wait", { minutes: fc.constantFrom(1, 6, 16, 31, 61, 25 * 60, 20 * 24 * 60) }),
  },
  { weight: 1, arbitrary: named("eject", { to: author, on }) },
  { weight: 1, arbitrary: named("bring back", { to: author, on }) },
  { weight: 1, arbitrary: named("set the clock", { minutes: fc.constantFrom(-60, 60, -1, 24 * 60) }) },
  { weight: 1, arbitrary: fc.constant({ do: "restart" } as never) },
);

export const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 20, arbitrary: simple },
  { weight: 1, arbitrary: simple.map((one): Action => ({ do: "twice", what: one })) },
  {
    weight: 2,
    arbitrary: fc
      .record({ to: author, on, like: what, meanwhile: simple })
      .map((one): Action => ({ do: "push", isWhole: true, ...one })),
  },
);

export const crash: fc.Arbitrary<CrashPlan | null> = fc.option(
  fc.record({ after: fc.nat(12), how: fc.constantFrom("before", "partly", "done", "fails") }),
  { freq: 4 },
) as fc.Arbitrary<CrashPlan | null>;

export const step: fc.Arbitrary<Step> = fc.record({
  actions: fc.oneof(
    { weight: 6, arbitrary: fc.tuple(action) },
    { weight: 1, arbitrary: fc.array(action, { minLength: 2, maxLength: 3 }) },
  ),
  crash: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, crash),
});
