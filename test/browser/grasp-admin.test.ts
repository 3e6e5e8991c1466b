/**
 * GRASP's operator page in a real browser, with a running service. Saves screenshots in `test/results/`.
 */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { toNpub } from "../../runtime/grasp/npub.ts";
import { axeViolations } from "../support/axe.ts";
import { busyGraspStatus } from "../support/busy-grasp-status.ts";
import { launchChromium, noChromium } from "../support/chromium.ts";
import { workTree } from "../support/git.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  MAIN,
  runGitClient,
  stateBy,
} from "../support/grasp-server.ts";
import { author } from "../support/nostr.ts";
import { connect } from "../support/relay-client.ts";
import { root } from "../support/spawn.ts";

const RESULTS = join(root, "test/results");
const TOKEN = "the-operators-token-of-this-test";
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

describe.skipIf(noChromium !== undefined)(noChromium ?? "GRASP's operator page", () => {
  let browser: Browser;
  let server: GraspServer;
  const contexts: BrowserContext[] = [];
  /** Script errors and violations of the content security policy. */
  const complaints: string[] = [];

  beforeAll(async () => {
    mkdirSync(RESULTS, { recursive: true });
    [browser, server] = await Promise.all([
      launchChromium(),
      graspServer("node", {}, { operator: { tokenHash: sha256(TOKEN) } }),
    ]);
  }, 60_000);
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    expect(complaints.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  async function newPage(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options });
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      // The page handles refusals and a lost connection itself.
      const isAnswer = /^Failed to load resource: /.test(message.text());
      if (["error", "warning"].includes(message.type()) && !isAnswer) complaints.push(message.text());
    });
    return page;
  }

  async function signIn(page: Page, token = TOKEN): Promise<void> {
    await page.goto(`${server.url}/admin/`);
    await page.getByLabel("Admin token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
  }

  const picture = (page: Page, name: string, fullPage = true) =>
    page.screenshot({ path: join(RESULTS, `grasp-admin-${name}.png`), animations: "disabled", fullPage });
  const widthOf = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth);

  it("shows what waits, for what and until when, while it changes; a foreign text is text", async () => {
    const page = await newPage();
    await signIn(page, "wrong");
    await page.getByText("This is not the token whose hash operator.tokenHash has.").waitFor();
    await signIn(page);
    await page.getByText("Nothing waits.").waitFor();
    await page.locator("#health", { hasText: "healthy" }).waitFor();

    const owner = author();
    const relay = await connect(server.url);
    const work = workTree(server.folder);
    const commit = work.commit("a", "one");
    await relay.publish(announcementBy(owner, "repo", [["name", "<img src=x onerror=alert(1)>"]]));
    await relay.publish(stateBy(owner, { [MAIN]: commit }));
    const rows = page.locator("#waiting tbody tr");
    // The page asks every two seconds.
    const patience = { timeout: 20_000 };
    await expect.poll(() => rows.count(), patience).toBe(2);
    await expect.poll(() => rows.nth(0).textContent(), patience).toContain("a state with its Git data");
    await expect.poll(() => rows.nth(1).textContent(), patience).toMatch(/1 of 1 object.*in \d+ min/s);
    expect(await rows.nth(1).textContent()).toContain(toNpub(owner.key));

    expect(await runGitClient(work.path, "push", server.repository(owner), "main")).toMatchObject({
      code: 0,
    });
    relay.close();
    await page.getByText("Nothing waits.").waitFor();
    await expect
      .poll(() => page.locator("#newest").textContent(), patience)
      .toContain("<img src=x onerror=alert(1)>");
    expect(await page.locator("#newest img").count()).toBe(0);
    await expect.poll(() => page.locator("#pushes").textContent(), patience).toContain("granted");
    await expect.poll(() => page.locator("#recent").textContent(), patience).toContain("a push was granted");
    await expect.poll(() => page.locator("#tile-released b").textContent(), patience).toBe("2");
    await picture(page, "live");
    const shown = await page.content();
    for (const secret of [TOKEN, sha256(TOKEN)]) expect(shown).not.toContain(secret);
  });

  it("says that the server is gone and since when the data is, and goes on when it is back", async () => {
    const page = await newPage();
    await signIn(page);
    await page.locator("#health", { hasText: "healthy" }).waitFor();
    let isGone = true;
    await page.route("**/{ready,admin/status}", (route) => (isGone ? route.abort() : route.continue()));
    await page
      .getByText(/does not answer\. The page shows the answer of \d\d:\d\d:\d\d, \d+ s ago, and keeps trying/)
      .waitFor();
    await page.locator("#health", { hasText: "no answer" }).waitFor();
    await picture(page, "gone", false);
    isGone = false;
    await page.locator("#trouble").waitFor({ state: "hidden" });
    await page.locator("#health", { hasText: "healthy" }).waitFor();
  });

  /** A page that has polled a busy service for five minutes, on a fake clock. */
  async function busyPage(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await newPage(options);
    await page.clock.install();
    let seconds = 7200;
    await page.route("**/admin/status", (route) => route.fulfill({ json: busyGraspStatus(seconds) }));
    await signIn(page);
    await page.locator("#waiting tbody tr").first().waitFor();
    await page.clock.pauseAt(await page.evaluate(() => Date.now() + 1000));
    for (let i = 0; i < 25; i++) {
      const before = await page.locator("#tile-released b").textContent();
      seconds += 12;
      await page.clock.fastForward(12_000);
      await expect
        .poll(() => page.locator("#tile-released b").textContent(), { interval: 5 })
        .not.toBe(before);
    }
    await page.getByRole("button", { name: "Pause" }).click();
    // axe-core waits by timers.
    await page.clock.resume();
    return page;
  }

  it("in light and dark, large: pictures, no accessibility violations, bounded lists say so", {
    timeout: 60_000,
  }, async () => {
    const page = await busyPage({ bypassCSP: true });
    expect(await widthOf(page)).toBe(1440);
    await page.getByText("12 more entries are not shown.").waitFor();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await picture(page, `desktop-${colorScheme}`);
      expect(await axeViolations(page)).toEqual([]);
    }
  });

  it("on a phone of 390 px, in light and dark: pictures, no accessibility violations, nothing is cut off", {
    timeout: 60_000,
  }, async () => {
    const page = await busyPage({ ...PHONE, bypassCSP: true });
    expect(await widthOf(page)).toBe(390);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const section of ["heading", "purgatory", "git", "relays", "events"]) {
        await page.locator(`#${section}`).evaluate((element) => element.scrollIntoView());
        await picture(page, `phone-${colorScheme}-${section}`, false);
      }
      await page.locator("details").evaluateAll((all) => {
        for (const details of all) (details as HTMLDetailsElement).open = true;
      });
      expect(await axeViolations(page)).toEqual([]);
      expect(await widthOf(page)).toBe(390);
    }
  });

  it.each(["light", "dark"] as const)(
    "the sign-in has no accessibility violations in %s",
    async (colorScheme) => {
      const page = await newPage({ ...PHONE, colorScheme, bypassCSP: true });
      await page.goto(`${server.url}/admin/`);
      expect(await axeViolations(page)).toEqual([]);
    },
  );
});
