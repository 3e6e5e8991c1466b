import { indexedDbStore } from "../../runtime/stores/indexeddb.ts";
import { manualClock } from "../support/manual-clock.ts";
import type { ContractCase } from "./case.ts";
import { graphContract } from "./graph.ts";
import { type StoreHarness, storeContract } from "./store.ts";

let databases = 0;

function world() {
  const name = `contract ${++databases}`;
  const clock = manualClock();
  const open = () => indexedDbStore({ name, clock });
  const store = open();
  const dispose = async () => {
    await store.close();
    indexedDB.deleteDatabase(name);
  };
  return { clock, open, store, dispose };
}

const harness: StoreHarness = {
  traits: { name: "indexeddb", readAfterWrite: true, durable: true, shared: true },
  open() {
    const { clock, open, store, dispose } = world();
    return { store, advance: clock.advance, again: open, dispose };
  },
};

/** The suites for a browser, by name. Its limiter is the one on any store, which other tests cover. */
export const indexedDbSuites: [string, ContractCase[]][] = [
  ["indexeddb store", storeContract(harness)],
  ["graph on indexeddb", graphContract(harness)],
];
