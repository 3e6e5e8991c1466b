/**
 * Lends each of some resources to one user at a time, for example servers that answer one request after the other. Users wait in
 * their order.
 */
export class Lanes<T> {
  readonly #free: T[] = [];
  readonly #waiting: ((resource: T) => void)[] = [];

  /** Adds a resource. */
  add(resource: T): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(resource);
    else next(resource);
  }

  /** Runs `use` with a resource, as soon as one is free. @returns its result. */
  async lend<Result>(use: (resource: T) => Promise<Result>): Promise<Result> {
    const resource = this.#free.shift() ?? (await new Promise<T>((resolve) => this.#waiting.push(resolve)));
    try {
      return await use(resource);
    } finally {
      this.add(resource);
    }
  }
}
