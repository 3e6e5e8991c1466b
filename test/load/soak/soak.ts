import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeEntry, type GraphEntry } from "../../../runtime/ec/graph/entry.ts";
import type { Store } from "../../../runtime/platform.ts";
import { httpStore } from "../../../runtime/stores/http.ts";
import { sqliteStore } from "../../../runtime/stores/sqlite.ts";
import { configFile } from "../../support/config-file.ts";
import { generate, type LoadResult } from "../../support/load-generator.ts";
import { behaviours, startPartnerServer } from "../../support/partner-server.ts";
import { type ProcessRuntime, spawnServer } from "../../support/spawn.ts";
import type { RunningProgram } from "../../support/start-program.ts";
import { type Audit, type Counts, Ledger } from "./ledger.ts";
import type { Ending } from "./memory.ts";
import type { Sample } from "./monitor.ts";
import { Crowd, PIXEL_RETURN, type Place, UPLOAD_KEY } from "./visitors.ts";

/** How long a soak is, and of what. */
export interface SoakOptions {
  runtime: ProcessRuntime;
  seconds: number;
  /** Requests under way at once. */
  hands: number;
  say(text: string): void;
}

/** What came of it. */
export interface SoakReport {
  runtime: string;
  seconds: number;
  startedAt: number;
  /** What the crowd sent; the generator's are beside them. */
  requests: number;
  /** The generator beside the crowd, over the long stretch after the last restart. */
  beside: LoadResult | null;
  /** Visitors who waited at the end for partners to have room; the server remembers each. */
  waiting: number;
  endings: Ending[];
  samples: Sample[];
  counts: Counts;
  audit: Audit;
  /** Answers that should not have been, and exit codes other than 0 of servers that were asked to end. */
  faults: string[];
  /** Lines of the log with a warning or an error. */
  log: string[];
}

/** How many lives of the server are cut short, and how long each is as a share of the whole; one long one follows, for the memory. */
const LIVES = 6;
const SHORT_LIFE = 0.07;
const LONG_LIFE = 1 - LIVES * SHORT_LIFE;
/** Connections of the generator beside the crowd: few, for it never pauses. */
const CONNECTIONS_BESIDE = 2;
/** What a partner that fails or hangs makes the server write. */
const EXPECTED_EVENTS = new Set<unknown>(["fetch-ended", "domain-rested"]);

