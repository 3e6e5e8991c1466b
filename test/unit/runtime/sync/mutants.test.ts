import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import type { Code } from "./harness.ts";
import { BrokenPromise } from "./invariants.ts";
import { runSchedule, schedules } from "./schedules.ts";

/** One guard taken away: which file, what stands there, what stands there instead. */
interface Mutant {
  name: string;
  edits: [file: string, from: string, to: string][];
  /** The promise that is then broken. */
  breaks: RegExp;
}

const mutants: Mutant[] = [
  {
    name: "capacity counted when the fetch begins, not when the source is chosen",
    edits: [
      ["throttle.ts", "    domain.slots++;\n", ""],
      [
        "throttle.ts",
        "    slot.choosing = false;\n",
        "    slot.choosing = false;\n    slot.domain.slots++;\n",
      ],
      ["throttle.ts", "    domain.slots--;\n", "    if (!slot.choosing) domain.slots--;\n"],
      ["domain.ts", "    domain.slots - domain.choosing < limits.maxConcurrent &&\n", ""],
    ],
    breaks: /never over maxConcurrent/,
  },
  {
    name: "no timer for the opening of a window",
    edits: [["throttle.ts", "    if (!wanted) return;\n", "    return;\n"]],
    breaks: /lost wake-up/,
  },
  {
    name: "no mark on an identifier that is being fetched from a domain",
    edits: [
      ["throttle.ts", "if (slot.domain === domain) return false;", "if (slot.domain === domain) break;"],
    ],
    breaks: /no identifier twice at once/,
  },
  {
    name: "no round robin: who was served goes to the front",
    edits: [["ring.ts", "    this.#link(item, this.#last);\n", "    this.#link(item, null);\n"]],
    breaks: /fairness/,
  },
  {
    name: "the window not asked",
    edits: [["throttle.ts", "    return taken.admitted;\n", "    return true;\n"]],
    breaks: /never over maxPerMinute/,
  },
  {
    name: "a domain not woken when a fetch settles",
    edits: [
      [
        "throttle.ts",
        "    }\n    this.#pump(domain);\n    this.#tidy(domain);\n  }\n\n  /** Hands",
        "    }\n    this.#tidy(domain);\n  }\n\n  /** Hands",
      ],
    ],
    breaks: /lost wake-up/,
  },
  {
    name: "a domain not woken when an identifier joins its queue",
    edits: [
      [
        "throttle.ts",
        "      this.#queue(waiter);\n    }\n    this.#pump(domain);\n",
        "      this.#queue(waiter);\n    }\n",
      ],
    ],
    breaks: /lost wake-up/,
  },
  {
    name: "an identifier that the main path was fetching never lined up again",
    edits: [["throttle.ts", 'if (waiter?.state === "parked") this.#takePlace(waiter);', ""]],
    breaks: /not complete|lost wake-up/,
  },
  {
    name: "an identifier's older fetches forgotten with its newest",
    edits: [["domain.ts", "subject.newest = older;", "subject.newest = null;"]],
    breaks: /./,
  },
  {
    name: "a turn that the window did not allow lost",
    edits: [
      [
        "throttle.ts",
        "    waiter.domain.ring.putBack(waiter);\n",
        "    waiter.domain.ring.pushBack(waiter);\n",
      ],
    ],
    breaks: /fairness/,
  },
  {
    name: "a resting domain asked all the same by whoever had chosen it before",
    edits: [["domain.ts", "    now >= wakesAt(domain)\n", "    true\n"]],
    breaks: /no fetch from a resting domain/,
  },
  {
    name: "no single probe after a rest",
    edits: [
      ["domain.ts", "    (domain.rests === 0 || domain.probe === null) &&\n", ""],
      ["domain.ts", "    (domain.rests === 0 || domain.probe === slot || domain.probe === null) &&\n", ""],
    ],
    breaks: /one probe at a time/,
  },
  {
    name: "the slot of a hanging fetch never given back",
    edits: [["fetcher.ts", "() => reject(new TimeoutError(timeoutMs))", "() => {}"]],
    breaks: /not complete|lost wake-up/,
  },
  {
    name: "a slot given back before its fetch has ended",
    edits: [
      ["fetcher.ts", "      await settlesWithin(closed, ABORT_GRACE_MS, clock);\n", "      void closed;\n"],
    ],
    breaks: /never over maxConcurrent|no identifier twice/,
  },
  {
    name: "an arrival during the last look forgotten",
    edits: [["engine.ts", " || entry.arrivals !== arrivals", ""]],
    breaks: /got lost|complete means complete/,
  },
  {
    name: "a fresh start that does not wait for the attempt under way",
    edits: [["queue.ts", "inProgress ? expiresAt : Math", "Math"]],
    breaks: /one attempt of an identifier at a time/,
  },
  {
    name: "expiry looked at only when an attempt is due",
    edits: [
      [
        "queue.ts",
        "inProgress ? expiresAt : Math.min(nextAttempt, expiresAt)",
        "inProgress ? expiresAt : nextAttempt",
      ],
    ],
    breaks: /not expired/,
  },
  {
    name: "a dropped identifier fetched after all",
    edits: [
      ["fetcher.ts", "if (!admitted || !isWanted())", "if (!admitted)"],
      [
        "engine.ts",
        "    if (entry !== undefined) this.#remove(entry);\n",
        "    if (entry !== undefined) this.#queue.remove(entry);\n",
      ],
    ],
    breaks: /only admitted identifiers/,
  },
  {
    name: "timers left after stop()",
    edits: [
      [
        "throttle.ts",
        "    for (const identifier of [...this.#subjects.keys()]) this.leaveAll(identifier);\n",
        "",
      ],
    ],
    breaks: /no timer is left/,
  },
  {
    name: "what was in progress missing from the snapshot",
    edits: [
      [
        "engine.ts",
        "[...this.#queue.all()].map(",
        "[...this.#queue.all()].filter((entry) => !entry.inProgress).map(",
      ],
    ],
    breaks: /got lost/,
  },
  {
    name: "a domain forgotten while somebody waits for it",
    edits: [
      ["throttle.ts", "    this.#remembered.remove(domain);\n    return domain;\n", "    return domain;\n"],
    ],
    breaks: /./,
  },
];

