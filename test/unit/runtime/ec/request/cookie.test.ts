import { describe, expect, test } from "vitest";
import {
  DEFAULT_COOKIE_NAME,
  deleteCookieHeader,
  readCookies,
  setCookieHeader,
} from "../../../../../runtime/ec/request/cookie.ts";

const read = (header: string | null, ...names: string[]) => Object.fromEntries(readCookies(header, names));

describe("readCookies", () => {
  test("finds each named cookie and nothing else", () => {
    const header = "_ga=GA1.1; ts-ec=abc; theme=dark; us_privacy=1YNN; __gpp=DBAA";
    expect(read(header, "ts-ec", "__gpp", "us_privacy", "euconsent-v2")).toEqual({
      "ts-ec": ["abc"],
      __gpp: ["DBAA"],
      us_privacy: ["1YNN"],
    });
  });

  test("returns nothing for a request without cookies", () => {
    expect(read(null, "ts-ec")).toEqual({});
    expect(read("", "ts-ec")).toEqual({});
    expect(read(";;; ;", "ts-ec")).toEqual({});
  });

  test("keeps every duplicate in order, malformed ones too", () => {
    expect(read("ts-ec=; a=1; ts-ec=bad; ts-ec=good; b=2; ts-ec=bad", "ts-ec")).toEqual({
      "ts-ec": ["", "bad", "good", "bad"],
    });
  });

  test("distinguishes a name from longer and shorter ones", () => {
    const header = "xts-ec=1; ts-ec2=2; ts-e=3; TS-EC=4; ts-ec-x=5; ts-ec.=6; __gpp_sid=7; __gpp=8";
    expect(read(header, "ts-ec", "__gpp")).toEqual({ __gpp: ["8"] });
    expect(read(header, "__gpp", "__gpp_sid")).toEqual({ __gpp: ["8"], __gpp_sid: ["7"] });
    expect(read("other=ts-ec=1; x=y; ts-ec=2", "ts-ec")).toEqual({ "ts-ec": ["2"] });
  });

  test("skips a pair without an equals sign", () => {
    expect(read("ts-ec; ts-ec ; ts-ec=1", "ts-ec")).toEqual({ "ts-ec": ["1"] });
    expect(read("ts-ec;=1", "ts-ec")).toEqual({});
  });

  test("keeps what follows the first equals sign, undecoded", () => {
    expect(read("a=b=c; d=%41%2C+x; e=ü☃", "a", "d", "e")).toEqual({
      a: ["b=c"],
      d: ["%41%2C+x"],
      e: ["ü☃"],
    });
  });

  test("removes spaces and double quotes around a value", () => {
    expect(read('a= \t1 ; b ="1YYN";c="; d="x; e=""; \tf\t=\t"g h"\t', "a", "b", "c", "d", "e", "f")).toEqual(
      {
        a: ["1"],
        b: ["1YYN"],
        c: ['"'],
        d: ['"x'],
        e: [""],
        f: ["g h"],
      },
    );
  });

  test("works without spaces between pairs and with a separator at the end", () => {
    expect(read("a=1;ts-ec=2;b=3;", "ts-ec", "b")).toEqual({ "ts-ec": ["2"], b: ["3"] });
  });

  test("reads the first 64 KiB and no partial value", () => {
    const padding = `p=${"x".repeat(65_536 - 2 - 1 - "ts-ec=abc".length)};`;
    expect(read(`${padding}ts-ec=abc`, "ts-ec")).toEqual({ "ts-ec": ["abc"] });
    expect(read(`${padding}ts-ec=abc; ts-ec=late`, "ts-ec")).toEqual({ "ts-ec": ["abc"] });
    expect(read(`${padding}ts-ec=abcd`, "ts-ec")).toEqual({});
  });

  test("reads cookies whose names are properties of every object", () => {
    expect(readCookies("__proto__=1; constructor=2", ["__proto__", "constructor"])).toEqual(
      new Map([
        ["__proto__", ["1"]],
        ["constructor", ["2"]],
      ]),
    );
  });
});

describe("the cookie's headers", () => {
  const ec = (domain: string, name = "ts-ec", maxAgeSeconds = 31_536_000) => ({
    name,
    domain,
    maxAgeSeconds,
  });
  const id = `${"ab".repeat(32)}.x1Y2z3`;

  test("setting it", () => {
    const expected = `ts-ec=${id}; Domain=.example.com; Path=/; Secure; SameSite=Lax; Max-Age=31536000`;
    expect(setCookieHeader(id, ec("example.com"))).toBe(expected);
    expect(setCookieHeader(id, ec(".example.com"))).toBe(expected);
  });

  test("deleting it", () => {
    const expected = "ts-ec=; Domain=.example.com; Path=/; Secure; SameSite=Lax; Max-Age=0";
    expect(deleteCookieHeader(ec("example.com"))).toBe(expected);
    expect(deleteCookieHeader(ec(".example.com"))).toBe(expected);
  });

  test("the name and the age are the configuration's", () => {
    const { name, ...rest } = ec("example.com", "visitor", 86_400);
    expect(setCookieHeader(id, { name, ...rest })).toBe(
      `visitor=${id}; Domain=.example.com; Path=/; Secure; SameSite=Lax; Max-Age=86400`,
    );
    expect(deleteCookieHeader({ name, ...rest })).toMatch(/^visitor=; .* Max-Age=0$/);
  });

  test("a cookie that was set can be read back", () => {
    const pair = setCookieHeader(id, ec("example.com")).split(";")[0]!;
    expect(readCookies(pair, [DEFAULT_COOKIE_NAME]).get(DEFAULT_COOKIE_NAME)).toEqual([id]);
  });
});