/** Runs a soak on a site of its own, in a folder that is gone afterwards. */
export async function runSoak({ runtime, seconds, hands, say }: SoakOptions): Promise<SoakReport> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-soak-"));
  const [database, samplesFile] = [join(folder, "graph.db"), join(folder, "samples")];
  writeFileSync(samplesFile, "");
  // It never closes an idle connection: that could cross with a request, which would then fail through no fault of the server.
  const origin = createServer({ keepAliveTimeout: 0 }, (incoming, outgoing) => {
    incoming.resume();
    outgoing.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<p>page</p>");
  });
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  const { prompt, none, broken, hanging } = behaviours;
  const pulled = await Promise.all([prompt, none, broken, hanging].map(startPartnerServer));
  const config = join(folder, "config.json");
  writeFileSync(
    config,
    JSON.stringify(
      configFile({
        publisher: {
          domain: "publisher.example",
          origin: `http://127.0.0.1:${(origin.address() as AddressInfo).port}`,
        },
        listen: { port: 0 },
        store: `sqlite:${database}`,
        client: { ipHeader: "x-ip", countryHeader: "x-country", regionHeader: "x-region" },
        passphrases: ["publisher-chosen-secret"],
        allowInsecurePartners: true,
        partners: [
          {
            id: "uploader",
            apiKeyHash: createHash("sha256").update(UPLOAD_KEY).digest("hex"),
            batchRateLimit: 1_000_000,
          },
          { id: "pixel", allowedReturnDomains: [new URL(PIXEL_RETURN).hostname], syncRateLimit: 1_000_000 },
          ...pulled.map(({ url }, i) => ({
            id: `pulled-${i}`,
            pullSyncEnabled: true,
            pullSyncUrl: url,
            pullSyncAllowedDomains: ["127.0.0.1"],
            pullToken: `token-${i}`,
          })),
        ],
      }),
    ),
  );
  const preload = runtime === "node" ? "--import" : "--preload";
  const start = () =>
    spawnServer(
      runtime,
      [
        preload,
        new URL("monitor.ts", import.meta.url).pathname,
        "worker/cli/main.ts",
        "serve",
        "--config",
        config,
      ],
      { SOAK_SAMPLES: samplesFile, MILLRACE_LOG: "warn" },
    );

  const ledger = new Ledger();
  const place: Place = { url: "", isUp: false };
  const crowd = new Crowd(ledger, place);
  const endings: Ending[] = [];
  const faults: string[] = [];
  const log: string[] = [];
  const startedAt = Date.now();
  let server: RunningProgram | undefined;
  let beside: ReturnType<typeof keepBusy> | undefined;
  const work: Promise<void>[] = [];
  try {
    server = await start();
    Object.assign(place, { url: server.url, isUp: true });
    const visit = await crowd.reserve();
    beside = keepBusy(server.url, visit, LONG_LIFE * seconds * 1000);
    work.push(...Array.from({ length: hands }, () => crowd.work()));
    // A fault in the crowd ends the soak at once.
    const working = Promise.all(work);
    const live = (share: number) =>
      Promise.race([working, new Promise((resolve) => setTimeout(resolve, share * seconds * 1000))]);
    for (let life = 0; life < LIVES; life++) {
      await live(SHORT_LIFE);
      const how: Ending["how"] = life % 2 === 0 ? "killed" : "asked to end";
      say(`${how} after ${Math.round((Date.now() - startedAt) / 1000)} s and ${crowd.requests} requests`);
      endings.push({ at: Date.now(), how });
      // Killed under way; when it is asked to end, nothing new is begun.
      if (how === "asked to end") place.isUp = false;
      const code = await server.stop(how === "killed" ? "SIGKILL" : "SIGTERM");
      place.isUp = false;
      await beside.stop();
      if (how === "asked to end" && code !== 0)
        faults.push(`a server that was asked to end ended with ${code}`);
      log.push(...complaints(server));
      server = await start();
      Object.assign(place, { url: server.url, isUp: true });
      beside = keepBusy(server.url, visit, LONG_LIFE * seconds * 1000);
    }
    await live(LONG_LIFE);
    const result = await beside.result;
    crowd.stop();
    await working;
    const waiting = await waitingAt(server.url);
    const lived = (Date.now() - startedAt) / 1000;
    if ((await server.stop()) !== 0) faults.push("the last server did not end with 0");
    log.push(...complaints(server));
    const samples = readFileSync(samplesFile, "utf8").split("\n").filter(Boolean);
    say(`holding ${ledger.visitors.size} visitors against the store`);
    const entries = await entriesOf(database);
    const served = await countServed(runtime, database);
    if (served !== entries.size) faults.push(`millrace store serves ${served} ids of ${entries.size}`);
    return {
      ...{ runtime, seconds: lived, startedAt, requests: crowd.requests, beside: result, waiting, endings },
      samples: samples.map((line) => JSON.parse(line) as Sample),
      counts: ledger.counts,
      audit: ledger.audit(entries),
      faults: [...faults, ...crowd.faults],
      log,
    };
  } finally {
    crowd.stop();
    await Promise.allSettled(work);
    await beside?.stop().catch(() => {});
    crowd.close();
    await server?.stop("SIGKILL");
    for (const partner of pulled) await partner.close();
    origin.closeAllConnections();
    await new Promise((resolve) => origin.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Has the generator send one visitor's page, as fast as it is answered, until the time is up or it is told to stop.
 * @returns its result, which is `null` if it was told to; it and `stop` reject if the generator failed by itself.
 */
function keepBusy(url: string, headers: Record<string, string>, atMostMs: number) {
  const stopping = new AbortController();
  const { signal } = stopping;
  const durationMs = Math.max(1000, Math.round(atMostMs));
  const result = generate({ url, headers, connections: CONNECTIONS_BESIDE, durationMs, signal }).catch(
    (error): null => {
      if (signal.aborted) return null;
      throw error;
    },
  );
  // Looked at when the server ends, which may be later.
  result.catch(() => {});
  const stop = async () => {
    stopping.abort();
    await result;
  };
  return { result, stop };
}

/** How many visitors wait in a server's pull sync. */
async function waitingAt(url: string): Promise<number> {
  const text = await (await fetch(`${url}/_ts/metrics`)).text();
  const size = /^millrace_sync_queue_size (\d+)$/m.exec(text)?.[1];
  if (size === undefined)
    throw new Error(`no millrace_sync_queue_size in the metrics:\n${text.slice(0, 500)}`);
  return Number(size);
}

/** What a server complained of; that a partner fails is its part in this. */
function complaints(server: RunningProgram): string[] {
  return server
    .log()
    .split("\n")
    .filter((line) => line !== "" && !EXPECTED_EVENTS.has(eventOf(line)));
}

/** The event of the sync engine that a line of the log is about, if any. */
function eventOf(line: string): unknown {
  try {
    return JSON.parse(line).event;
  } catch {
    return undefined;
  }
}

async function* keysOf(store: Store): AsyncGenerator<string> {
  let cursor: string | null = null;
  do {
    const page = await store.list("ec:", { limit: 1000, cursor });
    for (const { key } of page.entries) yield key;
    cursor = page.cursor;
  } while (cursor !== null);
}

/** Reads a graph as the product does: through its own store, by its own decoding. */
async function entriesOf(path: string): Promise<Map<string, GraphEntry>> {
  const store = sqliteStore({ path, clock: { now: Date.now } });
  const entries = new Map<string, GraphEntry>();
  try {
    for await (const key of keysOf(store)) {
      const stored = await store.get(key);
      if (stored !== null) entries.set(key.slice("ec:".length), decodeEntry(stored.value));
    }
  } finally {
    await store.close();
  }
  return entries;
}

/** How many ids `millrace store` finds in the same file, on the runtime that wrote it. */
async function countServed(runtime: ProcessRuntime, path: string): Promise<number> {
  const token = "token-of-the-audit";
  const hash = createHash("sha256").update(token).digest("hex");
  const args = ["--port", "0", "--token-hash", hash, "--store", `sqlite:${path}`];
  const server = await spawnServer(runtime, ["worker/cli/main.ts", "store", ...args]);
  try {
    const store = httpStore({ url: server.url, token, fetch: (to, init) => fetch(to, init) });
    let count = 0;
    for await (const _ of keysOf(store)) count++;
    return count;
  } finally {
    await server.stop();
  }
}
