/**
 * The partners: those of the configuration, and those registered while running, which the store keeps for all instances. Requests
 * find them in memory. A version key, read in the background, announces changes of other instances.
 * @module
 */
import type { HotPath } from "../../../wasm/hotpath.ts";
import { toHex } from "../../lib/hex.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Fault } from "../../lib/schema.ts";
import { settlesWithin } from "../../lib/within.ts";
import type { Clock, LogFields, Random, Store } from "../../platform.ts";
import { STORE_TIMEOUTS_MS } from "../timeouts.ts";
import { ChangesInTurn } from "./changes-in-turn.ts";
import {
  isPartnerId,
  keyHashesOf,
  type Partner,
  type PartnerRules,
  parsePartner,
  sealPartner,
  type WhichKey,
} from "./partner.ts";
import { createPartnerIndex } from "./partner-index.ts";
import { decodeRecord, encodeRecord, keyWithHash, withChanges } from "./partner-record.ts";

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

/** Options of {@link Registry.register}. */
export interface RegisterOptions {
  /** Returns the faults and writes nothing, even if there are none. Default: false. */
  checkOnly?: boolean;
  /** The key that a new one replaces becomes the previous key and stays valid. Default: false, every old key ends at once. */
  keepsKey?: boolean;
}

/** The result of {@link Registry.authenticate}. */
export interface Authenticated {
  partner: Partner;
  key: WhichKey;
}

/** The result of {@link Registry.remove}. */
export type Removal = "removed" | "unknown" | "configured";

/** The partners of one service. */
export interface Registry {
  get(id: string): Partner | undefined;
  /** Partners with `pullSyncEnabled`: the same array until one of them changes. */
  pulling(): readonly Partner[];
  /** Partners with a `pixelUrl`: the same array until one of them changes. */
  withPixels(): readonly Partner[];
  /**
   * The partners whose `sourceDomain` this is, by id in order.
   * @param source in lower case.
   */
  bySource(source: string): readonly Partner[];
  /** Whether any partner has a `sourceDomain`. */
  hasSources(): boolean;
  /** Whether any partner has an id in the IAB's Global Vendor List. */
  hasVendors(): boolean;
  all(): { partner: Partner; source: PartnerSource }[];
  /**
   * The partner of whose API keys one has this hash, and which one. A registered partner's record is read again, so that a key which another instance
   * replaced is refused at once.
   * @param keyHash SHA-256 of the key, as lower-case hex.
   * @throws if the store fails.
   */
  authenticate(keyHash: string): Promise<Authenticated | null>;
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
   * @throws if the store fails.
   */
  register(input: JsonObject, options?: RegisterOptions): Promise<Registration>;
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
  return new StoreRegistry(dependencies);
}

class StoreRegistry implements Registry {
  readonly #given: RegistryDependencies;
  readonly #index = createPartnerIndex();
  readonly #configuredIds = new Set<string>();
  /** The revision of each registered partner that the index holds. */
  readonly #revisions = new Map<string, string>();
  /** The store's version that the index has. `undefined`: never loaded. */
  #knownVersion: string | null | undefined;
  #loadedAtMs = 0;
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<void> | null = null;
  /** So that a listing that began before a registration does not undo it. */
  readonly #changes: ChangesInTurn;
  /** Counts the calls of `configure`. A partner that the configuration hid may be registered: the store is listed again. */
  #configuration = 0;
  #listedConfiguration = 0;

  constructor(dependencies: RegistryDependencies) {
    this.#given = dependencies;
    this.#changes = new ChangesInTurn(dependencies.clock);
    this.configure(dependencies.configured);
  }

  get(id: string): Partner | undefined {
    return this.#index.get(id);
  }

  pulling(): readonly Partner[] {
    return this.#index.pulling();
  }

  withPixels(): readonly Partner[] {
    return this.#index.withPixels();
  }

  bySource(source: string): readonly Partner[] {
    return this.#index.bySource(source);
  }

  hasSources(): boolean {
    return this.#index.hasSources();
  }

  hasVendors(): boolean {
    return this.#index.hasVendors();
  }

