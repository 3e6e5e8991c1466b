import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { PktLineError, UntilFlush } from "../../../../../runtime/grasp/git/pkt-line.ts";
import { RequestBody } from "../../../../../worker/grasp/git/body.ts";
import { clientStream } from "../../../../../worker/grasp/git/client-stream.ts";
import { reportAnswer } from "../../../../../worker/grasp/git/push-report.ts";
import { manualClock } from "../../../../support/manual-clock.ts";

const post = (body: BodyInit, headers: Record<string, string> = {}) =>
  new Request("http://a/", { method: "POST", body, headers, duplex: "half" } as RequestInit);
const gzip = { "content-encoding": "gzip" };
/** A body that sends nothing after its first bytes. */
const stalled = (first: string) =>
  new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from(first)) });

/** A clock that counts the timers that were set. */
function countingClock() {
  const clock = manualClock();
  return Object.assign({}, clock, {
    set: 0,
    after(this: { set: number }, ms: number, callback: () => void) {
      this.set++;
      return clock.after(ms, callback);
    },
  });
}

async function all(body: RequestBody): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body.rest()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe("bodies", () => {
  test("gzip and x-gzip are inflated; another encoding is 415 (G17)", async () => {
    for (const encoding of ["gzip", "x-gzip", "GZIP"]) {
      const request = post(gzipSync("0000"), { "content-encoding": encoding });
      expect((await all(new RequestBody(request, manualClock()))).toString()).toBe("0000");
    }
    expect(() => new RequestBody(post("x", { "content-encoding": "br" }), manualClock())).toThrow(
      expect.objectContaining({ status: 415 }),
    );
  });

  test("past 12 MiB, more than 50 times the compressed size is 413; 200,000 equal wants pass; a broken stream is 400 (G15, G17, T9)", async () => {
    const status = (content: Uint8Array<ArrayBuffer>) =>
      all(new RequestBody(post(content, gzip), manualClock())).then(
        () => 200,
        ({ status }) => status,
      );
    expect(await status(gzipSync(Buffer.alloc(20 * 1024 ** 2)))).toBe(413);
    const wants = Buffer.alloc(10_000_000, `0032want ${"a".repeat(40)}\n`);
    expect(await status(gzipSync(wants))).toBe(200);
    expect(await status(gzipSync(Buffer.from("x".repeat(40))))).toBe(200);
    expect(await status(gzipSync(Buffer.from("abc")).subarray(0, 15))).toBe(400);
    expect(await status(Buffer.from("no gzip at all"))).toBe(400);
  });

  test("60 s without a byte end it, and more where the client may think (G20, A48)", async () => {
    const clock = manualClock();
    const body = new RequestBody(post(stalled("abc")), clock);
    expect(Buffer.from((await body.next())!).toString()).toBe("abc");
    body.idleMs = 600_000;
    const late = body.next().catch((error) => error);
    await clock.settle(599_000);
    expect(body.fault).toBeNull();
    await clock.settle(1_000);
    expect(await late).toMatchObject({ status: 408 });
    expect(clock.waiting()).toBe(0);
  });

  test("a thousand chunks take one timer, none is left, and silence after them is measured from the last (G20, V8)", async () => {
    const clock = countingClock();
    let sent = 0;
    const chunks = new ReadableStream({
      pull(controller) {
        clock.advance(50);
        if (sent++ < 1000) controller.enqueue(Buffer.from("0"));
        else return new Promise(() => {});
      },
    });
    const body = new RequestBody(post(chunks), clock);
    const ended = all(body).catch((error) => error);
    while (sent <= 1000) await new Promise((resolve) => setImmediate(resolve));
    expect(clock.set).toBe(1);
    await clock.settle(59_000);
    expect(body.fault).toBeNull();
    await clock.settle(1_000);
    expect(await ended).toMatchObject({ status: 408 });
    expect([clock.set, clock.waiting()]).toEqual([2, 0]);
    const whole = countingClock();
    await all(new RequestBody(post("whole"), whole));
    expect([whole.set, whole.waiting()]).toEqual([1, 0]);
  });

  test("a limit ends a body that sends byte by byte (A2, T11)", async () => {
    const clock = manualClock();
    const drops = new ReadableStream({
      pull: (controller) =>
        new Promise<void>((resolve) => {
          clock.after(1_000, () => {
            controller.enqueue(Buffer.from("0"));
            resolve();
          });
        }),
    });
    const body = new RequestBody(post(drops), clock);
    body.limit(10_000, "late");
    const ended = all(body).catch((error) => error);
    await clock.settle(20_000);
    expect(await ended).toMatchObject({ status: 408 });
  });

  test("a list that comes byte by byte is looked at once; lengths 1 to 3 and lists over the limit are refused (A2)", () => {
    const list = Buffer.from(`${"0009hello".repeat(2000)}0000PACK`);
    const gathered = new UntilFlush(1024 ** 2);
    let at = 0;
    while (!gathered.add(list.subarray(at, at + 1))) at++;
    expect(at).toBe(9 * 2000 + 3);
    expect(() => new UntilFlush(100).add(Buffer.from("0001"))).toThrow(PktLineError);
    expect(() => new UntilFlush(100).add(Buffer.from(`0070${"x".repeat(0x6c)}0000`))).toThrow(PktLineError);
  });
});

