/**
 * The partners of the demonstration, as millrace is configured for them. The companies are made up.
 * @module
 */
import type { PartnerInput } from "../../../../runtime/ec/partners/partner.ts";
import { PULL_PATH } from "./answer-pulls.ts";

/** The values that are chosen at each start. */
export interface Agreed {
  /** The origins of the two servers: scheme, host and port. */
  quickbeck: string;
  mossgate: string;
  /** The token that millrace sends to both of them. */
  pullToken: string;
  /** The key that the third partner sends to millrace. */
  apiKey: string;
  /** The host that pixels return to. */
  returnDomain: string;
}

/** A partner's record and a short description. */
export interface Company {
  record: PartnerInput & { name: string };
  trait: string;
}

/** The partner that the visitor acts as. */
export const PLAYED = { id: "otter", name: "Otter & Daughters" };

/** The example partners in the order of the panel. */
export function exampleCompanies(agreed: Agreed): Company[] {
  const pulled = (origin: string) => ({
    pullSyncEnabled: true,
    pullSyncUrl: origin + PULL_PATH,
    pullSyncAllowedDomains: [new URL(origin).hostname],
    pullToken: agreed.pullToken,
    // All visitors share one address, so the limit counts them together.
    pullSyncRateLimit: 1000,
  });
  return [
    {
      trait: "answers at once",
      record: {
        id: "quickbeck",
        name: "Quickbeck Exchange",
        gvlId: 4001,
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
        gvlId: 4002,
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
        gvlId: 4003,
        bidstreamEnabled: true,
        sourceDomain: "otter-daughters.example",
        apiKey: agreed.apiKey,
        allowedReturnDomains: [agreed.returnDomain],
      },
    },
    {
      trait: "found by Prebid.js on the page",
      record: {
        id: "sharedid",
        name: "SharedID",
        gvlId: 4004,
        bidstreamEnabled: true,
        sourceDomain: "pubcid.org",
        openrtbAtype: 1,
      },
    },
    {
      trait: "found there, too",
      record: {
        id: "fennel",
        name: "Fennel & Sloe",
        // The newspaper's banner does not ask about this vendor.
        gvlId: 4005,
        bidstreamEnabled: true,
        sourceDomain: "fennel.example",
        openrtbAtype: 1,
      },
    },
  ];
}
