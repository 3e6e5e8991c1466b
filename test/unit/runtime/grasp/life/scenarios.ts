/**
 * Short stories that lead into the situations where the guards of the service decide: random actions alone rarely come there.
 * @module
 */
import fc from "fast-check";
import { type Action, commit, crash, type Step } from "./actions.ts";

const MAIN = 0;
const A = 1;
const A_B = 2;

const announce = (by: number, maintainers: number[], at: number, listsUs = true): Action => ({
  do: "announce",
  by,
  on: 0,
  maintainers,
  listsUs,
  at,
});
const state = (by: number, refs: [name: number, commit: number][], at: number): Action => ({
  do: "state",
  by,
  on: 0,
  refs,
  at,
});
/** Pushes to the first author's repository what an event says. @param like -1: the last event */
const push = (like = -1, meanwhile: Action | null = null): Action => ({
  do: "push",
  to: 0,
  on: 0,
  like,
  isWhole: true,
  meanwhile,
});
const fetch = (tip: number): Action => ({ do: "fetch", to: 0, on: 0, commit: tip });
const remove = (what: number, how: "e" | "a" = "e"): Action => ({ do: "delete", by: 0, what, how, at: 60 });
const pullRequest = (by: number, tip: number, at: number): Action => ({
  do: "pull request",
  by,
  to: [0],
  on: 0,
  commit: tip,
  at,
});

/** The third author contributes to the first one's repository. @param of the PR that it is an update of. Default: it is a PR */
const contribute = (
  tip: number,
  order: "event" | "no push",
  at: number,
  of: number | null = null,
): Action => ({
  do: "contribute",
  by: 2,
  to: 0,
  on: 0,
  commit: tip,
  pushed: -1,
  of,
  order,
  at,
});

const alone = (action: Action): Step => ({ actions: [action], crash: null });
const steps = (...actions: Action[]): Step[] => actions.map(alone);
const crashing = (action: Action, plan: Step["crash"]): Step => ({ actions: [action], crash: plan });
const soon = fc.record({
  after: fc.nat(5),
  how: fc.constantFrom("before", "partly", "done", "fails"),
}) as fc.Arbitrary<NonNullable<Step["crash"]>>;

/** A repository of the first author, with the second as maintainer. Both have served states; the second's is the newer. */
const shared = (first: number, second: number): Step[] =>
  steps(announce(0, [1], 0), state(0, [[MAIN, first]], 1), push(), state(1, [[MAIN, second]], 2), push());

/** A branch becomes a folder of branches, and back (N9, T39). */
const branchBecomesFolder = fc
  .record({ first: commit, second: commit, isBack: fc.boolean(), crash })
  .map(({ first, second, isBack, crash: plan }): Step[] => {
    const names = isBack ? [A_B, A] : [A, A_B];
    return [
      ...steps(announce(0, [], 0), state(0, [[names[0]!, first]], 1), push()),
      alone(state(0, [[names[1]!, second]], 2)),
      crashing(push(), plan),
    ];
  });

/** The newest state is deleted or withdrawn; an older one does not take its place (R43, R60). */
const newestGoes = fc
  .record({
    first: commit,
    second: commit,
    how: fc.constantFrom("e", "a", "withdraw") as fc.Arbitrary<"e" | "a" | "withdraw">,
    isServed: fc.boolean(),
    isOvertaken: fc.boolean(),
  })
  .map(({ first, second, how, isServed, isOvertaken }): Step[] => [
    ...steps(announce(0, [1], 0), state(0, [[MAIN, first]], 1), push(), state(1, [[MAIN, second]], 2)),
    ...(isServed ? steps(push()) : []),
    // A newer one waits meanwhile.
    ...(isOvertaken ? steps(state(0, [[MAIN, 6]], 4)) : []),
    alone(how === "withdraw" ? state(1, [], 3) : remove(isOvertaken ? -2 : -1, how)),
    ...steps(push(1)),
  ]);

/** A maintainer is dropped or invited, or an owner leaves, with a crash or a failure at any write (R36). */
const setsChange = fc
  .record({
    first: commit,
    second: commit,
    what: fc.constantFrom("drop", "invite", "leave") as fc.Arbitrary<"drop" | "invite" | "leave">,
    plan: soon,
  })
  .map(({ first, second, what, plan }): Step[] => {
    if (what === "drop") return [...shared(first, second), crashing(announce(0, [], 3), plan)];
    const other: Action = { do: "push", to: 1, on: 0, like: -1, isWhole: true, meanwhile: null };
    const both = steps(
      announce(0, [], 0),
      state(0, [[MAIN, first]], 1),
      push(),
      announce(1, [0], 0),
      state(1, [[MAIN, second]], 2),
      other,
    );
    const change = what === "invite" ? announce(0, [1], 3) : announce(1, [0], 3, false);
    return [...both, crashing(change, plan)];
  });

