/** Partners, "Prebid on the page": the cookies `ts-eids` and `sharedId`. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { readCookies } from "../../../../../runtime/ec/request/cookie.ts";
import { EID_COOKIES, eidCookiesOf, readEidCookies } from "../../../../../runtime/ec/request/eid-cookies.ts";

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");
const read = (eids: string | null, sharedId: string | null = null) => readEidCookies({ eids, sharedId });

test("a request without the two cookies has none to decode", () => {
  expect(eidCookiesOf(readCookies("a=1; ts-ec=x; sharedId_cst=y; ts-eidsx=z", EID_COOKIES))).toBeNull();
  expect(eidCookiesOf(readCookies('sharedId="s"', EID_COOKIES))).toEqual({ eids: null, sharedId: "s" });
});

test.each<[string, unknown, [string, string][]]>([
  [
    "EIDs of OpenRTB",
    [
      { source: "ID5-sync.com", uids: [{ id: "a", atype: 1 }, { id: "b" }], inserter: "x" },
      { source: "liveramp.com", uids: [{ id: "c", ext: {} }] },
    ],
    [
      ["id5-sync.com", "a"],
      ["id5-sync.com", "b"],
      ["liveramp.com", "c"],
    ],
  ],
  ["the older flat entries", [{ source: "id5-sync.com", id: "a", atype: 1 }], [["id5-sync.com", "a"]]],
  ["text beyond ASCII", [{ source: "x.example", uids: [{ id: "名" }] }], [["x.example", "名"]]],
  [
    "valid entries beside others",
    [null, 1, [], {}, { source: 5, uids: [] }, { source: "x.example", uids: [null, { id: 7 }, { id: "v" }] }],
    [["x.example", "v"]],
  ],
  ["no list", { source: "x.example", uids: [{ id: "a" }] }, []],
])("ts-eids with %s", (_, value, expected) => {
  const ids = read(base64(value)).map(({ source, uid }) => [source, uid]);
  expect(ids).toEqual(expected);
});

test("base64 may be percent-encoded, of the alphabet for URLs, and without padding", () => {
  const text = base64([{ source: "x.example", uids: [{ id: "~~~???>" }] }]);
  const expected = [{ source: "x.example", uid: "~~~???>" }];
  expect(text).toMatch(/[+/]/);
  for (const form of [text, encodeURIComponent(text), Buffer.from(text, "base64").toString("base64url")]) {
    expect(read(form), form).toEqual(expected);
  }
});

test("a cookie that is longer than browsers keep is not decoded", () => {
  const long = (length: number) => base64([{ source: "x.example", uids: [{ id: "a".repeat(length) }] }]);
  expect(read(long(3000))).toHaveLength(1);
  expect(read(long(3100))).toEqual([]);
  expect(read(null, "s".repeat(4097))).toEqual([]);
});

test("a sharedId has the source of Prebid.js, and that of trusted-server", () => {
  expect(read(null, "s%201")).toEqual([
    { source: "pubcid.org", uid: "s 1" },
    { source: "sharedid.org", uid: "s 1" },
  ]);
  expect(read(null, "%")).toEqual([]);
});

test("any text is read without an exception", () => {
  const any = fc.oneof(
    fc.string(),
    fc.base64String(),
    fc.json().map((text) => Buffer.from(text).toString("base64")),
  );
  fc.assert(
    fc.property(any, fc.option(fc.string()), (eids, sharedId) => {
      for (const { source, uid } of read(eids, sharedId)) {
        expect([typeof source, typeof uid]).toEqual(["string", "string"]);
      }
    }),
  );
});
