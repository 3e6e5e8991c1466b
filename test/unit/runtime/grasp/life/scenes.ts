/**
 * Random lives of the service: events, pushes, fetches, deletions, expiry, clock jumps and crashes, in any order.
 * @module
 */
import fc from "fast-check";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import type { RefCommand } from "../../../../../runtime/grasp/git/command-list.ts";
import { BrokenProperty } from "./broken-property.ts";
import { AUTHORS, announcement, event, IDENTIFIERS, state } from "./cast.ts";
import { COMMITS, needs } from "./commits.ts";
import { packOf } from "./fake-git.ts";
import type { CrashPlan } from "./gate.ts";
import { type GraspModule, Life } from "./life.ts";
import { Oracle } from "./oracle.ts";

const REF_NAMES = ["refs/heads/main", "refs/heads/a", "refs/heads/a/b", "refs/tags/v"];
const ZERO = "0".repeat(40);
const BOUNDS = { maxBytes: 1, maxObjects: 1 };
const MINUTE_MS = 60_000;

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
  | { do: "push"; to: number; on: number; like: number; isWhole: boolean }
  | { do: "push one ref"; to: number; on: number; name: number; commit: number }
  | { do: "upload"; by: number; to: number; on: number; commit: number; at: number; like: number | null }
  | { do: "fetch"; to: number; on: number; commit: number }
  | { do: "wait"; minutes: number }
  | { do: "set the clock"; minutes: number }
  | { do: "restart" };

/** One or two actions at once, and perhaps a crash in them. */
export interface Step {
  actions: Action[];
  crash: CrashPlan | null;
}

/** Most of what happens concerns few authors and commits, so that it meets. */
const author = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.constant(1) },
  fc.nat(AUTHORS.length - 1),
);
const on = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(IDENTIFIERS.length - 1));
const commit = fc.oneof({ weight: 2, arbitrary: fc.nat(2) }, fc.nat(COMMITS.length - 1));
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

const action: fc.Arbitrary<Action> = fc.oneof(
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
  { weight: 3, arbitrary: named("wait", { minutes: fc.constantFrom(1, 6, 16, 31, 61, 25 * 60) }) },
  { weight: 1, arbitrary: named("set the clock", { minutes: fc.constantFrom(-60, 60, -1, 24 * 60) }) },
  { weight: 1, arbitrary: fc.constant({ do: "restart" } as never) },
);

const crash: fc.Arbitrary<CrashPlan | null> = fc.option(
  fc.record({ after: fc.nat(12), how: fc.constantFrom("before", "partly", "done") }),
  { freq: 4 },
) as fc.Arbitrary<CrashPlan | null>;

const step: fc.Arbitrary<Step> = fc.record({
  actions: fc.oneof(
    { weight: 6, arbitrary: fc.tuple(action) },
    { weight: 1, arbitrary: fc.array(action, { minLength: 2, maxLength: 3 }) },
  ),
  crash: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, crash),
});

/** A repository that works is where most faults would show: most lives begin with one. */
const opening: fc.Arbitrary<Step[]> = fc
  .record({
    maintainers: fc.uniqueArray(author, { maxLength: 2 }),
    commit,
    announcements: fc.nat(2),
  })
  .map(({ maintainers, commit: tip, announcements }) => {
    if (announcements === 0) return [];
    const actions: Action[] = [{ do: "announce", by: 0, on: 0, maintainers, listsUs: true, at: 0 }];
    if (announcements === 2) {
      actions.push({ do: "announce", by: 1, on: 0, maintainers: [0], listsUs: true, at: 0 });
    }
    const like = actions.length;
    actions.push({ do: "state", by: 0, on: 0, refs: [[0, tip]], at: 1 });
    actions.push({ do: "push", to: 0, on: 0, like, isWhole: true });
    return actions.map((one) => ({ actions: [one], crash: null }));
  });

export const scenes: fc.Arbitrary<Step[]> = fc
  .tuple(opening, fc.array(step, { minLength: 1, maxLength: 14 }))
  .map(([first, rest]) => [...first, ...rest]);

/** Runs one life. @throws {BrokenProperty} if a promise does not hold */
export async function runScenes(code: GraspModule, steps: readonly Step[]): Promise<void> {
  const actor = new Actor(code);
  try {
    for (const one of steps) await actor.step(one);
  } finally {
    await actor.end();
  }
}

/** Plays steps on one life. */
export class Actor {
  readonly life: Life;
  readonly oracle: Oracle;
  /** Every event that was made, in order. */
  readonly events: NostrEvent[] = [];

  constructor(code: GraspModule) {
    this.life = new Life(code);
    this.oracle = new Oracle(this.life);
  }

