/**
 * Gathers what the page of a repository tells.
 * @module
 */
import {
  type FactSources,
  idsWanted,
  type RepositoryFacts,
  repositoryFacts,
} from "../../../runtime/grasp/facts.ts";
import type { Known } from "../../../runtime/grasp/known.ts";
import { maintainerSet } from "../../../runtime/grasp/maintainers.ts";
import type { Waiting } from "../../../runtime/grasp/purgatory/waiting.ts";
import type { Asked } from "../../../runtime/grasp/purgatory-sync/history.ts";
import type { RepairResult } from "../../../runtime/grasp/repair-plan.ts";
import { presentIds } from "../git/connected-ids.ts";
import type { DiskRepositories } from "../repositories.ts";

/** How long facts are shown again, in milliseconds: pages start Git processes. */
const FACTS_MS = 2000;
/** Repositories whose facts are kept. */
const MAX_KEPT = 1000;
/** How long Git may take, in milliseconds. */
const GIT_MS = 10_000;

export interface FactGathererParts {
  readonly grasp: { readonly known: Known; readonly purgatory: Pick<Waiting, "entries"> };
  readonly repositories: DiskRepositories;
  /** An empty folder. */
  readonly home: string;
  readonly nowMs: () => number;
  /** Host and base path of this server. */
  readonly address: string;
  /** Which servers were asked for an identifier. */
  asked(identifier: string): readonly Asked[];
  /** The last check of a repository by repair. */
  repaired(owner: string, identifier: string): RepairResult | null;
}

export class FactGatherer {
  readonly #parts: FactGathererParts;
  readonly #kept = new Map<
    string,
    { readonly facts: Promise<RepositoryFacts | null>; readonly atMs: number }
  >();

  constructor(parts: FactGathererParts) {
    this.#parts = parts;
  }

  /** The facts of a repository, as they were within the last seconds; `null`: it is not hosted here (G8). */
  async of(owner: string, identifier: string): Promise<RepositoryFacts | null> {
    const announcements = this.#parts.grasp.known.announcements(identifier);
    const own = announcements.get(owner);
    if (own === undefined || own.status === "soft_expired" || !own.isHosted) return null;
    const key = `${owner}/${identifier}`;
    const nowMs = this.#parts.nowMs();
    const known = this.#kept.get(key);
    if (known !== undefined && nowMs - known.atMs < FACTS_MS && nowMs >= known.atMs) return known.facts;
    const facts = this.#gather(owner, identifier, announcements);
    facts.catch(() => this.#kept.delete(key));
    this.#kept.delete(key);
    if (this.#kept.size >= MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(key, { facts, atMs: nowMs });
    return facts;
  }

  async #gather(
    owner: string,
    identifier: string,
    announcements: FactSources["announcements"],
  ): Promise<RepositoryFacts> {
    const { grasp, repositories, address } = this.#parts;
    const newest = new Map([...announcements].map(([author, known]) => [author, known.announcement]));
    const state = grasp.known.authoritative(owner, identifier, maintainerSet(owner, newest));
    const path = repositories.pathOf(owner, identifier);
    const known: Omit<FactSources, "missing" | "snapshot"> = {
      owner,
      identifier,
      address,
      announcements,
      state,
      isStateServed: state !== null && grasp.known.served(state.event.id) !== null,
      entries: grasp.purgatory.entries(identifier),
      asked: this.#parts.asked(identifier),
      repair: this.#parts.repaired(owner, identifier),
    };
    const snapshot = path === null ? null : await repositories.open(owner, identifier)!.refs();
    const missing = await this.#missing(idsWanted(known), path);
    return repositoryFacts({ ...known, snapshot, missing });
  }

  /** Those of some ids that are not in a repository. */
  async #missing(ids: readonly string[], path: string | null): Promise<Set<string>> {
    // Git would read other texts as names of revisions (T5).
    const asked = ids.filter((id) => /^[0-9a-f]{40}$/.test(id));
    if (path === null || asked.length === 0) return new Set(ids);
    const place = {
      home: this.#parts.home,
      repository: path,
      signal: AbortSignal.timeout(GIT_MS),
      trustsRefs: true,
    };
    const present = new Set(await presentIds(asked, place));
    return new Set(ids.filter((id) => !present.has(id)));
  }
}
