/**
 * A Worker that runs the suites of its store and limiter on their host. `/N` runs case N of the suites and returns its result as
 * JSON; `/add?member=N` adds a member to one entry, `/members` reads it; `/sweep` shows what an alarm does.
 * @module
 */
import { env } from "cloudflare:workers";
import { durableObjectLimiter } from "../../runtime/limiters/durable-object.ts";
import { durableObjectStore } from "../../runtime/stores/durable-object.ts";
import { Millrace } from "../../worker/entries/cloudflare.ts";
import { type Namespace, objectCalls, type Remote } from "../../worker/hosts/cloudflare/request.ts";
import { runCases } from "./case.ts";
import { durableObjectSuites, type World } from "./durable-object-suites.ts";

/** Time moves only by `advance`. Objects and requests of one Worker share an isolate here, and so this clock. */
let nowMs = Date.now();

/** An object with the clock of the test, which shows its entries. */
export class Tested extends Millrace {
  protected override now(): number {
    return nowMs;
  }

  async rows(): Promise<{ rows: number; alarmInMs: number | null }> {
    const { storage } = this.ctx;
    const alarm = await storage.getAlarm();
    const rows = storage.sql.exec("SELECT key FROM entries").toArray().length;
    return { rows, alarmInMs: alarm === null ? null : alarm - nowMs };
  }

  ring(): Promise<void> {
    return this.alarm();
  }
}

/** A long timeout: the suites make many requests at once, and the machine may be busy. */
const TIMEOUT_MS = 100_000;
const calls = objectCalls<Tested>(env.MILLRACE as Namespace<Remote<Tested>>, TIMEOUT_MS);

/** Objects that no other case uses. */
function world(name: string): World {
  const call: typeof calls = (object, operation) => calls(`${name}/${object}`, operation);
  return {
    open: (prefix) => durableObjectStore({ call, spread: { prefix, objects: 5 } }),
    limiter: () => durableObjectLimiter({ call: (_key, operation) => call("limiter", operation) }),
    advance(ms) {
      nowMs += ms;
    },
  };
}

/** Repeats attempts until the member is added. */
async function addMember(member: string): Promise<void> {
  const store = world("shared").open("ec:");
  for (;;) {
    const entry = await store.get("members");
    const members = entry === null ? [] : (JSON.parse(entry.value) as string[]);
    const put = await store.put("members", JSON.stringify([...members, member]), {
      ifVersion: entry === null ? null : entry.version,
    });
    if (put.ok) return;
  }
}

async function sweep() {
  const hour = 3_600_000;
  const object = <R>(operation: (object: Remote<Tested>) => Promise<R>) => calls("swept", operation);
  const seen = [await object((it) => it.rows())];
  await object((it) => it.put("short", "value", { ttlSeconds: 60 }));
  await object((it) => it.put("long", "value", { ttlSeconds: 6000 }));
  await object((it) => it.put("forever", "value", {}));
  await object((it) => it.take("limited", { limit: 5, windowMs: 60_000 }));
  for (let n = 0; n < 3; n++) {
    seen.push(await object((it) => it.rows()));
    nowMs += hour;
    await object((it) => it.ring());
  }
  return [...seen, await object((it) => it.rows())];
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/add") return Response.json((await addMember(searchParams.get("member")!)) ?? null);
    if (pathname === "/members") {
      const entry = await world("shared").open("ec:").get("members");
      return Response.json(entry === null ? [] : JSON.parse(entry.value));
    }
    if (pathname === "/sweep") return Response.json(await sweep());
    const number = Number(pathname.slice(1));
    const cases = durableObjectSuites(() => world(`case${number}`)).flatMap(([, suite]) => suite);
    const [result] = await runCases([cases[number]!]);
    return Response.json(result);
  },
};
