/**
 * The demonstration as a visitor sees it, in a real browser: the page, the panel, and what the cookie jar really holds.
 * Leaves pictures in `test/results/`.
 */
import { createHmac } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GppModel } from "@iabgpp/cmpapi";
import { TCString } from "@iabtechlabtcf/core";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { launchChromium, noChromium } from "../support/chromium.ts";
import { type ProcessRuntime, root, type Spawned, spawnServer } from "../support/spawn.ts";

const RESULTS = join(root, "test/results");
const PASSPHRASE = "only for the demonstration";
const LOCAL_HASH = createHmac("sha256", PASSPHRASE).update("127.0.0.1").digest("hex");
/** What the panel tells of last. */
const NEWEST = ".p-happenings > :first-child";
const WIDE = { width: 1440, height: 1000 };

describe.skipIf(noChromium !== undefined)(noChromium ?? "the demonstration", () => {
  let browser: Browser;
  let folder: string;
  let server: Spawned;
  const contexts: BrowserContext[] = [];
  /** Whatever a page complained of: a script that failed, or something that its content security policy forbids. */
  const complaints: string[] = [];

  const start = (runtime: ProcessRuntime, store: string) =>
    spawnServer(runtime, ["worker/cli.ts", "serve", "--demo-if-unconfigured"], {
      MILLRACE_LISTEN_PORT: "0",
      MILLRACE_STORE: `sqlite:${join(folder, store)}`,
    });

  beforeAll(async () => {
    mkdirSync(RESULTS, { recursive: true });
    folder = mkdtempSync(join(tmpdir(), "millrace-demo-"));
    [browser, server] = await Promise.all([launchChromium(), start("node", "node.db")]);
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
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    return new Visitor(context, page, `http://millrace.localhost:${new URL(at.url).port}`);
  }

  /** From a first visit through withdrawal to another id. */
  async function liveThroughAll(visitor: Visitor, pictures: string): Promise<void> {
    await visitor.open("/");
    await visitor.sees(NEWEST, "Nothing has been said about consent yet");
    await visitor.sees(".p-verdict", "No");
    await visitor.sees(".p-rules", "GDPR");
    await visitor.sees(".p-id", "None.");
    await visitor.sees(".p-graph", "Nothing: there is no id");
    await visitor.stepsDone(["Visit"]);
    expect(await visitor.jar("ts-ec")).toBeNull();
    await visitor.picture(`${pictures}-1-visit`);

    await visitor.click("Accept all");
    await visitor.sees(NEWEST, "A new id was minted");
    const id = (await visitor.jar("ts-ec"))!.value;
    expect(id.slice(0, 64)).toBe(LOCAL_HASH);
    expect(await visitor.jar("ts-ec")).toMatchObject({
      domain: ".millrace.localhost",
      path: "/",
      secure: true,
      httpOnly: false,
      sameSite: "Lax",
    });
    const tcf = TCString.decode((await visitor.jar("euconsent-v2"))!.value);
    expect(tcf.purposeConsents.has(1)).toBe(true);
    await visitor.sees(".p-verdict", "Yes");
    await visitor.sees(".p-id", id);
    await visitor.sees(".p-graph > .p-entry", '"ok": true');
    await visitor.sees(".p-graph > .p-entry", '"country": "FR"');
    await visitor.stepsDone(["Visit", "Accept"]);
    await visitor.picture(`${pictures}-2-accept`);

    await visitor.page.getByRole("link", { name: "Read about the wheel" }).click();
    await visitor.page.waitForURL("**/the-wheel-turns");
    await visitor.sees(NEWEST, "Back, with the same id");
    await visitor.page.reload();
    await visitor.stepsDone(["Visit", "Accept", "Return"]);
    await visitor.sees(".p-id", id);
    expect((await visitor.jar("ts-ec"))!.value).toBe(id);
    await visitor.picture(`${pictures}-3-return`);

    await visitor.click("Privacy choices");
    await visitor.click("Withdraw my consent");
    await visitor.sees(NEWEST, "The id was withdrawn");
    expect(await visitor.jar("ts-ec")).toBeNull();
    await visitor.sees(".p-verdict", "No");
    await visitor.sees(".p-id", "None.");
    await visitor.sees(".p-tombstone", id);
    await visitor.sees(".p-tombstone", '"ok": false');
    await visitor.sees(".p-remaining", /^for another 2[34]:\d\d:\d\d$/);
    await visitor.stepsDone(["Visit", "Accept", "Return", "Withdraw"]);
    await visitor.picture(`${pictures}-4-withdraw`);

    await visitor.click("Privacy choices");
    await visitor.click("Accept all");
    await visitor.sees(NEWEST, "Allowed again: a new id");
    const next = (await visitor.jar("ts-ec"))!.value;
    expect(next).not.toBe(id);
    expect(next.slice(0, 64)).toBe(LOCAL_HASH);
    await visitor.sees(".p-id", next);
    await visitor.sees(".p-graph > .p-entry", '"ok": true');
    await visitor.sees(".p-tombstone", id);
    await visitor.stepsDone(["Visit", "Accept", "Return", "Withdraw", "Consent again"]);
    await visitor.picture(`${pictures}-5-again`);
  }

  it("shows the whole life of an id", async () => {
    await liveThroughAll(await newcomer(), "demo-light");
  });

  it("shows it by night", async () => {
    await liveThroughAll(await newcomer({ colorScheme: "dark" }), "demo-dark");
  });

  it.each(["bun", "deno"] as const)("shows it on %s, and ends when told to", async (runtime) => {
    const other = await start(runtime, `${runtime}.db`);
    try {
      const visitor = await newcomer({}, other);
      await liveThroughAll(visitor, `demo-${runtime}`);
      // The panel's stream is still open; what the browser says of its end is no complaint.
      visitor.page.removeAllListeners("console");
      expect(await other.stop()).toBe(0);
    } finally {
      await other.stop("SIGKILL");
    }
  });

  it("knows an id again after a restart", async () => {
    const first = await start("node", "restart.db");
    const visitor = await newcomer({}, first);
    try {
      await visitor.open("/");
      await visitor.click("Accept all");
      await visitor.sees(".p-graph > .p-entry", '"ok": true');
      await visitor.page.goto("about:blank");
    } finally {
      expect(await first.stop()).toBe(0);
    }
    const id = (await visitor.jar("ts-ec"))!.value;
    const second = await start("node", "restart.db");
    try {
      const back = visitor.at(`http://millrace.localhost:${new URL(second.url).port}`);
      await back.open("/about");
      await back.sees(".p-id", id);
      await back.sees(".p-graph > .p-entry", '"ok": true');
    } finally {
      await second.stop();
    }
  });

  it("makes an id at once where no law asks, and withdraws it where one does", async () => {
    const visitor = await newcomer();
    await visitor.open("/");
    await visitor.travel("Japan");
    await visitor.sees(NEWEST, "A new id was minted");
    await visitor.sees(".p-rules", "No rules on ids");
    await visitor.sees(".p-graph > .p-entry", '"country": "JP"');
    await expect(visitor.page.locator("#banner").isVisible()).resolves.toBe(false);
    const id = (await visitor.jar("ts-ec"))!.value;
    await visitor.picture("demo-japan");

    await visitor.travel("Germany");
    await visitor.sees(NEWEST, "The id was withdrawn");
    expect(await visitor.jar("ts-ec")).toBeNull();
    await visitor.sees(".p-tombstone", id);
  });

  it("heeds an opt-out from sale in California", async () => {
    const visitor = await newcomer();
    await visitor.open("/");
    await visitor.travel("California");
    await visitor.sees(".p-rules", "US state law");
    await visitor.sees(".p-verdict", "No");
    expect(await visitor.jar("ts-ec")).toBeNull();
    await visitor.picture("demo-california-1-asked");

    await visitor.click("That is fine");
    await visitor.sees(NEWEST, "A new id was minted");
    const id = (await visitor.jar("ts-ec"))!.value;
    await visitor.sees(".p-graph > .p-entry", '"region": "CA"');

    await visitor.click("Privacy choices");
    await visitor.click("Do not sell or share my data");
    await visitor.sees(NEWEST, "The id was withdrawn");
    await visitor.sees(".p-consent", "opts out of the sale");
    expect(await visitor.jar("ts-ec")).toBeNull();
    await visitor.sees(".p-tombstone", id);
    expect(new GppModel((await visitor.jar("__gpp"))!.value).getFieldValue("usnat", "SaleOptOut")).toBe(1);
    expect((await visitor.jar("__gpp_sid"))!.value).toBe("7");
    expect((await visitor.jar("us_privacy"))!.value).toBe("1YYN");
    await visitor.picture("demo-california-2-opted-out");
  });

  it("heeds Global Privacy Control in Texas, whatever the banner was told", async () => {
    const visitor = await newcomer({ extraHTTPHeaders: { "Sec-GPC": "1" } });
    await visitor.open("/");
    await visitor.travel("Texas");
    await visitor.click("That is fine");
    await visitor.sees(NEWEST, "POST /consent");
    await visitor.sees(".p-consent", "Your browser sends Global Privacy Control");
    expect(await visitor.jar("us_privacy")).not.toBeNull();
    expect(await visitor.jar("ts-ec")).toBeNull();
  });

  it("spares an id where the country is not known", async () => {
    const visitor = await newcomer();
    await visitor.open("/");
    await visitor.travel("Canada");
    await visitor.sees(NEWEST, "A new id was minted");
    const id = (await visitor.jar("ts-ec"))!.value;

    await visitor.travel("Unknown");
    await visitor.sees(NEWEST, "No id used, cookie spared");
    expect((await visitor.jar("ts-ec"))!.value).toBe(id);
    await visitor.sees(".p-graph > .p-entry", '"ok": true');
    await visitor.picture("demo-unknown");
  });

  it("tells each browser its own story, and starts over", async () => {
    const [one, other] = [await newcomer(), await newcomer()];
    await other.open("/");
    await one.open("/");
    await one.click("Accept all");
    await one.sees(NEWEST, "A new id was minted");
    await one.click("Show what was before (1)");
    await one.page.getByText("GET /", { exact: true }).waitFor();
    await other.stepsDone(["Visit"]);

    await one.click("Start over");
    await one.sees(".p-id", "None.");
    await one.stepsDone(["Visit"]);
    expect(await one.jar("ts-ec")).toBeNull();
    expect(await one.jar("euconsent-v2")).toBeNull();
    await one.page.getByRole("button", { name: "Accept all" }).waitFor();
  });

  it("fits on a phone, where the panel is a bar that opens", async () => {
    const visitor = await newcomer({
      viewport: { width: 390, height: 844 },
      deviceScaleFactor: 2,
      isMobile: true,
      hasTouch: true,
    });
    await visitor.open("/");
    const width = () => visitor.page.evaluate(() => document.documentElement.scrollWidth);
    expect(await width()).toBe(390);
    await visitor.sees(".p-summary", "France · no id");
    await visitor.picture("demo-phone-1-visit");
    await visitor.click("Accept all");
    await visitor.sees(".p-summary", LOCAL_HASH.slice(0, 4));
    await visitor.picture("demo-phone-2-accept");

    await visitor.page.locator(".p-bar").tap();
    await visitor.sees(NEWEST, "A new id was minted");
    await visitor.picture("demo-phone-3-panel");
    await visitor.page.locator(".p-bar").tap();
    await visitor.open("/the-ferry-bell");
    expect(await width()).toBe(390);
    await visitor.click("Privacy choices");
    await visitor.click("Withdraw my consent");
    await visitor.sees(".p-summary", "no id");
    expect(await visitor.jar("ts-ec")).toBeNull();
    await visitor.picture("demo-phone-4-withdraw");
  });

  it("leads from this machine's other names to the one that keeps cookies", async () => {
    const visitor = await newcomer();
    const { port } = new URL(server.url);
    await visitor.page.goto(`http://127.0.0.1:${port}/about?from=here`);
    expect(visitor.page.url()).toBe(`http://millrace.localhost:${port}/about?from=here`);
    const foreign = await fetch(server.url, { headers: { accept: "text/html" }, redirect: "manual" });
    expect(foreign.status).toBe(307);
  });
});

/** A browser of one person, at one address of the demonstration. */
class Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly base: string;

  constructor(context: BrowserContext, page: Page, base: string) {
    this.context = context;
    this.page = page;
    this.base = base;
  }

  at(base: string): Visitor {
    return new Visitor(this.context, this.page, base);
  }

  async open(path: string): Promise<void> {
    await this.page.goto(this.base + path);
    await this.page.locator(".panel.p-live").waitFor();
  }

  /** Waits until what `selector` finds has this text. */
  async sees(selector: string, text: string | RegExp): Promise<void> {
    await this.page.locator(selector).filter({ hasText: text }).first().waitFor({ state: "attached" });
  }

  async click(name: string): Promise<void> {
    await this.page.getByRole("button", { name, exact: true }).click();
  }

  async travel(place: string): Promise<void> {
    const input = this.page.getByRole("radio", { name: place });
    await Promise.all([this.page.waitForEvent("load"), input.check({ force: true, noWaitAfter: true })]);
    await this.page.locator(".panel.p-live").waitFor();
  }

  /** Waits until exactly these steps are ticked off. */
  async stepsDone(names: string[]): Promise<void> {
    await expect
      .poll(
        async () => {
          const done = await this.page.locator(".p-steps .p-done").allTextContents();
          return done.map((text) => text.replace(" (done)", ""));
        },
        { timeout: 20_000 },
      )
      .toEqual(names);
  }

  /** What the browser itself keeps under a name; `null`: nothing. */
  async jar(name: string) {
    const cookies = await this.context.cookies(this.base);
    return cookies.find((cookie) => cookie.name === name) ?? null;
  }

  async picture(name: string): Promise<void> {
    await this.page.screenshot({ path: join(RESULTS, `${name}.png`), animations: "disabled" });
  }
}
