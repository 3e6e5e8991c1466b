/**
 * The same events and objects in two orders (V2, property 7). What came before its target is refused and comes again, as other
 * servers bring it; no deadline passes. What depends on the order by its rules is left out: a deletion ends what is here when it
 * comes (R56, R60), and a newer version of an announcement is served at once only if an older one is served (R32, R33).
 * @module
 */
import fc from "fast-check";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import { type Action, author, commit, REF_NAMES } from "./actions.ts";
import { Actor } from "./actor.ts";
import { BrokenProperty } from "./broken-property.ts";
import { AUTHORS, IDENTIFIERS } from "./cast.ts";
import { COMMITS } from "./commits.ts";
import type { GraspModule, Life } from "./life.ts";

/** After so many rounds everything has come after what it needs. */
const MAX_ROUNDS = 8;

const on = fc.constant(0);
const at = fc.nat(20);
const refs = fc.uniqueArray(fc.tuple(fc.nat(REF_NAMES.length - 1), commit), {
  minLength: 1,
  maxLength: 2,
  selector: ([name]) => name,
});
const owner = fc.nat(1);

const anAction: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ by: author, on, refs, at }).map((one): Action => ({ do: "state", ...one })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ by: author, on, commit, at, to: fc.uniqueArray(owner, { minLength: 1 }) })
      .map((one): Action => ({ do: "pull request", ...one })),
  },
  {
    weight: 4,
    arbitrary: fc.record({ to: owner, on, commit }).map((one): Action => ({ do: "fetch", ...one })),
  },
  {
    weight: 1,
    arbitrary: fc.record({ by: author, to: owner, on, at }).map((one): Action => ({ do: "comment", ...one })),
  },
);

const announce = (by: number, maintainers: number[]): Action => ({
  do: "announce",
  by,
  on: 0,
  maintainers,
  listsUs: true,
  at: 0,
});

/** A repository with a state, whatever else comes. */
const SEED: Action[] = [
  { do: "state", by: 0, on: 0, refs: [[0, 0]], at: 0 },
  { do: "fetch", to: 0, on: 0, commit: 0 },
];

/** Events and objects, and the order in which they come the second time. */
export const twoOrders: fc.Arbitrary<[first: Action[], second: Action[]]> = fc
  .tuple(
    fc.uniqueArray(author, { maxLength: 2 }),
    fc.option(fc.uniqueArray(author, { maxLength: 2 })),
    fc.array(anAction, { minLength: 2, maxLength: 10 }),
  )
  .chain(([maintainers, others, more]) => {
    const actions = [
      announce(0, maintainers),
      ...SEED,
      ...(others === null ? [] : [announce(1, others)]),
      ...more,
    ];
    return fc.tuple(
      fc.constant(actions),
      fc.shuffledSubarray(actions, { minLength: actions.length, maxLength: actions.length }),
    );
  });

/** @throws {BrokenProperty} if the two orders end differently */
export async function runOrders(code: GraspModule, [first, second]: [Action[], Action[]]): Promise<void> {
  const [one, other] = [await endOf(code, first), await endOf(code, second)];
  if (one !== other) throw new BrokenProperty("7 the order does not matter", `${one} or ${other}`);
}

async function endOf(code: GraspModule, actions: readonly Action[]): Promise<string> {
  const actor = new Actor(code);
  try {
    let before = "";
    for (let round = 0; round < MAX_ROUNDS; round++) {
      for (const action of actions) await actor.step({ actions: [action], crash: null });
      const now = actor.oracle.snapshot();
      if (now === before) break;
      before = now;
    }
    return viewOf(actor.life);
  } finally {
    await actor.end();
  }
}

/**
 * What clients see in the end. A state whose author is in no set any more stays served if it was served before (N6); it decides
 * nothing, and is left out. `HEAD` is left out: a state without it leaves it as it was (G22).
 */
function viewOf(life: Life): string {
  const sets = new Map(
    IDENTIFIERS.map((one) => [
      one,
      new Set([...life.grasp.known.sets(one).values()].flatMap((set) => [...set])),
    ]),
  );
  const isIn = (event: NostrEvent) =>
    event.kind !== 30618 || sets.get(event.tags.find(([name]) => name === "d")?.[1] ?? "")?.has(event.pubkey);
  const served = life.events().filter(isIn).map(nameOf);
  const waiting = [...life.store.journal()].flatMap((entry) =>
    entry.store === "placeholder" ? [] : [nameOf(entry.event)],
  );
  const repositories = [...life.disk.repositories].map(([name, data]) => [
    name.replace(/^0+/, ""),
    // Backups keep what the order lost (N21).
    [...data.refs].filter(([ref]) => !ref.startsWith("refs/millrace/")).sort(),
  ]);
  return JSON.stringify([served.sort(), waiting.sort(), repositories.sort()]);
}

/** Short, for people who read a counterexample. */
function nameOf({ kind, pubkey, created_at, tags }: NostrEvent): string {
  const refs = tags.filter(([name = ""]) => /^(refs\/|c$|maintainers)/.test(name));
  const short = refs.map((tag) =>
    tag.map((text) => {
      const known = COMMITS.indexOf(text);
      const key = AUTHORS.indexOf(text);
      return known >= 0 ? `commit ${known}` : key >= 0 ? `author ${key}` : text;
    }),
  );
  return `${kind} by ${AUTHORS.indexOf(pubkey)} at ${created_at % 1000} ${JSON.stringify(short)}`;
}
