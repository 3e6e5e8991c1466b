/**
 * GRASP's section of the configuration.
 * @module
 */
import * as v from "valibot";
import { type Archive, isArchiveRule } from "../../runtime/grasp/archive.ts";
import { EVENT_LIMITS, type EventLimits } from "../../runtime/grasp/events/event.ts";
import { identifierFault } from "../../runtime/grasp/identifier.ts";
import { fromNpub, readKey } from "../../runtime/grasp/npub.ts";
import { RELAY_LIMITS, type RelayLimits } from "../../runtime/grasp/relay/limits.ts";
import type { RelaySyncSettings } from "../../runtime/grasp/relay-sync/ports.ts";
import { isLoopbackHost } from "../../runtime/lib/addresses.ts";
import { type Fault, fields, flag, listOf, parseUrl, secret, text, whole } from "../../runtime/lib/schema.ts";
import type { ConfigSection } from "../config/compose.ts";
import { listenAddress, section, trustedProxies } from "../config/shared.ts";
import type { Listen } from "../hosts/server.ts";

/** The port where the section names none. */
const PORT = 7334;
/** Default port of metrics that have an address of their own. */
const METRICS_PORT = 9464;
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const MANY = 1_000_000;
const HOUR_SECONDS = 60 * 60;
const DAY_SECONDS = 24 * HOUR_SECONDS;
const MONTH_DAYS = 30;
/** Rest after the first failure of a relay, and the longest, in seconds, unless the section names others. */
const BASE_BACKOFF = 5;
const MAX_BACKOFF = HOUR_SECONDS;
/** Longest message of a client, in bytes (R4). */
const MAX_MESSAGE_BYTES = 2 * MIB;

/** A host as others name this server: with its port if that is not the scheme's own. */
function publicHost() {
  const expected = "a host with or without a port, such as git.example.com or 127.0.0.1:7334";
  return v.pipe(
    v.string(expected),
    v.toLowerCase(),
    v.check(
      (given) => URL.canParse(`http://${given}/`) && new URL(`http://${given}/`).host === given,
      expected,
    ),
  );
}

/** A Nostr public key as npub or hex, kept as hex. */
function publicKey() {
  const expected = "a public key as npub1… or as 64 hex digits";
  return v.pipe(
    v.string(expected),
    v.transform((given) => readKey(given.toLowerCase())),
    v.string(expected),
  );
}

/** A secret key of 64 hex digits. */
function secretKey() {
  return secret(text("a secret key of 64 hex digits, or null", (given) => /^[0-9a-f]{64}$/.test(given)));
}

/** `<npub>/<identifier>`, an npub, or an identifier. */
function repositoryName() {
  const expected = "npub1…/identifier, an npub, or an identifier";
  return text(expected, (given) => {
    const slash = given.indexOf("/");
    if (slash === -1) return fromNpub(given) !== null || identifierFault(given) === null;
    return fromNpub(given.slice(0, slash)) !== null && identifierFault(given.slice(slash + 1)) === null;
  });
}

/** What the archive keeps (X1). */
function archiveRule() {
  const expected = "all, an npub, npub1…/identifier, an identifier, or https://HOST of a GRASP service";
  return text(expected, isArchiveRule);
}

/** One line of text. */
function line(what: string, isEmptyAllowed = false) {
  const expected = `${what}, without control characters`;
  return text(expected, (given) => (isEmptyAllowed || given !== "") && !/\p{Cc}/u.test(given));
}

/** A path that begins and ends with `/`. */
function basePath() {
  return text("a path that begins and ends with /, such as / or /grasp/", (given) =>
    /^\/(?:[a-z0-9._~-]+\/)*$/i.test(given),
  );
}

/** Another relay. */
function relay() {
  return text("a relay such as wss://relay.example.com", (given) => {
    const url = parseUrl(given);
    return url !== null && /^wss?:$/.test(url.protocol) && `${url.username}${url.search}${url.hash}` === "";
  });
}