  all(): { partner: Partner; source: PartnerSource }[] {
    return Array.from(this.#index.all(), (partner) => ({
      partner,
      source: this.#configuredIds.has(partner.id) ? "configuration" : "registered",
    }));
  }

  configure(partners: readonly Partner[]): void {
    const ids = new Set(partners.map(({ id }) => id));
    for (const id of this.#configuredIds) {
      if (ids.has(id)) continue;
      this.#configuredIds.delete(id);
      this.#index.delete(id);
    }
    for (const partner of partners) {
      this.#configuredIds.add(partner.id);
      this.#revisions.delete(partner.id);
      this.#index.set(partner);
    }
    this.#configuration++;
    this.#checkedAtMs = Number.NEGATIVE_INFINITY;
  }

  async authenticate(keyHash: string): Promise<Authenticated | null> {
    const { hotPath, store } = this.#given;
    const partner = this.#index.byKeyHash(keyHash);
    if (partner === undefined) return null;
    const key = keyWithHash(hotPath, partner, keyHash);
    if (key === null || this.#configuredIds.has(partner.id)) return key === null ? null : { partner, key };
    const stored = await store.get(PREFIX + partner.id);
    if (stored === null) return null;
    const now = decodeRecord(stored.value);
    const keyNow = keyWithHash(hotPath, now, keyHash);
    return keyNow === null ? null : { partner: now, key: keyNow };
  }

  isKnown(): boolean {
    return this.#knownVersion !== undefined;
  }

  async ready(): Promise<boolean> {
    if (this.isKnown()) return true;
    const { clock, log } = this.#given;
    await settlesWithin(this.refresh(), STORE_TIMEOUTS_MS.partners, clock).catch((error) =>
      log.error("registry", "the registered partners cannot be read", { error }),
    );
    return this.isKnown();
  }

  isDue(): boolean {
    if (this.#refreshing !== null && !this.#changes.isLost()) return false;
    return this.#given.clock.now() - this.#checkedAtMs >= CHECK_EVERY_MS;
  }

  refresh(): Promise<void> {
    if (this.#refreshing !== null && !this.#changes.isLost()) return this.#refreshing;
    const refreshing = this.#changes
      .run(() => this.#check())
      .finally(() => {
        if (this.#refreshing === refreshing) this.#refreshing = null;
      });
    this.#refreshing = refreshing;
    return refreshing;
  }

  register(input: JsonObject, options: RegisterOptions = {}): Promise<Registration> {
    return this.#changes.run(() => this.#register(input, options));
  }

  remove(id: string): Promise<Removal> {
    return this.#changes.run(() => this.#remove(id));
  }

  /** Lists the store if another instance, or the configuration, changed anything. */
  async #check(): Promise<void> {
    const { store, clock } = this.#given;
    this.#checkedAtMs = clock.now();
    const version = (await store.get(VERSION_KEY))?.value ?? null;
    const isTrusted = store.traits.readAfterWrite || this.#checkedAtMs - this.#loadedAtMs < DISTRUST_AFTER_MS;
    const current = this.#configuration;
    if (version === this.#knownVersion && isTrusted && this.#listedConfiguration === current) return;
    await this.#reload();
    this.#listedConfiguration = current;
    this.#knownVersion = version;
    this.#loadedAtMs = this.#checkedAtMs;
  }

  /** Applies the store's list, and reads only the records that changed. */
  async #reload(): Promise<void> {
    const listed = new Set<string>();
    let cursor: string | null = null;
    do {
      const page = await this.#given.store.list(PREFIX, { cursor });
      const changed: [string, string][] = [];
      for (const { key, metadata } of page.entries) {
        const id = key.slice(PREFIX.length);
        const revision = String((metadata as { revision?: string } | null)?.revision);
        listed.add(id);
        if (!this.#configuredIds.has(id) && this.#revisions.get(id) !== revision)
          changed.push([id, revision]);
      }
      for (let at = 0; at < changed.length; at += READS_AT_ONCE) {
        const some = changed.slice(at, at + READS_AT_ONCE);
        await Promise.all(some.map(([id, revision]) => this.#load(id, revision)));
      }
      cursor = page.cursor;
    } while (cursor !== null);
    for (const id of [...this.#revisions.keys()]) if (!listed.has(id)) this.#drop(id);
  }

  async #load(id: string, revision: string): Promise<void> {
    const { store, log } = this.#given;
    const stored = await store.get(PREFIX + id);
    if (stored === null) return this.#drop(id);
    try {
      this.#apply(decodeRecord(stored.value), revision);
    } catch (error) {
      log.error(`partner ${id}`, "a partner's record cannot be read and is left out", { partner: id, error });
    }
  }

  #apply(partner: Partner, revision: string): void {
    if (this.#configuredIds.has(partner.id)) return;
    this.#index.set(partner);
    this.#revisions.set(partner.id, revision);
  }

  #drop(id: string): void {
    if (this.#configuredIds.has(id)) return;
    this.#index.delete(id);
    this.#revisions.delete(id);
  }

  async #register(
    input: JsonObject,
    { checkOnly = false, keepsKey = false }: RegisterOptions,
  ): Promise<Registration> {
    const { store, rules, sha256Hex } = this.#given;
    const id = typeof input.id === "string" && isPartnerId(input.id) ? input.id : null;
    if (id !== null && this.#configuredIds.has(id)) return { outcome: "configured" };
    await this.#check();
    for (let attempt = 0; attempt <= MAX_RETRIES; attempt++) {
      const stored = id === null ? null : await store.get(PREFIX + id);
      const { generation: own, ...known } = stored === null ? { generation: 0 } : decodeRecord(stored.value);
      const parsed = parsePartner(
        stored === null ? input : withChanges(known as Partner, input, keepsKey),
        rules,
      );
      if ("faults" in parsed) return { outcome: "invalid", faults: parsed.faults };
      // Read after the record: a removal counts itself before it deletes the record.
      const generation = stored === null ? await this.#removals(parsed.partner.id) : own;
      const sealed = sealPartner(parsed.partner, sha256Hex);
      const partner = generation === undefined || generation === 0 ? sealed : { ...sealed, generation };
      const faults = this.#keyFaults(partner);
      if (checkOnly || faults.length > 0) return { outcome: "invalid", faults };
      const revision = this.#freshRevision();
      const put = await store.put(PREFIX + partner.id, encodeRecord(partner), {
        ifVersion: stored === null ? null : stored.version,
        metadata: { revision },
      });
      if (!put.ok) continue;
      this.#apply(partner, revision);
      await this.#announce();
      return { outcome: stored === null ? "created" : "updated", partner };
    }
    throw new Error("a partner's record was changed by others at every attempt; nothing was written");
  }

  async #remove(id: string): Promise<Removal> {
    const { store } = this.#given;
    if (this.#configuredIds.has(id)) return "configured";
    if (!isPartnerId(id) || (await store.get(PREFIX + id)) === null) return "unknown";
    await store.put(REMOVED_PREFIX + id, String((await this.#removals(id)) + 1));
    await store.delete(PREFIX + id);
    this.#drop(id);
    await this.#announce();
    return "removed";
  }

  /** Announces a change to the other instances. If no other one changed anything meanwhile, this one need not list again. */
  async #announce(): Promise<void> {
    const { store } = this.#given;
    const before = await store.get(VERSION_KEY);
    const version = this.#freshRevision();
    if ((before?.value ?? null) === this.#knownVersion) {
      const put = await store.put(VERSION_KEY, version, { ifVersion: before?.version ?? null });
      if (put.ok) {
        this.#knownVersion = version;
        return;
      }
    }
    await store.put(VERSION_KEY, version);
  }

  /** Number of partners that were removed under an id. */
  async #removals(id: string): Promise<number> {
    return Number((await this.#given.store.get(REMOVED_PREFIX + id))?.value ?? 0);
  }

  #keyFaults(partner: Partner): Fault[] {
    return keyHashesOf(partner).flatMap((hash) => {
      const other = this.#index.byKeyHash(hash);
      if (other === undefined || other.id === partner.id) return [];
      const field = hash === partner.apiKeyHash ? "apiKey" : "previousApiKey";
      return [{ field, found: "the key of another partner", expected: "one of its own for each partner" }];
    });
  }

  #freshRevision(): string {
    const bytes = new Uint8Array(12);
    this.#given.random.fill(bytes);
    return toHex(bytes);
  }
}