/** While objects arrive, what granted the push goes or is replaced (A36, T49). */
const decidedAgain = fc
  .record({
    first: commit,
    second: commit,
    third: commit,
    meanwhile: fc.constantFrom("replace", "delete", "withdraw", "drop", "wait", "push"),
  })
  .map(({ first, second, third, meanwhile }): Step[] => {
    const happens: Record<string, Action> = {
      replace: state(0, [[MAIN, third]], 8),
      delete: remove(-1),
      withdraw: state(1, [], 8),
      drop: announce(0, [], 8),
      wait: { do: "wait", minutes: 31 },
      push: push(),
    };
    return [
      ...steps(announce(0, [1], 0), state(0, [[MAIN, first]], 1), push(), state(1, [[MAIN, second]], 2)),
      alone(push(-1, happens[meanwhile]!)),
    ];
  });

/** States and pushes at once, whose objects are here (N2, T41, T49). */
const atOnce = fc
  .record({ first: commit, second: commit, third: commit, kind: fc.nat(3) })
  .map(({ first, second, third, kind }): Step[] => {
    const two = [state(0, [[MAIN, second]], 5), state(1, [[MAIN, third]], 6)];
    const begin = [...shared(first, first), ...steps(fetch(second), fetch(third))];
    if (kind === 0) return [...begin, { actions: two, crash: null }];
    if (kind === 1) return [...begin, { actions: [two[0]!, announce(0, [], 7)], crash: null }];
    if (kind === 2) {
      return [
        ...begin,
        alone(pullRequest(2, 6, 5)),
        { actions: [fetch(6), state(0, [[A, 6]], 7)], crash: null },
      ];
    }
    const pushed = steps(announce(0, [1], 0), state(0, [[MAIN, second]], 1));
    return [...pushed, { actions: [push(), push(), state(1, [[MAIN, third]], 2)], crash: null }];
  });

/** The same event comes from two connections at once (R10). */
const twice = fc
  .record({ first: commit, second: commit, kind: fc.nat(3), isHere: fc.boolean() })
  .map(({ first, second, kind, isHere }): Step[] => {
    const events = [
      state(0, [[MAIN, second]], 5),
      pullRequest(2, second, 5),
      announce(1, [0], 5),
      { do: "comment", by: 2, to: 0, on: 0, at: 5 } as Action,
    ];
    return [
      ...shared(first, first),
      ...(isHere ? steps(fetch(second)) : []),
      alone({ do: "twice", what: events[kind]! }),
    ];
  });

/** Several states of one author wait; the newest becomes complete (N6). */
const newestFirst = fc
  .record({ first: fc.nat(2), crash })
  .map(({ first, crash: plan }): Step[] => [
    ...steps(
      announce(0, [], 0),
      state(0, [[MAIN, first]], 1),
      push(),
      state(0, [[MAIN, 6]], 2),
      state(0, [[MAIN, 4]], 3),
    ),
    crashing(push(), plan),
  ]);

/** Branches and an upload in one push, of which a write fails (A24, N14). */
const mixedPush = fc
  .record({ first: commit, second: commit, tip: commit, plan: fc.nat(8) })
  .map(({ first, second, tip, plan }): Step[] => [
    ...steps(announce(0, [], 0), state(0, [[MAIN, first]], 1), push(), state(0, [[MAIN, second]], 2)),
    crashing(
      { do: "upload", by: 2, to: 0, on: 0, commit: tip, at: 9, like: -1 },
      { after: plan, how: "fails" },
    ),
  ]);

/** A repository is held and comes back; in between, what was served with it comes again (R35, R59). */
const heldAndBack = fc
  .record({
    first: commit,
    second: commit,
    third: commit,
    isDeleted: fc.boolean(),
    again: fc.nat(4),
    plan: crash,
  })
  .map(({ first, second, third, isDeleted, again, plan }): Step[] => [
    ...shared(first, second),
    ...steps(pullRequest(2, third, 5), fetch(third)),
    alone(isDeleted ? remove(0) : announce(0, [1], 6, false)),
    ...steps(announce(1, [], 7), { do: "again", what: again, isFromSync: false }),
    crashing(announce(0, [1], 61), plan),
    ...steps(state(0, [[MAIN, first]], 62), push()),
  ]);

