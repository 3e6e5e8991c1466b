import { auctionScenarios } from "./scenarios/auction.ts";
import { badInputScenarios } from "./scenarios/bad-input.ts";
import { consentScenarios } from "./scenarios/consent.ts";
import { identityScenarios } from "./scenarios/identity.ts";
import { openApiScenarios } from "./scenarios/openapi.ts";
import {
  batchScenarios,
  deletionScenarios,
  identifyScenarios,
  operationScenarios,
  pixelScenarios,
  registryScenarios,
} from "./scenarios/partners.ts";
import { prebidScenarios } from "./scenarios/prebid.ts";
import { proxyScenarios } from "./scenarios/proxy.ts";
import { pullSyncScenarios } from "./scenarios/pull-sync.ts";

/** The scenarios of all runtimes. */
export const scenarios = [
  ...identityScenarios,
  ...consentScenarios,
  ...proxyScenarios,
  ...badInputScenarios,
  ...registryScenarios,
  ...pixelScenarios,
  ...batchScenarios,
  ...identifyScenarios,
  ...auctionScenarios,
  ...prebidScenarios,
  ...deletionScenarios,
  ...pullSyncScenarios,
  ...operationScenarios,
  ...openApiScenarios,
];
