import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeEntry, type GraphEntry } from "../../../runtime/ec/entry.ts";
import { sqliteStore } from "../../../runtime/stores/sqlite.ts";
import { behaviours, startPartnerServer } from "../../support/partner-server.ts";
import { type ProcessRuntime, type Spawned, spawnServer } from "../../support/spawn.ts";
import { type Audit, type Counts, Ledger } from "./ledger.ts";
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

/** How the server was ended at some moment, to be started again. */
export interface Ending {
  /** Milliseconds since the epoch. */
  at: number;
  how: "killed" | "asked to end";
}

/** What came of it. */
export interface SoakReport {
  runtime: string;
  seconds: number;
  startedAt: number;
  requests: number;
  endings: Ending[];
  samples: Sample[];
  counts: Counts;
  audit: Audit;
  /** Answers that should not have been, and exit codes other than 0 of servers that were asked to end. */
  faults: string[];
  /** Lines of the log with a warning or an error. */
  log: string[];
}

/** When the server ends, as shares of the whole time; what remains is one long stretch, for the memory. */
const ENDS = [0.08, 0.16, 0.24, 0.32, 0.4];

/** Runs a soak on a site of its own, in a folder that is gone afterwards. */
export async function runSoak({ runtime, seconds, hands, say }: SoakOptions): Promise<SoakReport> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-soak-"));
  const [database, samplesFile] = [join(folder, "graph.db"), join(folder, "samples")];
  writeFileSync(samplesFile, "");
  const origin = createServer((incoming, outgoing) => {
    incoming.resume();
    outgoing.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<p>page</p>");
  });
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  const { prompt, none, broken, hanging } = behaviours;
  const pulled = await Promise.all([prompt, none, broken, hanging].map(startPartnerServer));
  const config = join(folder, "config.json");
  writeFileSync(
    config,
    JSON.stringify({
      publisher: {
        domain: "publisher.example",
        origin: `http://127.0.0.1:${(origin.address() as AddressInfo).port}`,
      },
      listen: { port: 0 },
      store: `sqlite:${database}`,
      client: { ipHeader: "x-ip", countryHeader: "x-country" },
      ec: { passphrases: ["publisher-chosen-secret"], allowInsecurePartners: true },
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
  );
  const preload = runtime === "node" ? "--import" : "--preload";
  const start = () =>
    spawnServer(
      runtime,
      [
        preload,
        new URL("monitor.ts", import.meta.url).pathname,
        "worker/cli.ts",
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
  let server: Spawned | undefined;
  const work: Promise<void>[] = [];
  try {
    server = await start();
    Object.assign(place, { url: server.url, isUp: true });
    work.push(...Array.from({ length: hands }, () => crowd.work()));
    // A fault in the crowd ends the soak at once.
    const working = Promise.all(work);
    const until = (share: number) => {
      const leftMs = startedAt + share * seconds * 1000 - Date.now();
      return Promise.race([working, new Promise((resolve) => setTimeout(resolve, Math.max(0, leftMs)))]);
    };
    for (const [i, share] of ENDS.entries()) {
      await until(share);
      const how: Ending["how"] = i % 2 === 0 ? "killed" : "asked to end";
      say(`${how} after ${Math.round((Date.now() - startedAt) / 1000)} s and ${crowd.requests} requests`);
      endings.push({ at: Date.now(), how });
      // Killed under way; when it is asked to end, nothing new is begun.
      if (how === "asked to end") place.isUp = false;
      const code = await server.stop(how === "killed" ? "SIGKILL" : "SIGTERM");
      place.isUp = false;
      if (how === "asked to end" && code !== 0)
        faults.push(`a server that was asked to end ended with ${code}`);
      log.push(...complaints(server));
      server = await start();
      Object.assign(place, { url: server.url, isUp: true });
    }
    await until(1);
    crowd.stop();
    await working;
    if ((await server.stop()) !== 0) faults.push("the last server did not end with 0");
    log.push(...complaints(server));
    const samples = readFileSync(samplesFile, "utf8").split("\n").filter(Boolean);
    say(`holding ${ledger.visitors.size} visitors against the store`);
    return {
      ...{ runtime, seconds, startedAt, requests: crowd.requests, endings },
      samples: samples.map((line) => JSON.parse(line) as Sample),
      counts: ledger.counts,
      audit: ledger.audit(await entriesOf(database)),
      faults: [...faults, ...crowd.faults],
      log,
    };
  } finally {
    crowd.stop();
    await Promise.allSettled(work);
    crowd.close();
    await server?.stop("SIGKILL");
    for (const partner of pulled) await partner.close();
    origin.closeAllConnections();
    await new Promise((resolve) => origin.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a server complained of; that a partner fails is its part in this. */
function complaints(server: Spawned): string[] {
  return server
    .log()
    .split("\n")
    .filter((line) => line !== "" && !/partner|domain|pull/.test(line));
}

/** Reads a graph as the product does: through its own store, by its own decoding. */
async function entriesOf(path: string): Promise<Map<string, GraphEntry>> {
  const store = sqliteStore({ path, clock: { now: Date.now } });
  const entries = new Map<string, GraphEntry>();
  try {
    let cursor: string | null = null;
    do {
      const page = await store.list("ec:", { limit: 1000, cursor });
      for (const { key } of page.entries) {
        const stored = await store.get(key);
        if (stored !== null) entries.set(key.slice("ec:".length), decodeEntry(stored.value));
      }
      cursor = page.cursor;
    } while (cursor !== null);
  } finally {
    await store.close();
  }
  return entries;
}
