/**
 * The suites for every process (Node, Bun, Deno): stores in memory and in SQLite, the local limiter.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localLimiter } from "../../runtime/limiters/local.ts";
import type { Clock, Store } from "../../runtime/platform.ts";
import { memoryStore } from "../../runtime/stores/memory.ts";
import { sqliteStore } from "../../runtime/stores/sqlite.ts";
import { createHotPath } from "../../wasm/hotpath.ts";
import { inlineKernels } from "../../wasm/inline.ts";
import { lazySqliteStore } from "../../worker/hosts/process/process-host.ts";
import { manualClock } from "../support/manual-clock.ts";
import type { ContractCase } from "./case.ts";
import { graphContract } from "./graph.ts";
import { type LimiterHarness, limiterContract } from "./limiter.ts";
import { sqliteLockContract } from "./sqlite-lock.ts";
import { type StoreHarness, storeContract } from "./store.ts";

const memory: StoreHarness = {
  traits: { name: "memory", readAfterWrite: true, durable: false, shared: false },
  open() {
    const clock = manualClock();
    return { store: memoryStore({ clock }), advance: clock.advance, dispose() {} };
  },
};

const sqlite = (openAt: (path: string, clock: Clock) => Store): StoreHarness => ({
  traits: { name: "sqlite", readAfterWrite: true, durable: true, shared: true },
  open() {
    const clock = manualClock();
    const folder = mkdtempSync(join(tmpdir(), "millrace-"));
    const open = () => openAt(join(folder, "contract.db"), clock);
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
});
const opened = sqlite((path, clock) => sqliteStore({ path, clock }));
const openedLazily = sqlite(lazySqliteStore);

const random = { fill: (target: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(target) };

const local: LimiterHarness = {
  clockCanBeSetBack: true,
  open() {
    const clock = manualClock();
    const hotPath = createHotPath(inlineKernels(), { maxKeys: 1000, random });
    return { limiter: localLimiter(hotPath, clock), advance: clock.advance, dispose() {} };
  },
};

/** Every suite by its name. */
export const suites: Readonly<Record<string, readonly ContractCase[]>> = {
  "memory store": storeContract(memory),
  "sqlite store": storeContract(opened),
  "sqlite store, opened lazily": storeContract(openedLazily),
  "sqlite store and other programs": sqliteLockContract(),
  "graph in memory": graphContract(memory),
  "graph on sqlite": graphContract(openedLazily),
  "local limiter": limiterContract(local),
};