/** Branches are deleted and rewound, with a crash, and time passes (N21). */
const rewound = fc
  .record({ first: fc.constantFrom(2, 4, 6), second: fc.nat(3), third: fc.constantFrom(1, 5), plan: crash })
  .map(({ first, second, third, plan }): Step[] => [
    ...steps(
      announce(0, [], 0),
      state(
        0,
        [
          [MAIN, first],
          [A, 6],
        ],
        1,
      ),
      push(),
    ),
    alone(state(0, [[MAIN, second]], 2)),
    crashing(push(), plan),
    ...steps({ do: "wait", minutes: 20 * 24 * 60 }, fetch(third), state(0, [[MAIN, third]], 3)),
    ...steps({ do: "wait", minutes: 20 * 24 * 60 }),
  ]);

/** The operator takes a repository out of service and brings it back, with a crash in either (O14, N1). */
const ejected = fc
  .record({ first: commit, second: commit, third: commit, plan: crash, other: crash, isPushed: fc.boolean() })
  .map(({ first, second, third, plan, other, isPushed }): Step[] => [
    ...shared(first, second),
    ...steps(pullRequest(2, third, 5), { do: "comment", by: 2, to: 0, on: 0, at: 6 }, fetch(third)),
    ...(isPushed ? steps(state(0, [[MAIN, third]], 7)) : []),
    crashing({ do: "eject", to: 0, on: 0 }, plan),
    ...steps({ do: "again", what: 0, isFromSync: true }),
    crashing({ do: "bring back", to: 0, on: 0 }, other),
    ...steps({ do: "bring back", to: 0, on: 0 }),
  ]);

/** The newest state is deleted while its repository is held, and the repository comes back (R59, R60). */
const deletedWhileHeld = fc
  .record({ first: commit, second: commit, stays: fc.boolean() })
  .map(({ first, second, stays }): Step[] => [
    ...shared(first, second),
    ...steps(announce(0, [1], 3, false), remove(2), announce(0, stays ? [1] : [], 70)),
  ]);

/**
 * While a repository is held, its authoritative state is served on for its author's own one, and is taken back there, perhaps after a
 * newer version, or while that one is held, too (R43, R59, R60).
 */
const takenBackElsewhere = fc
  .record({
    ...{ first: commit, second: commit, third: commit, stays: fc.boolean() },
    meanwhile: fc.constantFrom("nothing", "replaced", "held") as fc.Arbitrary<
      "nothing" | "replaced" | "held"
    >,
    how: fc.constantFrom("e", "a", "withdraw") as fc.Arbitrary<"e" | "a" | "withdraw">,
    plan: crash,
  })
  .map(({ first, second, third, meanwhile, stays, how, plan }): Step[] => {
    const happens: Record<typeof meanwhile, Action[]> = {
      nothing: [],
      replaced: [
        state(1, [[MAIN, third]], 5),
        { do: "push", to: 1, on: 0, like: -1, isWhole: true, meanwhile: null },
      ],
      held: [announce(1, [], 5, false)],
    };
    const what = meanwhile === "replaced" ? -1 : 2;
    return [
      ...shared(first, second),
      ...steps(announce(1, [], 3), announce(0, [1], 4, false), ...happens[meanwhile]),
      crashing(how === "withdraw" ? state(1, [], 6) : remove(what, how), plan),
      ...steps(announce(0, stays ? [1] : [], 70)),
    ];
  });

/** Two repositories that a state is served for are held, and come back in either order (R59). */
const bothHeld = fc
  .record({ first: commit, second: commit, stays: fc.boolean(), isFirst: fc.boolean(), plan: crash })
  .map(({ first, second, stays, isFirst, plan }): Step[] => {
    const back = [announce(0, stays ? [1] : [], 70), announce(1, [], 70)];
    return [
      ...shared(first, second),
      ...steps(announce(1, [], 3), announce(0, [1], 4, false), announce(1, [], 5, false)),
      crashing(isFirst ? back[0]! : back[1]!, plan),
      ...steps(isFirst ? back[1]! : back[0]!),
    ];
  });

