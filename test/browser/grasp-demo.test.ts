/**
 * The demonstration of GRASP in a real browser: the life of a push, step by step. Saves screenshots in `test/results/`.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { axeViolations } from "../support/axe.ts";
import { launchChromium, noChromium } from "../support/chromium.ts";
import { type ProcessRuntime, root, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";

const RESULTS = join(root, "test/results");
const WIDE = { width: 1440, height: 1080 };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

describe.skipIf(noChromium !== undefined)(noChromium ?? "the life of a push", () => {
  let browser: Browser;
  let folder: string;
  let server: RunningProgram;
  const contexts: BrowserContext[] = [];
  /** Script errors and violations of the content security policy. */
  const complaints: string[] = [];

  /** Both demonstrations, with temporary files in the test's folder. */
  const start = (runtime: ProcessRuntime, more: Record<string, string> = {}) =>
    spawnServer(runtime, ["worker/cli/main.ts", "serve", "--demo-if-unconfigured"], {
      MILLRACE_LISTEN_PORT: "0",
      MILLRACE_EDGE_COOKIE_STORE: "memory:",
      TMPDIR: folder,
      ...more,
    });

  beforeAll(async () => {
    mkdirSync(RESULTS, { recursive: true });
    folder = mkdtempSync(join(tmpdir(), "millrace-demo-"));
    [browser, server] = await Promise.all([launchChromium(), start("node")]);
  });

  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    expect(complaints.splice(0)).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function newcomer(options: BrowserContextOptions = {}, at = server): Promise<Visitor> {
    const context = await browser.newContext({ viewport: WIDE, ...options });
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    return new Visitor(page, addressOf(at));
  }

  /** The first four steps: two events wait, one push is refused, one is accepted. */
  async function untilServed(visitor: Visitor, picture: (name: string) => Promise<void>): Promise<void> {
    await visitor.open();
    expect(await visitor.chips()).toEqual({ ada: ["commit"] });
    await picture("0-start");

    await visitor.acts("Send Ada’s announcement", "Waits");
    expect(await visitor.chips()).toEqual({ ada: ["commit"], purgatory: ["announcement"] });
    await visitor.sees(".message pre", /^\["OK", "[0-9a-f]{7}…", true, "purgatory: /);
    await visitor.sees("#box-repository", "ready for a push");
    await picture("1-announce");

    await visitor.goesOn();
    await visitor.acts("Send Ada’s state", "Waits");
    expect(await visitor.chips()).toEqual({ ada: ["commit"], purgatory: ["announcement", "state"] });
    await visitor.sees("#box-purgatory .chip", /needs [0-9a-f]{7}29:5\d/);
    await picture("2-state");

    await visitor.goesOn();
    await visitor.acts("Push the pink lighthouse", "Refused");
    expect(await visitor.chips()).toEqual({
      ada: ["commit", "refused commit"],
      purgatory: ["announcement", "state"],
    });
    await visitor.sees(".terminal pre", /remote: .*[0-9a-f]{40}/);
    await visitor.sees(".terminal pre", "! [remote rejected] pink -> main");
    await visitor.sees(".terminal figcaption", "exit code 1");
    await visitor.sees(".heard", "Nothing yet.");
    await picture("3-refused");

    await visitor.goesOn();
    await visitor.acts("Push main", "Served");
    expect(await visitor.chips()).toEqual({
      ada: ["commit", "refused commit"],
      relay: ["announcement", "state"],
      repository: ["commit"],
    });
    expect(await visitor.heard()).toEqual(["Ada’s announcement", "Ada’s state"]);
    await visitor.sees(".terminal pre", /git log --oneline\s+[0-9a-f]{7} Light the lamp/);
    await picture("4-served");
  }

  it("leads through the whole life of a push on Node, and repeats it", async () => {
    const visitor = await newcomer();
    const picture = (name: string) => visitor.picture(`demo-grasp-${name}`);
    await untilServed(visitor, picture);

    await visitor.goesOn();
    await visitor.acts("Push Ben’s commit", "Waits");
    expect(await visitor.chips()).toMatchObject({
      ben: ["pull request", "commit"],
      purgatory: ["commit"],
      repository: ["commit"],
    });
    await picture("5-upload");
    await visitor.acts("Send Ben’s pull request", "Served");
    expect(await visitor.chips()).toMatchObject({
      ben: ["commit"],
      relay: ["announcement", "state", "pull request"],
      repository: ["commit", "commit"],
    });
    expect((await visitor.heard()).at(-1)).toBe("Ben’s pull request");
    await picture("5-propose");

    await visitor.goesOn();
    await visitor.acts("Push to Brook, send the state here", "Waits");
    expect(await visitor.chips()).toMatchObject({ others: ["commit"], purgatory: ["state"] });
    await visitor.sees(".others", "took Ada’s push");
    await visitor.sees(".others", /Dellwill be asked in 2:5\d/);
    await picture("6-elsewhere");
    await visitor.acts("Let three minutes pass", "Waits");
    await visitor.sees(".others", "too busy (429)");
    await visitor.sees(".others", "does not have it (404)");
    await visitor.sees(".others", /Brook.*left alone for 0:5\d/);
    expect(await visitor.chips()).toMatchObject({ purgatory: ["state"] });
    await picture("6-asked");
    await visitor.acts("Let another minute pass", "Served");
    await visitor.sees(".others", "gave the commit");
    const found = await visitor.chips();
    expect(found).toMatchObject({ repository: ["commit", "commit"] });
    expect(found.purgatory).toBeUndefined();
    expect((await visitor.heard()).at(-1)).toBe("Ada’s state");
    await picture("6-fetched");

    // Somebody else's Git reads what the page shows.
    const line = await visitor.page.locator("#clone-line").textContent();
    const url = line!.replace("git clone ", "");
    const refs = execFileSync("git", ["ls-remote", url], { encoding: "utf8" });
    expect(refs).toMatch(/refs\/heads\/main\n.*refs\/nostr\/[0-9a-f]{64}\n/s);

    await visitor.goesOn();
    await visitor.acts("Send Ada’s deletion", "Gone");
    const end = await visitor.chips();
    expect(end.repository).toBeUndefined();
    expect(end.relay).toContain("deletion");
    expect(end.relay).not.toContain("announcement");
    expect(end.relay).not.toContain("state");
    expect((await visitor.heard()).at(-1)).toBe("Ada’s deletion");
    await visitor.sees(".terminal pre", "not found");
    await picture("7-deleted");
    expect(() => execFileSync("git", ["ls-remote", url], { stdio: "pipe" })).toThrow();

    // An earlier step, once more: new keys, and everything before it is played.
    await visitor.page.getByRole("button", { name: "Refused" }).click();
    await visitor.click("Repeat this step");
    await visitor.page.getByRole("button", { name: "Push the pink lighthouse" }).waitFor();
    expect(await visitor.chips()).toEqual({ ada: ["commit"], purgatory: ["announcement", "state"] });
    await visitor.sees(".heard", "Nothing yet.");
    await visitor.click("Start again");
    await visitor.page.getByRole("button", { name: "Send Ada’s announcement" }).waitFor();
    expect(await visitor.chips()).toEqual({ ada: ["commit"] });
  });

  it("gives each browser its own story", async () => {
    const [one, other] = [await newcomer(), await newcomer()];
    await one.open();
    await other.open();
    await one.acts("Send Ada’s announcement", "Waits");
    expect(await other.chips()).toEqual({ ada: ["commit"] });
    // A second window of the same browser shows the same story.
    const second = new Visitor(await one.page.context().newPage(), one.base);
    await second.open();
    expect(await second.chips()).toEqual({ ada: ["commit"], purgatory: ["announcement"] });
    // Another site's page cannot act: it sends no cookie.
    expect((await fetch(`${one.base}/do/announce`, { method: "POST" })).status).toBe(403);
  });

  it("can be gone through with the keyboard alone", async () => {
    const visitor = await newcomer();
    await visitor.open();
    const { keyboard } = visitor.page;
    const focused = () => visitor.page.evaluate(() => document.activeElement?.textContent ?? "");
    for (let tabs = 0; tabs < 30 && (await focused()) !== "Send Ada’s announcement"; tabs++) {
      await keyboard.press("Tab");
    }
    for (const name of ["Send Ada’s announcement", "Next: State what it has", "Send Ada’s state"]) {
      await expect.poll(focused, { timeout: 20_000 }).toBe(name);
      await keyboard.press("Enter");
    }
    await expect.poll(focused, { timeout: 20_000 }).toBe("Next: Push something else");
  });

  it.each<ProcessRuntime>(["bun", "deno"])("leads through the first four steps on %s", async (runtime) => {
    const own = await start(runtime);
    try {
      await untilServed(await newcomer({}, own), async () => {});
      await Promise.all(contexts.splice(0).map((context) => context.close()));
      expect(await own.stop()).toBe(0);
    } finally {
      await own.stop("SIGKILL");
    }
  });

  it.each(["light", "dark"] as const)("has no accessibility violations in %s", async (colorScheme) => {
    const visitor = await newcomer({ colorScheme, bypassCSP: true, reducedMotion: "reduce" });
    await visitor.open();
    expect(await axeViolations(visitor.page)).toEqual([]);
    await visitor.acts("Send Ada’s announcement", "Waits");
    expect(await axeViolations(visitor.page)).toEqual([]);
    await visitor.goesOn();
    await visitor.acts("Send Ada’s state", "Waits");
    await visitor.goesOn();
    await visitor.acts("Push the pink lighthouse", "Refused");
    expect(await axeViolations(visitor.page)).toEqual([]);
    await visitor.goesOn();
    await visitor.acts("Push main", "Served");
    expect(await axeViolations(visitor.page)).toEqual([]);
    await visitor.picture(`demo-grasp-${colorScheme}`);
  });

  it("fits on a phone", async () => {
    const visitor = await newcomer({ ...PHONE, colorScheme: "dark" });
    const width = () => visitor.page.evaluate(() => document.documentElement.scrollWidth);
    await untilServed(visitor, async (name) => {
      expect(await width()).toBe(390);
      await visitor.picture(`demo-grasp-phone-${name}`);
    });
  });

  it("says without JavaScript that it needs it", async () => {
    const visitor = await newcomer({ javaScriptEnabled: false });
    await visitor.page.goto(visitor.base);
    await visitor.page.getByRole("heading", { name: "The demonstration needs JavaScript" }).waitFor();
    await visitor.picture("demo-grasp-noscript");
  });

  it("says on the page and in the log that Git is missing", async () => {
    const own = await start("node", { PATH: folder });
    try {
      const visitor = await newcomer({}, own);
      const answer = await visitor.page.goto(visitor.base);
      expect(answer?.status()).toBe(503);
      await visitor.page.getByText("git cannot be run").waitFor();
      await visitor.picture("demo-grasp-no-git");
      expect(own.log()).toContain("git cannot be run");
      // The browser reports the status 503.
      complaints.splice(0);
      await Promise.all(contexts.splice(0).map((context) => context.close()));
      expect(await own.stop()).toBe(0);
    } finally {
      await own.stop("SIGKILL");
    }
  });

  it("shows that the server does not answer, and leaves no files behind", async () => {
    const before = readdirSync(folder);
    const own = await start("node");
    const visitor = await newcomer({}, own);
    try {
      await visitor.open();
      await visitor.acts("Send Ada’s announcement", "Waits");
      expect(readdirSync(folder).length).toBe(before.length + 1);
      expect(await own.stop()).toBe(0);
      expect(readdirSync(folder)).toEqual(before);
      await visitor.sees(".stale", "The server does not answer.");
      // The browser reports the lost connection.
      complaints.splice(0);
      expect(own.log()).not.toContain('"level"');
    } finally {
      await own.stop("SIGKILL");
    }
  });
});

