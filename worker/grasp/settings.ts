/**
 * The service's section, which a new configuration changes while the service runs.
 * @module
 */

import { changedFields } from "../config/changed-fields.ts";
import type { SharedConfig } from "../config/shared.ts";
import type { GraspSection } from "./config.ts";
import type { DiskLimits } from "./disk.ts";

/** Fields that a running service takes over. */
const RELOADABLE = [
  "deny",
  "allow",
  "quota",
  "minFreeBytes",
  "operatorPubkey",
  "name",
  "description",
] as const satisfies readonly (keyof GraspSection)[];

/** As in the shared section `operator`. */
type OperatorHashes = SharedConfig["operator"];

export class Settings {
  readonly #started: GraspSection;
  #current: GraspSection;
  /** The SHA-256 of the operator's tokens; `null`: there is none. Replaced by a reload. */
  operator: OperatorHashes;

  constructor(section: GraspSection, operator: OperatorHashes) {
    this.#started = section;
    this.#current = section;
    this.operator = operator;
  }

  get current(): GraspSection {
    return this.#current;
  }

  diskLimits(): DiskLimits {
    const { minFreeBytes, quota } = this.#current;
    return { minFreeBytes, ...quota };
  }

  /**
   * Takes over what a running service can.
   * @returns the changed fields that need a restart.
   */
  take(next: GraspSection): string[] {
    const taken = Object.fromEntries(RELOADABLE.map((field) => [field, next[field]]));
    this.#current = { ...this.#current, ...taken };
    return changedFields(this.#started, next).filter((field) => !isReloadable(field));
  }
}

function isReloadable(field: string): boolean {
  return RELOADABLE.some((name) => field === name || field.startsWith(`${name}.`));
}
