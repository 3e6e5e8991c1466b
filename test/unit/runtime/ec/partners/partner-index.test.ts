import { expect, test } from "vitest";
import type { Partner } from "../../../../../runtime/ec/partners/partner.ts";
import { createPartnerIndex } from "../../../../../runtime/ec/partners/partner-index.ts";

const partner = (id: string, apiKeyHash: string | null, pullSyncEnabled = false) =>
  ({ id, apiKeyHash, pullSyncEnabled }) as Partner;

test("a replaced partner is not found any more", () => {
  const index = createPartnerIndex();
  index.set(partner("a", "old", true));
  const now = partner("a", "new");
  index.set(now);
  expect(index.get("a")).toBe(now);
  expect(index.byKeyHash("old")).toBeUndefined();
  expect(index.byKeyHash("new")).toBe(now);
  expect(index.pulling()).toEqual([]);
  expect([...index.all()]).toEqual([now]);
});

test("a key of two partners belongs to the first, also after the other is deleted", () => {
  const index = createPartnerIndex();
  const first = partner("a", "key");
  index.set(first);
  index.set(partner("b", "key"));
  expect(index.byKeyHash("key")).toBe(first);
  index.delete("b");
  expect(index.byKeyHash("key")).toBe(first);
  index.delete("a");
  expect(index.byKeyHash("key")).toBeUndefined();
  index.delete("a");
  expect([...index.all()]).toEqual([]);
});

test("partners without a key are not found by key", () => {
  const index = createPartnerIndex();
  index.set(partner("a", null));
  index.set(partner("b", null, true));
  expect(index.pulling().map(({ id }) => id)).toEqual(["b"]);
  index.delete("b");
  expect(index.pulling()).toEqual([]);
});
