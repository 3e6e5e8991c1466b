/**
 * The suites for Deno KV in files of this machine: the store and the graph on it. Runs on Deno only.
 * @module
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { denoKvStore } from "../../runtime/stores/deno-kv.ts";
import { manualClock } from "../support/manual-clock.ts";
import { systemClock } from "../support/system-clock.ts";
import { type ContractCase, same } from "./case.ts";
import { graphContract } from "./graph.ts";
import { type StoreHarness, storeContract } from "./store.ts";

const denoKv: StoreHarness = {
  traits: { name: "deno-kv", readAfterWrite: true, durable: true, shared: true },
  maxValueBytes: 65_000,
  open() {
    const clock = manualClock();
    const folder = mkdtempSync(join(tmpdir(), "millrace-"));
    const open = () =>
      denoKvStore({ path: join(folder, "contract.kv"), clock: { ...systemClock, now: clock.now } });
    const store = open();
    return {
      store,
      advance: clock.advance,
      again: open,
      async dispose() {
        await store.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
};

declare const Deno: { openKv(path?: string): Promise<unknown> };

const files: readonly ContractCase[] = [
  {
    name: "opens a new file once another process releases it",
    async run() {
      const folder = mkdtempSync(join(tmpdir(), "millrace-"));
      const path = join(folder, "new.kv");
      const store = denoKvStore({ path, clock: systemClock });
      const other = new DatabaseSync(path);
      other.exec("BEGIN IMMEDIATE");
      const { openKv } = Deno;
      const useInstead = (value: typeof openKv) =>
        Object.defineProperty(Deno, "openKv", { configurable: true, value });
      let faults = 0;
      useInstead((given) =>
        openKv(given).catch((error) => {
          if (++faults === 2) other.exec("ROLLBACK");
          throw error;
        }),
      );
      try {
        same(await store.get("a"), null, "what is read of it");
        same(faults, 2, "how often it could not be opened");
      } finally {
        useInstead(openKv);
        other.close();
        await store.close();
        rmSync(folder, { recursive: true });
      }
    },
  },
  {
    name: "while another process holds the write lock, reads do not wait and writes time out",
    async run() {
      const folder = mkdtempSync(join(tmpdir(), "millrace-"));
      const path = join(folder, "locked.kv");
      const store = denoKvStore({ path, clock: systemClock });
      await store.put("a", "1");
      const other = new DatabaseSync(path);
      other.exec("BEGIN IMMEDIATE");
      try {
        let over = 0;
        const puts = Array.from({ length: 20 }, (_, n) => store.put(`b${n}`, "2"));
        for (const put of puts) {
          put.then(
            () => over++,
            () => over++,
          );
        }
        for (let n = 0; n < 50; n++) same((await store.get("a"))?.value, "1", "what is read");
        same(over, 0, "how many writes are over");
        const results = await Promise.allSettled(puts);
        same(
          results.map(({ status }) => status),
          puts.map(() => "rejected"),
          "how the writes end",
        );
      } finally {
        other.exec("ROLLBACK");
        other.close();
        await store.close();
        rmSync(folder, { recursive: true });
      }
    },
  },
  {
    name: "only the owner can read the file",
    async run() {
      const folder = mkdtempSync(join(tmpdir(), "millrace-"));
      const path = join(folder, "private.kv");
      const store = denoKvStore({ path, clock: systemClock });
      try {
        await store.put("a", "1");
        const modes = readdirSync(folder).map((name) =>
          (statSync(join(folder, name)).mode & 0o777).toString(8),
        );
        same(new Set(modes).size === 1 && modes[0], "600", `the modes ${modes}`);
      } finally {
        await store.close();
        rmSync(folder, { recursive: true });
      }
    },
  },
];

/** Every suite by its name. */
export const denoKvSuites: Readonly<Record<string, readonly ContractCase[]>> = {
  "deno-kv store": storeContract(denoKv),
  "graph on deno-kv": graphContract(denoKv),
  "deno-kv file": files,
};
