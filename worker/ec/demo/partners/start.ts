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

/** How long their servers may take to finish, in milliseconds. */
const GRACE_MS = 500;

/** The partners while they run. */
export interface ExamplePartners {
  companies: Company[];
  /** Where auctions are held. */
  auctionEndpoint: string;
  /** The API key of the partner that the visitor plays. */
  apiKey: string;
  /** Answers whoever still waits, and ends the servers. */
  close(): Promise<void>;
}

/** Starts them. @param returnDomain the host of the page that pixels go back to. */
export async function startPartners(
  { serve }: Pick<Entry, "serve">,
  random: Random,
  returnDomain: string,
  log: Log,
): Promise<ExamplePartners> {
  const pullToken = secret(random);
  const apiKey = `demonstration-${secret(random)}`;
  const patience = createPatience();
  const here = { host: "127.0.0.1", port: 0 };
  const [quickbeck, mossgate] = await Promise.all(
    [createQuickbeck(pullToken), createMossgate(pullToken, patience.wait)].map((app) =>
      serve([{ handler: (request) => app.fetch(request) }], here, log),
    ),
  );
  const origins = { quickbeck: quickbeck!.url, mossgate: mossgate!.url };
  return {
    companies: exampleCompanies({ ...origins, pullToken, apiKey, returnDomain }),
    auctionEndpoint: origins.quickbeck + AUCTION_PATH,
    apiKey,
    async close() {
      patience.end();
      await Promise.all([quickbeck!.close(GRACE_MS), mossgate!.close(GRACE_MS)]);
    },
  };
}

function secret(random: Random): string {
  const bytes = new Uint8Array(16);
  random.fill(bytes);
  return toHex(bytes);
}

/** Waits that all end at once when they have to, and from then on take no time. */
function createPatience() {
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
