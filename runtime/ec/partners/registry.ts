/**
 * The partners: those of the configuration, and those registered while running, which the store keeps for all instances. Requests
 * find them in memory. A version key, read in the background, announces changes of other instances.
 * @module
 */
import type { HotPath } from "../../../wasm/hotpath.ts";
import { toHex } from "../../lib/hex.ts";
import { type JsonObject, parseJson } from "../../lib/json.ts";
import type { Fault } from "../../lib/schema.ts";
import { settlesWithin } from "../../lib/within.ts";
import type { Clock, LogFields, Random, Store } from "../../platform.ts";
import { STORE_TIMEOUTS_MS } from "../timeouts.ts";
import { isPartnerId, type Partner, type PartnerRules, parsePartner, sealPartner } from "./partner.ts";
import { createPartnerIndex } from "./partner-index.ts";

/** Its value changes with every registration and removal on any instance. */
const VERSION_KEY = "partners:version";
const PREFIX = "partner:";
/** The number of partners that were removed under an id. Never deleted: the graph may hold their uids for a year or more. */
const REMOVED_PREFIX = "partners:removed:";
/** Interval of the check for changes, in milliseconds. */
const CHECK_EVERY_MS = 5000;
/** How long a listing is trusted on a store whose reads may be stale, in milliseconds. */
const DISTRUST_AFTER_MS = 60_000;
/** Number of records that are read at once. */
const READS_AT_ONCE = 64;
/** Number of retries of a change that lost a race. */
const MAX_RETRIES = 3;

/** Where a partner was defined. */
export type PartnerSource = "configuration" | "registered";

/** The result of {@link Registry.register}. */
export type Registration =
  | { outcome: "created" | "updated"; partner: Partner }
  | { outcome: "invalid"; faults: Fault[] }
  /** The partner is in the configuration and can only be changed there. */
  | { outcome: "configured" };

/** The result of {@link Registry.remove}. */
export type Removal = "removed" | "unknown" | "configured";

/** The partners of one service. */
export interface Registry {
  get(id: string): Partner | undefined;
  /** Partners with `pullSyncEnabled`: the same array until one of them changes. */
  pulling(): readonly Partner[];
  all(): { partner: Partner; source: PartnerSource }[];
  /**
   * The partner whose API key has this hash. A registered partner's record is read again, so that a key which another instance
   * replaced is refused at once.
   * @param keyHash SHA-256 of the key, as lower-case hex.
   * @throws if the store fails.
   */
  authenticate(keyHash: string): Promise<Partner | null>;
  /** Whether the registered partners are known. */
  isKnown(): boolean;
  /** The same, but waits a while for the first read of the store. Never throws. */
  ready(): Promise<boolean>;
  /** Whether it is time to check for changes. */
  isDue(): boolean;
  /** Reads changes from the store and applies them. Calls that overlap share one run. */
  refresh(): Promise<void>;
  /**
   * Adds a partner, or changes the given fields of one. Takes effect on this instance at once.
   * @param input from outside, its fields in camelCase.
   * @param checkOnly returns the faults and writes nothing, even if there are none.
   * @throws if the store fails.
   */
  register(input: JsonObject, checkOnly?: boolean): Promise<Registration>;
  /** @throws if the store fails. */
  remove(id: string): Promise<Removal>;
  /**
   * Replaces the configuration's partners, without a restart. A registered partner whose id is no longer in the configuration is
   * read from the store again by the next refresh.
   */
  configure(configured: readonly Partner[]): void;
}

/** What a registry needs. */
export interface RegistryDependencies {
  /** The partners of the configuration. */
  configured: readonly Partner[];
  rules: PartnerRules;
  store: Store;
  clock: Clock;
  random: Random;
  hotPath: Pick<HotPath, "equal">;
  /** SHA-256 of a text in UTF-8, as lower-case hex. */
  sha256Hex: (text: string) => string;
  log: { error(key: string, message: string, fields?: LogFields): void };
}

