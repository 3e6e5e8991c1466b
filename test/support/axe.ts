/**
 * Accessibility of a page, as axe-core finds it.
 * @module
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Result {
  violations: { id: string; nodes: { html: string }[] }[];
}

/**
 * Runs axe-core in a page.
 * @param page of a context with `bypassCSP`, since a page's policy may refuse the script
 * @returns every violation as "rule: element"
 */
export async function axeViolations(page: Page): Promise<string[]> {
  await page.evaluate(source);
  const { violations } = (await page.evaluate("axe.run()")) as Result;
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}
