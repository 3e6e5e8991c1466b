/**
 * Git as a model: repositories with objects that need each other, refs, quarantines and uploads. It refuses what Git refuses.
 * @module
 */
import { readRepositoryName } from "../../../../../runtime/grasp/contributor.ts";
import type {
  GitRepository,
  Healed,
  Quarantine,
  RefUpdate,
  Repositories,
} from "../../../../../runtime/grasp/ports.ts";
import { isWhole, needs } from "./commits.ts";
import type { Gate } from "./gate.ts";

const ZERO = "0".repeat(40);

/** What the disk has of one repository. */
export interface RepositoryData {
  readonly objects: Set<string>;
  readonly refs: Map<string, string>;
  head: string;
}

/** What the disk has. It outlives a crash. */
export class Disk {
  readonly repositories = new Map<string, RepositoryData>();
  readonly held = new Map<string, { data: RepositoryData; untilMs: number }>();
  /** Uploads by `<owner>/<identifier>/<id>`. */
  readonly uploads = new Map<string, Set<string>>();
  /** Quarantines that are neither adopted nor discarded. */
  quarantines = 0;
}

/** Encodes objects as a pack. */
export async function* packOf(objects: Iterable<string>): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode([...objects].join(" "));
}

/** Repositories on a disk, as one life of the service sees them. */
export class FakeRepositories implements Repositories {
  readonly #disk: Disk;
  readonly #gate: Gate;

  constructor(disk: Disk, gate: Gate) {
    this.#disk = disk;
    this.#gate = gate;
  }

  open(owner: string, identifier: string): GitRepository | null {
    const data = this.#disk.repositories.get(`${owner}/${identifier}`);
    return data === undefined
      ? null
      : new FakeRepository(data, `${owner}/${identifier}`, this.#disk, this.#gate);
  }

  create(owner: string, identifier: string): Promise<void> {
    return this.#gate.write(() => {
      const name = `${owner}/${identifier}`;
      if (this.#disk.repositories.has(name)) return;
      this.#disk.repositories.set(name, { objects: new Set(), refs: new Map(), head: "refs/heads/main" });
    });
  }

  delete(owner: string, identifier: string): Promise<void> {
    return this.#gate.write(() => void this.#disk.repositories.delete(`${owner}/${identifier}`));
  }

  async list(): Promise<{ owner: string; identifier: string }[]> {
    return [...this.#disk.repositories.keys()].map(placeOf);
  }

  hold(owner: string, identifier: string, untilMs: number): Promise<void> {
    return this.#gate.write(() => {
      const name = `${owner}/${identifier}`;
      this.#disk.held.set(name, { data: this.#disk.repositories.get(name)!, untilMs });
      this.#disk.repositories.delete(name);
    });
  }

  restoreHeld(owner: string, identifier: string): Promise<boolean> {
    return this.#gate.write(() => {
      const name = `${owner}/${identifier}`;
      const held = this.#disk.held.get(name);
      if (held === undefined) return false;
      this.#disk.repositories.set(name, held.data);
      this.#disk.held.delete(name);
      return true;
    });
  }

  deleteHeld(nowMs: number): Promise<void> {
    return this.#gate.write(() => {
      for (const [name, { untilMs }] of this.#disk.held) if (untilMs <= nowMs) this.#disk.held.delete(name);
    });
  }

  async listHeld(): Promise<{ owner: string; identifier: string; untilMs: number }[]> {
    return [...this.#disk.held].map(([name, { untilMs }]) => ({ ...placeOf(name), untilMs }));
  }

  dropHeld(owner: string, identifier: string): Promise<void> {
    return this.#gate.write(() => void this.#disk.held.delete(`${owner}/${identifier}`));
  }

  upload(owner: string, identifier: string, id: string) {
    const name = `${owner}/${identifier}`;
    const objects = this.#disk.uploads.get(`${name}/${id}`);
    if (objects === undefined) return null;
    return {
      adopt: () =>
        this.#gate.write(() => {
          for (const one of objects) this.#disk.repositories.get(name)!.objects.add(one);
          this.#disk.uploads.delete(`${name}/${id}`);
        }),
      discard: () => this.#gate.write(() => void this.#disk.uploads.delete(`${name}/${id}`)),
    };
  }

  async uploads(): Promise<{ owner: string; identifier: string; id: string }[]> {
    return [...this.#disk.uploads.keys()].map((key) => ({
      ...placeOf(key.slice(0, key.lastIndexOf("/"))),
      id: key.slice(key.lastIndexOf("/") + 1),
    }));
  }
}