/** A size in bytes. */
const bytes = (max: number) => whole(0, max, "a number of bytes");

function graspSchema() {
  return fields({
    domain: publicHost(),
    aliases: v.optional(listOf(publicHost(), "hosts"), []),
    listen: v.optional(listenAddress(PORT), {}),
    basePath: v.optional(basePath(), "/"),
    trustedProxies: v.nullish(trustedProxies(), null),
    dataDirectory: v.optional(line("a folder"), "./data/grasp"),
    replica: v.optional(flag(), false),
    relayKey: v.nullish(secretKey(), null),
    name: v.optional(line("a name"), "millrace"),
    description: v.optional(line("a description", true), ""),
    icon: v.nullish(line("the path of a PNG file, or null"), null),
    operatorPubkey: v.nullish(publicKey(), null),
    deny: section({
      authors: v.optional(listOf(publicKey(), "public keys"), []),
      repositories: v.optional(listOf(repositoryName(), "repositories"), []),
    }),
    allow: section({
      repositories: v.nullish(listOf(repositoryName(), "repositories"), null),
    }),
    quota: section({
      repositoriesPerAuthor: v.optional(whole(1, 1_000_000), 100),
      bytesPerAuthor: v.optional(bytes(Number.MAX_SAFE_INTEGER), 50 * GIB),
      bytesPerRepository: v.optional(bytes(Number.MAX_SAFE_INTEGER), 10 * GIB),
    }),
    archive: section({
      rules: v.optional(listOf(archiveRule(), "rules"), []),
      readOnly: v.optional(flag(), true),
    }),
    prs: section({
      enabled: v.optional(flag(), false),
    }),
    sync: section({
      enabled: v.optional(flag(), true),
      bootstrap: v.optional(listOf(relay(), "relays"), []),
      negentropy: v.optional(flag(), true),
      baseBackoffSeconds: v.optional(whole(1, HOUR_SECONDS), BASE_BACKOFF),
      maxBackoffSeconds: v.optional(whole(1, DAY_SECONDS), MAX_BACKOFF),
      avoidHours: v.optional(whole(1, MONTH_DAYS * 24), 12),
      refusedHotSeconds: v.optional(whole(0, HOUR_SECONDS), 120),
      refusedColdDays: v.optional(whole(0, MONTH_DAYS), 7),
    }),
    removeTestEvents: v.optional(flag(), false),
    allowInsecureServers: v.optional(flag(), false),
    allowLoopbackServers: v.optional(flag(), false),
    minFreeBytes: v.optional(bytes(Number.MAX_SAFE_INTEGER), 5 * GIB),
    metrics: section({
      enabled: v.optional(flag(), true),
      listen: v.optional(listenAddress(METRICS_PORT)),
    }),
    limits: section({
      subscriptions: v.optional(whole(1, 100_000), RELAY_LIMITS.subscriptions),
      connectionsPerAddress: v.optional(whole(1, MANY), RELAY_LIMITS.connectionsPerAddress),
      reportedConnections: v.optional(whole(1, MANY), RELAY_LIMITS.reportedConnections),
      connections: v.optional(whole(1, MANY), RELAY_LIMITS.connections),
      unsentBytes: v.optional(whole(MIB, GIB, "a number of bytes"), RELAY_LIMITS.unsentBytes),
      eventsAtOnce: v.optional(whole(1, MANY), RELAY_LIMITS.events.capacity),
      eventsPerMinute: v.optional(whole(1, MANY), RELAY_LIMITS.events.perMinute),
      messageBytes: v.optional(whole(64 * 1024, 64 * MIB, "a number of bytes"), MAX_MESSAGE_BYTES),
      contentBytes: v.optional(whole(0, 64 * MIB, "a number of bytes"), EVENT_LIMITS.maxContentBytes),
      tags: v.optional(whole(1, MANY), EVENT_LIMITS.maxTags),
      pingSeconds: v.optional(whole(5, HOUR_SECONDS), RELAY_LIMITS.pingMs / 1000),
      unansweredSeconds: v.optional(whole(5, HOUR_SECONDS), RELAY_LIMITS.unansweredMs / 1000),
      negotiations: v.optional(whole(1, 1000), RELAY_LIMITS.negotiations),
      negotiationRecords: v.optional(
        whole(1, RELAY_LIMITS.allNegotiationRecords),
        RELAY_LIMITS.negotiationRecords,
      ),
      negotiationIdleSeconds: v.optional(whole(1, HOUR_SECONDS), RELAY_LIMITS.negotiationIdleMs / 1000),
    }),
  });
}

