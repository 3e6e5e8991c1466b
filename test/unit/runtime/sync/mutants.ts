/**
 * The guards of the engine, each taken away. The edits are found in the syntax tree (see `mutate.ts`): a mutation tool would
 * run the schedules for thousands of mutants, most of which break no promise.
 * @module
 */
import type { PromiseName } from "./broken-promise.ts";
import type { Edit } from "./mutate.ts";

/** A damaged engine. */
export interface Mutant {
  name: string;
  edits: readonly Edit[];
  /** The promises of which one is then broken; `null`: any. */
  breaks: readonly PromiseName[] | null;
}

const edit = (file: string, within: string, find: string, replace: string): Edit => ({
  file,
  within,
  find,
  replace,
});

export const mutants: readonly Mutant[] = [
  {
    name: "capacity counted when the fetch starts, not when the source is chosen",
    edits: [
      edit("domain", "Domain.issue", "this.permits++;", ""),
      edit("domain", "Domain.#started", "this.choosing--;", "this.choosing--; this.permits++;"),
      edit("domain", "Domain.settle", "this.permits--;", 'if (phase !== "chosen") this.permits--;'),
      edit("domain", "Domain.#mayStart", "this.permits - this.choosing < maxConcurrent", "true"),
    ],
    breaks: ["maxConcurrent"],
  },
  {
    name: "no timer for the opening of a window",
    edits: [edit("domain", "Domain.#setTimer", "if (!wanted) return;", "return;")],
    breaks: ["wake-up"],
  },
  {
    name: "an identifier that is being fetched from a domain not seen",
    edits: [
      edit("permit", "IdentifierState.isFetchedFrom", "if (at.domain === domain) return true;", "break;"),
    ],
    breaks: ["one fetch of an identifier per domain"],
  },
  {
    name: "no rounds: who was served goes to the front",
    edits: [
      edit("fifo-list", "FifoList.pushBack", "this.#link(item, this.#last);", "this.#link(item, null);"),
    ],
    breaks: ["fairness"],
  },
  {
    name: "the answer of the window ignored",
    edits: [edit("start-window", "StartWindow.#record", "return admitted;", "return true;")],
    breaks: ["maxPerMinute"],
  },
  {
    name: "a domain not woken when a permit ends",
    edits: [edit("domain", "Domain.settle", "this.wake();", "")],
    breaks: ["wake-up"],
  },
  {
    name: "a domain not woken when an identifier joins its queue",
    edits: [edit("domain", "Domain.join", "this.wake();", "")],
    breaks: ["wake-up"],
  },
  {
    name: "a skipped identifier never returned to the queue",
    edits: [edit("domain", "Domain.settle", 'if (parked?.status === "parked") this.#takePlace(parked);', "")],
    breaks: ["completes", "wake-up"],
  },
  {
    name: "an identifier's older permits forgotten with its newest",
    edits: [
      edit("permit", "IdentifierState.remove", "this.#newest = permit[OLDER];", "this.#newest = null;"),
    ],
    breaks: null,
  },
  {
    name: "a position lost by a turn that the window did not allow",
    edits: [
      edit("domain", "Domain.#takePlace", "this.#queue.putBack(waiter);", "this.#queue.pushBack(waiter);"),
    ],
    breaks: ["fairness"],
  },
  {
    name: "a resting domain asked for a source that was chosen before the rest",
    edits: [edit("domain", "Domain.#mayStart", "this.#hasPassed(health.wakesAt)", "true")],
    breaks: ["rest"],
  },
  {
    name: "no single probe after a rest",
    edits: [
      edit("domain", "Domain.#hasRoom", "this.health.probe === null", "true"),
      edit("domain", "Domain.#mayStart", "health.probe === null", "true"),
    ],
    breaks: ["one probe"],
  },
  {
    name: "the permit of a hanging fetch never ended",
    edits: [edit("fetcher", "Fetcher.#fetch", "(error) => giveUp(error)", "() => {}")],
    breaks: ["completes", "wake-up", "fetch ends in time"],
  },
  {
    name: "a permit ended before its fetch has ended",
    edits: [
      edit(
        "fetcher",
        "Fetcher.#fetch",
        "await settlesWithin(fetched.catch(() => {}), abortGraceMs, clock);",
        "fetched.catch(() => {});",
      ),
    ],
    breaks: ["maxConcurrent", "one fetch of an identifier per domain"],
  },
  {
    name: "an arrival during the last look-up forgotten",
    edits: [edit("engine", "SyncEngine.#finish", "entry.arrivals !== arrivals", "false")],
    breaks: ["not lost", "complete"],
  },
  {
    name: "a fresh start that does not wait for the attempt under way",
    edits: [
      edit(
        "queue",
        "Queue.#schedule",
        "inProgress ? expiresAt : Math.min(nextAttempt, expiresAt)",
        "Math.min(nextAttempt, expiresAt)",
      ),
    ],
    breaks: ["one attempt"],
  },
  {
    name: "expiry looked at only when an attempt is due",
    edits: [edit("queue", "Queue.#schedule", "Math.min(nextAttempt, expiresAt)", "nextAttempt")],
    breaks: ["expires"],
  },
  {
    name: "a dropped identifier fetched after all",
    edits: [
      edit("fetcher", "Fetcher.fetchFrom", "cancellation.isCancelled", "false"),
      edit(
        "engine",
        "SyncEngine.drop",
        "this.#remove(entry);",
        "{ this.#domains.leaveAll(identifier); this.#queue.remove(entry); }",
      ),
    ],
    breaks: ["only admitted"],
  },
  {
    name: "timers left after stop()",
    edits: [edit("domains", "Domains.close", "this.leaveAll(identifier);", "")],
    breaks: ["no timer left"],
  },
  {
    name: "identifiers in progress missing from the snapshot",
    edits: [
      edit(
        "queue",
        "Queue.waiting",
        "[...this.#entries.values()]",
        "[...this.#entries.values()].filter((entry) => !entry.inProgress)",
      ),
    ],
    breaks: ["not lost"],
  },
  {
    name: "a domain forgotten while an identifier waits for it",
    edits: [edit("domains", "Domains.#use", "this.#remembered.remove(known);", "")],
    breaks: null,
  },
  {
    name: "no bound over all domains (S27)",
    edits: [edit("total-capacity", "TotalCapacity.isFull", "this.#held >= this.#max", "false")],
    breaks: ["maxConcurrentTotal"],
  },
  {
    name: "domains that wait for total capacity never served (S27)",
    edits: [edit("domain", "Domain.settle", "this.wake();", "while (this.#giveTurn());")],
    breaks: ["wake-up", "completes"],
  },
  {
    name: "progress that does not restart the idle timeout (S27)",
    edits: [edit("fetch-timeouts", "FetchTimeouts.progress", "this.#progressAt = this.#clock.now();", "")],
    breaks: ["no early timeout"],
  },
  {
    name: "no total timeout (S27)",
    edits: [edit("fetch-timeouts", "FetchTimeouts.#setTimer", "this.#totalLeft -= ms;", "")],
    breaks: ["fetch ends in time"],
  },
  {
    name: "no timeout of a look-up (S27)",
    edits: [
      edit("look-up", "createLookUp", "valueWithin(ask(identifier), timeoutMs, clock)", "ask(identifier)"),
    ],
    breaks: ["look-up ends in time"],
  },
  {
    name: "a grace that is not the option's (S27)",
    edits: [
      edit(
        "fetcher",
        "Fetcher.#fetch",
        "settlesWithin(fetched.catch(() => {}), abortGraceMs, clock)",
        "settlesWithin(fetched.catch(() => {}), 500, clock)",
      ),
    ],
    breaks: ["maxConcurrent", "one fetch of an identifier per domain", "maxConcurrentTotal"],
  },
  {
    name: "an expiry that progress does not prolong (S27)",
    edits: [
      edit(
        "queue",
        "Queue.prolong",
        "this.keepUntil(entry, Math.min(now + expiryMs, entry.arrivedAt + MAX_PROLONGED_MS));",
        "",
      ),
    ],
    breaks: ["progress keeps"],
  },
  {
    name: "a source asked although it is set aside (S27)",
    edits: [edit("paths", "Paths.#domainOf", "this.#options.setAside.has(identifier, source.key)", "false")],
    breaks: ["set aside"],
  },
  {
    name: "a source set aside beyond the next fresh start (S27)",
    edits: [edit("engine", "SyncEngine.enqueue", "this.#setAside.freshStart(identifier);", "")],
    breaks: ["completes"],
  },
  {
    name: "another request not counted in the window (S27)",
    edits: [edit("domain", "Domain.anotherStart", "await this.window.take(maxPerMinute)", "true")],
    breaks: ["maxPerMinute"],
  },
  {
    name: "a lease not renewed while a fetch runs (S27)",
    edits: [
      edit(
        "leases",
        "Leases.#renewAfter",
        "held.cancelRenewal = this.#options.clock.after(ms, () => void this.#renew(identifier, held));",
        "",
      ),
    ],
    breaks: ["lease held"],
  },
  {
    name: "a limiter key without its prefix (S27)",
    edits: [
      edit(
        "domain",
        "Domain.constructor",
        "const { keyPrefix, clock, limiter, emit } = owner;",
        'const { clock, limiter, emit } = owner; const keyPrefix = "";',
      ),
    ],
    breaks: ["key prefix"],
  },
  {
    name: "items processed without the receipt of their fetch (S27)",
    edits: [edit("fetcher", "Fetcher.#process", "{ source, receipt }", "{ source, receipt: undefined }")],
    breaks: ["receipt"],
  },
];