/** Creates a registry. Reads nothing yet. */
export function createRegistry(dependencies: RegistryDependencies): Registry {
  const { configured, rules, store, clock, random, hotPath, sha256Hex, log } = dependencies;
  const index = createPartnerIndex();
  const configuredIds = new Set<string>();

  /** The revision of each registered partner that the index holds. */
  const revisions = new Map<string, string>();
  let knownVersion: string | null | undefined; // undefined: never loaded
  let loadedAtMs = 0;
  let checkedAtMs = Number.NEGATIVE_INFINITY;
  let refreshing: Promise<void> | null = null;
  let last: Promise<unknown> = Promise.resolve();
  /** Counts the calls of `configure`. A partner that the configuration hid may be registered: the store is listed again. */
  let configuration = 0;
  let listedConfiguration = 0;
  configure(configured);

  function configure(partners: readonly Partner[]): void {
    const ids = new Set(partners.map(({ id }) => id));
    for (const id of configuredIds) {
      if (ids.has(id)) continue;
      configuredIds.delete(id);
      index.delete(id);
    }
    for (const partner of partners) {
      configuredIds.add(partner.id);
      revisions.delete(partner.id);
      index.set(partner);
    }
    configuration++;
    checkedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Runs changes of the index one after the other, so that a listing that began before a registration does not undo it. */
  function exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = last.then(work);
    last = run.catch(() => {});
    return run;
  }

  function freshRevision(): string {
    const bytes = new Uint8Array(12);
    random.fill(bytes);
    return toHex(bytes);
  }

  function apply(partner: Partner, revision: string): void {
    if (configuredIds.has(partner.id)) return;
    index.set(partner);
    revisions.set(partner.id, revision);
  }

  function drop(id: string): void {
    if (configuredIds.has(id)) return;
    index.delete(id);
    revisions.delete(id);
  }

  async function load(id: string, revision: string): Promise<void> {
    const stored = await store.get(PREFIX + id);
    if (stored === null) return drop(id);
    try {
      apply(decode(stored.value), revision);
    } catch (error) {
      log.error(`partner ${id}`, "a partner's record cannot be read and is left out", { partner: id, error });
    }
  }

  /** Applies the store's list, and reads only the records that changed. */
  async function reload(): Promise<void> {
    const listed = new Set<string>();
    let cursor: string | null = null;
    do {
      const page = await store.list(PREFIX, { cursor });
      const changed: [string, string][] = [];
      for (const { key, metadata } of page.entries) {
        const id = key.slice(PREFIX.length);
        const revision = String((metadata as { revision?: string } | null)?.revision);
        listed.add(id);
        if (!configuredIds.has(id) && revisions.get(id) !== revision) changed.push([id, revision]);
      }
      for (let at = 0; at < changed.length; at += READS_AT_ONCE) {
        await Promise.all(changed.slice(at, at + READS_AT_ONCE).map(([id, revision]) => load(id, revision)));
      }
      cursor = page.cursor;
    } while (cursor !== null);
    for (const id of [...revisions.keys()]) if (!listed.has(id)) drop(id);
  }

  async function check(): Promise<void> {
    checkedAtMs = clock.now();
    const version = (await store.get(VERSION_KEY))?.value ?? null;
    const isTrusted = store.traits.readAfterWrite || checkedAtMs - loadedAtMs < DISTRUST_AFTER_MS;
    if (version === knownVersion && isTrusted && listedConfiguration === configuration) return;
    const current = configuration;
    await reload();
    listedConfiguration = current;
    knownVersion = version;
    loadedAtMs = checkedAtMs;
  }

  function refresh(): Promise<void> {
    refreshing ??= exclusive(check).finally(() => {
      refreshing = null;
    });
    return refreshing;
  }

  /** Announces a change to the other instances. If no other one changed anything meanwhile, this one need not list again. */
  async function announce(): Promise<void> {
    const before = await store.get(VERSION_KEY);
    const version = freshRevision();
    if ((before?.value ?? null) === knownVersion) {
      const put = await store.put(VERSION_KEY, version, { ifVersion: before?.version ?? null });
      if (put.ok) {
        knownVersion = version;
        return;
      }
    }
    await store.put(VERSION_KEY, version);
  }

  /** Number of partners that were removed under an id. */
  async function removals(id: string): Promise<number> {
    return Number((await store.get(REMOVED_PREFIX + id))?.value ?? 0);
  }

  function keyFaults({ id, apiKeyHash }: Partner): Fault[] {
    const other = apiKeyHash === null ? undefined : index.byKeyHash(apiKeyHash);
    if (other === undefined || other.id === id) return [];
    return [
      { field: "apiKey", found: "the key of another partner", expected: "one of its own for each partner" },
    ];
  }

  async function register(input: JsonObject, checkOnly: boolean): Promise<Registration> {
    const id = typeof input.id === "string" && isPartnerId(input.id) ? input.id : null;
    if (id !== null && configuredIds.has(id)) return { outcome: "configured" };
    await check();
    for (let attempt = 0; attempt <= MAX_RETRIES; attempt++) {
      const stored = id === null ? null : await store.get(PREFIX + id);
      const { generation: own, ...known } = stored === null ? { generation: 0 } : decode(stored.value);
      const parsed = parsePartner(stored === null ? input : changed(known as Partner, input), rules);
      if ("faults" in parsed) return { outcome: "invalid", faults: parsed.faults };
      // Read after the record: a removal counts itself before it deletes the record.
      const generation = stored === null ? await removals(parsed.partner.id) : own;
      const sealed = sealPartner(parsed.partner, sha256Hex);
      const partner = generation === undefined || generation === 0 ? sealed : { ...sealed, generation };
      const faults = keyFaults(partner);
      if (checkOnly || faults.length > 0) return { outcome: "invalid", faults };
      const revision = freshRevision();
      const put = await store.put(PREFIX + partner.id, JSON.stringify({ v: 1, ...partner }), {
        ifVersion: stored === null ? null : stored.version,
        metadata: { revision },
      });
      if (!put.ok) continue;
      apply(partner, revision);
      await announce();
      return { outcome: stored === null ? "created" : "updated", partner };
    }
    throw new Error("a partner's record was changed by others at every attempt; nothing was written");
  }

  async function remove(id: string): Promise<Removal> {
    if (configuredIds.has(id)) return "configured";
    if (!isPartnerId(id) || (await store.get(PREFIX + id)) === null) return "unknown";
    await store.put(REMOVED_PREFIX + id, String((await removals(id)) + 1));
    await store.delete(PREFIX + id);
    drop(id);
    await announce();
    return "removed";
  }

  return {
    get: (id) => index.get(id),
    pulling: () => index.pulling(),
    all: () =>
      Array.from(index.all(), (partner) => ({
        partner,
        source: configuredIds.has(partner.id) ? "configuration" : "registered",
      })),
    async authenticate(keyHash) {
      const partner = index.byKeyHash(keyHash);
      if (partner === undefined || !isSameHash(hotPath, partner.apiKeyHash, keyHash)) return null;
      if (configuredIds.has(partner.id)) return partner;
      const stored = await store.get(PREFIX + partner.id);
      const now = stored === null ? null : decode(stored.value);
      return now !== null && isSameHash(hotPath, now.apiKeyHash, keyHash) ? now : null;
    },
    isKnown: () => knownVersion !== undefined,
    async ready() {
      if (knownVersion !== undefined) return true;
      await settlesWithin(refresh(), STORE_TIMEOUTS_MS.partners, clock).catch((error) =>
        log.error("registry", "the registered partners cannot be read", { error }),
      );
      return knownVersion !== undefined;
    },
    isDue: () => refreshing === null && clock.now() - checkedAtMs >= CHECK_EVERY_MS,
    refresh,
    register: (input, checkOnly = false) => exclusive(() => register(input, checkOnly)),
    remove: (id) => exclusive(() => remove(id)),
    configure,
  };
}

/** A stored record with the given fields in place of its own; a new key replaces the old one's hash. */
function changed(stored: Partner, input: JsonObject): JsonObject {
  const { apiKeyHash, ...rest } = stored;
  return input.apiKey === undefined ? { ...rest, apiKeyHash, ...input } : { ...rest, ...input };
}

/** @throws {Error} if the record is not one of version 1. */
function decode(text: string): Partner {
  const { v, ...partner } = parseJson(text, "a partner's record") as Partner & { v: unknown };
  if (v !== 1) throw new Error("a partner's record is of another version than 1");
  return partner;
}

function isSameHash({ equal }: Pick<HotPath, "equal">, ours: string | null, given: string): boolean {
  const encoder = new TextEncoder();
  return ours !== null && equal(encoder.encode(ours), encoder.encode(given));
}
