import { describe, expect, test } from "vitest";
import { EVENT_LIMITS } from "../../../../runtime/grasp/events/event.ts";
import { RELAY_LIMITS } from "../../../../runtime/grasp/relay/limits.ts";
import { composeConfig, inspectConfig } from "../../../../worker/config/compose.ts";
import {
  eventLimits,
  graspSection,
  metricsPlace,
  relayLimits,
  relaySyncSettings,
} from "../../../../worker/grasp/config.ts";

const KEY = "f8340b2bde651576b75af61aa26c80e13c65029f00f7f64004eece679bf7059f";

const faultsOf = (grasp: object) => inspectConfig([graspSection], { grasp }, { env: {} }).faults;
const read = (grasp: object) =>
  composeConfig([graspSection], { grasp: { domain: "git.example", ...grasp } }, { env: {} }).section(
    graspSection,
  )!;

describe("every fault at once (O1)", () => {
  test.each<[what: string, fields: object, field: string]>([
    ["an unknown field", { domains: "a.example" }, "grasp.domains"],
    ["a domain with a scheme", { domain: "https://git.example" }, "grasp.domain"],
    ["a domain that is also an alias", { aliases: ["b.example", "git.example"] }, "grasp.aliases[1]"],
    ["a base path without a slash at its end", { basePath: "/grasp" }, "grasp.basePath"],
    ["a base path with ..", { basePath: "/a/%2e/" }, "grasp.basePath"],
    ["an empty key", { relayKey: "" }, "grasp.relayKey"],
    ["a short key", { relayKey: "abcd" }, "grasp.relayKey"],
    ["a name with control characters", { name: "a\u001b[31m" }, "grasp.name"],
    ["metrics on a text", { metrics: { listen: "127.0.0.1:9464" } }, "grasp.metrics.listen"],
    ["metrics on no port", { metrics: { listen: { port: 65_536 } } }, "grasp.metrics.listen.port"],
    ["content longer than a message", { limits: { contentBytes: 3_000_000 } }, "grasp.limits.contentBytes"],
    ["messages without subscriptions", { limits: { subscriptions: 0 } }, "grasp.limits.subscriptions"],
    ["a negative size", { minFreeBytes: -1 }, "grasp.minFreeBytes"],
    ["a quota of half a byte", { quota: { bytesPerRepository: 0.5 } }, "grasp.quota.bytesPerRepository"],
    [
      "a repository that is allowed and denied",
      { allow: { repositories: ["a", "b"] }, deny: { repositories: ["b"] } },
      "grasp.allow.repositories[1]",
    ],
    [
      "a bootstrap relay over http",
      { sync: { bootstrap: ["https://a.example"] } },
      "grasp.sync.bootstrap[0]",
    ],
    [
      "an insecure bootstrap relay",
      { sync: { bootstrap: ["wss://a", "ws://b"] } },
      "grasp.sync.bootstrap[1]",
    ],
    [
      "a rule of the archive that is a path",
      { archive: { rules: ["https://a.example/x"] } },
      "grasp.archive.rules[0]",
    ],
    ["a rule of the archive that is empty", { archive: { rules: [""] } }, "grasp.archive.rules[0]"],
    [
      "a read-only archive with an allow list",
      { archive: { rules: ["all"] }, allow: { repositories: ["a"] } },
      "grasp.allow.repositories",
    ],
    [
      "a read-only archive that takes pull requests",
      { archive: { rules: ["all"] }, prs: { enabled: true } },
      "grasp.prs.enabled",
    ],
    ["a longest backoff below the first", { sync: { maxBackoffSeconds: 4 } }, "grasp.sync.maxBackoffSeconds"],
    ["a backoff of no time", { sync: { baseBackoffSeconds: 0 } }, "grasp.sync.baseBackoffSeconds"],
  ])("%s", (_what, fields, field) => {
    expect(faultsOf({ domain: "git.example", ...fields }).map((fault) => fault.field)).toEqual([field]);
  });

  test("an archive that takes pushes may have an allow list and pull requests (X3)", () => {
    const archive = { rules: ["all"], readOnly: false };
    expect(
      faultsOf({ domain: "git.example", archive, allow: { repositories: ["a"] }, prs: { enabled: true } }),
    ).toEqual([]);
    // Without rules there is no archive.
    expect(faultsOf({ domain: "git.example", allow: { repositories: ["a"] } })).toEqual([]);
  });

  test("several faults are named together, contradictions too", () => {
    const fields = faultsOf({
      aliases: ["a.example"],
      domain: "a.example",
      listen: { port: -1 },
      nam: "x",
    }).map(({ field }) => field);
    expect(fields.sort()).toEqual(["grasp.aliases[0]", "grasp.listen.port", "grasp.nam"]);
  });

  test("a faulty key is not shown", () => {
    const [fault] = faultsOf({ domain: "git.example", relayKey: "very-secret-text" });
    expect(JSON.stringify(fault)).not.toContain("very-secret");
  });
});

test.each<[given: object, place: unknown]>([
  [{}, "public"],
  [{ enabled: false }, "off"],
  [{ enabled: false, listen: { port: 9464 } }, "off"],
  [{ listen: {} }, { host: "127.0.0.1", port: 9464 }],
  [{ listen: { host: "[::1]", port: 1 } }, { host: "::1", port: 1 }],
])("metrics %j", (metrics, place) => {
  expect(metricsPlace(read({ metrics }))).toEqual(place);
});

test("keys may be npub or hex in either case, and are kept as hex", () => {
  const npub = "npub1lq6qk277v52hdd667cd2ymyquy7x2q5lqrmlvsqyam8x0xlhqk0syxjwqc";
  const { operatorPubkey } = read({ operatorPubkey: KEY.toUpperCase() });
  expect(operatorPubkey).toBe(KEY);
  expect(faultsOf({ domain: "git.example", operatorPubkey: `${npub}x` })).toHaveLength(1);
});

test("without settings the relay's and the events' limits are the figures of R4 and R9", () => {
  expect([relayLimits(read({})), eventLimits(read({}))]).toEqual([RELAY_LIMITS, EVENT_LIMITS]);
});

test("limits are settings", () => {
  const section = read({ limits: { subscriptions: 7, eventsPerMinute: 9, pingSeconds: 10, tags: 11 } });
  expect(relayLimits(section)).toEqual({
    ...RELAY_LIMITS,
    subscriptions: 7,
    events: { capacity: 120, perMinute: 9 },
    pingMs: 10_000,
  });
  expect(eventLimits(section)).toEqual({ ...EVENT_LIMITS, maxTags: 11 });
});

test("relay sync takes its settings in milliseconds, and is on by itself (L2, L22)", () => {
  const section = read({});
  expect(section.sync.enabled).toBe(true);
  expect(relaySyncSettings(section)).toEqual({
    bootstrap: [],
    negentropy: true,
    baseBackoffMs: 5_000,
    maxBackoffMs: 3_600_000,
    avoidMs: 43_200_000,
    refusedHotMs: 120_000,
    refusedColdMs: 604_800_000,
    allowInsecure: false,
  });
  const other = read({ allowInsecureServers: true, sync: { bootstrap: ["ws://b"], negentropy: false } });
  expect(relaySyncSettings(other)).toMatchObject({
    bootstrap: ["ws://b"],
    negentropy: false,
    allowInsecure: true,
  });
});
