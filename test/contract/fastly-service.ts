/**
 * A service for Fastly Compute that runs the suites of its stores and limiters on their host. `/N` runs case N of {@link cases} and
 * returns its result as JSON; `/add?member=N` adds a member to one entry that all instances of the service share, `/members` reads
 * it; `/erl` counts in a rate counter and returns what it then reads.
 * @module
 */
import { RateCounter } from "fastly:edge-rate-limiter";
import { KVStore } from "fastly:kv-store";
import { storeLimiter } from "../../runtime/limiters/store.ts";
import type { Clock } from "../../runtime/platform.ts";
import { fastlyKvStore } from "../../runtime/stores/fastly-kv.ts";
import { runCases } from "./case.ts";
import { fastlySuites, type World } from "./fastly-suites.ts";

declare const addEventListener: (
  type: "fetch",
  listener: (event: { request: Request; respondWith(response: Promise<Response>): void }) => void,
) => void;

const after: Clock["after"] = (delayMs, callback) => {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
};

/** A KV store for one case. Time moves only by `advance`; pauses are real. */
function world(name: string): World {
  let nowMs = Date.now();
  const clock: Clock = { now: () => nowMs, after };
  const open = () => fastlyKvStore({ open: () => new KVStore(name), clock });
  return {
    open,
    limiter: () => storeLimiter(open(), clock),
    advance(ms) {
      nowMs += ms;
    },
  };
}

const shared = () => fastlyKvStore({ open: () => new KVStore("shared"), clock: { now: Date.now, after } });

/** Repeats attempts until the member is added. @returns number of lost races */
async function addMember(member: string): Promise<number> {
  const store = shared();
  for (let lost = 0; ; lost++) {
    const entry = await store.get("members");
    const members = entry === null ? [] : (JSON.parse(entry.value) as string[]);
    const put = await store.put("members", JSON.stringify([...members, member]), {
      ifVersion: entry === null ? null : entry.version,
    });
    if (put.ok) return lost;
  }
}

async function answer({ url }: Request): Promise<unknown> {
  const { pathname, searchParams } = new URL(url);
  if (pathname === "/add") return addMember(searchParams.get("member")!);
  if (pathname === "/members") return JSON.parse((await shared().get("members"))!.value);
  if (pathname === "/erl") {
    const counter = new RateCounter("counter");
    counter.increment("key", 15);
    return counter.lookupCount("key", 60);
  }
  const number = Number(pathname.slice(1));
  const cases = fastlySuites(() => world(`case${number}`)).flatMap(([, suite]) => suite);
  const [result] = await runCases([cases[number]!]);
  return result;
}

addEventListener("fetch", (event) =>
  event.respondWith(answer(event.request).then((result) => Response.json(result))),
);
