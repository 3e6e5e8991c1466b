/**
 * The partners of the demonstration, companies made up for it, as millrace knows them.
 * @module
 */
import type { PartnerInput } from "../../../../runtime/ec/partners/partner.ts";
import { PULL_PATH } from "./answer-pulls.ts";

/** What tells the three apart at the start of a demonstration. */
export interface Agreed {
  /** Where the two servers are: scheme, host and port. */
  quickbeck: string;
  mossgate: string;
  /** What millrace shows to both of them. */
  pullToken: string;
  /** What the third shows to millrace. */
  apiKey: string;
  /** The host of the page that pixels go back to. */
  returnDomain: string;
}

/** A partner's record, with a few words on what it is like. */
export interface Company {
  record: PartnerInput & { name: string };
  trait: string;
}

/** The partner that the visitor plays. */
export const PLAYED = { id: "otter", name: "Otter & Daughters" };

/** The example partners, in the order in which they are shown. */
export function exampleCompanies(agreed: Agreed): Company[] {
  const pulled = (origin: string) => ({
    pullSyncEnabled: true,
    pullSyncUrl: origin + PULL_PATH,
    pullSyncAllowedDomains: [new URL(origin).hostname],
    pullToken: agreed.pullToken,
    // Everybody here has one address, so one person's tries are all counted together.
    pullSyncRateLimit: 1000,
  });
  return [
    {
      trait: "answers at once",
      record: {
        id: "quickbeck",
        name: "Quickbeck Exchange",
        bidstreamEnabled: true,
        sourceDomain: "quickbeck.example",
        ...pulled(agreed.quickbeck),
        maxConcurrent: 4,
        maxPerMinute: 60,
      },
    },
    {
      trait: "slow and impatient",
      record: {
        id: "mossgate",
        name: "Mossgate Audiences",
        bidstreamEnabled: true,
        sourceDomain: "mossgate.example",
        ...pulled(agreed.mossgate),
        maxConcurrent: 1,
        maxPerMinute: 10,
      },
    },
    {
      trait: "brings its ids itself",
      record: {
        ...PLAYED,
        bidstreamEnabled: true,
        sourceDomain: "otter-daughters.example",
        apiKey: agreed.apiKey,
        allowedReturnDomains: [agreed.returnDomain],
      },
    },
  ];
}
