import { expect, test } from "vitest";
import type { Partner } from "../../../../../runtime/ec/partners/partner.ts";
import { pullUrl, readAnswer, requestPull } from "../../../../../runtime/ec/partners/pull-request.ts";
import { NO_IDS } from "../../../../../runtime/observe/trace-context.ts";

test("pullUrl keeps the partner's own query and adds id, hash and address", () => {
  const id = `${"a".repeat(64)}.Abc123`;
  const url = new URL(
    pullUrl("https://ssp.example/p?key=a%20b&ip=9", id, "20010db885a30000", "gdpr=1&gdpr_consent=TC"),
  );
  expect([...url.searchParams]).toEqual([
    ["key", "a b"],
    ["ip", "20010db885a30000"],
    ["ec_id", id],
    ["ec_hash", "a".repeat(64)],
    ["gdpr", "1"],
    ["gdpr_consent", "TC"],
  ]);
  const without = new URL(pullUrl("https://ssp.example/p", id, null, ""));
  expect([...without.searchParams.keys()]).toEqual(["ec_id", "ec_hash"]);
});

test.each([
  ['{"uid":"u1"}', "u1"],
  ['{"uid":null}', null],
  [`{"uid":"${"x".repeat(256)}"}`, "x".repeat(256)],
])("the answer %s", (body, uid) => {
  expect(readAnswer(body)).toBe(uid);
});

test.each(["", "[]", "{}", '{"uid":""}', '{"uid":5}', '{"uid":"a\\u0000b"}', `{"uid":"${"x".repeat(257)}"}`])(
  "the answer %s is refused",
  (body) => {
    expect(() => readAnswer(body)).toThrow();
  },
);

const partner = { id: "ssp", pullSyncUrl: "https://ssp.example/p", pullToken: "token" } as Partner;
const clock = { now: () => 0, after: () => () => {} };
const ask = (fetch: () => Promise<Response>, signal = new AbortController().signal) =>
  requestPull(
    { partner, id: `${"a".repeat(64)}.Abc123`, ip: "192.0.2.1", consent: "", ids: NO_IDS, signal },
    { fetch, clock, tracer: { begin: () => null } },
  );

test("requestPull reads a body of at most 65,536 bytes", async () => {
  const uid = "u".repeat(200);
  const padded = (length: number) => `{"uid":"${uid}"}`.padEnd(length, " ");
  expect(await ask(async () => new Response(padded(65_536)))).toBe(uid);
  await expect(ask(async () => new Response(padded(65_537)))).rejects.toThrow("65536");
});

test.each(["a response that never begins", "a body that never ends"])(
  "requestPull rejects with the signal's reason for %s",
  async (kind) => {
    const controller = new AbortController();
    const reason = new Error("too late");
    let isCancelled = false;
    const body = new ReadableStream({
      cancel: () => {
        isCancelled = true;
      },
    });
    const answer = () =>
      kind.startsWith("a body") ? Promise.resolve(new Response(body)) : new Promise<never>(() => {});
    const asked = ask(answer, controller.signal);
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort(reason);
    await expect(asked).rejects.toBe(reason);
    expect(isCancelled).toBe(kind.startsWith("a body"));
  },
);

test.each([
  [404, null],
  [500, Error],
])("requestPull with status %s", async (status, expected) => {
  const asked = ask(async () => new Response("x", { status }));
  if (expected === null) expect(await asked).toBeNull();
  else await expect(asked).rejects.toThrow(expected);
});