const source = fileURLToPath(new URL("../../../../runtime/sync", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "millrace-mutants-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A copy of the engine with the edits made. */
async function mutated({ edits }: Mutant, index: number): Promise<Code> {
  const copy = join(folder, String(index), "sync");
  cpSync(source, copy, { recursive: true });
  cpSync(join(source, "../lib/within.ts"), join(copy, "../lib/within.ts"));
  for (const [file, from, to] of edits) {
    const path = join(copy, file);
    const text = readFileSync(path, "utf8");
    expect(text.split(from).length, `"${from}" must stand in ${file} once`).toBe(2);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
  }
  const load = (file: string) => import(/* @vite-ignore */ pathToFileURL(join(copy, file)).href);
  const [{ SyncEngine }, { RateLimited }, { monotonicClock }] = await Promise.all(
    ["engine.ts", "rate-limited.ts", "steady-clock.ts"].map(load),
  );
  return { SyncEngine, RateLimited, monotonicClock };
}

test.for(mutants.map((mutant, index) => ({ ...mutant, index })))(
  "is caught: $name",
  { timeout: 120_000 },
  async (mutant) => {
    const code = await mutated(mutant, mutant.index);
    const broken: string[] = [];
    const property = fc.asyncProperty(schedules, async (schedule) => {
      try {
        await runSchedule(engineModule, schedule);
      } catch (error) {
        if (!(error instanceof BrokenPromise)) throw error;
        broken.push(error.message);
        if (mutant.breaks.test(error.message)) throw error;
      }
    });
    const details = await fc.check(property, { seed: 2, numRuns: 20_000, endOnFailure: true });
    expect(details.failed, `the schedules found only ${JSON.stringify(broken)}`).toBe(true);
  },
);
