import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { bodyRefusal, readJson } from "../../../../worker/http/body.ts";

const post = (body: BodyInit | null, headers: Record<string, string> = {}) =>
  new Request("https://site.example/", { method: "POST", body, headers });
const bytes = (text: string) => new TextEncoder().encode(text);
const gzip = (text: string) => Uint8Array.from(gzipSync(text));

/** A body in chunks without a length; `sent` counts the chunks that were read. */
function chunked(...chunks: string[]) {
  const state = { sent: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks[state.sent++];
        if (chunk === undefined) controller.close();
        else controller.enqueue(bytes(chunk));
      },
      cancel() {
        state.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  const request = new Request("https://site.example/", {
    method: "POST",
    body,
    duplex: "half",
  } as RequestInit);
  return { request, state };
}

describe("readJson", () => {
  test("returns the value and the text", async () => {
    expect(await readJson(post('{"a": [1, "é"]}'), 100)).toEqual({
      value: { a: [1, "é"] },
      text: '{"a": [1, "é"]}',
    });
  });

  test("joins the chunks of a body", async () => {
    const { request } = chunked('{"a"', ":1}");
    expect(await readJson(request, 100)).toMatchObject({ value: { a: 1 } });
  });

  test("accepts a body of exactly the maximum length", async () => {
    expect(await readJson(post('"234567"'), 8)).toMatchObject({ value: "234567" });
    expect(await readJson(post('"2345678"'), 8)).toEqual({ fault: "too_large" });
  });

  test("stops to read a long body without a length, and cancels it", async () => {
    const { request, state } = chunked('"1234', "5678", "9", '"');
    expect(await readJson(request, 6)).toEqual({ fault: "too_large" });
    expect(state).toEqual({ sent: 2, cancelled: true });
  });

  test("rejects a long body by its Content-Length", async () => {
    expect(await readJson(post('"1"', { "content-length": "9" }), 8)).toEqual({ fault: "too_large" });
  });

  test.each(["", "{", "nonsense", "[1,]", "'1'"])("rejects %j as malformed", async (body) => {
    expect(await readJson(post(body), 100)).toEqual({ fault: "malformed" });
  });

  test("rejects a missing body as malformed", async () => {
    expect(await readJson(post(null), 100)).toEqual({ fault: "malformed" });
  });

  test("rejects bytes that are not UTF-8 as malformed", async () => {
    expect(await readJson(post(new Uint8Array([0x22, 0xff, 0x22])), 100)).toEqual({ fault: "malformed" });
  });

  test("rejects a value that is nested too deeply as malformed", async () => {
    const nested = (depth: number) => post(`${"[".repeat(depth)}${"]".repeat(depth)}`);
    expect(await readJson(nested(64), 1000)).toHaveProperty("value");
    expect(await readJson(nested(65), 1000)).toEqual({ fault: "malformed" });
  });

  test("decodes gzip that Content-Encoding names", async () => {
    const request = post(gzip('{"a":1}'), { "content-encoding": "gzip" });
    expect(await readJson(request, 100)).toMatchObject({ value: { a: 1 } });
  });

  test("limits the decoded length, too", async () => {
    const request = post(gzip(`"${" ".repeat(10_000)}"`), { "content-encoding": "gzip" });
    expect(await readJson(request, 1000)).toEqual({ fault: "too_large" });
  });

  test("rejects broken gzip as malformed", async () => {
    const request = post('{"a":1}', { "content-encoding": "gzip" });
    expect(await readJson(request, 100)).toEqual({ fault: "malformed" });
  });

  test("rejects an unknown Content-Encoding", async () => {
    const request = post('{"a":1}', { "content-encoding": "x-own" });
    expect(await readJson(request, 100)).toEqual({ fault: "unsupported_encoding" });
  });

  test("recognizes gzip without Content-Encoding only with sniffGzip", async () => {
    const read = (sniffGzip: boolean) => readJson(post(gzip("[1]")), 100, { sniffGzip });
    expect(await read(false)).toEqual({ fault: "malformed" });
    expect(await read(true)).toMatchObject({ value: [1] });
  });

  test("parses only a long body in its turn", async () => {
    let turns = 0;
    const inTurn = async <T>(work: () => T): Promise<T> => {
      turns++;
      return work();
    };
    await readJson(post('"short"'), 100_000, { inTurn });
    expect(turns).toBe(0);
    await readJson(post(`"${"x".repeat(65_536)}"`), 100_000, { inTurn });
    expect(turns).toBe(1);
  });
});

describe("bodyRefusal", () => {
  test.each([
    ["too_large", 413, "body_too_large"],
    ["malformed", 400, "invalid_json"],
    ["unsupported_encoding", 415, "unsupported_encoding"],
  ] as const)("answers %s with %i", (fault, status, error) => {
    expect(bodyRefusal(fault, 8)).toMatchObject({ status, body: { error } });
  });

  test("names the supported encodings in the answer to an unknown one", () => {
    expect(bodyRefusal("unsupported_encoding", 8).headers["accept-encoding"]).toContain("gzip");
  });
});
