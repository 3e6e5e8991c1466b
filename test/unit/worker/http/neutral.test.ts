import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const folder = new URL("../../../../worker/http/", import.meta.url);

test("worker/http names no path and no header field of a service", () => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  expect(files.length).toBeGreaterThan(20);
  const found = files.filter((file) =>
    /\/_ts\/|x-ts-|ts-ec|"\/sync/.test(readFileSync(new URL(file, folder), "utf8")),
  );
  expect(found).toEqual([]);
});
