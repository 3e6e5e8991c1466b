/**
 * The other servers of a soak: a relay and Git hosts that are honest, and relays and Git hosts that hang, lie, refuse and break off.
 * The server under test must serve what the honest ones have, too.
 * @module
 */
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import type { WebSocket } from "ws";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import { type FakeRelay, fakeRelay } from "../../../support/fake-relay.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import {
  answering,
  type GitServer,
  gitServer,
  hanging,
  redirecting,
  sendingPack,
} from "../../../support/git-servers.ts";
import { MAIN, stateBy } from "../../../support/grasp-server.ts";
import { author } from "../../../support/nostr.ts";
import { announcementOn } from "../../../support/peers.ts";

/** A Git host on an address of its own, because the server limits what it asks of one host. */
interface Host {
  readonly kind: string;
  readonly url: string;
  /** Requests that it got. */
  asked(): number;
  stop(): Promise<void>;
}

/** A repository on one of the honest hosts, with its announcement and its state. */
export interface Elsewhere {
  readonly npub: string;
  readonly name: string;
  readonly announcement: NostrEvent;
  readonly state: NostrEvent;
}

/** The other servers. */
export class Others {
  readonly #folder: string;
  readonly #host: string;
  readonly #work: WorkTree;
  readonly #honest: Host[] = [];
  readonly #hostile: Host[] = [];
  readonly #relays: FakeRelay[] = [];
  readonly #connections = new Set<WebSocket>();
  #relay!: FakeRelay;
  #made = 0;

  /** @param folder an empty one @param host of the server under test, with its port */
  private constructor(folder: string, host: string) {
    this.#folder = folder;
    this.#host = host;
    this.#work = workTree(folder, "elsewhere");
    mkdirSync(this.#root);
  }

  static async start(folder: string, host: string): Promise<Others> {
    const others = new Others(folder, host);
    await others.#startHosts();
    await others.#startRelays();
    return others;
  }

  get #root(): string {
    return join(this.#folder, "git");
  }

  /** Relays that the server follows from its start. */
  get relays(): string[] {
    return [this.#relay, ...this.#relays].map(({ url }) => url);
  }

  /** Requests to each kind of hostile host. */
  asked(): Record<string, number> {
    return Object.fromEntries(this.#hostile.map(({ kind, asked }) => [kind, asked()]));
  }

  async #startHosts(): Promise<void> {
    const root = this.#root;
    const foreign = this.#work.commit("foreign", "nobody asked for it");
    const pack = this.#work.pack([foreign]);
    const host = (number: number) => `127.0.9.${number}`;
    const from = (kind: string, server: GitServer): Host => ({
      kind,
      url: server.url,
      asked: () => server.log.length,
      stop: () => server.stop(),
    });
    for (const number of [1, 2, 3])
      this.#honest.push(from("honest", await gitServer({ root, host: host(number) })));
    const kinds = {
      hangs: hanging(),
      "hangs after the refs": ({ method }: { method: string }) => method === "POST",
      lies: sendingPack(pack),
      "503": answering(503),
      "429": answering(429, { "retry-after": "30" }),
      "a page": answering(200, { "content-type": "text/html" }),
      "redirects in a circle": redirecting(() => `/circle-${crypto.randomUUID()}.git/info/refs`),
      "redirects into a private network": redirecting(() => "http://10.0.0.1/a.git/info/refs"),
    };
    for (const [at, [kind, answer]] of Object.entries(kinds).entries())
      this.#hostile.push(from(kind, await gitServer({ root, host: host(10 + at), answer })));
    this.#hostile.push(await resetting(host(30)));
  }

  async #startRelays(): Promise<void> {
    this.#relay = await fakeRelay([], {
      connected: (connection) => {
        this.#connections.add(connection);
        connection.on("close", () => this.#connections.delete(connection));
        return true;
      },
    });
    const liar = author();
    const lie = (): NostrEvent => {
      const event = announcementOn([{ host: this.#host }], liar, `lie-${crypto.randomUUID()}`);
      return { ...event, sig: "0".repeat(128) };
    };
    this.#relays.push(
      await fakeRelay([], { connected: () => false }),
      await fakeRelay([], {
        connected(connection) {
          connection.terminate();
          return false;
        },
      }),
      await fakeRelay([], {
        answer({ message: [type, name], say, serve }) {
          serve();
          if (type === "REQ") for (let i = 0; i < 10; i++) say("EVENT", name, lie());
        },
      }),
      await fakeRelay([], {
        answer({ connection }) {
          connection.send("this is not JSON");
          connection.send(JSON.stringify(["EVENT", { deep: "x".repeat(100_000) }]));
        },
      }),
      await fakeRelay([], {
        answer({ message: [type], say }) {
          if (type === "REQ") say("NOTICE", "rate-limited: slow down");
        },
      }),
    );
  }

  /** Makes a repository on an honest host, whose announcement names hostile ones before it. */
  make(): Elsewhere {
    const number = ++this.#made;
    const owner = author();
    const [npub, name] = [toNpub(owner.key), `elsewhere-${number}`];
    const commit = this.#work.commit("file", `content ${number}`);
    const path = join(this.#root, npub, `${name}.git`);
    mkdirSync(dirname(path), { recursive: true });
    this.#work.git("clone", "-q", "--bare", "--single-branch", this.#work.path, path);
    const honest = this.#honest[number % this.#honest.length]!;
    const hostile = [0, 1].map((at) => this.#hostile[(number + at * 4) % this.#hostile.length]!);
    const urls = [...hostile, honest].map(({ url }) => `${url}/${npub}/${name}.git`);
    const listed = announcementOn([{ host: this.#host }], owner, name);
    const tags = listed.tags.map((tag) => (tag[0] === "clone" ? [...tag, ...urls] : [...tag]));
    return {
      ...{ npub, name },
      announcement: owner.sign(30617, tags, "", listed.created_at),
      state: stateBy(owner, { [MAIN]: commit }, name),
    };
  }

  /** Lets the honest relay publish a repository's events. */
  publish({ announcement, state }: Elsewhere): void {
    this.#relay.publish(announcement);
    this.#relay.publish(state);
  }

  /** Breaks off every connection of the honest relay. */
  breakOff(): void {
    for (const connection of this.#connections) connection.terminate();
  }

  async stop(): Promise<void> {
    for (const host of [...this.#honest, ...this.#hostile]) await host.stop();
    for (const relay of [this.#relay, ...this.#relays]) await relay.stop();
  }
}

/** A host that resets each connection once something arrives. */
async function resetting(host: string): Promise<Host> {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on("error", () => {});
    socket.once("data", () => socket.resetAndDestroy());
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    kind: "resets",
    url: `http://${host}:${(server.address() as { port: number }).port}`,
    asked: () => connections,
    stop: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}
