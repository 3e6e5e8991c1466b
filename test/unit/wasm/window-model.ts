/**
 * A reference of throttle windows in plain TypeScript, to compare with the kernels: arrays and a map, not optimised.
 * @module
 */

interface Run {
  /** Time of its last take. */
  time: number;
  count: number;
}

interface Key {
  runs: Run[];
  /** The key's clock. */
  newest: number;
  /** Longest window length of its live takes. */
  window: number;
}

/** `remaining`: admitted, and so many further takes would be. `waitMs`: refused by the limit. `full`: no room until this time. */
export type Decision = { remaining: number } | { waitMs: number } | { fullMs: number };

/** If the clock steps back by more, the time before counts as wrong. */
const STEP_BACK_MS = 3_600_000;
const EXACT = 64;
const MOST_RUNS = 65;

/** Runs of the pool that a key with this number of runs uses: a single run is in its entry. */
const placesOf = (runs: number) => (runs > 1 ? runs : 0);
const sum = (runs: Run[]) => runs.reduce((total, run) => total + run.count, 0);

export class WindowModel {
  readonly keys = new Map<string, Key>();
  readonly maxKeys: number;
  readonly maxRuns: number;
  #latest = 0;

  constructor(maxKeys: number) {
    this.maxKeys = maxKeys;
    this.maxRuns = 2 * maxKeys + MOST_RUNS;
  }

  take(name: string, now: number, window: number, limit: number): Decision {
    return this.#decide(name, now, window, limit, true);
  }

  peek(name: string, now: number, window: number, limit: number): Decision {
    return this.#decide(name, now, window, limit, false);
  }

  /** Empties the window of a key. The key keeps its clock and its entry until it expires. */
  forget(name: string): void {
    const key = this.keys.get(name);
    if (key) key.runs = [];
  }

  /** Number of takes in the window of a key. */
  count(name: string, now: number, window: number): number {
    this.#observe(now);
    const key = this.keys.get(name);
    if (!key) return 0;
    const at = Math.max(now, key.newest);
    return sum(key.runs.filter((run) => at - run.time < window));
  }

  /** Takes in the future count as made now. */
  #observe(now: number): void {
    if (now + STEP_BACK_MS >= this.#latest) {
      this.#latest = Math.max(this.#latest, now);
      return;
    }
    this.#latest = now;
    for (const key of this.keys.values()) {
      const ahead = Math.max(0, key.newest - now);
      key.newest -= ahead;
      for (const run of key.runs) run.time -= ahead;
    }
  }

  /** Keys other than `name` that have not expired. */
  #others(name: string, now: number): Key[] {
    return [...this.keys]
      .filter(([other, key]) => other !== name && key.newest + key.window > now)
      .map(([, key]) => key);
  }

  #decide(name: string, now: number, window: number, limit: number, record: boolean): Decision {
    if (limit < 1) return { waitMs: window };
    this.#observe(now);
    const others = this.#others(name, now);
    const key = this.keys.get(name);
    const at = Math.max(now, key?.newest ?? now);
    const longest = Math.max(window, key?.window ?? 0);

    if (!key || at - key.newest >= longest) {
      if (others.length >= this.maxKeys) {
        return { fullMs: Math.min(...others.map((other) => other.newest + other.window)) - now };
      }
      if (!record) return { remaining: limit };
      this.keys.set(name, { runs: [{ time: at, count: 1 }], newest: at, window });
      return { remaining: limit - 1 };
    }

    const live = key.runs.filter((run) => at - run.time < window);
    const count = sum(live);
    let excess = count - limit + 1;
    for (const run of live) {
      if (excess <= 0) break;
      excess -= run.count;
      if (excess <= 0) return { waitMs: run.time + window - now };
    }

    const last = key.runs.at(-1);
    const grain = limit > EXACT ? Math.floor(window / 16) : 0;
    const joins =
      last && (last.time === at || (grain > 1 && Math.floor(last.time / grain) === Math.floor(at / grain)));
    const held = key.runs.filter((run) => at - run.time < longest);
    if (record) key.window = longest;
    if (last && !joins && key.runs.length < MOST_RUNS) {
      const taken = others.reduce((total, { runs }) => total + placesOf(runs.length), 0);
      if (taken + placesOf(held.length + 1) > this.maxRuns) {
        const expiries = [...others, key].map((other) => other.newest + other.window);
        const own = key.runs.length > 1 ? [key.runs[0]!.time + longest] : [];
        return { fullMs: Math.min(...expiries, ...own) - now };
      }
    }
    if (!record) return { remaining: limit - count };
    if (last && joins) {
      last.time = at;
      last.count++;
    } else {
      key.runs = held;
      if (held.length === MOST_RUNS) {
        const [oldest] = held.splice(0, 1);
        held[0]!.count += oldest!.count;
      }
      held.push({ time: at, count: 1 });
    }
    key.newest = at;
    return { remaining: limit - count - 1 };
  }
}