class FakeRepository implements GitRepository {
  readonly #data: RepositoryData;
  readonly #name: string;
  readonly #disk: Disk;
  readonly #gate: Gate;

  constructor(data: RepositoryData, name: string, disk: Disk, gate: Gate) {
    this.#data = data;
    this.#name = name;
    this.#disk = disk;
    this.#gate = gate;
  }

  reload(): void {}

  async refs() {
    await Promise.resolve();
    const { refs, head } = this.#data;
    return { version: "", refs: new Map(refs), head };
  }

  async receive(
    pack: AsyncIterable<Uint8Array>,
    tips: readonly { readonly id: string }[],
  ): ReturnType<GitRepository["receive"]> {
    const bytes: Uint8Array[] = [];
    for await (const chunk of pack) bytes.push(chunk);
    const text = new TextDecoder().decode(Buffer.concat(bytes));
    const objects = new Set(text.split(" ").filter((one) => one !== ""));
    const all = new Set([...this.#data.objects, ...objects]);
    if (!tips.every(({ id }) => isWhole(id, all))) return { fault: { kind: "missing_objects" } };
    await this.#gate.write(() => void this.#disk.quarantines++);
    return { quarantine: this.#quarantine(objects) };
  }

  #quarantine(objects: ReadonlySet<string>): Quarantine {
    let isOver = false;
    const end = () => {
      if (!isOver) this.#disk.quarantines--;
      isOver = true;
    };
    const add = (only: ReadonlySet<string> | null) => {
      for (const one of objects) if (only === null || only.has(one)) this.#data.objects.add(one);
    };
    return {
      adopt: (tips) =>
        this.#gate.write(() => {
          add(tips === undefined ? null : union(tips));
          end();
        }),
      discard: () => this.#gate.write(end),
      keep: (name, tip, without) =>
        this.#gate.write(() => {
          const there = union(without);
          const kept = [...needs(tip)].filter((one) => !there.has(one) && !this.#data.objects.has(one));
          this.#disk.uploads.set(`${this.#name}/${name}`, new Set(kept));
          return { bytes: kept.length * 100, objects: kept.length };
        }),
    };
  }

  async incomplete(ids: readonly string[]): Promise<Set<string>> {
    await Promise.resolve();
    return new Set(ids.filter((id) => !isWhole(id, this.#data.objects)));
  }

  async losing(updates: readonly RefUpdate[]): Promise<readonly RefUpdate[]> {
    await Promise.resolve();
    return updates.filter(
      ({ old, new: to }) => this.#data.objects.has(old) && (to === ZERO || !needs(to).has(old)),
    );
  }

  updateRefs(updates: readonly RefUpdate[]): Promise<boolean> {
    const apply = (list: readonly RefUpdate[]) => {
      for (const { ref, new: to } of list) {
        if (to === ZERO) this.#data.refs.delete(ref);
        else this.#data.refs.set(ref, to);
      }
    };
    // Git moves refs one after the other, deletions last or first: a kill leaves a part of them.
    const part = () => {
      if (this.#isPossible(updates)) apply(updates.slice(0, Math.ceil(updates.length / 2)));
    };
    return this.#gate.write(() => {
      if (!this.#isPossible(updates)) return false;
      apply(updates);
      return true;
    }, part);
  }

  /** Whether Git would take a transaction: expected values, objects that are here, no name below another one. */
  #isPossible(updates: readonly RefUpdate[]): boolean {
    const { refs, objects } = this.#data;
    const names = new Set(refs.keys());
    for (const { ref, old, new: to } of updates) {
      if ((refs.get(ref) ?? ZERO) !== old) return false;
      if (to !== ZERO && !objects.has(to)) return false;
      // Refs that are deleted stand in the way until the transaction is over.
      if (to !== ZERO) names.add(ref);
    }
    return ![...names].some((name) => [...names].some((other) => other.startsWith(`${name}/`)));
  }

  async forgetUnreachable(): Promise<void> {}

  setHead(branch: string): Promise<void> {
    return this.#gate.write(() => {
      this.#data.head = branch;
    });
  }

  pack(ids: readonly string[]): AsyncIterable<Uint8Array> {
    return packOf(union(ids));
  }

  async heal(): Promise<Healed> {
    return { found: [], failed: [] };
  }
}

function union(ids: readonly string[]): Set<string> {
  return new Set(ids.flatMap((id) => [...needs(id)]));
}

function placeOf(name: string): { owner: string; identifier: string } {
  return readRepositoryName(name);
}
