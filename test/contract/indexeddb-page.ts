/**
 * The script of a page that runs the suites on the store of the browser: `runCase(n)` runs case n.
 * @module
 */
import { indexedDbStore } from "../../runtime/stores/indexeddb.ts";
import { runCases } from "./case.ts";
import { indexedDbSuites } from "./indexeddb-suites.ts";

const cases = indexedDbSuites.flatMap(([, suite]) => suite);

Object.assign(globalThis, {
  runCase: async (n: number) => (await runCases([cases[n]!]))[0],
  store: indexedDbStore({ name: "shared", clock: Date }),
});
