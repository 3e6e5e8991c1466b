import type { FastlyKv, FastlyKvEntry } from "../../runtime/stores/fastly-kv.ts";

interface Row {
  value: string;
  metadata: string;
  expiresMs: number;
}

/** Hooks of a test into the host's operations. */
export interface FakeFastlyKv extends FastlyKv {
  rows: Map<string, Row>;
  /** Every put so far, by name. */
  puts: string[];
  /** Called before a put takes effect; may throw to reject it, or wait. */
  onPut: (name: string) => void | Promise<void>;
  /** The rows that a read returns; a lagging host returns older ones. */
  onGet: (name: string) => Row | undefined;
}

/** A Fastly KV store in memory, as documented. Each operation takes a turn of the event loop. */
export function fakeFastlyKv(clock: { now(): number }): FakeFastlyKv {
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  const rows = new Map<string, Row>();
  const live = (name: string) => {
    const row = rows.get(name);
    return row !== undefined && row.expiresMs > clock.now() ? row : undefined;
  };
  const fake: FakeFastlyKv = {
    rows,
    puts: [],
    onPut() {},
    onGet: live,
    async get(name) {
      await turn();
      const row = fake.onGet(name);
      await turn();
      return row === undefined ? null : entryOf(row);
    },
    async put(name, value, { mode, metadata, ttl }) {
      await turn();
      await fake.onPut(name);
      if (mode === "add" && live(name) !== undefined)
        throw new TypeError("KVStore insert: Precondition failed.");
      rows.set(name, { value, metadata, expiresMs: ttl === undefined ? Infinity : clock.now() + ttl * 1000 });
      fake.puts.push(name);
      await turn();
    },
    async list({ prefix, limit, cursor }) {
      await turn();
      const names = [...rows.keys()]
        .filter((name) => name.startsWith(prefix) && live(name) !== undefined)
        .sort();
      const from = names.filter(
        (name) => cursor === undefined || name > Buffer.from(cursor, "base64").toString(),
      );
      const list = from.slice(0, limit);
      return { list, cursor: from.length > limit ? Buffer.from(list.at(-1)!).toString("base64") : undefined };
    },
  };
  return fake;
}

function entryOf({ value, metadata }: Row): FastlyKvEntry {
  return { text: async () => value, metadataText: () => metadata };
}
