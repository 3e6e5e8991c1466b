/**
 * The operator's lists, which a new configuration replaces while the service runs.
 * @module
 */
import type { Archive } from "../../runtime/grasp/archive.ts";
import type { Lists } from "../../runtime/grasp/policy/world.ts";
import { archiveOf, type GraspSection } from "./config.ts";

/** The fields of the section that the lists are made of. */
type ListFields = Pick<GraspSection, "deny" | "allow" | "quota" | "operatorPubkey">;

export class OperatorLists implements Lists {
  denyAuthors!: ReadonlySet<string>;
  denyRepositories!: ReadonlySet<string>;
  allowRepositories!: ReadonlySet<string> | null;
  maxRepositories!: number;
  operator!: string | null;
  readonly relayKey: string | null;
  /** It needs a restart: what is here follows from it. */
  readonly archive: Archive | null;

  /** @param relayKey the relay's public key as hex; `null`: it decides on no event */
  constructor(section: ListFields & Pick<GraspSection, "archive">, relayKey: string | null) {
    this.relayKey = relayKey;
    this.archive = archiveOf(section);
    this.take(section);
  }

  /** Takes over the lists of a configuration. */
  take({ deny, allow, quota, operatorPubkey }: ListFields): void {
    this.denyAuthors = new Set(deny.authors);
    this.denyRepositories = new Set(deny.repositories);
    this.allowRepositories = allow.repositories === null ? null : new Set(allow.repositories);
    this.maxRepositories = quota.repositoriesPerAuthor;
    this.operator = operatorPubkey;
  }
}
