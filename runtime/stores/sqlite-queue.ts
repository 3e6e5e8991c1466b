/**
 * What waits for the SQLite file: the writes of one turn of the event loop, which share one transaction, and everything that
 * was refused because another program holds the file. Bounded in number, in size and in time.
 * @module
 */
import { setImmediate, setTimeout } from "node:timers";
import { isLocked } from "./sqlite-file.ts";

/** The longest transaction, in writes; also the most reads that are tried in one turn after they waited. */
const MAX_GROUP = 1000;
/** The most reads and the most writes that wait. */
const MAX_WAITING = 20_000;
/** The most characters that the values of the waiting writes have. */
const MAX_WAITING_CHARACTERS = 64 * 1024 ** 2;
/** The pause before the file is tried again, in milliseconds: the first one; it doubles, up to the second one. */
const FIRST_PAUSE_MS = 1;
const MAX_PAUSE_MS = 20;

/** One write. */
export interface Write {
  key: string;
  /** The length of its value, as far as it is known. */
  characters: number;
  /** Runs inside of the group's transaction, and again if that has to be tried again. */
  run(nowMs: number): unknown;
  /** Gets what `run` returned once that is committed. */
  resolve(result: unknown): void;
  reject(reason: unknown): void;
}

interface Read {
  /** @throws where the file is locked. Tells everything else to the one who waits. */
  run(): void;
  reject(reason: unknown): void;
  endsMs: number;
}

export interface QueueOptions {
  /** How long an operation may wait, in milliseconds. */
  timeoutMs: number;
  /** Runs the writes in one transaction. @throws what SQLite says, with nothing written. */
  commit(group: readonly Write[]): unknown[];
  /** Makes an error of what SQLite says. */
  explain(cause: unknown): Error;
}

export interface Queue {
  /** Runs a read at once, or when the file is no longer locked. @throws what the read throws at once. */
  read<T>(run: () => T): T | Promise<T>;
  /** Adds a write to the group that is committed at the end of this turn. */
  write(write: Write): void;
  /** Commits what waits, unless the file is known to be locked. */
  flush(): void;
  /** Commits a waiting write of this key, unless the file is known to be locked. */
  flushKey(key: string): void;
  /** Waits until nothing waits any more, `timeoutMs` at most. */
  end(): Promise<void>;
}

type Timed = Write & { endsMs: number };

/** Creates an empty queue. */
export function createQueue({ timeoutMs, commit, explain }: QueueOptions): Queue {
  const writes: Timed[] = [];
  const reads: Read[] = [];
  const keys = new Set<string>();
  let characters = 0;
  /** The timer that tries again; while there is one, the file is known to be locked. */
  let retry: NodeJS.Timeout | null = null;
  let pauseMs = FIRST_PAUSE_MS;
  let isScheduled = false;
  const ending: (() => void)[] = [];

  const tooMany = () => explain(new Error("database is locked, and too many operations wait for it"));

  function schedule(): void {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      attempt();
    });
  }

  /** Removes the first writes. */
  function takeWrites(count: number): Timed[] {
    const taken = writes.splice(0, count);
    for (const write of taken) characters -= write.characters;
    if (writes.length === 0) keys.clear();
    return taken;
  }

  /** Commits the first group. @returns whether the file is locked. */
  function commitGroup(): boolean {
    if (writes.length === 0) return false;
    const group = writes.length <= MAX_GROUP ? writes : writes.slice(0, MAX_GROUP);
    let results: unknown[];
    try {
      results = commit(group);
    } catch (error) {
      if (isLocked(error)) return true;
      const reason = explain(error);
      for (const { reject } of takeWrites(group.length)) reject(reason);
      return false;
    }
    const written = takeWrites(group.length);
    for (let i = 0; i < written.length; i++) written[i]!.resolve(results[i]);
    return false;
  }

  /** Runs the first reads that wait. @returns whether the file is locked. */
  function runReads(): boolean {
    let done = 0;
    try {
      for (; done < Math.min(reads.length, MAX_GROUP); done++) reads[done]!.run();
      return false;
    } catch {
      return true;
    } finally {
      reads.splice(0, done);
    }
  }

  /** Rejects what has waited its time. */
  function expire(): void {
    const nowMs = performance.now();
    const reason = explain(new Error("database is locked"));
    const overdue = <T extends { endsMs: number }>(all: readonly T[]) => {
      const first = all.findIndex(({ endsMs }) => endsMs > nowMs);
      return first === -1 ? all.length : first;
    };
    for (const { reject } of reads.splice(0, overdue(reads))) reject(reason);
    for (const { reject } of takeWrites(overdue(writes))) reject(reason);
  }

  /** Lets everything that waits go on, as far as the file allows; the rest is tried again later. */
  function attempt(): void {
    if (retry !== null) return;
    const isRefused = runReads() || commitGroup();
    if (isRefused) expire();
    if (reads.length + writes.length === 0) {
      pauseMs = FIRST_PAUSE_MS;
      for (const done of ending.splice(0)) done();
    } else if (isRefused) {
      retry = setTimeout(() => {
        retry = null;
        attempt();
      }, pauseMs);
      pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
    } else {
      pauseMs = FIRST_PAUSE_MS;
      schedule();
    }
  }

  return {
    read<T>(run: () => T): T | Promise<T> {
      if (reads.length === 0) {
        try {
          return run();
        } catch (error) {
          if (!isLocked(error)) throw explain(error);
        }
      }
      if (reads.length >= MAX_WAITING) throw tooMany();
      return new Promise<T>((resolve, reject) => {
        reads.push({
          run() {
            try {
              resolve(run());
            } catch (error) {
              if (isLocked(error)) throw error;
              reject(explain(error));
            }
          },
          reject,
          endsMs: performance.now() + timeoutMs,
        });
        schedule();
      });
    },

    write(write) {
      if (writes.length >= MAX_WAITING || characters + write.characters > MAX_WAITING_CHARACTERS) {
        write.reject(tooMany());
        return;
      }
      if (writes.length === 0) schedule();
      writes.push(Object.assign(write, { endsMs: performance.now() + timeoutMs }));
      keys.add(write.key);
      characters += write.characters;
      if (writes.length === MAX_GROUP) attempt();
    },

    flush: attempt,

    flushKey(key) {
      if (keys.has(key)) attempt();
    },

    async end() {
      attempt();
      if (reads.length + writes.length > 0) await new Promise<void>((resolve) => ending.push(resolve));
    },
  };
}
