import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "../../../../runtime/observe/log.ts";
import { createMetrics } from "../../../../runtime/observe/metrics.ts";
import { createPropagation } from "../../../../runtime/observe/tracer.ts";
import { composeConfig } from "../../../../worker/config/compose.ts";
import { edgeCookieService } from "../../../../worker/ec/edge-cookie-service.ts";
import * as entry from "../../../../worker/hosts/process/node.ts";
import type { RunningService } from "../../../../worker/service.ts";
import { configFile } from "../../../support/config-file.ts";

const OPTIONS = {
  publisher: { domain: "publisher.example", origin: "http://127.0.0.1:9" },
  passphrases: ["publisher-chosen-secret"],
  store: "memory:",
};

function configured(options: object) {
  const composed = composeConfig([edgeCookieService], configFile({ ...OPTIONS, ...options }), { env: {} });
  return { shared: composed.shared, section: composed.section(edgeCookieService)! };
}

let running: RunningService;
const reload = (options: object) => {
  const { shared, section } = configured(options);
  return running.reload!(section, shared);
};

beforeEach(async () => {
  const { shared, section } = configured({});
  const log = createLog({ level: "silent", write() {}, clock: entry.host.clock });
  const listen = { host: "127.0.0.1", port: 0 };
  running = await edgeCookieService.create(
    {
      ...{ entry, config: shared, listen, log, metrics: createMetrics(), workers: null },
      tracer: createPropagation(entry.host.random),
      client: () => ({ ip: null, country: null, region: null }),
      socketClient: () => ({ ip: null, country: null, region: null }),
    },
    section,
  );
});
afterEach(() => running.close!());

test("status returns what the operator's page shows", () => {
  expect(running.status!()).toMatchObject({
    publisher: "publisher.example",
    store: "memory",
    sync: { queued: 0 },
  });
});

test("reload takes over lists and tokens and needs no restart", () => {
  expect(
    reload({
      consent: { gdprCountries: ["BR"] },
      operator: { tokenHash: createHash("sha256").update("a token").digest("hex") },
      partners: [{ id: "partner" }],
    }),
  ).toEqual([]);
});

test("reload names the fields that need a restart as the configuration file has them", () => {
  const fields = reload({
    client: { ipHeader: "x-real-ip" },
    publisher: { ...OPTIONS.publisher, domain: "other.example" },
    cookie: { maxAgeDays: 30 },
  });
  expect(fields.sort()).toEqual([
    "client.ipHeader",
    "edgeCookie.cookie.maxAgeDays",
    "edgeCookie.publisher.domain",
  ]);
});

test.each(["ts ec", "", "euconsent-v2", "__Host-ec", "__http-ec", "a=b", "x".repeat(65)])(
  "the cookie name %j is refused",
  (name) => {
    expect(() => configured({ cookie: { name } })).toThrow("edgeCookie.cookie.name");
  },
);

test.each([0, 401, 1.5])("%d days are refused as the cookie's age", (maxAgeDays) => {
  expect(() => configured({ cookie: { maxAgeDays } })).toThrow("edgeCookie.cookie.maxAgeDays");
});
