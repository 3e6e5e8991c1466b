/**
 * On Cloudflare, I/O belongs to the request that started it and ends with it. What requests of one isolate share
 * must survive the end of any of them.
 * @module
 */
import assert from "node:assert/strict";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { configFile } from "../support/config-file.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { startWorker, type Worker } from "../support/workerd.ts";
import { newcomer } from "./scenarios/identity.ts";
import { admin, eventually, scenarioConfig, type Target, targetOf } from "./target.ts";

/** A service whose objects take the time of `/objects?ms=`; with a negative number they hang. */
const entry = (config: object) => `
  import { Millrace, serve } from "./worker/entries/cloudflare.ts";
  let ms = 0;
  let calls = 0;
  const pause = () => ms < 0 ? new Promise(() => {}) : new Promise((resolve) => setTimeout(resolve, ms));
  export class Slow extends Millrace {
    async get(...args) { calls++; await pause(); return super.get(...args); }
    async put(...args) { calls++; await pause(); return super.put(...args); }
    async list(...args) { calls++; await pause(); return super.list(...args); }
  }
  const service = serve(${JSON.stringify(configFile(config))});
  export default {
    fetch(request, env, ctx) {
      const url = new URL(request.url);
      if (url.pathname !== "/objects") return service.fetch(request, env, ctx);
      if (url.searchParams.has("ms")) ms = Number(url.searchParams.get("ms"));
      return new Response(String(calls));
    },
  };`;

describe("requests on cloudflare", () => {
  let origin: Origin;
  let worker: Worker;
  let target: Target;

  beforeAll(async () => {
    origin = await startOrigin();
    worker = await startWorker({ entry: entry(scenarioConfig(origin.url)), className: "Slow" });
    target = targetOf("cloudflare", worker.url, origin, worker.log);
    for (const id of ["first", "second"]) {
      const record = { id, allowed_return_domains: ["partner.example"] };
      assert.equal((await admin(target, "POST", "/_ts/admin/partners/register", record)).status, 201);
    }
  });

  afterEach(() => objectsTake(0));

  afterAll(async () => {
    await worker?.stop();
    await origin?.close();
  });

  const objectsTake = async (ms: number) => {
    await worker.read(`/objects?ms=${ms}`);
  };
  const objectCalls = async () => Number(await worker.read("/objects"));

  const pixel = (partner: string) =>
    `/sync?${new URLSearchParams({ partner, uid: `uid-of-${partner}`, return: "https://partner.example/" })}`;

  const bothIn = async (id: string) => {
    const ids = await eventually("both writes", async () => {
      const entry = await target.entry(id);
      return entry?.ids.first && entry.ids.second ? entry.ids : undefined;
    });
    expect(ids).toMatchObject({ first: { uid: "uid-of-first" }, second: { uid: "uid-of-second" } });
  };

  test("a client that disconnects during a write cancels no other client's write", async () => {
    const { id, visitor } = await newcomer(target);
    const headers = { "x-test-ip": visitor.ip!, "x-test-country": "JP", cookie: `ts-ec=${id}` };
    const before = await objectCalls();
    await objectsTake(500);
    const leaving = new AbortController();
    const left = fetch(`${worker.url}${pixel("first")}`, {
      headers,
      redirect: "manual",
      signal: leaving.signal,
    });
    await eventually("a call of an object", async () => ((await objectCalls()) > before ? true : undefined));
    leaving.abort();
    await expect(left).rejects.toThrow(/abort/);
    // The next writes for this id are grouped after it.
    const next = target.visit(visitor, { path: pixel("second") });
    await objectsTake(0);
    await next;
    await bothIn(id);
  });

  test("a write that is pending at the end of its response completes, and so does the next one", async () => {
    const { id, visitor } = await newcomer(target);
    await objectsTake(1500);
    const answer = await target.visit(visitor, { path: pixel("first") });
    expect(answer.headers.location).toBe("https://partner.example/?ts_synced=0&ts_reason=write_failed");
    await objectsTake(0);
    const next = await target.visit(visitor, { path: pixel("second") });
    expect(next.headers.location).toMatch(/ts_synced=/);
    await bothIn(id);
  });

  test("a hanging object is abandoned after a timeout, and later requests do not wait for it", async () => {
    const { id, visitor } = await newcomer(target);
    await objectsTake(-1);
    const degraded = await target.visit(visitor, { path: "/identify" });
    expect(JSON.parse(degraded.body)).toMatchObject({ ec: id, degraded: true });
    const unwritten = await target.visit(visitor, { path: pixel("first") });
    expect(unwritten.headers.location).toBe("https://partner.example/?ts_synced=0&ts_reason=write_failed");
    expect((await target.visit(visitor)).status).toBe(200);
    await objectsTake(0);
    const record = { id: "after", name: "Registered after it", allowed_return_domains: ["partner.example"] };
    await eventually("a registration", async () => {
      const answer = await admin(target, "POST", "/_ts/admin/partners/register", record);
      return answer.status < 300 ? true : undefined;
    });
    const synced = await eventually("a write", async () => {
      const answer = await target.visit(visitor, { path: pixel("after") });
      return answer.headers.location?.endsWith("ts_synced=1") ? true : undefined;
    });
    expect(synced).toBe(true);
    expect((await target.entry(id))?.ids.after?.uid).toBe("uid-of-after");
  });

  test("registrations that wait for one another go on after their answers, and block no later one", async () => {
    const register = (id: string) =>
      admin(target, "POST", "/_ts/admin/partners/register", {
        id,
        name: `Registered as ${id}`,
        allowed_return_domains: ["partner.example"],
      });
    await objectsTake(3000);
    const late = await Promise.all([register("late-1"), register("late-2")]);
    expect(late.map(({ status }) => status)).toEqual([503, 503]);
    await objectsTake(0);
    expect((await register("next")).status).toBe(201);
    const { partners } = JSON.parse((await admin(target, "GET", "/_ts/admin/partners")).body);
    const ids = partners.map(({ id }: { id: string }) => id);
    expect(ids).toEqual(expect.arrayContaining(["late-1", "late-2", "next"]));
  });

  test("no request uses an I/O object of another request", () => {
    expect(worker.log()).not.toMatch(/different request|code had hung|will never/i);
  });
});
