import { createHash } from "node:crypto";
import { verifySchnorr } from "tiny-secp256k1";
import type { Archive } from "../../runtime/grasp/archive.ts";
import type { NostrEvent } from "../../runtime/grasp/events/event.ts";
import { Grasp } from "../../runtime/grasp/grasp.ts";
import type { EventStore } from "../../runtime/grasp/ports.ts";
import type { Clock } from "../../runtime/platform.ts";
import { AnswerCache } from "../../worker/grasp/git/answer-cache.ts";
import { exchangeOf } from "../../worker/grasp/git/exchange.ts";
import { gitHttp } from "../../worker/grasp/git/git-http.ts";
import { GitPool } from "../../worker/grasp/git/pool.ts";
import { DiskRepositories, makeDataFolders } from "../../worker/grasp/repositories.ts";
import { createSystemClock } from "../../worker/hosts/system-clock.ts";

type Needs = ConstructorParameters<typeof Grasp>[0];

const bytes = (hex: string) => Buffer.from(hex, "hex");

/** Checks an event's Schnorr signature (NIP-01, BIP-340). */
export function verifyEvent({ id, pubkey, sig }: NostrEvent): boolean {
  return verifySchnorr(bytes(id), bytes(pubkey), bytes(sig));
}

/** GRASP at git.example with empty lists, on these stores. `onHash` is called for each hash. */
export function graspOn(
  stores: Pick<Needs, "store" | "repositories" | "room" | "foldsNames" | "takesPrs"> & {
    archive?: Archive | null;
  },
  verify: Needs["verify"] = verifyEvent,
  nowMs: Needs["nowMs"] = Date.now,
  onHash: () => void = () => {},
): Grasp {
  return new Grasp({
    ...stores,
    ourselves: { hosts: ["git.example"], basePath: "/" },
    lists: {
      denyAuthors: new Set(),
      denyRepositories: new Set(),
      allowRepositories: null,
      maxRepositories: 100,
      archive: stores.archive ?? null,
      operator: null,
      relayKey: null,
    },
    nowMs,
    nowSeconds: () => Math.floor(nowMs() / 1000),
    sha256Hex: (text) => {
      onHash();
      return createHash("sha256").update(text).digest("hex");
    },
    verify,
  });
}

/** A clock whose timers do not keep the process alive. */
const systemClock: Clock = createSystemClock((timer) => timer.unref());

/** Repositories in a data directory, with a pool of their own. */
export async function repositoriesIn(dataDirectory: string, clock: Pick<Clock, "after"> = systemClock) {
  const folders = await makeDataFolders(dataDirectory);
  const pool = new GitPool({ clock });
  return { folders, pool, repositories: new DiskRepositories(folders, pool) };
}

/** GRASP's Git server in a data directory: all of it but the listener. */
export async function gitServiceIn(
  dataDirectory: string,
  store: EventStore,
  clock: Pick<Clock, "now" | "after"> = systemClock,
) {
  const { folders, pool, repositories } = await repositoriesIn(dataDirectory, clock);
  const grasp = graspOn({ store, repositories });
  const cache = new AnswerCache(folders.cache, pool);
  const failures: unknown[] = [];
  const log = { error: (_message: string, fields?: object) => void failures.push(fields) };
  const answer = gitHttp({
    grasp,
    store,
    repositories,
    unborn: null,
    room: { refusal: async () => null },
    pool,
    cache,
    clock,
    log,
    home: folders.home,
  });
  async function handler(request: Request, ...args: unknown[]): Promise<Response> {
    const exchange = exchangeOf("192.0.2.1", args);
    const path = exchange.path ?? new URL(request.url).pathname;
    return (await answer(request, path, exchange)) ?? new Response(null, { status: 404 });
  }
  return { folders, pool, repositories, grasp, cache, failures, handler };
}
