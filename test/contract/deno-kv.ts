/**
 * The suites of Deno KV, in files of this machine: the store and the graph on it. For Deno alone.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { denoKvStore } from "../../runtime/stores/deno-kv.ts";
import { manualClock } from "../support/manual-clock.ts";
import type { ContractCase } from "./case.ts";
import { graphContract } from "./graph.ts";
import { type StoreHarness, storeContract } from "./store.ts";

const denoKv: StoreHarness = {
  traits: { name: "deno-kv", readAfterWrite: true, durable: true, shared: true },
  maxValueBytes: 65_000,
  open() {
    const clock = manualClock();
    const folder = mkdtempSync(join(tmpdir(), "millrace-"));
    const open = () => denoKvStore({ path: join(folder, "contract.kv"), clock });
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

/** Every suite by its name. */
export const denoKvSuites: Readonly<Record<string, readonly ContractCase[]>> = {
  "deno-kv store": storeContract(denoKv),
  "graph on deno-kv": graphContract(denoKv),
};
