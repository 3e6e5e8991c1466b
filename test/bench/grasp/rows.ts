/**
 * The rows of the table of `proof.md`: what is done to a server, and the figures that come of it.
 * @module
 */

import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { Negentropy } from "../../../runtime/grasp/relay/negentropy.ts";
import { NegentropyRecords } from "../../../runtime/grasp/relay/negentropy-records.ts";
import { percentile } from "../../load/percentile.ts";
import { gitServer, hanging } from "../../support/git-servers.ts";
import { author } from "../../support/nostr.ts";
import type { RelayClient } from "../../support/relay-client.ts";
import {
  announcementFor,
  atOnce,
  connectAnew,
  EVENTS_A_CONNECTION,
  git,
  publishAll,
  type Served,
  serve,
  stateFor,
} from "./clients.ts";
import { type Contender, peerOf } from "./servers.ts";
import { commentsOn, fresh, store, type World } from "./world.ts";

/** One figure of a row. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: "a second" | "ms" | "s" | "MiB" | "KiB" | "count";
  /** Which of two is ahead. */
  readonly better: "higher" | "lower";
}

/** One row. */
export interface Row {
  /** The first column of the table in `proof.md`. */
  readonly name: string;
  /** Repetitions at most, for rows that take long. Default: as asked for. */
  readonly maxRepetitions?: number;
  /** @param folder an existing folder for clones */
  measure(world: World, folder: string): Promise<Figure[]>;
}

const rate = (name: string, value: number): Figure => ({ name, value, unit: "a second", better: "higher" });
const ms = (name: string, value: number): Figure => ({ name, value, unit: "ms", better: "lower" });
const seconds = (name: string, value: number): Figure => ({ name, value, unit: "s", better: "lower" });
const mib = (name: string, value: number): Figure => ({ name, value, unit: "MiB", better: "lower" });

/** Time of some work, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Time, processor time, and growth at its highest moment. */
async function watched(server: Contender, work: () => Promise<unknown>) {
  const [before, cpu] = [server.residentMiB(), server.processorMs()];
  let highest = before;
  const timer = setInterval(() => {
    highest = Math.max(highest, server.residentMiB());
  }, 20);
  try {
    const took = await timed(work);
    return { took, cpu: server.processorMs() - cpu, grownMiB: Math.max(0, highest - before) };
  } finally {
    clearInterval(timer);
  }
}

let pairsMade = 0;

const events: Row = {
  name: "events",
  async measure(world) {
    const { server, hub } = world;
    const single = [0, 1, 2, 3].map(() => commentsOn(hub, EVENTS_A_CONNECTION));
    const one = await timed(async () => {
      for (const batch of single) await publishAll(server, batch);
    });
    const cpu = server.processorMs();
    const count = 50 * EVENTS_A_CONNECTION;
    const many = await store(world, count, 50);
    const spent = server.processorMs() - cpu;
    const pairs = Array.from({ length: 100 }, () => {
      const owner = author();
      const name = `pair-${pairsMade++}`;
      const id = createHash("sha1").update(name).digest("hex");
      return [announcementFor(server, owner, name), stateFor(owner, name, { "refs/heads/main": id })];
    });
    const paired = await timed(() => atOnce(pairs, 10, (pair) => publishAll(server, pair)));
    return [
      rate("comments, 1 connection", (single.length * EVENTS_A_CONNECTION * 1000) / one),
      rate("comments, 50 connections", count / many),
      ms("processor time of a comment", spent / count),
      rate("announcements with a state, 10 connections", (pairs.length * 1000) / paired),
    ];
  },
};

/** Asks, some connections at once. @returns the time and the processor time of one question, in milliseconds */
async function askMany(server: Contender, questions: number, filter: () => object) {
  const clients = await Promise.all(Array.from({ length: 50 }, () => connectAnew(server)));
  const cpu = server.processorMs();
  const took = await timed(() =>
    Promise.all(
      clients.map(async (each) => {
        for (let i = 0; i < questions; i++) await ask(each, `q${i}`, filter());
      }),
    ),
  );
  const count = clients.length * questions;
  const spent = (server.processorMs() - cpu) / count;
  for (const each of clients) each.close();
  return { took: took / count, spent };
}

/** Asks once. @returns the number of events */
export async function ask(client: RelayClient, name: string, filter: object): Promise<number> {
  client.say("REQ", name, filter);
  await client.next(([type, id]) => type === "EOSE" && id === name);
  client.say("CLOSE", name);
  return client.messages.splice(0).length;
}

