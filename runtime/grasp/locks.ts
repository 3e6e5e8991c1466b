/** One lock for each name: work under the same name runs one after the other. */
export class Locks {
  readonly #last = new Map<string, Promise<unknown>>();

  /** The number of locks that are taken. */
  get size(): number {
    return this.#last.size;
  }

  /** Runs work under a lock. */
  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name) ?? Promise.resolve();
    const result = before.then(work, work);
    const settled = result.then(
      () => {},
      () => {},
    );
    this.#last.set(name, settled);
    try {
      return await result;
    } finally {
      if (this.#last.get(name) === settled) this.#last.delete(name);
    }
  }

  /** Waits until no lock is taken. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }

  /** Runs work under several locks, which are taken in one order (N19). */
  runAll<T>(names: Iterable<string>, work: () => Promise<T>): Promise<T> {
    const sorted = [...new Set(names)].sort();
    return sorted.reduceRight<() => Promise<T>>((inner, name) => () => this.run(name, inner), work)();
  }
}
