import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decodeEntry } from "../../runtime/ec/entry.ts";
import { parseJson } from "../../runtime/json.ts";
import { parseStored } from "../../runtime/stores/parse-stored.ts";

const runtime = join(import.meta.dirname, "../../runtime");
const files = readdirSync(runtime, { recursive: true, encoding: "utf8" }).filter((path) =>
  path.endsWith(".ts"),
);

/** What an error says, its cause included. */
function said(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return `${error} ${(error as Error).cause ?? ""}`;
  }
  throw new Error("nothing was thrown");
}

// Safe first, section 6: pieces of uids in the log.
test.each(["uid-4711", '{"uid":"uid-4711"', '"uid-4711', "{uid-4711}", '{"v":"uid-4711"}'])(
  "an error over %s quotes nothing of it",
  (text) => {
    const errors = [said(() => decodeEntry(text))];
    if (!text.endsWith('"}')) {
      errors.push(
        said(() => parseJson(text, "the answer")),
        said(() => parseStored(text, "a head")),
      );
    }
    for (const error of errors) expect(error).not.toMatch(/uid|4711/);
  },
);

test("parseJson returns what is JSON and names what is not", () => {
  expect(parseJson('{"a":[1]}', "the answer")).toEqual({ a: [1] });
  expect(() => parseJson("", "the answer")).toThrow("the answer is not JSON");
});

// The store's limiter parses lists of numbers that it wrote itself.
test("nothing else in runtime/ parses JSON, so that no error of JSON.parse gets about", () => {
  const parsing = files.filter((path) =>
    /JSON\.parse\(|\.json\(\)/.test(readFileSync(join(runtime, path), "utf8")),
  );
  expect(parsing.sort()).toEqual(["json.ts", "limiters/store.ts", "stores/parse-stored.ts"]);
});