/** Questions that are timed one by one: the 99th percentile is the eleventh longest. */
const TIMED_QUESTIONS = 1000;
/** Questions of each of 50 connections. */
const QUESTIONS = 100;
/**
 * Questions of each of 50 connections before a server's first repetition, for each filter. A process of Node takes half of the
 * processor time once its code is compiled and its young generation has grown, which is after some 5,000 questions.
 */
const WARMING_QUESTIONS = 160;
const warmed = new Set<string>();

const query: Row = {
  name: "query",
  async measure({ server, hub, comments }) {
    const address = `30617:${hub.owner.key}:${hub.identifier}`;
    const any = () => comments[Math.floor(Math.random() * comments.length)]!;
    const filters: Record<string, () => object> = {
      "by id": () => ({ ids: [any().id] }),
      "by author and kind": () => ({ authors: [any().pubkey], kinds: [1111] }),
      "by #a, limit 100": () => ({ "#a": [address], limit: 100 }),
    };
    if (!warmed.has(server.name))
      for (const filter of Object.values(filters)) await askMany(server, WARMING_QUESTIONS, filter);
    warmed.add(server.name);
    const figures: Figure[] = [];
    for (const [name, filter] of Object.entries(filters)) {
      const client = await connectAnew(server);
      const times: number[] = [];
      for (let i = 0; i < TIMED_QUESTIONS; i++) times.push(await timed(() => ask(client, `q${i}`, filter())));
      client.close();
      figures.push(ms(`${name}, p50`, percentile(times, 0.5)), ms(`${name}, p99`, percentile(times, 0.99)));
      const { took, spent } = await askMany(server, QUESTIONS, filter);
      figures.push(rate(`${name}, 50 connections`, 1000 / took), ms(`${name}, processor time`, spent));
    }
    return figures;
  },
};

const live: Row = {
  name: "live",
  async measure({ server, hub, trees }) {
    const filter = { kinds: [1111], "#a": [`30617:${hub.owner.key}:${hub.identifier}`], limit: 0 };
    const listeners = await Promise.all(
      Array.from({ length: trees.sizes.subscribers }, async () => {
        const client = await connectAnew(server);
        client.say("REQ", "live", filter);
        await client.next(([type]) => type === "EOSE");
        return client;
      }),
    );
    const times: number[] = [];
    const cpu = server.processorMs();
    const sent = 10;
    for (const event of commentsOn(hub, sent)) {
      const heard = listeners.map((client) => client.next(([type]) => type === "EVENT"));
      times.push(await timed(() => Promise.all([publishAll(server, [event]), ...heard])));
    }
    const spent = (server.processorMs() - cpu) / sent;
    for (const client of listeners) client.close();
    return [
      ms(`the last of ${listeners.length} subscribers`, percentile(times, 0.5)),
      ms(`processor time for ${listeners.length} subscribers`, spent),
    ];
  },
};

/** Requests a second over some connections, and the processor time of one. @param lastMs duration, in milliseconds */
export async function requestsOf(
  server: Contender,
  name: string,
  url: string,
  headers: Record<string, string> = {},
  lastMs = 1500,
): Promise<Figure[]> {
  const cpu = server.processorMs();
  let count = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      while (performance.now() - began < lastMs) {
        const response = await fetch(url, { headers });
        if (!response.ok) throw new Error(`${url} answers ${response.status}`);
        await response.arrayBuffer();
        count++;
      }
    }),
  );
  return [
    rate(name, (count * 1000) / (performance.now() - began)),
    ms(`${name}, processor time`, (server.processorMs() - cpu) / count),
  ];
}

/** The repositories that rows share, made once for each server. */
const made = new Map<string, Promise<Served>>();
function once(world: World, name: string, make: () => Promise<Served>): Promise<Served> {
  const key = `${world.server.name} ${name}`;
  let served = made.get(key);
  if (served === undefined) {
    served = make();
    made.set(key, served);
  }
  return served;
}