/** The disk refuses the repository of an announcement, and the only one that has its objects goes at the same moment (R59, N8). */
const refusedByDisk = fc
  .record({ first: commit, after: fc.nat(3) })
  .map(({ first, after }): Step[] => [
    ...steps(announce(0, [], 0), state(0, [[MAIN, first]], 1), push()),
    { actions: [announce(1, [0], 2), remove(0)], crash: { after, how: "fails" } },
  ]);

/** A repository goes, and of its state's author another announcement is soft-expired, without a repository (R59, P23). */
const softExpiredStays = fc.record({ first: commit, plan: crash }).map(({ first, plan }): Step[] => [
  // Its own state ended, so that the other one does not release it.
  ...steps(announce(1, [], 0), state(1, [[MAIN, 5]], 3), remove(-1)),
  ...steps(announce(0, [], 0), state(0, [[MAIN, first]], 1), push(), announce(1, [0], 4)),
  ...steps({ do: "wait", minutes: 31 }),
  crashing(remove(3), plan),
  ...steps(announce(0, [], 70)),
]);

/**
 * A PR below /prs/ tags a repository that is announced then: its commit completes a state, which releases the announcement, so that the
 * PR gets its ref there, too (N5, N11, N12).
 */
const contributionReleases = fc
  .record({ first: fc.constantFrom(0, 3), plan: crash })
  .map(({ first, plan }): Step[] => [
    ...steps(announce(0, [], 0), state(0, [[MAIN, first]], 1), push(), state(0, [[MAIN, 6]], 2)),
    alone({ ...contribute(6, "event", 3), to: 1 } as Action),
    // The served state goes, so that only the other one releases the announcement.
    alone(remove(1)),
    crashing(announce(1, [0], 4), plan),
  ]);

/** Of a contributor's PRs with the same commit, one is pushed below /prs/, and goes (X11, X14). */
const lastContributionGoes = fc
  .record({
    tip: fc.nat(2),
    hasUrl: fc.boolean(),
    what: fc.constantFrom(1, 2, 3) as fc.Arbitrary<1 | 2 | 3>,
    plan: crash,
  })
  .map(({ tip, hasUrl, what, plan }): Step[] => {
    const pushed = contribute(tip, "event", 6);
    const other = hasUrl ? contribute(tip, "no push", 5) : pullRequest(2, tip, 5);
    // The commit is in the repository that both tag, so that the other PR is served without a push.
    const begin = steps(announce(0, [], 0), state(0, [[MAIN, tip]], 1), push(1), other, pushed);
    const goes: Action = what === 3 ? { do: "vanish", by: 2, at: 60 } : remove(-what);
    return [...begin, crashing(goes, plan)];
  });

/** An update of a PR that is not known is pushed below /prs/, waits there alone, and goes (R48, P23, X11). */
const lonelyUpdateGoes = fc
  .record({
    first: fc.nat(2),
    second: fc.nat(2),
    how: fc.constantFrom("delete", "vanish", "wait") as fc.Arbitrary<"delete" | "vanish" | "wait">,
    plan: crash,
  })
  .map(({ first, second, how, plan }): Step[] => {
    const upload: Action = { do: "upload", by: 2, to: 0, on: 0, commit: first, at: 5, like: null };
    const ends: Record<typeof how, Action> = {
      delete: remove(-1),
      vanish: { do: "vanish", by: 2, at: 60 },
      wait: { do: "wait", minutes: 31 },
    };
    const begin = steps(announce(0, [], 0), state(0, [[MAIN, first]], 1), push(1), upload);
    return [...begin, alone(contribute(second, "event", 6, -1)), crashing(ends[how], plan)];
  });

/** A PR is held with the repository that it tags, another repository has its ref, and it is deleted (R59, R61). */
const heldPrDeleted = fc
  .record({ first: commit, second: commit, third: commit, plan: crash })
  .map(({ first, second, third, plan }): Step[] => [
    ...shared(first, second),
    ...steps(pullRequest(2, third, 5), fetch(third), announce(1, [], 7), announce(0, [1], 8, false)),
    crashing(remove(3), plan),
  ]);

export const scenario: fc.Arbitrary<Step[]> = fc.oneof(
  ejected,
  rewound,
  branchBecomesFolder,
  newestGoes,
  { weight: 3, arbitrary: setsChange },
  decidedAgain,
  atOnce,
  twice,
  newestFirst,
  mixedPush,
  heldAndBack,
  deletedWhileHeld,
  takenBackElsewhere,
  bothHeld,
  refusedByDisk,
  softExpiredStays,
  contributionReleases,
  lastContributionGoes,
  lonelyUpdateGoes,
  heldPrDeleted,
);