/** The section `grasp` with its defaults. */
export type GraspSection = v.InferOutput<ReturnType<typeof graspSchema>>;

export const graspSection: ConfigSection<GraspSection> = {
  name: "grasp",
  secrets: ["relayKey"],
  schema: graspSchema,
  faults: contradictions,
};

/** Fields that contradict each other (O1). Reads the section as it was written. */
function contradictions(given: unknown): Fault[] {
  const { domain, aliases, deny, allow, limits } = (given ?? {}) as Written;
  const faults: Fault[] = syncFaults((given ?? {}) as Written);
  if (Array.isArray(aliases) && typeof domain === "string") {
    const own = aliases.findIndex((alias) => String(alias).toLowerCase() === domain.toLowerCase());
    if (own !== -1) {
      faults.push({ field: `aliases[${own}]`, found: `"${domain}"`, expected: "another host than domain" });
    }
  }
  faults.push(...archiveFaults((given ?? {}) as Written));
  const denied: unknown[] = Array.isArray(deny?.repositories) ? deny.repositories : [];
  const allowed: unknown[] = Array.isArray(allow?.repositories) ? allow.repositories : [];
  for (const [index, name] of allowed.entries()) {
    if (!denied.includes(name)) continue;
    faults.push({
      field: `allow.repositories[${index}]`,
      found: `"${name}"`,
      expected: "a repository that deny.repositories does not list",
    });
  }
  const { messageBytes = MAX_MESSAGE_BYTES, contentBytes = EVENT_LIMITS.maxContentBytes } = limits ?? {};
  if (typeof messageBytes === "number" && typeof contentBytes === "number" && contentBytes > messageBytes) {
    const expected = "at most limits.messageBytes, because an event comes in one message";
    faults.push({ field: "limits.contentBytes", found: String(contentBytes), expected });
  }
  return faults;
}

/** A read-only archive takes what its rules name, and no pushes (X3, X4). */
function archiveFaults({ archive, allow, prs }: Written): Fault[] {
  const isOn = Array.isArray(archive?.rules) && archive.rules.length > 0;
  if (!isOn || archive?.readOnly === false) return [];
  const faults: Fault[] = [];
  const unless = "unless archive.readOnly is false";
  if (Array.isArray(allow?.repositories))
    faults.push({ field: "allow.repositories", found: "a list", expected: `null, ${unless}` });
  if (prs?.enabled === true)
    faults.push({ field: "prs.enabled", found: "true", expected: `false, ${unless}` });
  return faults;
}

function syncFaults({ sync, allowInsecureServers }: Written): Fault[] {
  const faults: Fault[] = [];
  const {
    baseBackoffSeconds: base = BASE_BACKOFF,
    maxBackoffSeconds: max = MAX_BACKOFF,
    bootstrap,
  } = sync ?? {};
  if (typeof base === "number" && typeof max === "number" && base > max) {
    const expected = "at least sync.baseBackoffSeconds";
    faults.push({ field: "sync.maxBackoffSeconds", found: String(max), expected });
  }
  if (allowInsecureServers === true || !Array.isArray(bootstrap)) return faults;
  for (const [index, url] of bootstrap.entries()) {
    if (!/^ws:/i.test(String(url))) continue;
    const expected = "a wss: URL, unless allowInsecureServers is true";
    faults.push({ field: `sync.bootstrap[${index}]`, found: `"${url}"`, expected });
  }
  return faults;
}

