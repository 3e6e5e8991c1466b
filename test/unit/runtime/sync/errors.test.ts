import { expect, test } from "vitest";
import { RateLimited, retryAfterMs, SourceUnusable } from "../../../../runtime/sync/errors.ts";

test.for([
  ["0", 0],
  ["120", 120_000],
  [" 7 ", 7_000],
  ["Fri, 15 Jan 2027 08:00:30 GMT", 30_000],
  ["Friday, 15-Jan-27 08:00:30 GMT", 30_000],
  ["Fri Jan 15 08:00:30 2027", 30_000],
  ["Fri, 15 Jan 2021 08:00:30 GMT", 0],
  ["-5", null],
  ["1.5", null],
  ["soon", null],
  ["Fri, 99 Foo 2027", null],
  ["9".repeat(40), null],
  ["", null],
  [null, null],
] as const)("retryAfterMs reads %s as %s ms", ([value, ms]) => {
  expect(retryAfterMs(value, Date.UTC(2027, 0, 15, 8, 0, 0))).toBe(ms);
});

test("RateLimited carries the time that the server asked for", () => {
  expect(new RateLimited(5)).toMatchObject({ name: "RateLimited", retryAfterMs: 5 });
});

test("SourceUnusable carries how long to set the source aside, and its cause", () => {
  const cause = new Error("404");
  const error = new SourceUnusable("not found", null, { cause });
  expect(error).toMatchObject({ name: "SourceUnusable", message: "not found", forMs: null, cause });
});
