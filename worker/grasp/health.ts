/**
 * Whether the service works (O10): its database can be read and written, its disk too, and Git can be run.
 * @module
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EventStore } from "../../runtime/grasp/ports.ts";
import { settlesWithin } from "../../runtime/lib/within.ts";
import type { Clock } from "../../runtime/platform.ts";
import { askGitVersion } from "./start/git-version.ts";

/** How long a part may take, in milliseconds. */
const PATIENCE_MS = 2000;
/** How long a result is used again, in milliseconds. */
const RESULT_MS = 1000;

/** What is looked at. */
export type Part = "database" | "disk" | "git";

/** The result: what is down, and nothing if all is well. */
export type HealthState =
  | { readonly status: "ok" }
  | { readonly status: "down"; readonly down: readonly Part[] };

/** Looks at one part each. @throws if it is down */
export type Probes = Partial<Readonly<Record<Part, () => Promise<unknown>>>>;

/** The probes of the process that writes. */
export function probesOf(store: Pick<EventStore, "transaction" | "intents">, dataDirectory: string): Probes {
  return {
    async database() {
      // A row is written and taken away again in one transaction, so that the file is written and nothing stays.
      await store.transaction((changes) => changes.endIntent(changes.beginIntent("health")));
      store.intents();
    },
    disk: () => writeFile(join(dataDirectory, "health"), "ok\n"),
    git: askGitVersion,
  };
}

export class Health {
  readonly #probes: Probes;
  readonly #clock: Pick<Clock, "now" | "after">;
  #last: { readonly state: Promise<HealthState>; readonly atMs: number } | null = null;

  constructor(probes: Probes, clock: Pick<Clock, "now" | "after">) {
    this.#probes = probes;
    this.#clock = clock;
  }

  /** Looks at every part, at most once a second. Never rejects. */
  check(): Promise<HealthState> {
    const nowMs = this.#clock.now();
    const ageMs = this.#last === null ? Number.POSITIVE_INFINITY : nowMs - this.#last.atMs;
    if (this.#last === null || ageMs < 0 || ageMs >= RESULT_MS) {
      this.#last = { state: this.#look(), atMs: nowMs };
    }
    return this.#last.state;
  }

  async #look(): Promise<HealthState> {
    const parts = Object.keys(this.#probes) as Part[];
    const sound = await Promise.all(parts.map((part) => this.#answers(part)));
    const down = parts.filter((_, i) => !sound[i]);
    return down.length === 0 ? { status: "ok" } : { status: "down", down };
  }

  async #answers(part: Part): Promise<boolean> {
    try {
      return await settlesWithin(this.#probes[part]!(), PATIENCE_MS, this.#clock);
    } catch {
      return false;
    }
  }
}