describe("answers to clients (G20, V8)", () => {
  const source = (chunks: number) => ({
    next: async () => (chunks-- > 0 ? Buffer.from("0") : null),
    close() {},
  });

  test("a thousand chunks take a timer for silence and one for the whole, and none is left", async () => {
    const clock = countingClock();
    let bytes = 0;
    const passed = (more: number) => {
      bytes += more;
    };
    const stream = clientStream(Buffer.from("1"), source(999), { clock, passed, breakOff() {} });
    expect((await new Response(stream).text()).length).toBe(1000);
    expect([clock.set, clock.waiting(), bytes]).toEqual([2, 0, 1000]);
  });

  test("a client that stops reading is broken off 60 s after its last read", async () => {
    const clock = manualClock();
    let broken = 0;
    const stream = clientStream(Buffer.from("1"), source(999), { clock, breakOff: () => broken++ });
    const reader = stream.getReader();
    await reader.read();
    await clock.settle(30_000);
    await reader.read();
    await clock.settle(59_999);
    expect(broken).toBe(0);
    await clock.settle(1);
    expect(broken).toBe(1);
    expect(clock.waiting()).toBe(0);
  });
});

describe("the answer to a push (A43, G44)", () => {
  const done = Promise.resolve();

  test("a report that is ready soon is one answer with its length", async () => {
    const clock = manualClock();
    const answer = await reportAnswer(Promise.resolve(Buffer.from("report")), done, true, clock);
    expect([answer.headers.get("content-length"), await answer.text()]).toEqual(["6", "report"]);
    expect(clock.waiting()).toBe(0);
  });

  test("a client with side-band gets 0005 with band 1 each 5 s from the end of its body", async () => {
    const clock = manualClock();
    let report: (bytes: Uint8Array) => void = () => {};
    let end = () => {};
    const bodyEnd = new Promise<void>((resolve) => {
      end = resolve;
    });
    const pending = reportAnswer(new Promise((resolve) => (report = resolve)), bodyEnd, true, clock);
    await clock.settle(60_000);
    expect(clock.waiting()).toBe(0);
    end();
    await clock.settle(12_000);
    report(Buffer.from("report"));
    await clock.settle(0);
    const answer = await pending;
    expect(await answer.text()).toBe("0005\u00010005\u0001report");
    expect(clock.waiting()).toBe(0);
  });

  test("without side-band nothing is sent before the report", async () => {
    const clock = manualClock();
    let report: (bytes: Uint8Array) => void = () => {};
    const pending = reportAnswer(new Promise((resolve) => (report = resolve)), done, false, clock);
    await clock.settle(60_000);
    report(Buffer.from("report"));
    expect(await (await pending).text()).toBe("report");
  });

  test("a failure after the first sign of life is told by band 3 (G36)", async () => {
    const clock = manualClock();
    let fail: (error: Error) => void = () => {};
    const pending = reportAnswer(new Promise((_, reject) => (fail = reject)), done, true, clock);
    await clock.settle(5_000);
    fail(new Error("inside"));
    await clock.settle(0);
    const text = await (await pending).text();
    expect([text.slice(0, 5), text[9], text.includes("inside")]).toEqual(["0005\u0001", "\u0003", false]);
  });
});
