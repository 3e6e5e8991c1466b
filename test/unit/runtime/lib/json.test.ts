import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decodeEntry } from "../../../../runtime/ec/graph/entry.ts";
import { parseJson } from "../../../../runtime/lib/json.ts";
import { httpStore } from "../../../../runtime/stores/http.ts";

const runtime = join(import.meta.dirname, "../../../../runtime");
const files = readdirSync(runtime, { recursive: true, encoding: "utf8" }).filter((path) =>
  path.endsWith(".ts"),
);

/** The message of an error and of its cause. */
function said(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return `${error} ${(error as Error).cause ?? ""}`;
  }
  throw new Error("nothing was thrown");
}

test.each(["uid-4711", '{"uid":"uid-4711"', '"uid-4711', "{uid-4711}", '{"v":"uid-4711"}'])(
  "an error over %s quotes nothing of it",
  (text) => {
    const errors = [said(() => decodeEntry(text))];
    if (!text.endsWith('"}')) {
      errors.push(said(() => parseJson(text, "the answer")));
    }
    for (const error of errors) expect(error).not.toMatch(/uid|4711/);
  },
);

test("parseJson returns JSON values, and its error names the text", () => {
  expect(parseJson('{"a":[1]}', "the answer")).toEqual({ a: [1] });
  expect(() => parseJson("", "the answer")).toThrow("the answer is not JSON");
});

// Stores and limiters parse only their own metadata, which contains no input of visitors or partners, and their errors quote
// nothing of a value of other software.
test("only stores and limiters call JSON.parse, so that its errors are not logged", () => {
  const parsing = files.filter((path) =>
    /JSON\.parse\(|\.json\(\)/.test(readFileSync(join(runtime, path), "utf8")),
  );
  expect(parsing.filter((path) => !/^(stores|limiters)\//.test(path))).toEqual(["lib/json.ts"]);
});

test("an error over an incomplete response of a store server quotes nothing of it", async () => {
  const store = httpStore({
    url: "https://store.example",
    token: "t",
    fetch: async () => new Response('{"value":"uid-4711'),
  });
  const error = await Promise.resolve(store.get("ec:x")).catch((error: Error) => error);
  expect(String(error)).toContain("not JSON");
  expect(String(error)).not.toMatch(/uid|4711/);
});
