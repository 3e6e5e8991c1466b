/** Compressed bodies. */
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Fetch } from "../../../../runtime/platform.ts";
import { bodyRefusal, readJson } from "../../../../worker/http/body.ts";
import { codingOf, decoded, decodingFetch } from "../../../../worker/http/codings.ts";

const TEXT = JSON.stringify({ a: "é".repeat(20_000) });
const BODIES = { gzip: gzipSync(TEXT), deflate: deflateSync(TEXT), raw: deflateRawSync(TEXT) };

/** A stream of chunks of one size that records the bytes it gave and whether it was cancelled. */
function source(bytes: Uint8Array, size = bytes.byteLength) {
  const state = { given: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull(controller) {
        if (state.given >= bytes.byteLength) return controller.close();
        controller.enqueue(new Uint8Array(bytes.subarray(state.given, state.given + size)));
        state.given += size;
      },
      cancel: () => {
        state.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { body, state };
}

test.each([
  [null, "identity"],
  ["", "identity"],
  ["identity", "identity"],
  ["Identity, ,", "identity"],
  ["gzip", "gzip"],
  ["GZIP", "gzip"],
  ["x-gzip", "gzip"],
  ["identity, gzip", "gzip"],
  ["deflate", "deflate"],
  ["br", null],
  ["gzip, gzip", null],
  ["zstd", null],
  ["gzip;q=1", null],
])("Content-Encoding %j is %j", (header, coding) => {
  expect(codingOf(header)).toBe(coding);
});

describe("decoded", () => {
  test.each([
    ["gzip", BODIES.gzip, "gzip"],
    ["deflate", BODIES.deflate, "deflate"],
    ["deflate without its header", BODIES.raw, "deflate"],
  ] as const)("reads %s in chunks of any size", async (_, bytes, coding) => {
    for (const size of [1, 2, 3, 4095, 4097, 1 << 20]) {
      const text = await new Response(decoded(source(bytes, size).body, coding)).text();
      expect(text === TEXT, String(size)).toBe(true);
    }
  });

  test("an empty body stays empty", async () => {
    expect(await new Response(decoded(source(new Uint8Array()).body, "gzip")).text()).toBe("");
  });

  test.each([
    ["text", Buffer.from(TEXT)],
    ["a body that breaks off", BODIES.gzip.subarray(0, -9)],
    ["a body without its checksum", BODIES.gzip.subarray(0, -8)],
    ["a wrong checksum", Buffer.concat([BODIES.gzip.subarray(0, -8), Buffer.alloc(8)])],
    ["two bytes", BODIES.gzip.subarray(0, 2)],
  ])("fails on %s", async (_, bytes) => {
    await expect(new Response(decoded(source(bytes).body, "gzip")).text()).rejects.toThrow();
  });

  test("decodes only as far as it is read", async () => {
    const { body, state } = source(gzipSync(Buffer.alloc(256 * 1024 ** 2)), 1024);
    const reader = decoded(body, "gzip").getReader();
    const { value } = await reader.read();
    expect(value!.byteLength).toBeGreaterThan(0);
    expect(value!.byteLength).toBeLessThan(5 * 1024 ** 2);
    expect(state.given).toBeLessThan(200_000);
    await reader.cancel();
    expect(state.cancelled).toBe(true);
  });

  test("refuses a body that decodes to nothing for 1 MiB", async () => {
    const member = gzipSync("");
    const header = member.subarray(0, 10);
    // An endless stream of empty stored blocks (RFC 1951, section 3.2.4).
    const nothing = Buffer.concat([header, ...Array(800_000).fill(Buffer.from([0, 0, 0, 0xff, 0xff]))]);
    const { body, state } = source(nothing, 4096);
    await expect(new Response(decoded(body, "gzip")).text()).rejects.toThrow("decodes to nothing");
    expect(state.given).toBeLessThan(2 * 1024 ** 2);
    expect(state.cancelled).toBe(true);
  });
});

describe("readJson", () => {
  const post = (body: BodyInit, headers: Record<string, string> = {}) =>
    new Request("https://x.example/", { method: "POST", body, headers });
  const value = JSON.parse(TEXT);

  test.each<[string, Uint8Array<ArrayBuffer>, Record<string, string>]>([
    ["gzip", BODIES.gzip, { "content-encoding": "gzip" }],
    ["X-GZIP", BODIES.gzip, { "content-encoding": "X-GZIP" }],
    ["identity, gzip", BODIES.gzip, { "content-encoding": "identity, gzip" }],
    [
      "deflate",
      BODIES.deflate,
      { "content-encoding": "deflate", "content-type": "application/json; charset=utf-8" },
    ],
    ["identity", new Uint8Array(Buffer.from(TEXT)), { "content-encoding": "identity" }],
  ])("accepts %s", async (_, body, headers) => {
    expect(await readJson(post(body, headers), 100_000)).toMatchObject({ value });
  });

  test("detects undeclared gzip only with sniffGzip", async () => {
    expect(await readJson(post(BODIES.gzip), 100_000, { sniffGzip: true })).toMatchObject({ value });
    expect(await readJson(post(TEXT), 100_000, { sniffGzip: true })).toMatchObject({ value });
    expect(await readJson(post(BODIES.gzip), 100_000)).toEqual({ fault: "malformed" });
  });

  test("limits the encoded and the decoded length", async () => {
    const gzip = { "content-encoding": "gzip" };
    const length = Buffer.byteLength(TEXT);
    expect(await readJson(post(BODIES.gzip, gzip), length)).toMatchObject({ value });
    expect(await readJson(post(BODIES.gzip, gzip), length - 1)).toEqual({ fault: "too_large" });
    expect(await readJson(post(BODIES.gzip, gzip), BODIES.gzip.byteLength - 1)).toEqual({
      fault: "too_large",
    });
    const bomb = gzipSync(Buffer.alloc(64 * 1024 ** 2, " "));
    expect(await readJson(post(bomb, gzip), 1_048_576)).toEqual({ fault: "too_large" });
  });

  test.each(["br", "compress", "zstd", "gzip, gzip", "gzip, br", "x"])(
    "refuses %s without reading it",
    async (coding) => {
      const request = post(brotliCompressSync(TEXT), { "content-encoding": coding });
      expect(await readJson(request, 100_000)).toEqual({ fault: "unsupported_encoding" });
      expect(request.bodyUsed).toBe(false);
    },
  );

  test.each([
    ["what is not gzip", Buffer.from(TEXT)],
    ["what breaks off", BODIES.gzip.subarray(0, -8)],
    ["nothing at all", Buffer.alloc(0)],
    ["gzip of no JSON", gzipSync("no JSON")],
    ["gzip of no UTF-8", gzipSync(Buffer.from([0x22, 0xff, 0x22]))],
  ])("finds malformed: %s", async (_, body) => {
    const request = post(new Uint8Array(body), { "content-encoding": "gzip" });
    expect(await readJson(request, 100_000)).toEqual({ fault: "malformed" });
  });

  test("a 415 lists the supported encodings", () => {
    expect(bodyRefusal("unsupported_encoding", 1)).toMatchObject({
      status: 415,
      headers: { "accept-encoding": "gzip, deflate" },
    });
  });
});

describe("decodingFetch", () => {
  const answering = (body: BodyInit | null, init: ResponseInit) => {
    const asked: (string | null)[] = [];
    const network: Fetch = async (_, sent) => {
      asked.push(new Headers(sent?.headers).get("accept-encoding"));
      return new Response(body, init);
    };
    return { fetch: decodingFetch(network), asked };
  };

  test("sends Accept-Encoding and keeps the other options", async () => {
    const { fetch, asked } = answering("x", {});
    await fetch("https://x.example/", { headers: { a: "b" } });
    await fetch("https://x.example/", { headers: { "accept-encoding": "identity" } });
    expect(asked).toEqual(["gzip, deflate", "identity"]);
  });

  test.each([
    ["gzip", BODIES.gzip],
    ["X-Gzip", BODIES.gzip],
    ["deflate", BODIES.deflate],
    ["deflate", BODIES.raw],
  ])("decodes %s and removes the header", async (coding, bytes) => {
    const headers = { "content-encoding": coding, "content-length": String(bytes.byteLength), "x-a": "1" };
    const answer = await answering(new Uint8Array(bytes), { status: 201, headers }).fetch(
      "https://x.example/",
    );
    expect([answer.status, Object.fromEntries(answer.headers)]).toEqual([201, { "x-a": "1" }]);
    expect((await answer.text()) === TEXT).toBe(true);
  });

  test("does not decode a body that is already decoded", async () => {
    const fetch = decodingFetch(
      async () => new Response("decoded", { headers: { "content-encoding": "GZip" } }),
      ["gzip", "br"],
    );
    expect(await (await fetch("https://x.example/")).text()).toBe("decoded");
  });

  test("returns a response without coding or body unchanged", async () => {
    const plain = answering("plain", { headers: { "content-encoding": "identity" } });
    expect(await (await plain.fetch("https://x.example/")).text()).toBe("plain");
    const empty = answering(null, { status: 204, headers: { "content-encoding": "gzip" } });
    expect((await empty.fetch("https://x.example/")).status).toBe(204);
  });

  test("rejects a success with an unsupported coding; other responses keep status and headers", async () => {
    const headers = { "content-encoding": "br", "retry-after": "7" };
    const success = answering("?", { headers }).fetch("https://x.example/");
    await expect(success).rejects.toThrow('content coding "br"');
    const limited = await answering("?", { status: 429, headers }).fetch("https://x.example/");
    expect([limited.status, limited.headers.get("retry-after"), limited.body]).toEqual([429, "7", null]);
  });
});
