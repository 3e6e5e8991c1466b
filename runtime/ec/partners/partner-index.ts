import { keyHashesOf, type Partner } from "./partner.ts";

/** Partners by id and by each of their API keys. Every look-up takes the same time, whatever their number. */
export interface PartnerIndex {
  get(id: string): Partner | undefined;
  /** @param keyHash SHA-256 of an API key, as lower-case hex. */
  byKeyHash(keyHash: string): Partner | undefined;
  /**
   * The partners whose `sourceDomain` this is, by id in order.
   * @param source in lower case.
   */
  bySource(source: string): readonly Partner[];
  /** Whether any partner has a `sourceDomain`. */
  hasSources(): boolean;
  /** Partners with `pullSyncEnabled`: the same array until one of them changes. */
  pulling(): readonly Partner[];
  /** Partners with a `pixelUrl`: the same array until one of them changes. */
  withPixels(): readonly Partner[];
  /** Whether any partner has an id in the IAB's Global Vendor List. */
  hasVendors(): boolean;
  all(): Iterable<Partner>;
  /** Adds a partner, or replaces the one with its id. */
  set(partner: Partner): void;
  delete(id: string): void;
}

const NONE: readonly Partner[] = [];

/** Creates an empty index. */
export function createPartnerIndex(): PartnerIndex {
  const byId = new Map<string, Partner>();
  const byKeyHash = new Map<string, Partner>();
  /** The partners of each source, by id in order. */
  const bySource = new Map<string, Partner[]>();
  const pulling = new Kind(({ pullSyncEnabled }) => pullSyncEnabled);
  // Records that were stored without the field have no pixel.
  const withPixels = new Kind(({ pixelUrl }) => Boolean(pixelUrl));
  let vendors = 0;

  function forget(partner: Partner | undefined): void {
    if (partner === undefined) return;
    byId.delete(partner.id);
    if (partner.gvlId) vendors--;
    for (const hash of keyHashesOf(partner)) {
      if (byKeyHash.get(hash) === partner) byKeyHash.delete(hash);
    }
    pulling.delete(partner);
    withPixels.delete(partner);
    const { sourceDomain } = partner;
    if (!sourceDomain) return;
    const others = bySource.get(sourceDomain)!.filter((other) => other !== partner);
    if (others.length > 0) bySource.set(sourceDomain, others);
    else bySource.delete(sourceDomain);
  }

  return {
    get: (id) => byId.get(id),
    byKeyHash: (keyHash) => byKeyHash.get(keyHash),
    bySource: (source) => bySource.get(source) ?? NONE,
    hasSources: () => bySource.size > 0,
    pulling: () => pulling.list(),
    withPixels: () => withPixels.list(),
    hasVendors: () => vendors > 0,
    all: () => byId.values(),
    set(partner) {
      forget(byId.get(partner.id));
      byId.set(partner.id, partner);
      if (partner.gvlId) vendors++;
      // Registration refuses another partner's key. If two have one key all the same, the first keeps it.
      for (const hash of keyHashesOf(partner)) {
        if (!byKeyHash.has(hash)) byKeyHash.set(hash, partner);
      }
      pulling.add(partner);
      withPixels.add(partner);
      const { sourceDomain } = partner;
      if (sourceDomain) {
        const all = [...(bySource.get(sourceDomain) ?? []), partner];
        bySource.set(
          sourceDomain,
          all.sort((a, b) => (a.id < b.id ? -1 : 1)),
        );
      }
    },
    delete: (id) => forget(byId.get(id)),
  };
}

/** The partners of one kind. */
class Kind {
  readonly #isOne: (partner: Partner) => boolean;
  readonly #byId = new Map<string, Partner>();
  #list: readonly Partner[] | null = null;

  constructor(isOne: (partner: Partner) => boolean) {
    this.#isOne = isOne;
  }

  add(partner: Partner): void {
    if (!this.#isOne(partner)) return;
    this.#byId.set(partner.id, partner);
    this.#list = null;
  }

  delete({ id }: Partner): void {
    if (this.#byId.delete(id)) this.#list = null;
  }

  /** The same array until one of them changes. */
  list(): readonly Partner[] {
    this.#list ??= [...this.#byId.values()];
    return this.#list;
  }
}
