import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { description } from "../../../worker/ec/openapi/description.ts";
import { BATCH_REASONS } from "../../../worker/ec/openapi/schemas.ts";
import type { Answer, Header, Operation, Reference, Schema } from "../../../worker/ec/openapi/types.ts";
import { plain, readPage } from "../../support/markdown.ts";
import { root } from "../../support/spawn.ts";

const page = readPage(readFileSync(join(root, "docs/edge-cookie/partner-guide.md"), "utf8"));

function rowsOf(heading: string, column: string): string[][] {
  const table = page.tables.find(
    ({ under, columns }) => under.includes(heading) && plain(columns[0]!) === column,
  );
  return table!.rows.map((row) => row.map(plain));
}

/** The statuses of an operation, each with its error codes. */
function statusesOf({ responses }: Operation): [string, string[]][] {
  return Object.entries(responses)
    .filter(([status]) => status !== "500") // a fault of the service, on every route
    .map(([status, given]) => {
      const name = (given as Reference).$ref?.split("/").at(-1);
      const answer = name === undefined ? (given as Answer) : description.components.responses[name]!;
      const body = answer.content?.["application/json"]?.schema as
        | { properties?: { error?: Schema } }
        | undefined;
      return [status, (body?.properties?.error?.enum as string[] | undefined) ?? []];
    });
}

describe("the guide for partners and the API's description have the same", () => {
  test.each([
    ["Pixel", description.paths["/sync"]!.get!],
    ["Batch", description.paths["/_ts/api/v1/sync"]!.post!],
  ])("statuses and codes of %s", (heading, operation) => {
    const rows = rowsOf(heading, "status").map(([status, codes]) => [
      status,
      codes === "" ? [] : codes!.split(", "),
    ]);
    expect(rows).toEqual(statusesOf(operation));
  });

  test("reasons of rejected mappings", () => {
    expect(rowsOf("Batch", "reason").map(([reason]) => reason)).toEqual(Object.keys(BATCH_REASONS));
  });

  test("results of pixels", () => {
    const { headers } = description.paths["/sync"]!.get!.responses["302"] as Answer;
    const { pattern } = (headers!.location as Header).schema;
    const reasons = rowsOf("Pixel", "ts_synced").map(([, reason]) => reason!);
    expect(pattern).toContain(`(${reasons.filter((reason) => reason !== "").join("|")})`);
  });

  test("parameters", () => {
    const named = (operation: Operation) =>
      operation.parameters!.flatMap((each) => ("in" in each && each.in === "query" ? [each.name] : []));
    expect(rowsOf("Pixel", "parameter").map(([name]) => name)).toEqual(
      named(description.paths["/sync"]!.get!),
    );
    expect(rowsOf("Pull", "parameter").map(([name]) => name)).toEqual(
      named(description.webhooks.pullSync!.get!),
    );
  });

  test("fields of a partner, and defaults", () => {
    const { properties, required } = description.components.schemas.PartnerInput as {
      properties: Record<string, { default?: unknown }>;
      required: string[];
    };
    const rows = rowsOf("How to be registered", "field");
    expect(rows.map(([field]) => field)).toEqual(Object.keys(properties));
    for (const [field, given] of rows) {
      if (given === "required") expect(required).toContain(field);
      else if (given === "none" || given === "the id") expect(properties[field!]!.default).toBeUndefined();
      else expect([field, JSON.parse(given!)]).toEqual([field, properties[field!]!.default]);
    }
  });
});
