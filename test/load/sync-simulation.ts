/**
 * The sync engine at scale, in virtual time: 100,000 identifiers, 1,000 domains, an hour. Prints what it did, how fast and in
 * how much memory, and what a round of the throttle costs as identifiers and domains grow.
 *
 *   npm run simulate:sync [-- --identifiers 100000 --domains 1000 --minutes 60]
 * @module
 */
import { DEFAULT_LIMITS } from "../../runtime/sync/index.ts";
import { readToolOptions } from "../support/tool-options.ts";
import { measureCost } from "./sync-cost.ts";
import { SOURCES, simulate, worstBytesEach } from "./sync-model.ts";

const { values: size } = readToolOptions({
  name: "simulate:sync",
  summary: "Runs the sync engine in virtual time and prints its work, its speed and its memory.",
  options: {
    identifiers: { default: 100_000, summary: "number of identifiers" },
    domains: { default: 1000, summary: "number of domains" },
    minutes: { default: 60, summary: "virtual time" },
    seed: { default: 1, summary: "seed of the random numbers" },
  },
});

const number = (value: number, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

const { events, seconds, ...seen } = await simulate(size);
const heapGrowth = (seen.heapMostMiB - seen.heapBeforeMiB) * 2 ** 20;
const all = number(size.identifiers);
const lines: [string, string][] = [
  ["identifiers, domains, virtual time", `${all}, ${number(size.domains)}, ${size.minutes} minutes`],
  ["real time", `${number(seconds, 1)} s (processor ${number(seen.cpuSeconds, 1)} s)`],
  ["attempts of the main path", number(events["attempt-started"] ?? 0)],
  ["fetches started", `${number(seen.starts)} (${number(seen.starts / seconds)} per second of real time)`],
  ["items released", number(seen.released)],
  [
    "identifiers complete, expired, still waiting",
    [events.completed ?? 0, events.expired ?? 0, seen.queuedAtEnd].map((n) => number(n)).join(", "),
  ],
  ["most identifiers waiting at once", number(seen.mostQueued)],
  [
    "most in flight, most starts in 60 s, on any domain",
    `${seen.mostInFlight} of ${DEFAULT_LIMITS.maxConcurrent}, ${seen.mostInWindow} of ${DEFAULT_LIMITS.maxPerMinute}`,
  ],
  [
    "heap before, most during the run",
    `${number(seen.heapBeforeMiB, 1)} MiB, ${number(seen.heapMostMiB, 1)} MiB`,
  ],
  ["that is, for each identifier waiting at most", `${number(heapGrowth / seen.mostQueued)} bytes`],
  ["domains active at the end", number(seen.domainsAtEnd)],
  [
    "returned by stop()",
    `${number(seen.stopped.identifiers)} identifiers, ${number(seen.stopped.domains)} resting domains`,
  ],
  [
    `all ${all} waiting at once, each for ${SOURCES} domains`,
    `${number(await worstBytesEach(size))} bytes each`,
  ],
];
for (const [what, value] of lines) console.log(`${what.padEnd(52)} ${value}`);

console.log("\nOne round of the throttle (pick, reserve, count in the window, release), processor time:");
const sizes = [1_000, 10_000, 100_000].flatMap((ids) => [10, 100, 1_000].map((of) => [ids, of] as const));
console.log("identifiers    domains    nanoseconds");
for (const { identifiers, domains, nanoseconds } of measureCost(sizes)) {
  console.log(
    `${number(identifiers).padStart(11)} ${number(domains).padStart(10)} ${number(nanoseconds).padStart(14)}`,
  );
}