/** What is archived; `null`: nothing (X1). */
export function archiveOf({ archive }: Pick<GraspSection, "archive">): Archive | null {
  return archive.rules.length === 0 ? null : { rules: new Set(archive.rules), isReadOnly: archive.readOnly };
}

/** Whether relays are followed (GRASP-02). An archive always does (X2): nothing else fills it. */
export function followsRelays(section: Pick<GraspSection, "sync" | "archive">): boolean {
  return section.sync.enabled || archiveOf(section) !== null;
}

/** The settings of relay sync, as it takes them. */
export function relaySyncSettings({ sync, allowInsecureServers }: GraspSection): RelaySyncSettings {
  return {
    bootstrap: sync.bootstrap,
    negentropy: sync.negentropy,
    baseBackoffMs: sync.baseBackoffSeconds * 1000,
    maxBackoffMs: sync.maxBackoffSeconds * 1000,
    avoidMs: sync.avoidHours * HOUR_SECONDS * 1000,
    refusedHotMs: sync.refusedHotSeconds * 1000,
    refusedColdMs: sync.refusedColdDays * DAY_SECONDS * 1000,
    allowInsecure: allowInsecureServers,
  };
}

/** The relay's limits, as it takes them (R4). */
export function relayLimits({ limits }: Pick<GraspSection, "limits">): RelayLimits {
  return {
    ...RELAY_LIMITS,
    subscriptions: limits.subscriptions,
    connectionsPerAddress: limits.connectionsPerAddress,
    reportedConnections: limits.reportedConnections,
    connections: limits.connections,
    unsentBytes: limits.unsentBytes,
    events: { capacity: limits.eventsAtOnce, perMinute: limits.eventsPerMinute },
    pingMs: limits.pingSeconds * 1000,
    unansweredMs: limits.unansweredSeconds * 1000,
    negotiations: limits.negotiations,
    negotiationRecords: limits.negotiationRecords,
    negotiationIdleMs: limits.negotiationIdleSeconds * 1000,
  };
}

/** The limits of one event (R9). */
export function eventLimits({ limits }: Pick<GraspSection, "limits">): EventLimits {
  return { ...EVENT_LIMITS, maxTags: limits.tags, maxContentBytes: limits.contentBytes };
}

/** Addresses of this machine are asked only by a server that itself is on this machine only. */
export function loopbackFault({ allowLoopbackServers }: GraspSection, listen: Listen): Fault[] {
  if (!allowLoopbackServers || isLoopbackHost(listen.host)) return [];
  const expected = "false, unless listen.host is this machine's own";
  return [{ field: "allowLoopbackServers", found: "true", expected }];
}

/** The fields that {@link contradictions} looks at, of any type. */
interface Written {
  readonly domain?: unknown;
  readonly aliases?: unknown;
  readonly deny?: { readonly repositories?: unknown } | null;
  readonly allow?: { readonly repositories?: unknown } | null;
  readonly archive?: { readonly rules?: unknown; readonly readOnly?: unknown } | null;
  readonly prs?: { readonly enabled?: unknown } | null;
  readonly allowInsecureServers?: unknown;
  readonly sync?: {
    readonly baseBackoffSeconds?: unknown;
    readonly maxBackoffSeconds?: unknown;
    readonly bootstrap?: unknown;
  } | null;
  readonly limits?: { readonly messageBytes?: unknown; readonly contentBytes?: unknown } | null;
}

/** Where metrics are served: on the service's own port, on a port of its own, or nowhere. */
export type MetricsPlace = "public" | "off" | Listen;

/** Reads `metrics`. */
export function metricsPlace({ metrics: { enabled, listen } }: Pick<GraspSection, "metrics">): MetricsPlace {
  return enabled ? (listen ?? "public") : "off";
}
