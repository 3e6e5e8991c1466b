/** The page of the API is made of the description, and has all of it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { description } from "../../../worker/ec/openapi/description.ts";
import type { Operation, Schema } from "../../../worker/ec/openapi/types.ts";
import { apiPage } from "../../support/api-page/page.ts";
import { root } from "../../support/spawn.ts";

const page = readFileSync(join(root, "docs/edge-cookie/api.html"), "utf8");
const articles = new Map(
  [...page.matchAll(/<article id="([^"]+)">(.*?)<\/article>/gs)].map(([, id, text]) => [id!, text!]),
);

const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]): [string, string, Operation] => [
    method,
    path,
    operation,
  ]),
);

test("is what `npm run api-page -- --write` writes", () => {
  expect(page).toBe(apiPage(description));
});

describe("has each path and method", () => {
  test.each(operations)("%s %s", (method, path, operation) => {
    const { operationId, parameters = [], responses } = operation;
    const article = articles.get(operationId);
    expect(article).toContain(`<b>${method.toUpperCase()}</b> <code>${path}</code>`);
    for (const parameter of parameters) {
      if ("name" in parameter) expect(article).toContain(`<dt><code>${parameter.name}</code>`);
      else expect(article).toContain(`href="#parameter-${parameter.$ref.split("/").at(-1)}"`);
    }
    for (const status of Object.keys(responses)) expect(article).toContain(`<dt><code>${status}</code></dt>`);
  });

  test("and the requests to partners' servers", () => {
    for (const { get } of Object.values(description.webhooks))
      expect([...articles.keys()]).toContain(get!.operationId);
  });
});

test("has each schema with each of its fields", () => {
  for (const [name, schema] of Object.entries<Schema>(description.components.schemas)) {
    const article = articles.get(`schema-${name}`);
    for (const field of Object.keys((schema.properties ?? {}) as object)) {
      expect(article, name).toContain(`<dt><code>${field}</code>`);
    }
  }
});

test("links lead to places of the page, and nothing is requested from elsewhere", () => {
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!);
  expect(new Set(ids).size).toBe(ids.length);
  const targets = [...page.matchAll(/ (?:href|src)="([^"]+)"/g)].map(([, target]) => target!);
  expect(targets.filter((target) => !ids.includes(target.slice(1)) || !target.startsWith("#"))).toEqual([]);
  expect(page).not.toMatch(/<script|<link|url\(|@import/);
});

test("refuses a description that it cannot show whole", () => {
  const schemas = { ...description.components.schemas, Odd: { type: "string", contentEncoding: "base64" } };
  const odd = { ...description, components: { ...description.components, schemas } };
  expect(() => apiPage(odd)).toThrow("contentEncoding");
});