const infoRefs: Row = {
  name: "info/refs",
  async measure(world) {
    const { server, trees } = world;
    const ten = await once(world, "ten", () => {
      const [id] = Object.values(trees.refsOf(trees.small));
      const refs = Object.fromEntries(
        Array.from({ length: 10 }, (_, i) => [`refs/heads/${i === 0 ? "main" : `b${i}`}`, id!]),
      );
      return serve(server, trees.small.path, "ten", refs);
    });
    let pushed: Figure[] = [];
    const many = await once(world, "many", async () => {
      const began = performance.now();
      const served = await serve(server, trees.many.path, "many", trees.refsOf(trees.many));
      pushed = [seconds(`push of ${trees.sizes.refs} refs until served`, (performance.now() - began) / 1000)];
      return served;
    });
    const at = ({ owner, identifier }: Served) =>
      `${server.repository(owner, identifier)}/info/refs?service=git-upload-pack`;
    return [
      ...(await requestsOf(server, "10 refs", at(ten))),
      ...(await requestsOf(server, `${trees.sizes.refs} refs`, at(many))),
      ...(await requestsOf(server, "version 2", at(many), { "git-protocol": "version=2" })),
      ...pushed,
    ];
  },
};

/** Clones, and deletes the clone. */
async function clone(server: Contender, { owner, identifier }: Served, folder: string): Promise<void> {
  const to = fresh(folder);
  await git(folder, "clone", "-q", "--bare", server.repository(owner, identifier), to);
  rmSync(to, { recursive: true, force: true });
}

const cloneSmall: Row = {
  name: "clone",
  async measure(world, folder) {
    const { server, hub, trees } = world;
    const alone = await timed(() => clone(server, hub, folder));
    const many = await watched(server, () =>
      Promise.all(Array.from({ length: trees.sizes.clients }, () => clone(server, hub, folder))),
    );
    return [
      ms("1 MiB, alone", alone),
      ms(`1 MiB, the last of ${trees.sizes.clients}`, many.took),
      ms(`1 MiB, processor time of ${trees.sizes.clients}`, many.cpu),
      mib(`1 MiB, growth by ${trees.sizes.clients}`, many.grownMiB),
    ];
  },
};

const cloneLarge: Row = {
  name: "clone, large",
  maxRepetitions: 3,
  async measure(world, folder) {
    const { server, trees } = world;
    const size = `${trees.sizes.largeMiB} MiB`;
    const figures: Figure[] = [];
    const large = await once(world, "large", async () => {
      let served: Served | null = null;
      const { took, grownMiB } = await watched(server, async () => {
        served = await serve(server, trees.large.path, "large", trees.refsOf(trees.large));
      });
      figures.push(
        seconds(`push of ${size} until served`, took / 1000),
        mib(`push of ${size}, growth`, grownMiB),
      );
      return served!;
    });
    const { took, cpu, grownMiB } = await watched(server, () => clone(server, large, folder));
    figures.push(
      seconds(`${size}, alone`, took / 1000),
      ms(`${size}, processor time`, cpu),
      mib(`${size}, growth`, grownMiB),
    );
    return figures;
  },
};

/** A push of one commit: until the subscriber hears of it, and what a query finds right after `git push` (V11). */
async function pushOne(
  world: World,
  identifier: string,
): Promise<{ heardMs: number; askedMs: number; isServed: boolean }> {
  const { server, trees } = world;
  const owner = author();
  const [tip] = Object.values(trees.refsOf(trees.small));
  const state = stateFor(owner, identifier, { "refs/heads/main": tip! });
  await publishAll(server, [announcementFor(server, owner, identifier), state]);
  const client = await connectAnew(server);
  client.say("REQ", "wait", { ids: [state.id] });
  await client.next(([type]) => type === "EOSE");
  const began = performance.now();
  const heard = client.next(([type]) => type === "EVENT").then(() => performance.now() - began);
  await git(trees.small.path, "push", "-q", server.repository(owner, identifier), `${tip}:refs/heads/main`);
  const asker = await connectAnew(server);
  const asked = performance.now();
  let isServed = true;
  // A server that is not done yet is asked again.
  while ((await ask(asker, "now", { ids: [state.id] })) === 0) {
    isServed = false;
    await sleep(5);
  }
  const askedMs = performance.now() - asked;
  const heardMs = await heard;
  client.close();
  asker.close();
  return { heardMs, askedMs, isServed };
}

let pushes = 0;

