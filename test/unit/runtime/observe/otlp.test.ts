import { describe, expect, test } from "vitest";
import { type FinishedSpan, otlpJson } from "../../../../runtime/observe/otlp.ts";
import { createRecorder } from "../../../../runtime/observe/recorder.ts";
import { SpanExporter } from "../../../../runtime/observe/span-exporter.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = { traceId: TRACE, spanId: "00f067aa0ba902b7", sampled: true };
const SPAN: FinishedSpan = {
  context: { traceId: TRACE, spanId: "b7ad6b7169203331" },
  parentSpanId: PARENT.spanId,
  name: "origin",
  kind: "client",
  beganMs: 1_700_000_000_000.25,
  endedMs: 1_700_000_000_012,
  attributes: { "http.response.status_code": 502, text: "x".repeat(100) },
  isError: true,
};

test("spans are written by the field names of OTLP's JSON", () => {
  const traced = { ...SPAN, parentSpanId: null, kind: "server" as const, attributes: {}, isError: false };
  expect(JSON.parse(otlpJson([SPAN, traced], { "service.name": "millrace" }))).toEqual({
    resourceSpans: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: "millrace" } }] },
        scopeSpans: [
          {
            scope: { name: "millrace" },
            spans: [
              {
                traceId: TRACE,
                spanId: "b7ad6b7169203331",
                parentSpanId: "00f067aa0ba902b7",
                name: "origin",
                kind: 3,
                startTimeUnixNano: "1700000000000250000",
                endTimeUnixNano: "1700000000012000000",
                attributes: [
                  { key: "http.response.status_code", value: { intValue: "502" } },
                  { key: "text", value: { stringValue: "x".repeat(64) } },
                ],
                status: { code: 2 },
              },
              {
                traceId: TRACE,
                spanId: "b7ad6b7169203331",
                name: "origin",
                kind: 2,
                startTimeUnixNano: "1700000000000250000",
                endTimeUnixNano: "1700000000012000000",
                attributes: [],
              },
            ],
          },
        ],
      },
    ],
  });
});

describe("the recorder", () => {
  const spans: FinishedSpan[] = [];
  const clock = manualClock();
  let filled = 0;
  const random = { fill: (bytes: Uint8Array) => void bytes.fill(++filled) };
  const recorder = createRecorder({ random, clock, add: (span) => spans.push(span) });

  test("records a call as a child of the request, and a request as a child of the client's span", () => {
    const request = recorder.begin("server", "GET", PARENT)!;
    const call = recorder.begin("client", "origin", request.context)!;
    clock.advance(40);
    call.end(200);
    call.end(500);
    request.end(200);
    expect(spans.splice(0).map(({ context, ...span }) => ({ ...context, ...span }))).toMatchObject([
      { ...call.context, parentSpanId: request.context.spanId, kind: "client", isError: false },
      { ...request.context, parentSpanId: PARENT.spanId, kind: "server", isError: false },
    ]);
    expect(new Set([PARENT.spanId, request.context.spanId, call.context.spanId]).size).toBe(3);
    expect(call.context).toMatchObject({ traceId: TRACE, sampled: true });
  });

  test("begins a trace for a request without one, and none for a call", () => {
    const request = recorder.begin("server", "GET", null)!;
    expect(request.context.traceId).toMatch(/^[0-9a-f]{32}$/);
    request.end(200);
    expect(spans.splice(0)).toMatchObject([{ context: request.context, parentSpanId: null }]);
    expect(recorder.begin("client", "pull", null)).toBeNull();
  });

  test("passes a trace on that its client does not record, and records nothing", () => {
    const request = recorder.begin("server", "GET", { ...PARENT, sampled: false })!;
    expect(request.context).toMatchObject({ traceId: TRACE, sampled: false });
    request.end(200);
    expect(spans).toEqual([]);
  });

  test.each([
    ["server", 499, false],
    ["server", 500, true],
    ["server", null, false],
    ["client", 399, false],
    ["client", 400, true],
    ["client", null, true],
  ] as const)("a span of kind %s with status %s is an error: %s", (kind, status, isError) => {
    recorder.begin(kind, "GET", PARENT)!.end(status);
    expect(spans.splice(0)[0]!.isError).toBe(isError);
  });
});

describe("the exporter", () => {
  /** An exporter whose collector answers when the test says so. */
  function exporter() {
    const clock = manualClock();
    const asked: { init: RequestInit; answer(status: number): void }[] = [];
    const faults: unknown[] = [];
    const made = new SpanExporter({
      url: "http://127.0.0.1:4318/v1/traces",
      headers: { "x-key": "key" },
      resource: {},
      clock,
      fetch: (_url, init = {}) =>
        new Promise((resolve, reject) => {
          init.signal?.addEventListener("abort", () => reject(init.signal?.reason));
          asked.push({ init, answer: (status) => resolve(new Response(null, { status })) });
        }),
      onFault: (error) => faults.push(error),
    });
    const sizes = () =>
      asked.map(
        ({ init }) => JSON.parse(init.body as string).resourceSpans[0].scopeSpans[0].spans.length as number,
      );
    const add = (count: number) => {
      for (let i = 0; i < count; i++) made.add(SPAN);
    };
    return { made, clock, asked, faults, sizes, add };
  }

  test("sends what came within two seconds as one request", async () => {
    const { made, clock, asked, sizes, add } = exporter();
    add(3);
    await clock.settle(1999);
    expect(asked).toEqual([]);
    await clock.settle(1);
    expect(sizes()).toEqual([3]);
    expect(asked[0]!.init).toMatchObject({
      method: "POST",
      redirect: "manual",
      headers: { "x-key": "key", "content-type": "application/json" },
    });
    asked[0]!.answer(200);
    await clock.settle(10_000);
    expect([made.sent, made.dropped, asked.length]).toEqual([3, 0, 1]);
  });

  test("sends one batch of at most 512 at a time, keeps 2,048 waiting, and counts the rest as dropped", async () => {
    const { made, clock, asked, sizes, add } = exporter();
    add(512 + 2048 + 5);
    await clock.settle(0);
    expect([sizes(), made.dropped]).toEqual([[512], 5]);
    asked[0]!.answer(200);
    await clock.settle(0);
    expect([sizes(), made.sent]).toEqual([[512, 512], 512]);
  });

  test.each([400, 500, 302])("a collector that answers with %d costs the batch", async (status) => {
    const { made, clock, asked, faults, add } = exporter();
    add(2);
    await clock.settle(2000);
    asked[0]!.answer(status);
    await clock.settle(0);
    expect([made.sent, made.dropped, faults.length]).toEqual([0, 2, 1]);
  });

  test("a collector that does not answer within five seconds costs the batch, and the next one is sent", async () => {
    const { made, clock, sizes, add } = exporter();
    add(2);
    await clock.settle(2000);
    add(1);
    await clock.settle(5000);
    expect(made.dropped).toBe(2);
    await clock.settle(2000);
    expect(sizes()).toEqual([2, 1]);
  });

  test("flush sends what waits at once, and waits for its end", async () => {
    const { made, clock, asked, sizes, add } = exporter();
    add(1);
    let isFlushed = false;
    const flushed = made.flush().then(() => {
      isFlushed = true;
    });
    await clock.settle(0);
    expect([sizes(), isFlushed]).toEqual([[1], false]);
    asked[0]!.answer(200);
    await flushed;
    expect(made.sent).toBe(1);
  });
});