/** The address of GRASP's demonstration; the Gazette's is the process's first. */
function addressOf({ output }: RunningProgram): string {
  return /^millrace grasp listening on (http:\S+)$/m.exec(output())![1]!;
}

/** One browser's page. */
class Visitor {
  readonly page: Page;
  readonly base: string;

  constructor(page: Page, base: string) {
    this.page = page;
    this.base = base;
  }

  async open(): Promise<void> {
    await this.page.goto(this.base);
    await this.page.locator("body.live").waitFor();
  }

  async click(name: string): Promise<void> {
    await this.page.getByRole("button", { name, exact: true }).click();
  }

  /** Causes an action, and waits for its verdict. */
  async acts(button: string, verdict: string): Promise<void> {
    await this.click(button);
    await this.page.getByRole("button", { name: button, exact: true }).waitFor({ state: "detached" });
    await this.page.getByRole("button", { name: "Repeat this step" }).waitFor();
    await this.sees(".now-result .verdict", verdict);
  }

  /** Goes to the next step. */
  async goesOn(): Promise<void> {
    await this.page.getByRole("button", { name: /^Next: / }).click();
  }

  /** Waits until an element has this text. */
  async sees(selector: string, text: string | RegExp): Promise<void> {
    await this.page.locator(selector).filter({ hasText: text }).first().waitFor({ state: "attached" });
  }

  /** What is in each box of the picture: names of events, and `commit`. */
  async chips(): Promise<Record<string, string[]>> {
    return this.page.evaluate(() => {
      const boxes: Record<string, string[]> = {};
      for (const chip of document.querySelectorAll<HTMLElement>(".chip")) {
        const isCommit = chip.classList.contains("commit");
        const name = isCommit ? "commit" : chip.querySelector(".chip-name")!.textContent;
        const box = chip.parentElement!.dataset.box!;
        const shown = chip.classList.contains("is-refused") ? `refused ${name}` : name;
        boxes[box] = [...(boxes[box] ?? []), shown];
      }
      return boxes;
    });
  }

  heard(): Promise<string[]> {
    return this.page.locator(".heard .heard-what").allTextContents();
  }

  async picture(name: string): Promise<void> {
    await this.page.screenshot({
      path: join(RESULTS, `${name}.png`),
      animations: "disabled",
      fullPage: true,
    });
  }
}
