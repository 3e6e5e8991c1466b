/**
 * Plays what happens in a life on the service, and compares before and after.
 * @module
 */

import { contributorsOwner } from "../../../../../runtime/grasp/contributor.ts";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import type { RefCommand } from "../../../../../runtime/grasp/git/command-list.ts";
import { type Action, REF_NAMES, type Step } from "./actions.ts";
import { BrokenProperty } from "./broken-property.ts";
import { AUTHORS, announcement, contribution, event, IDENTIFIERS, state } from "./cast.ts";
import { COMMITS, needs } from "./commits.ts";
import { packOf } from "./fake-git.ts";
import { type GraspModule, Life } from "./life.ts";
import { Oracle } from "./oracle.ts";

const ZERO = "0".repeat(40);
const BOUNDS = { maxBytes: 1, maxObjects: 1 };
const MINUTE_MS = 60_000;

/** Plays steps on one life. */
export class Actor {
  readonly life: Life;
  readonly oracle: Oracle;
  /** Every event that was made, in order. */
  readonly events: NostrEvent[] = [];
  #isSingle = true;

  constructor(code: GraspModule) {
    this.life = new Life(code);
    this.oracle = new Oracle(this.life);
  }

  async step({ actions, crash }: Step): Promise<void> {
    const { life, oracle } = this;
    life.gate.plan(crash);
    const isAlone = actions.length === 1 && crash === null;
    this.#isSingle = actions.length === 1;
    const hasMore = actions.some((one) => one.do === "push" && one.meanwhile !== null);
    await Promise.all(actions.map((one) => this.#perform(one, isAlone)));
    // What a failure left is finished by the next start.
    if (life.gate.hasFailed) oracle.afterFailure();
    if (life.gate.isDead || life.gate.hasFailed) await life.start();
    life.gate.plan(null);
    oracle.check(isAlone && !hasMore);
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

  /** Errors of a life that ended, or of a write that failed, are no answers. */
  async #perform(one: Action, isAlone: boolean): Promise<void> {
    try {
      await this.#act(one, isAlone);
    } catch (error) {
      const isMeant = this.life.gate.isDead || this.life.gate.hasFailed;
      if (error instanceof BrokenProperty || !isMeant) throw error;
    }
  }

  /** @param n from the first, again and again; negative: from the last */
  #event(n: number): NostrEvent | null {
    if (this.events.length === 0) return null;
    return n < 0 ? (this.events.at(n) ?? null) : this.events[n % this.events.length]!;
  }

  /** The event that an action publishes; `null`: it publishes none. */
  #made(one: Action): NostrEvent | null {
    switch (one.do) {
      case "announce": {
        const maintainers = one.maintainers.map((n) => AUTHORS[n]!);
        return announcement(AUTHORS[one.by]!, IDENTIFIERS[one.on]!, maintainers, one.listsUs, one.at);
      }
      case "state": {
        const list = one.refs.map(([name, tip]): [string, string] => [REF_NAMES[name]!, COMMITS[tip]!]);
        return state(AUTHORS[one.by]!, IDENTIFIERS[one.on]!, list, one.at);
      }
      case "pull request": {
        const tags = one.to.map((n) => ["a", `30617:${AUTHORS[n]}:${IDENTIFIERS[one.on]}`]);
        return event(1618, AUTHORS[one.by]!, [...tags, ["c", COMMITS[one.commit]!]], one.at);
      }
      case "update": {
        const pr = this.#event(one.of);
        if (pr?.kind !== 1618) return null;
        const tags = pr.tags.filter(([name]) => name === "a").map((tag) => [...tag]);
        const named = [...tags, ["E", pr.id], ["P", pr.pubkey], ["c", COMMITS[one.commit]!]];
        return event(1619, AUTHORS[one.by]!, named, one.at);
      }
      case "comment": {
        const address = `30617:${AUTHORS[one.to]}:${IDENTIFIERS[one.on]}`;
        return event(1111, AUTHORS[one.by]!, [["A", address]], one.at);
      }
      case "delete": {
        const target = this.#event(one.what);
        if (target === null) return null;
        const d = target.tags.find(([name]) => name === "d")?.[1] ?? "";
        const tag = one.how === "e" ? ["e", target.id] : ["a", `${target.kind}:${target.pubkey}:${d}`];
        return event(5, one.by === 3 ? AUTHORS[3]! : target.pubkey, [tag], one.at);
      }
      case "vanish":
        return event(62, AUTHORS[one.by]!, [["relay", "ALL_RELAYS"]], one.at);
      default:
        return null;
    }
  }

  async #act(one: Action, isAlone: boolean): Promise<void> {
    const { life } = this;
    const made = this.#made(one);
    if (made !== null) return this.#publish(made, isAlone);
    switch (one.do) {
      case "twice": {
        const twice = this.#made(one.what);
        return twice === null ? undefined : this.#publishTwice(twice, isAlone);
      }
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
        return this.#push(one.to, one.on, wanted, one.isWhole, isAlone, one.meanwhile);
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
        const like = one.like === null ? null : this.#event(one.like);
        this.events.push(pr);
        const tags = like?.kind === 30618 ? like.tags.filter(([name = ""]) => name.startsWith("refs/")) : [];
        const wanted = new Map(tags.map(([name = "", id = ""]): [string, string] => [name, id]));
        return this.#push(one.to, one.on, wanted.set(`refs/nostr/${pr.id}`, tip), true, isAlone);
      }
      case "contribute":
        return this.#contribute(one, isAlone);
      case "fetch":
        return this.#fetch(AUTHORS[one.to]!, IDENTIFIERS[one.on]!, COMMITS[one.commit]!);
      case "eject":
        this.oracle.ejected(AUTHORS[one.to]!, IDENTIFIERS[one.on]!);
        await life.grasp.operator.eject(AUTHORS[one.to]!, IDENTIFIERS[one.on]!);
        return;
      case "bring back":
        await life.grasp.operator.restore(AUTHORS[one.to]!, IDENTIFIERS[one.on]!);
        return;
      case "wait":
        life.wallMs += one.minutes * MINUTE_MS;
        life.steadyMs += one.minutes * MINUTE_MS;
        await life.grasp.sweep();
        if (isAlone) this.oracle.afterSweep();
        for (const name of [...life.disk.repositories.keys()]) {
          const [owner = "", identifier = ""] = name.split("/");
          await life.grasp.undo.endBackups(owner, identifier);
        }
        if (isAlone) this.oracle.afterMaintenance();
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

