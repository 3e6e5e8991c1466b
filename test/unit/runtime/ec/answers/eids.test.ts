import { describe, expect, test } from "vitest";
import {
  eidsHeader,
  eidsJson,
  MAX_EIDS_HEADER_BYTES,
  type SharedId,
  sharedIds,
  toEids,
} from "../../../../../runtime/ec/answers/eids.ts";
import { type GraphEntry, minimalEntry } from "../../../../../runtime/ec/graph/entry.ts";
import type { Partner } from "../../../../../runtime/ec/partners/partner.ts";

function partner(id: string, fields: Partial<Partner> = {}): Partner {
  return { id, bidstreamEnabled: true, sourceDomain: `${id}.example`, openrtbAtype: 3, ...fields } as Partner;
}

function entryOf(ids: GraphEntry["ids"]): GraphEntry {
  return { ...minimalEntry(1), ids };
}

const shared = (id: string, uid: string, synced = 1): SharedId => ({ partner: partner(id), uid, synced });
const decode = (value: string) => JSON.parse(Buffer.from(value, "base64").toString("utf8"));

describe("sharedIds", () => {
  const partners = new Map([
    ["a", partner("a")],
    ["b", partner("b")],
    ["c", partner("c")],
    ["private", partner("private", { bidstreamEnabled: false })],
  ]);
  const partnerOf = (id: string) => partners.get(id);

  test("returns the newest ids first, only of existing partners in the bidstream", () => {
    const entry = entryOf({
      a: { uid: "1", synced: 5 },
      b: { uid: "2", synced: 9 },
      c: { uid: "3", synced: 9 },
      private: { uid: "4", synced: 99 },
      gone: { uid: "5", synced: 99 },
    });
    expect(sharedIds(entry, { get: partnerOf }, () => true).map(({ uid }) => uid)).toEqual(["2", "3", "1"]);
  });

  test("returns none for a missing entry and for a tombstone", () => {
    expect(sharedIds(null, { get: partnerOf }, () => true)).toEqual([]);
    const tombstone = { ...entryOf({ a: { uid: "1", synced: 5 } }), consent: { ok: false, updated: 1 } };
    expect(sharedIds(tombstone, { get: partnerOf }, () => true)).toEqual([]);
  });
});

test("partners of one source share an object", () => {
  const eids = toEids([
    shared("a", "1"),
    { partner: partner("b", { sourceDomain: "a.example", openrtbAtype: 1 }), uid: "2", synced: 1 },
    shared("c", "3"),
  ]);
  expect(eids).toEqual([
    {
      source: "a.example",
      uids: [
        { id: "1", atype: 3 },
        { id: "2", atype: 1 },
      ],
    },
    { source: "c.example", uids: [{ id: "3", atype: 3 }] },
  ]);
});

test.each([
  ["no ids", []],
  ["plain ids", [shared("a", "1"), shared("b", "2~!'")]],
  ["ids that JSON escapes", [shared("a", 'q"\\'), shared("b", "\n\u2028"), shared("c", "\ud800")]],
  ["ids with spaces and beyond ASCII", [shared("a", "x y"), shared("b", "ü\u{1f600}"), shared("c", "")]],
  ["two partners of one source", [shared("a", "1"), shared("b", "2"), shared("a", '3"'), shared("a", "1")]],
])("eidsJson writes the JSON of toEids: %s", (_, ids) => {
  expect(eidsJson(ids)).toBe(JSON.stringify(toEids(ids)));
});

test("eidsJson follows a partner that was changed", () => {
  const changed = {
    ...shared("a", "1"),
    partner: partner("a", { sourceDomain: "b.example", openrtbAtype: 1 }),
  };
  for (const ids of [[shared("a", "1")], [changed]]) expect(eidsJson(ids)).toBe(JSON.stringify(toEids(ids)));
});

describe("eidsHeader", () => {
  test("is null without ids", () => {
    expect(eidsHeader([])).toEqual({ value: null, truncated: false });
  });

  test("is base64 of UTF-8", () => {
    const { value } = eidsHeader([shared("a", "ü-\u{1f600}")]);
    expect(decode(value!)).toEqual([{ source: "a.example", uids: [{ id: "ü-\u{1f600}", atype: 3 }] }]);
  });

  test.each([2, 17, 40, 64, 65, 66, 100, 1000])("keeps as many of the newest of %i ids as fit", (count) => {
    const ids = Array.from({ length: count }, (_, index) =>
      shared(`p${index}`, "u".repeat(1 + (index % 30))),
    );
    const { value, truncated } = eidsHeader(ids);
    expect(value!.length).toBeLessThanOrEqual(MAX_EIDS_HEADER_BYTES);
    const kept = decode(value!).length;
    expect(decode(value!)).toEqual(toEids(ids.slice(0, kept)));
    expect(truncated).toBe(kept < count);
    if (truncated) {
      const oneMore = Buffer.from(JSON.stringify(toEids(ids.slice(0, kept + 1)))).toString("base64");
      expect(oneMore.length).toBeGreaterThan(MAX_EIDS_HEADER_BYTES);
    }
  });

  test("exactly 4096 bytes fit", () => {
    const base = (uid: string) => [shared("a", "u".repeat(2950)), shared("b", uid)];
    const room = 3072 - JSON.stringify(toEids(base(""))).length;
    const full = eidsHeader(base("x".repeat(room)));
    expect(full).toMatchObject({ truncated: false });
    expect(full.value).toHaveLength(4096);
    expect(eidsHeader(base("x".repeat(room + 1)))).toMatchObject({ truncated: true });
  });
});
