import { describe, expect, test } from "vitest";
import { type GraphEntry, minimalEntry } from "../../../../../runtime/ec/graph/entry.ts";
import type { Partner } from "../../../../../runtime/ec/partners/partner.ts";
import { isDue } from "../../../../../runtime/ec/partners/pull-due.ts";

const TTL = 86_400;

describe("isDue", () => {
  const partner = { id: "ssp", pullSyncEnabled: true, pullSyncTtlSeconds: TTL } as Partner;
  const holding = (synced: number): GraphEntry => ({
    ...minimalEntry(0),
    ids: { ssp: { uid: "u", synced } },
  });

  test.each<[string, GraphEntry | null, boolean]>([
    ["the graph does not know the id", null, true],
    ["the graph has no id from the partner", minimalEntry(0), true],
    ["the partner's id is as old as it may get", holding(1_000_000 - TTL), true],
    ["the partner's id is a second younger", holding(1_000_000 - TTL + 1), false],
    ["consent was withdrawn", { ...minimalEntry(0), consent: { ok: false, updated: 0 } }, false],
  ])("%s", (_name, entry, due) => {
    expect(isDue(partner, entry, 1_000_000)).toBe(due);
  });

  test("never if pull sync is switched off", () => {
    expect(isDue({ ...partner, pullSyncEnabled: false }, null, 0)).toBe(false);
  });
});
