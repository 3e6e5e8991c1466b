/**
 * Waits for a page that something on it loads again.
 * @module
 */
import type { Page } from "playwright-core";

/**
 * Acts, and waits for the new document. A load event does not tell which document it belongs to: it may be the one before.
 * @param act what makes the page load again, such as a click
 */
export async function reloaded(page: Page, act: () => Promise<unknown>): Promise<void> {
  await page.evaluate(() => document.documentElement.setAttribute("data-before", ""));
  await act();
  await page.waitForFunction(() => !document.documentElement.hasAttribute("data-before"));
}
