/**
 * The Edge Cookie as one of the services of a millrace process: in front of `publisher.origin`.
 * @module
 */
import { METRICS } from "../../runtime/ec/metrics.ts";
import { EC_REDACTION } from "../../runtime/ec/redaction.ts";
import { toHex } from "../../runtime/lib/hex.ts";
import type { Fault } from "../../runtime/lib/schema.ts";
import { ConfigError } from "../config/compose.ts";
import type { Host } from "../hosts/host.ts";
import type { ServiceModule } from "../service.ts";
import { consent } from "./commands/consent.ts";
import { mint } from "./commands/mint.ts";
import {
  configWarnings,
  type EdgeCookieSection,
  edgeCookieSection,
  sealPartners,
  servingFaults,
  urlFaults,
} from "./config.ts";
import { startingSection } from "./starting-section.ts";

export const edgeCookieService: ServiceModule<EdgeCookieSection> = {
  ...edgeCookieSection,
  metrics: METRICS,
  redact: EC_REDACTION,
  commands: { mint, consent },
  listen: ({ listen }) => listen,
  servingFaults: (section, listen, entry) => [
    ...servingFaults(section, listen),
    ...sealingFaults(section, entry.host),
  ],
  workersFaults: ({ store }, { host }) => {
    const url = store ?? host.defaultStore;
    if (!url.startsWith("memory:")) return [];
    return [
      {
        field: "store",
        found: "memory:",
        expected: "with --workers a store that processes share, such as sqlite:PATH",
      },
    ];
  },
  hostFaults: (given, { host }) => {
    const { store, limiter } = Object(given) as Record<string, unknown>;
    const textOf = (value: unknown) => (typeof value === "string" ? value : undefined);
    return urlFaults({ store: textOf(store), limiter: textOf(limiter) }, host);
  },
  warnings: (section, { client, operator }) => configWarnings({ ...section, client, operator }),
  // Loaded where it is used: a process may run another service.
  create: async (...given) => (await import("./running-edge-cookie.ts")).startEdgeCookie(...given),
  starting: startingSection,
  demonstration: {
    unless: ["publisher.domain", "publisher.origin", "passphrases"],
    start: async (entry, env) => (await import("./demo/main.ts")).startDemo(entry, env),
  },
};

/** Partners that have the same key, one given plainly and one by its hash. */
function sealingFaults(section: EdgeCookieSection, host: Host): Fault[] {
  const hotPath = host.createHotPath({ maxKeys: 1, random: host.random });
  const encoder = new TextEncoder();
  try {
    sealPartners(section, (text) => toHex(hotPath.sha256(encoder.encode(text))));
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return [...error.faults];
    throw error;
  }
}
