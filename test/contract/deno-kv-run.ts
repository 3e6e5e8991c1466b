/**
 * Runs {@link denoKvSuites} on Deno and writes the results to standard output as JSON: an array of
 * `{ suite, name, fault }`. With `count PATH TIMES` it instead increments a counter in a file TIMES times, by
 * compare-and-swap.
 * @module
 */
import process from "node:process";
import { denoKvStore } from "../../runtime/stores/deno-kv.ts";
import { systemClock } from "../support/system-clock.ts";
import { runCases } from "./case.ts";
import { denoKvSuites } from "./deno-kv.ts";

async function count(path: string, times: number): Promise<void> {
  const store = denoKvStore({ path, clock: systemClock });
  for (let done = 0; done < times; ) {
    const entry = await store.get("counter");
    const next = `${Number(entry?.value ?? 0) + 1}`;
    if ((await store.put("counter", next, { ifVersion: entry?.version ?? null })).ok) done++;
  }
  console.log((await store.get("counter"))?.value);
  await store.close();
}

const [what, path, times] = process.argv.slice(2);
if (what === "count") await count(path!, Number(times));
else {
  const results = [];
  for (const [suite, cases] of Object.entries(denoKvSuites)) {
    for (const result of await runCases(cases)) results.push({ suite, ...result });
  }
  console.log(JSON.stringify(results));
}
