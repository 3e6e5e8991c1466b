/**
 * The repositories of this server: which are in use, and who is told when one appears or goes.
 * @module
 */
import type { Happenings } from "./happenings.ts";
import type { GitRepository, Repositories } from "./ports.ts";

export class Hosted {
  readonly port: Repositories;
  readonly #happenings: Happenings;
  /** Pushes and fetches under way, by `<owner>/<identifier>`. */
  readonly #uses = new Map<string, number>();

  constructor(port: Repositories, happenings: Happenings) {
    this.port = port;
    this.#happenings = happenings;
  }

  /** `null`: there is none. */
  open(owner: string, identifier: string): GitRepository | null {
    return this.port.open(owner, identifier);
  }

  /** Makes a repository: the one that is held (R59), else an empty one. Does nothing if there is one. */
  async create(owner: string, identifier: string): Promise<void> {
    if (this.port.open(owner, identifier) !== null) return;
    if (!(await this.port.restoreHeld(owner, identifier))) await this.port.create(owner, identifier);
    this.#happenings.tell({ kind: "repository-created", owner, identifier });
  }

  async delete(owner: string, identifier: string): Promise<void> {
    if (this.port.open(owner, identifier) === null) return;
    await this.port.delete(owner, identifier);
    this.#happenings.tell({ kind: "repository-deleted", owner, identifier });
  }

  /** Takes a repository out of service and keeps it (R35, R59). @param untilMs milliseconds since the epoch */
  async hold(owner: string, identifier: string, untilMs: number): Promise<void> {
    if (this.port.open(owner, identifier) === null) return;
    await this.port.hold(owner, identifier, untilMs);
    this.#happenings.tell({ kind: "repository-deleted", owner, identifier });
  }

  /** A push or a fetch into a repository begins: it is not deleted (A42, P23). */
  use(owner: string, identifier: string): void {
    const key = `${owner}/${identifier}`;
    this.#uses.set(key, (this.#uses.get(key) ?? 0) + 1);
  }

  /** It ends. */
  unuse(owner: string, identifier: string): void {
    const key = `${owner}/${identifier}`;
    const left = (this.#uses.get(key) ?? 0) - 1;
    if (left > 0) this.#uses.set(key, left);
    else this.#uses.delete(key);
  }

  isInUse(owner: string, identifier: string): boolean {
    return this.#uses.has(`${owner}/${identifier}`);
  }
}
