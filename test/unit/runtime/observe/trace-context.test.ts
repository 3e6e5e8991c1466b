import { describe, expect, test } from "vitest";
import {
  childOf,
  randomHex,
  readTraceparent,
  requestIdsOf,
  writeTraceparent,
} from "../../../../runtime/observe/trace-context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const PARENT = `00-${TRACE}-${SPAN}-01`;
const random = { fill: (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes) };

describe("a traceparent", () => {
  test.each([
    [PARENT, { traceId: TRACE, spanId: SPAN, sampled: true }],
    [`00-${TRACE}-${SPAN}-00`, { traceId: TRACE, spanId: SPAN, sampled: false }],
    [`00-${TRACE}-${SPAN}-fe`, { traceId: TRACE, spanId: SPAN, sampled: false }],
    [`01-${TRACE}-${SPAN}-03-more`, { traceId: TRACE, spanId: SPAN, sampled: true }],
    [undefined, null],
    [null, null],
    [`${PARENT}-more`, null],
    [PARENT.toUpperCase(), null],
    [`${PARENT}, ${PARENT}`, null],
    [`ff-${TRACE}-${SPAN}-01`, null],
    [`00-${"0".repeat(32)}-${SPAN}-01`, null],
    [`00-${TRACE}-${"0".repeat(16)}-01`, null],
    [`00-${TRACE}-${SPAN}`, null],
  ])("%s is read as %j", (given, expected) => {
    expect(readTraceparent(given)).toEqual(expected);
  });

  test.each(["01", "00"])("of a call keeps trace and flag %s, and has a parent-id of its own", (flag) => {
    const child = childOf(readTraceparent(`00-${TRACE}-${SPAN}-${flag}`)!, random);
    expect(child.spanId).not.toBe(SPAN);
    expect(writeTraceparent(child)).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-${flag}$`));
  });

  test("never has an id of zeros", () => {
    expect(randomHex(8, { fill: (bytes) => bytes.fill(0) })).toBe("0000000000000001");
  });
});

test.each([
  [{ "x-request-id": "a.B_c-1", traceparent: PARENT }, "a.B_c-1", TRACE],
  [{ "x-request-id": "a, b", traceparent: "no" }, null, undefined],
  [{}, null, undefined],
])("the headers %j carry request id %s and trace id %s", (headers, requestId, traceId) => {
  const ids = requestIdsOf(new Headers(headers));
  expect([ids.requestId, ids.trace?.traceId]).toEqual([requestId, traceId]);
});