const push: Row = {
  name: "push",
  async measure(world) {
    const cpu = world.server.processorMs();
    const results = [];
    for (let i = 0; i < 10; i++) results.push(await pushOne(world, `pushed-${pushes++}`));
    const spent = (world.server.processorMs() - cpu) / results.length;
    return [
      ms(
        "1 MiB until served, p50",
        percentile(
          results.map((one) => one.heardMs),
          0.5,
        ),
      ),
      ms("processor time", spent),
      {
        name: "not served right after git push, of 10",
        value: results.filter((one) => !one.isServed).length,
        unit: "count",
        better: "lower",
      },
      // Ten are too few for a 99th percentile.
      ms("query after git push, longest of 10", Math.max(...results.map((one) => one.askedMs))),
    ];
  },
};

const release: Row = {
  name: "release",
  maxRepetitions: 3,
  async measure(world) {
    const { server } = world;
    const before = (await pushOne(world, `released-${pushes++}`)).heardMs;
    const waiting = Array.from({ length: 20 }, () => {
      const owner = author();
      return Array.from({ length: 50 }, (_, i) => announcementFor(server, owner, `waiting-${i}`));
    });
    if (!filled.has(server.name)) await atOnce(waiting, 10, (batch) => publishAll(server, batch));
    filled.add(server.name);
    const after = (await pushOne(world, `released-${pushes++}`)).heardMs;
    return [
      ms("push until served, beside few waiting entries", before),
      ms("beside 1,000 waiting entries", after),
    ];
  },
};
const filled = new Set<string>();

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Events of a negotiation. ngit-grasp answers none about more than 50,000. */
const NEGOTIATED = 40_000;

/** Ten events that only the server has, found by negentropy. */
const sync: Row = {
  name: "sync",
  async measure({ server, hub, comments }) {
    const cpu = server.processorMs();
    const sorted = [...comments].sort((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1));
    const since = sorted.at(-NEGOTIATED)?.created_at ?? 0;
    const ours = sorted.filter(({ created_at }) => created_at >= since).slice(10);
    const records = new NegentropyRecords(timedIds(ours), (bytes) =>
      createHash("sha256").update(bytes).digest(),
    );
    const negotiation = new Negentropy(records, true);
    const client = await connectAnew(server);
    const needed: string[] = [];
    let [bytes, rounds] = [0, 0];
    const took = await timed(async () => {
      let message: Uint8Array | null = negotiation.open();
      const filter = {
        kinds: [1111],
        "#a": [`30617:${hub.owner.key}:${hub.identifier}`],
        ...{ since, until: ours.at(-1)!.created_at },
      };
      client.say("NEG-OPEN", "sync", filter, hexOf(message));
      while (message !== null) {
        rounds++;
        bytes += message.length;
        const [type, , text] = await client.next(([each]) => each === "NEG-MSG" || each === "NEG-ERR");
        if (type === "NEG-ERR") throw new Error(`${server.name}: ${text}`);
        bytes += (text as string).length / 2;
        const step = negotiation.step(Buffer.from(text as string, "hex"));
        needed.push(...step.need);
        message = step.reply;
        if (message !== null) client.say("NEG-MSG", "sync", hexOf(message));
      }
    });
    client.say("NEG-CLOSE", "sync");
    client.close();
    if (needed.length < 10) throw new Error(`${server.name}: ${needed.length} of 10 differences were found`);
    const what = `10 differences in ${Math.min(NEGOTIATED, comments.length)} events`;
    return [
      ms(what, took),
      ms(`${what}, processor time`, server.processorMs() - cpu),
      { name: `${what}, bytes`, value: bytes / 1024, unit: "KiB", better: "lower" },
      { name: `${what}, rounds`, value: rounds, unit: "count", better: "lower" },
    ];
  },
};

function timedIds(list: readonly NostrEvent[]) {
  return {
    times: Uint32Array.from(list, ({ created_at }) => created_at),
    ids: new Uint8Array(Buffer.from(list.map(({ id }) => id).join(""), "hex")),
  };
}

/** How long both servers wait for a push before they fetch what an event of a client names, in milliseconds (P13). */
const BEFORE_FETCH_MS = 180_000;
const HOSTS = 10;
const OF_A_HOST = 10;

