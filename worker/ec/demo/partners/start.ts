/**
 * Starts the servers of the example partners, on free ports of this machine.
 * @module
 */
import { toHex } from "../../../../runtime/lib/hex.ts";
import type { Log, Random } from "../../../../runtime/platform.ts";
import type { Entry } from "../../../hosts/server.ts";
import { type Company, exampleCompanies } from "./companies.ts";
import { createMossgate } from "./mossgate.ts";
import { AUCTION_PATH, createQuickbeck } from "./quickbeck.ts";

/** Grace period of their servers when they stop, in milliseconds. */
const GRACE_MS = 500;

/** The running partners. */
export interface ExamplePartners {
  companies: Company[];
  /** The URL for auctions. */
  auctionEndpoint: string;
  /** The API key of the visitor's partner. */
  apiKey: string;
  /** Answers pending requests and stops the servers. */
  close(): Promise<void>;
}

/** Starts the partners. @param returnDomain the host that pixels return to */
export async function startPartners(
  { serve }: Pick<Entry, "serve">,
  random: Random,
  returnDomain: string,
  log: Log,
): Promise<ExamplePartners> {
  const pullToken = secret(random);
  const apiKey = `demonstration-${secret(random)}`;
  const waits = createWaits();
  const here = { host: "127.0.0.1", port: 0 };
  const [quickbeck, mossgate] = await Promise.all(
    [createQuickbeck(pullToken), createMossgate(pullToken, waits.wait)].map((app) =>
      serve([{ handler: (request) => app.fetch(request) }], here, log),
    ),
  );
  const origins = { quickbeck: quickbeck!.url, mossgate: mossgate!.url };
  return {
    companies: exampleCompanies({ ...origins, pullToken, apiKey, returnDomain }),
    auctionEndpoint: origins.quickbeck + AUCTION_PATH,
    apiKey,
    async close() {
      waits.end();
      await Promise.all([quickbeck!.close(GRACE_MS), mossgate!.close(GRACE_MS)]);
    },
  };
}

function secret(random: Random): string {
  const bytes = new Uint8Array(16);
  random.fill(bytes);
  return toHex(bytes);
}

/** Timers that can all be ended at once. Later timers end immediately. */
function createWaits() {
  const waits = new Set<() => void>();
  let isOver = false;
  return {
    wait: (ms: number) =>
      new Promise<void>((resolve) => {
        if (isOver) return resolve();
        const end = () => {
          clearTimeout(timer);
          waits.delete(end);
          resolve();
        };
        const timer = setTimeout(end, ms);
        waits.add(end);
      }),
    end() {
      isOver = true;
      for (const end of [...waits]) end();
    },
  };
}