  /** The same event from two connections: it is taken once. */
  async #publishTwice(one: NostrEvent, isAlone: boolean): Promise<void> {
    const { life, oracle } = this;
    oracle.submitted(one);
    const from = (address: string) => ({ source: "direct", address }) as const;
    const answers = await Promise.all([
      life.grasp.submit(one, from("192.0.2.1")),
      life.grasp.submit(one, from("192.0.2.2")),
    ]);
    const taken = answers.filter(({ ok, text }) => ok && !text.startsWith("duplicate:"));
    // What else happens at once may have removed the first, and let the second in.
    if (taken.length > 1 && this.#isSingle)
      throw new BrokenProperty("5 a repetition changes nothing", `${one.kind} was taken twice`);
    return this.#publish(one, isAlone);
  }

  /** Pushes what makes a repository's refs these. */
  async #push(
    to: number,
    onto: number,
    wanted: ReadonlyMap<string, string>,
    isWhole: boolean,
    isAlone: boolean,
    meanwhile: Action | null = null,
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
    const uploaded = new Set(life.disk.uploads.keys());
    let before = isAlone ? oracle.snapshot() : "";
    const push = await life.grasp.pushes.begin(
      { owner, identifier, list: { commands }, address: null },
      snapshot,
    );
    let refused = push.early.refused.size > 0;
    const errors: unknown[] = [];
    try {
      if (push.early.isGranted) {
        const tips = commands.map(({ new: id }) => ({ id, isBranch: false }));
        const objects = isWhole ? tips.flatMap(({ id }) => [...needs(id)]) : tips.map(({ id }) => id);
        const received = await repository.receive(packOf(objects), tips, BOUNDS);
        if ("fault" in received) {
          push.refused("bad_pack");
          refused = true;
        } else {
          if (meanwhile !== null) await this.#perform(meanwhile, false);
          if (isAlone) before = oracle.snapshot();
          refused = (await push.finish(received.quarantine)).refused.size > 0;
        }
      }
      if (isAlone && refused && oracle.snapshot() !== before)
        throw new BrokenProperty("4 without authority nothing changes", "a refused push changed something");
    } catch (error) {
      errors.push(error);
    } finally {
      await push.end();
    }
    if (errors[0] instanceof BrokenProperty) throw errors[0];
    const kept = [...wanted.keys()].find((ref) => {
      const key = `${owner}/${identifier}/${ref.slice("refs/nostr/".length)}`;
      return life.disk.uploads.has(key) && !uploaded.has(key);
    });
    const hasNoEffect = refused || (errors.length > 0 && !life.gate.isDead);
    if (hasNoEffect && this.#isSingle && kept !== undefined)
      throw new BrokenProperty("4 without authority nothing changes", `${kept} of a refused push was kept`);
    if (errors.length > 0) throw errors[0];
  }

  /** @param one `pushed` below 0: the commit of the event */
  async #contribute(one: Extract<Action, { do: "contribute" }>, isAlone: boolean): Promise<void> {
    const [by, identifier] = [AUTHORS[one.by]!, IDENTIFIERS[one.on]!];
    const tip = COMMITS[one.commit]!;
    const updated = one.of === null ? null : this.#event(one.of);
    const of = updated?.kind === 1618 ? updated : null;
    const pr = contribution(by, AUTHORS[one.to]!, identifier, tip, one.at, of);
    const pushed = one.pushed < 0 ? tip : COMMITS[one.pushed]!;
    const publish = () => this.#publish(pr, isAlone);
    const push = () => this.#pushContribution(by, identifier, `refs/nostr/${pr.id}`, pushed);
    if (one.order === "no event") this.events.push(pr);
    else if (one.order !== "push") await publish();
    if (one.order !== "no push") await push();
    if (one.order === "push") await publish();
  }

  async #pushContribution(by: string, identifier: string, ref: string, tip: string): Promise<void> {
    const { life } = this;
    const owner = contributorsOwner(by);
    const repositories = life.repositories();
    const snapshot = (await repositories.open(owner, identifier)?.refs()) ?? {
      version: "",
      refs: new Map<string, string>(),
      head: "refs/heads/main",
    };
    const list = { commands: [{ ref, old: snapshot.refs.get(ref) ?? ZERO, new: tip }] };
    const push = await life.grasp.pushes.begin({ owner, identifier, list, address: null }, snapshot);
    try {
      if (!push.early.isGranted) return;
      await push.prepare();
      const repository = repositories.open(owner, identifier)!;
      const received = await repository.receive(packOf(needs(tip)), [{ id: tip, isBranch: false }], BOUNDS);
      if ("fault" in received) throw new Error("a whole pack was refused");
      await push.finish(received.quarantine);
    } finally {
      await push.end();
    }
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
