import { describe, expect, test } from "vitest";
import defaults from "../../../../../../worker/ec/admin/page/partner-defaults.build.ts";
import {
  FIELD_GROUPS,
  listItems,
  numberOrText,
} from "../../../../../../worker/ec/admin/page/partner-fields.ts";

describe("the partner form", () => {
  const fields = FIELD_GROUPS.flatMap((group) => group.fields);

  test("has every field of the API but the key, and a default for each", () => {
    const { has_api_key, has_previous_api_key, has_pull_token, source, ...wire } = defaults;
    const stored = Object.keys(wire).sort();
    expect(fields.map(({ name }) => name).sort()).toEqual([...stored, "pull_token"].sort());
    expect(wire).toMatchObject({ id: null, name: null, max_per_minute: 1200, pull_sync_allowed_domains: [] });
  });

  test("each field's kind fits its default", () => {
    const kinds = { number: "number", boolean: "flag", object: "list" } as Record<string, string>;
    for (const { name, kind } of fields) {
      const value = defaults[name] ?? null;
      if (value !== null) expect([name, kind]).toEqual([name, kinds[typeof value]]);
    }
  });

  test("parses numbers and lists, and passes other text on for the API to refuse", () => {
    expect(["7", " 8 ", "1.5", "-1", "", "1e3", "many"].map(numberOrText)).toEqual([
      7,
      8,
      1.5,
      -1,
      "",
      "1e3",
      "many",
    ]);
    expect(listItems(" a.example,b.example\n\nc.example ")).toEqual(["a.example", "b.example", "c.example"]);
    expect(listItems("  ")).toEqual([]);
  });
});