/** Objects that a push does not bring, on ten hosts of which one hangs. */
const fetching: Row = {
  name: "fetch",
  maxRepetitions: 1,
  async measure({ server, trees }, folder) {
    const root = fresh(folder);
    const bare = join(root, "a.git");
    await git(folder, "clone", "-q", "--bare", "--single-branch", "--branch", "main", trees.many.path, bare);
    const tip = (await git(bare, "rev-parse", "main")).trim();
    const hosts = await Promise.all(
      Array.from({ length: HOSTS }, (_, i) =>
        gitServer({ root, host: `127.0.1.${i + 1}`, ...(i === 0 ? { answer: hanging() } : {}) }),
      ),
    );
    const pairs = hosts.flatMap(({ url }) =>
      Array.from({ length: OF_A_HOST }, () => {
        const owner = author();
        const name = `fetched-${pairsMade++}`;
        return {
          announcement: announcementFor(server, owner, name, { clone: [`${url}/a.git`] }),
          state: stateFor(owner, name, { "refs/heads/main": tip }),
        };
      }),
    );
    const client = await connectAnew(server);
    try {
      client.say("REQ", "live", { ids: pairs.map(({ state }) => state.id) });
      await client.next(([type]) => type === "EOSE");
      for (let at = 0; at < pairs.length; at += EVENTS_A_CONNECTION / 2) {
        const some = pairs.slice(at, at + EVENTS_A_CONNECTION / 2);
        await publishAll(
          server,
          some.flatMap(({ announcement, state }) => [announcement, state]),
        );
      }
      const cpu = server.processorMs();
      const took = await timed(async () => {
        for (let heard = 0; heard < (HOSTS - 1) * OF_A_HOST; heard++)
          await client.next(([type]) => type === "EVENT");
      });
      const what = `${pairs.length} identifiers from ${HOSTS} hosts, one hanging`;
      return [
        ms(`${what}: the other ${(HOSTS - 1) * OF_A_HOST}, after the delay of 180 s`, took - BEFORE_FETCH_MS),
        ms(`${what}: processor time`, server.processorMs() - cpu),
      ];
    } finally {
      client.close();
      await Promise.all(hosts.map((host) => host.stop()));
    }
  },
};

/** How often a server is asked whether events are here, in milliseconds. */
const ASK_MS = 100;
const IDS_A_QUESTION = 500;

/** Events of a relay that an announcement lists. */
const fromPeer: Row = {
  name: "sync from a peer",
  maxRepetitions: 1,
  async measure({ server, trees }, folder) {
    const peer = peerOf(fresh(folder));
    await peer.start();
    try {
      const owner = author();
      const identifier = `followed-${pairsMade++}`;
      const refs = trees.refsOf(trees.small);
      const announcement = announcementFor(server, owner, identifier, {
        clone: [peer.repository(owner, identifier)],
        relays: [`ws://${peer.host}`],
      });
      const served = async (by: Contender) => {
        await publishAll(by, [announcement, stateFor(owner, identifier, refs)]);
        const specs = Object.entries(refs).map(([ref, id]) => `${id}:${ref}`);
        await git(trees.small.path, "push", "-q", by.repository(owner, identifier), ...specs);
      };
      await served(peer);
      const there: World = { server: peer, trees, hub: { owner, identifier }, comments: [] };
      await store(there, trees.sizes.fromPeer, 20);
      const cpu = server.processorMs();
      const took = await timed(async () => {
        await served(server);
        const client = await connectAnew(server);
        const ids = there.comments.map(({ id }) => id);
        for (let at = 0; at < ids.length; at += IDS_A_QUESTION) {
          const some = ids.slice(at, at + IDS_A_QUESTION);
          while ((await ask(client, "here", { ids: some })) < some.length) await sleep(ASK_MS);
        }
        client.close();
      });
      const what = `${trees.sizes.fromPeer} events, from the push on`;
      return [ms(what, took), ms(`${what}, processor time`, server.processorMs() - cpu)];
    } finally {
      await peer.stop();
    }
  },
};

const memory: Row = {
  name: "memory",
  maxRepetitions: 1,
  measure: async ({ server, comments }) => [
    mib(`after all rows, with ${comments.length} events`, server.residentMiB()),
  ],
};

const start: Row = {
  name: "start",
  maxRepetitions: 3,
  async measure({ server, comments }) {
    await server.stop();
    const took = await server.start();
    return [
      ms(`to ready, with ${comments.length} events`, took),
      ms("processor time until ready", server.processorMs()),
      mib("resident, just started", server.residentMiB()),
    ];
  },
};

/** All rows, in the order in which they run. */
export const ROWS: readonly Row[] = [
  events,
  query,
  live,
  infoRefs,
  cloneSmall,
  cloneLarge,
  push,
  release,
  sync,
  fetching,
  fromPeer,
  memory,
  start,
];