  async step({ actions, crash }: Step): Promise<void> {
    const { life, oracle } = this;
    life.gate.plan(crash);
    const isAlone = actions.length === 1 && crash === null;
    await Promise.all(actions.map((one) => this.#perform(one, isAlone)));
    if (life.gate.isDead) await life.start();
    life.gate.plan(null);
    oracle.check(isAlone);
    const before = oracle.snapshot();
    const told = life.served.length;
    for (const identifier of IDENTIFIERS)
      await life.grasp.newGitData(identifier, { repository: "all", ids: "all" });
    if (oracle.snapshot() !== before || life.served.length !== told)
      throw new BrokenProperty(
        "5 a repetition changes nothing",
        `a second look at everything changed something: ${before} became ${oracle.snapshot()}`,
      );
  }

  async end(): Promise<void> {
    await this.life.store.close();
  }

  /** Errors of a life that ended are no answers. */
  async #perform(one: Action, isAlone: boolean): Promise<void> {
    try {
      await this.#act(one, isAlone);
    } catch (error) {
      if (error instanceof BrokenProperty || !this.life.gate.isDead) throw error;
    }
  }

  #event(n: number): NostrEvent | null {
    return this.events.length === 0 ? null : this.events[n % this.events.length]!;
  }

  async #act(one: Action, isAlone: boolean): Promise<void> {
    const { life } = this;
    switch (one.do) {
      case "announce": {
        const maintainers = one.maintainers.map((n) => AUTHORS[n]!);
        return this.#publish(
          announcement(AUTHORS[one.by]!, IDENTIFIERS[one.on]!, maintainers, one.listsUs, one.at),
          isAlone,
        );
      }
      case "state": {
        const list = one.refs.map(([name, tip]): [string, string] => [REF_NAMES[name]!, COMMITS[tip]!]);
        return this.#publish(state(AUTHORS[one.by]!, IDENTIFIERS[one.on]!, list, one.at), isAlone);
      }
      case "pull request": {
        const tags = one.to.map((n) => ["a", `30617:${AUTHORS[n]}:${IDENTIFIERS[one.on]}`]);
        return this.#publish(
          event(1618, AUTHORS[one.by]!, [...tags, ["c", COMMITS[one.commit]!]], one.at),
          isAlone,
        );
      }
      case "update": {
        const pr = this.#event(one.of);
        if (pr?.kind !== 1618) return;
        const tags = [
          ...pr.tags.filter(([name]) => name === "a").map((tag) => [...tag]),
          ["E", pr.id],
          ["P", pr.pubkey],
        ];
        return this.#publish(
          event(1619, AUTHORS[one.by]!, [...tags, ["c", COMMITS[one.commit]!]], one.at),
          isAlone,
        );
      }
      case "comment":
        return this.#publish(
          event(1111, AUTHORS[one.by]!, [["A", `30617:${AUTHORS[one.to]}:${IDENTIFIERS[one.on]}`]], one.at),
          isAlone,
        );
      case "delete": {
        const target = this.#event(one.what);
        if (target === null) return;
        const d = target.tags.find(([name]) => name === "d")?.[1] ?? "";
        const tag = one.how === "e" ? ["e", target.id] : ["a", `${target.kind}:${target.pubkey}:${d}`];
        return this.#publish(event(5, one.by === 3 ? AUTHORS[3]! : target.pubkey, [tag], one.at), isAlone);
      }
      case "vanish":
        return this.#publish(event(62, AUTHORS[one.by]!, [["relay", "ALL_RELAYS"]], one.at), isAlone);
      case "again": {
        const known = this.#event(one.what);
        return known === null ? undefined : this.#publish(known, isAlone, one.isFromSync);
      }
      case "push": {
        const like = this.#event(one.like);
        if (like?.kind !== 30618) return;
        const wanted = new Map(
          like.tags
            .filter(([name = ""]) => name.startsWith("refs/"))
            .map(([name = "", id = ""]) => [name, id]),
        );
        return this.#push(one.to, one.on, wanted, one.isWhole, isAlone);
      }
      case "push one ref":
        return this.#push(
          one.to,
          one.on,
          new Map([[REF_NAMES[one.name]!, COMMITS[one.commit]!]]),
          true,
          isAlone,
        );
      case "upload": {
        // The event comes later, or never.
        const tag = ["a", `30617:${AUTHORS[one.to]}:${IDENTIFIERS[one.on]}`];
        const tip = COMMITS[one.commit]!;
        const pr = event(1618, AUTHORS[one.by]!, [tag, ["c", tip]], one.at);
        this.events.push(pr);
        const like = one.like === null ? null : this.#event(one.like);
        const tags = like?.kind === 30618 ? like.tags.filter(([name = ""]) => name.startsWith("refs/")) : [];
        const wanted = new Map(tags.map(([name = "", id = ""]): [string, string] => [name, id]));
        return this.#push(one.to, one.on, wanted.set(`refs/nostr/${pr.id}`, tip), true, isAlone);
      }
      case "fetch":
        return this.#fetch(AUTHORS[one.to]!, IDENTIFIERS[one.on]!, COMMITS[one.commit]!);
      case "wait":
        life.wallMs += one.minutes * MINUTE_MS;
        life.steadyMs += one.minutes * MINUTE_MS;
        await life.grasp.sweep();
        if (isAlone) this.oracle.afterSweep();
        return;
      case "set the clock":
        life.wallMs += one.minutes * MINUTE_MS;
        return;
      case "restart":
        // A process that is asked to stop finishes what it does.
        if (isAlone) await life.start();
    }
  }

  async #publish(one: NostrEvent, isAlone: boolean, isFromSync = false): Promise<void> {
    const { life, oracle } = this;
    this.events.push(one);
    oracle.submitted(one);
    const isDelisting = one.kind === 30617 && JSON.stringify(one.tags).includes("elsewhere");
    if (isDelisting) oracle.delisted();
    const submit = () =>
      life.grasp.submit(
        one,
        isFromSync ? { source: "sync", address: null } : { source: "direct", address: "192.0.2.1" },
      );
    const before = isAlone ? oracle.snapshot() : "";
    const { ok, text } = await submit();
    if (life.gate.isDead) return;
    if (ok) oracle.accepted(one);
    if (!isAlone) return;
    const after = oracle.snapshot();
    if (!ok && after !== before && !isDelisting)
      throw new BrokenProperty("4 without authority nothing changes", `${one.kind} ${text}`);
    const told = life.served.length;
    await submit();
    if (oracle.snapshot() !== after || life.served.length !== told)
      throw new BrokenProperty(
        "5 a repetition changes nothing",
        `${one.kind} was sent twice: ${after} became ${oracle.snapshot()}, told ${life.served.length - told}`,
      );
  }

  /** Pushes what makes a repository's refs these. */
  async #push(
    to: number,
    onto: number,
    wanted: ReadonlyMap<string, string>,
    isWhole: boolean,
    isAlone: boolean,
  ): Promise<void> {
    const { life, oracle } = this;
    const [owner, identifier] = [AUTHORS[to]!, IDENTIFIERS[onto]!];
    const repository = life.grasp.hostedRepository(owner, identifier);
    if (repository === null) return;
    const snapshot = await repository.refs();
    const commands: RefCommand[] = [];
    for (const [ref, id] of wanted) {
      const old = snapshot.refs.get(ref) ?? ZERO;
      if (old !== id) commands.push({ ref, old, new: id });
    }
    const before = isAlone ? oracle.snapshot() : "";
    const push = await life.grasp.pushes.begin(
      { owner, identifier, list: { commands }, address: null },
      snapshot,
    );
    let refused = push.early.refused.size > 0;
    try {
      if (push.early.isGranted) {
        const tips = commands.map(({ new: id }) => ({ id, isBranch: false }));
        const objects = isWhole ? tips.flatMap(({ id }) => [...needs(id)]) : tips.map(({ id }) => id);
        const received = await repository.receive(packOf(objects), tips, BOUNDS);
        if ("fault" in received) {
          push.refused("bad_pack");
          refused = true;
        } else {
          refused = (await push.finish(received.quarantine)).refused.size > 0;
        }
      }
    } finally {
      await push.end();
    }
    if (isAlone && refused && oracle.snapshot() !== before)
      throw new BrokenProperty("4 without authority nothing changes", "a refused push changed something");
  }

  /** Objects of another server come into a repository, as purgatory sync brings them. */
  async #fetch(owner: string, identifier: string, tip: string): Promise<void> {
    const { grasp } = this.life;
    const repository = grasp.hostedRepository(owner, identifier);
    if (repository === null) return;
    const end = grasp.use(owner, identifier);
    try {
      const received = await repository.receive(packOf(needs(tip)), [{ id: tip, isBranch: false }], BOUNDS);
      if ("fault" in received) return;
      await grasp.underLock(identifier, async (release) => {
        if (grasp.hostedRepository(owner, identifier) === null) return received.quarantine.discard();
        await received.quarantine.adopt();
        await release({ repository: owner, ids: needs(tip) });
      });
    } finally {
      await end();
    }
  }
}

/** A counterexample as text. */
export function report(details: fc.RunDetails<[Step[]]>): string {
  const steps = details.counterexample?.[0] ?? [];
  const lines = steps.map(({ actions, crash }) => {
    const crashes = crash === null ? "" : ` crash ${JSON.stringify(crash)}`;
    return `  ${actions.map((one) => JSON.stringify(one)).join(" | ")}${crashes}`;
  });
  return `${String(details.errorInstance)}\nseed ${details.seed}, after ${details.numRuns} runs, shrunk ${details.numShrinks} times:\n${lines.join("\n")}`;
}
