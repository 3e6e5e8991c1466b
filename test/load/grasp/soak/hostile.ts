/**
 * The hostile clients of a soak: each attack is refused, or ends without an effect.
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { announcementBy, MAIN, runGitClient } from "../../../support/grasp-server.ts";
import { author } from "../../../support/nostr.ts";
import { beginPush, commandList, creation, rawPush } from "../../../support/raw-push.ts";
import { connect } from "../../../support/relay-client.ts";
import type { SoakLedger } from "./ledger.ts";
import { during, Interrupted, newAddress, type Place } from "./place.ts";

const PAUSE_MS = 150;
/** How long a client that stops in the middle keeps its connection, in milliseconds. */
const HANG_MS = 1_000;
const SUBSCRIPTIONS = 100;

/** The attackers of one soak. */
export class Attackers {
  /** How often each attack was made. */
  readonly made: Record<string, number> = {};
  readonly #place: Place;
  readonly #ledger: SoakLedger;
  readonly #work: WorkTree;
  /** The path of a repository that is served, to be attacked. */
  readonly #victim: () => string | null;
  #isStopping = false;

  constructor(place: Place, ledger: SoakLedger, folder: string, victim: () => string | null) {
    this.#place = place;
    this.#ledger = ledger;
    this.#work = workTree(folder, "attacker");
    this.#work.commit("evil", "evil");
    this.#victim = victim;
  }

  stop(): void {
    this.#isStopping = true;
  }

  /** Makes one attack after the other until the end. @throws {Fault} if one succeeds */
  async attack(): Promise<void> {
    const attacks = Object.entries(this.#attacks);
    for (let at = 0; !this.#isStopping; at++) {
      const [name, run] = attacks[at % attacks.length]!;
      const path = this.#victim();
      await sleep(PAUSE_MS);
      if (path === null) continue;
      try {
        await during(this.#place, name, () => run(`${this.#place.url}/${path}`));
        this.made[name] = (this.made[name] ?? 0) + 1;
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }

  readonly #attacks: Readonly<Record<string, (url: string) => Promise<void>>> = {
    "a forged event": async () => {
      const forged = { ...announcementBy(author(), "forged"), sig: "0".repeat(128) };
      const client = await connect(this.#place.url, newAddress());
      try {
        this.#ledger.sent(forged);
        const [ok] = await client.publish(forged);
        this.#ledger.answered(forged, ok);
        if (ok) throw new Error("it was accepted");
      } finally {
        client.close();
      }
    },
    "a push of a stranger": async (url) => {
      const head = this.#work.git("rev-parse", "HEAD");
      const { code } = await runGitClient(this.#work.path, "push", "-q", url, `+${head}:${MAIN}`);
      if (code === 0) throw new Error("it was accepted");
    },
    "a deletion of a branch": async (url) => {
      const { body } = await rawPush(url, commandList([`${"0".repeat(40)} ${"0".repeat(40)} ${MAIN}`]));
      if (body.includes(`ok ${MAIN}`)) throw new Error(body);
    },
    "an upload without an event": async (url) => {
      const ref = `refs/nostr/${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex")}`;
      const tree = this.#work.git("rev-parse", "HEAD^{tree}");
      const commit = this.#work.git("commit-tree", tree, "-m", crypto.randomUUID());
      // From an address of its own: how many an address may have is bounded (A34).
      const body = Buffer.concat([commandList([creation(ref, commit)]), this.#work.pack([commit])]);
      await rawPush(url, body, newAddress());
      const { output } = await runGitClient(this.#work.path, "ls-remote", url);
      if (output.includes(ref)) throw new Error("it can be read");
    },
    "a push that stops in the middle": async (url) => {
      const list = commandList([creation(MAIN, this.#work.git("rev-parse", "HEAD"))]);
      const push = beginPush(url, list.length + 10_000, newAddress());
      push.send(list);
      push.send(Buffer.from("PACK\0\0\0\u0002"));
      await sleep(HANG_MS);
      push.close();
    },
    "a push of one byte": async (url) => {
      const push = beginPush(url, 1_000_000, newAddress());
      push.send(Buffer.from("0"));
      await sleep(HANG_MS);
      push.close();
    },
    "words that are no messages": async () => {
      const client = await connect(this.#place.url, newAddress());
      client.say("EVENT");
      client.say({ deep: [[[[[]]]]] });
      client.say("REQ", "x".repeat(1000), {});
      client.say("EVENT", { id: "x".repeat(100_000) });
      client.say("CLOSE", "nothing");
      await client.query({ kinds: [30617], limit: 1 });
      client.close();
    },
    "subscriptions that are left open": async () => {
      const client = await connect(this.#place.url, newAddress());
      for (let n = 0; n < SUBSCRIPTIONS; n++) client.say("REQ", String(n), { kinds: [30618], limit: 1 });
      await client.next(([type, name]) => type === "EOSE" && name === String(SUBSCRIPTIONS - 1));
      client.close();
    },
    "paths that lead elsewhere": async (url) => {
      for (const path of ["/../../grasp.db", "/%2e%2e/%2e%2e/relay.key", "/objects/info/packs", "/config"]) {
        const { status } = await fetch(`${url}${path}`);
        if (status < 400) throw new Error(`${path} is answered with ${status}`);
      }
    },
  };
}
