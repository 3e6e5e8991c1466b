/**
 * The demonstration in a real browser: the page, the panel, and the cookies. Saves screenshots in `test/results/`.
 */
import { createHmac } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GppModel } from "@iabgpp/cmpapi";
import { TCString } from "@iabtechlabtcf/core";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { axeViolations } from "../support/axe.ts";
import { launchChromium, noChromium } from "../support/chromium.ts";
import { reloaded } from "../support/reloaded.ts";
import { type ProcessRuntime, root, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";

const RESULTS = join(root, "test/results");
const PASSPHRASE = "only for the demonstration";
const LOCAL_HASH = createHmac("sha256", PASSPHRASE).update("127.0.0.1").digest("hex");
/** The newest line of the panel. */
const NEWEST = ".p-happenings > :first-child";
const WIDE = { width: 1440, height: 1000 };

describe.skipIf(noChromium !== undefined)(noChromium ?? "the demonstration", () => {
  let browser: Browser;
  let folder: string;
  let server: RunningProgram;
  const contexts: BrowserContext[] = [];
  /** Script errors and violations of the content security policy. */
  const complaints: string[] = [];

  const start = (runtime: ProcessRuntime, store: string) =>
    spawnServer(runtime, ["worker/cli/main.ts", "serve", "--demo-if-unconfigured"], {
      MILLRACE_LISTEN_PORT: "0",
      MILLRACE_EDGE_COOKIE_STORE: `sqlite:${join(folder, store)}`,
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
      // The partner's page shows refused requests on purpose.
      const isRefusal = /\/(identify|_ts\/api\/v1\/\w+)$/.test(message.location().url);
      const isComplaint = message.type() === "error" || message.type() === "warning";
      if (isComplaint && !isRefusal) complaints.push(message.text());
    });
    return new Visitor(context, page, `http://millrace.localhost:${new URL(at.url).port}`);
  }

  /** Goes through all steps: from the first visit through withdrawal to another id. */
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

    await visitor.follows("Read about the wheel", "/the-wheel-turns");
    await visitor.sees(NEWEST, "Back, with the same id");
    await visitor.page.reload();
    await visitor.stepsDone(["Visit", "Accept", "Return"]);
    await visitor.sees(".p-id", id);
    expect((await visitor.jar("ts-ec"))!.value).toBe(id);
    await visitor.picture(`${pictures}-3-return`);

    await visitor.readsUntilPartnersKnowThem();
    await visitor.sees(".p-graph > .p-entry", '"mossgate"');
    await visitor.sees(".p-graph > .p-entry", '"quickbeck"');
    await visitor.sees(".p-pulls", "Mossgate Audiences’ id for you is in the graph.");
    await visitor.looksAt("#p-partners");
    await visitor.picture(`${pictures}-4-partners`);

    await visitor.follows("Play the partner", "/_demo/partner");
    await visitor.page.getByLabel("The partner’s id").first().fill("customer-8");
    await visitor.click("Send the browser by");
    await expect
      .poll(() => visitor.page.url(), { timeout: 20_000 })
      .toBe(`${visitor.base}/_demo/partner?ts_synced=1#pixel`);
    await visitor.sees("#pixel-result", "ts_synced=1");
    await visitor.sees(NEWEST, "A partner’s pixel");
    await visitor.sees(".p-partners", "customer-8");
    await visitor.stepsDone(["Visit", "Accept", "Return", "Partners", "Play"]);
    await visitor.picture(`${pictures}-5-play`);
    await visitor.open("/");

    await visitor.click("Privacy choices");
    await visitor.click("Withdraw my consent");
    await visitor.sees(NEWEST, "The id was withdrawn");
    expect(await visitor.jar("ts-ec")).toBeNull();
    await visitor.sees(".p-verdict", "No");
    await visitor.sees(".p-id", "None.");
    await visitor.sees(".p-tombstone", id);
    await visitor.sees(".p-tombstone", '"ok": false');
    await visitor.sees(".p-tombstone", '"ids": {}');
    await visitor.sees(".p-remaining", /^for another 2[34]:\d\d:\d\d$/);
    await visitor.stepsDone(["Visit", "Accept", "Return", "Partners", "Play", "Withdraw"]);
    await visitor.picture(`${pictures}-6-withdraw`);

    await visitor.click("Privacy choices");
    await visitor.click("Accept all");
    await visitor.sees(NEWEST, "Allowed again: a new id");
    const next = (await visitor.jar("ts-ec"))!.value;
    expect(next).not.toBe(id);
    expect(next.slice(0, 64)).toBe(LOCAL_HASH);
    await visitor.sees(".p-id", next);
    await visitor.sees(".p-graph > .p-entry", '"ok": true');
    await visitor.sees(".p-tombstone", id);
    await visitor.stepsDone(["Visit", "Accept", "Return", "Partners", "Play", "Withdraw", "Again"]);
    await visitor.picture(`${pictures}-7-again`);
  }

  it("shows the whole life of an id", async () => {
    await liveThroughAll(await newcomer(), "demo-light");
  });

  it("shows the whole life of an id in dark", async () => {
    await liveThroughAll(await newcomer({ colorScheme: "dark" }), "demo-dark");
  });

  it.each(["bun", "deno"] as const)("works on %s, and stops on SIGTERM", async (runtime) => {
    const other = await start(runtime, `${runtime}.db`);
    try {
      const visitor = await newcomer({}, other);
      await liveThroughAll(visitor, `demo-${runtime}`);
      await visitor.click("Let eight readers come at once");
      await visitor
        .company("Quickbeck")
        .getByText(/ ([89]|1\d) of 60 a minute$/)
        .waitFor();
      // The panel's stream is still open; the browser reports its end as an error.
      visitor.page.removeAllListeners("console");
      expect(await other.stop()).toBe(0);
    } finally {
      await other.stop("SIGKILL");
    }
  });

  it("keeps an id across a restart", async () => {
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
      // A stream that the stop cuts is a complaint of the browser.
      await back.page.goto("about:blank");
    } finally {
      await second.stop();
    }
  });

  it("mints an id at once in Japan, and withdraws it in Germany", async () => {
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

  it("respects an opt-out from sale in California", async () => {
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

  it("respects Global Privacy Control in Texas, regardless of the banner", async () => {
    const visitor = await newcomer({ extraHTTPHeaders: { "Sec-GPC": "1" } });
    await visitor.open("/");
    await visitor.travel("Texas");
    await visitor.click("That is fine");
    await visitor.sees(".p-happenings", "POST /consent");
    await visitor.sees(".p-consent", "Your browser sends Global Privacy Control");
    expect(await visitor.jar("us_privacy")).not.toBeNull();
    expect(await visitor.jar("ts-ec")).toBeNull();
  });

  it("keeps an id if the country is unknown", async () => {
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

  it("shows each browser its own events, and starts over", async () => {
    const [one, other] = [await newcomer(), await newcomer()];
    await other.open("/");
    await one.open("/");
    await one.click("Accept all");
    await one.sees(NEWEST, "A new id was minted");
    await one.click("Show what was before (2)");
    await one.page.getByText("POST /consent", { exact: true }).waitFor();
    await other.stepsDone(["Visit"]);

    await one.click("Start over");
    await one.sees(".p-id", "None.");
    await one.stepsDone(["Visit"]);
    expect(await one.jar("ts-ec")).toBeNull();
    expect(await one.jar("euconsent-v2")).toBeNull();
    await one.page.getByRole("button", { name: "Accept all" }).waitFor();
  });

  it("fits on a phone, with the panel as a bar that opens", async () => {
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
    await visitor.page.locator("#advert summary").tap();
    await visitor.looksAt("#advert");
    expect(await width()).toBe(390);
    await visitor.picture("demo-phone-8-prebid");
  });

  it("shows a queue for a partner that is at its limit", async () => {
    const own = await start("node", "crowd.db");
    try {
      const visitor = await newcomer({}, own);
      await visitor.open("/");
      await visitor.click("Let eight readers come at once");
      const mossgate = visitor.company("Mossgate");
      await mossgate.getByText(/^[1-8] in line · [01] of 1 under way · \d+ of 10 a minute$/).waitFor();
      await mossgate.getByText(/^Shut for \d s: it asked for a pause$/).waitFor();
      const [drawn, told] = await mossgate.evaluate((card) => [
        card.querySelectorAll(".p-line circle").length,
        Number.parseInt(card.querySelector(".p-counts")!.textContent, 10),
      ]);
      expect(drawn).toBe(told);
      const quickbeck = visitor.company("Quickbeck");
      await quickbeck.getByText("Nobody in line · 0 of 4 under way · 8 of 60 a minute").waitFor();
      expect(await quickbeck.locator(".p-minute path").count()).toBe(8);

      // The visitor comes after them and waits, too.
      await visitor.click("Accept all");
      await visitor.sees(".p-pulls", "Quickbeck Exchange’s id for you is in the graph.");
      await visitor.sees(".p-pulls", "You are in line for Mossgate Audiences: ");
      await visitor.looksAt("#p-partners");
      await visitor.picture("demo-queue");

      await mossgate.getByText("Full: the next may go when one is back").waitFor();
      // Stops while requests are in flight and ids wait.
      await visitor.page.goto("about:blank");
      expect(await own.stop()).toBe(0);
      expect(own.log()).not.toContain('"level"');
    } finally {
      await own.stop("SIGKILL");
    }
  });

  it("offers every request of a partner", async () => {
    const visitor = await newcomer();
    await visitor.open("/");
    await visitor.follows("Play a partner", "/_demo/partner");
    await visitor.sees("#visitor", "nobody yet");
    await visitor.click("Send the browser by");
    await visitor.sees("#pixel-result", "ts_reason=no_ec");
    await visitor.click("Ask who you are");
    await visitor.sees("#identify-result", "403");
    await visitor.sees("#identify-result", '"consent": "denied"');
    await visitor.click("Hold an auction");
    await visitor.sees("#auction-result", "Quickbeck bids € 0.35");
    await visitor.sees("#auction-result", "nothing of who is there");
    await visitor.click("Forget me");
    await visitor.sees("#forget-result", "401");

    // Withdraws an id, then gets another.
    await visitor.open("/");
    await visitor.click("Accept all");
    await visitor.sees(NEWEST, "A new id was minted");
    const withdrawn = (await visitor.jar("ts-ec"))!.value;
    await visitor.click("Privacy choices");
    await visitor.click("Withdraw my consent");
    await visitor.sees(NEWEST, "The id was withdrawn");
    await visitor.click("Privacy choices");
    await visitor.click("Accept all");
    await visitor.sees(NEWEST, "Allowed again");
    const id = (await visitor.jar("ts-ec"))!.value;
    expect(id).not.toBe(withdrawn);

    await visitor.open("/_demo/partner");
    await visitor.sees("#visitor", id);
    await visitor.click("Add a mapping");
    const added = visitor.page.locator(".mappings li").last();
    await added.getByLabel("EC id").fill(id);
    await added.getByLabel("The partner’s id").fill("customer-of-tomorrow");
    await added.getByLabel("As of").selectOption("in two hours");
    await visitor.click("Upload");
    const rows = visitor.page.locator("#batch-result tbody tr");
    await expect
      .poll(() => rows.locator("td:nth-child(2)").allTextContents(), { timeout: 20_000 })
      .toEqual(["accepted", "consent_withdrawn", "ec_id_not_found", "invalid_ec_id", "invalid_timestamp"]);
    await visitor.sees("#batch-result", "207");
    await visitor.sees("#batch-result caption", "1 accepted, 4 rejected");
    await visitor.sees(".p-partners", "customer-4711");
    await visitor.sees(NEWEST, "A partner’s upload");
    await visitor.looksAt("#batch-form .line:last-child");
    await visitor.picture("demo-play-1-batch");

    // The command for a terminal sends the same upload.
    await visitor.page.getByText("The same in a terminal").click();
    const command = await visitor.page.locator("#batch-curl").textContent();
    expect(command).toContain("Authorization: Bearer demonstration-");
    expect(command).toContain(id);

    for (let left = 5; left > 1; left--)
      await added.getByRole("button", { name: "Remove this mapping" }).click();
    await visitor.click("Upload");
    await visitor.sees("#batch-result", "Every mapping was accepted.");
    await visitor.page.getByLabel("API key").fill("not-the-key-of-anybody");
    await visitor.click("Upload");
    await visitor.sees("#batch-result", "No partner has this key.");

    await visitor.click("Ask who you are");
    await visitor.sees("#identify-result", "200");
    const shown = visitor.page.locator("#identify-result pre");
    const [body, headers, eids] = (await shown.allTextContents()).map((text) => JSON.parse(text));
    expect(body).toMatchObject({ ec: id, consent: "ok", uids: { otter: "customer-4711" } });
    expect(headers).toMatchObject({ "x-ts-ec": id, "x-ts-otter": "customer-4711" });
    expect(eids).toEqual(body.eids);
    await visitor.looksAt("[aria-labelledby=identify]");
    await visitor.picture("demo-play-2-identify");

    await visitor.click("Hold an auction");
    await visitor.sees("#auction-result", "Quickbeck bids € 2.40");
    await visitor.sees("#auction-result pre", id);
    await visitor.sees("#auction-result pre", "otter-daughters.example");
    await visitor.looksAt("[aria-labelledby=auction]");
    await visitor.picture("demo-play-3-auction");

    await visitor.click("Forget me");
    await visitor.sees("#forget-result", "204");
    expect(await visitor.jar("ts-ec")).toBeNull();
    await visitor.sees(NEWEST, "The id was deleted");
    await visitor.sees(".p-id", "None.");
    await visitor.looksAt("[aria-labelledby=forget]");
    await visitor.picture("demo-play-4-forgotten");
  });

  it("shows Prebid on the page, a vendor without consent, and why an id was refused", async () => {
    const visitor = await newcomer();
    await visitor.open("/");
    await visitor.sees("#advert-text", "€ 0.35");
    await visitor.sees("#advert-received", "Nothing");
    await visitor.sees(".p-consent .p-reason", "no_signal");
    expect(await visitor.jar("sharedId")).toBeNull();

    await visitor.click("Accept all");
    await visitor.sees(".p-consent .p-reason", "tcf_purpose1");
    const fennel = visitor.company("Fennel");
    await fennel.getByText("vendor_no_consent").waitFor();
    await visitor.sees(".p-partners", "Quickbeck Exchange");
    await visitor.readsUntilPartnersKnowThem();
    const sharedId = (await visitor.jar("sharedId"))!.value;
    await visitor.company("SharedID").getByText(sharedId).waitFor();
    await visitor.sees("#advert-text", "€ 2.40");
    await visitor.page.locator("#advert summary").click();
    await visitor.sees("#advert-eids", `pubcid.org ${sharedId}`);
    await visitor.sees("#advert-eids", "quickbeck.example");
    // Prebid.js found it. The service neither stored nor sent it.
    expect(atob((await visitor.jar("ts-eids"))!.value)).toContain("fennel.example");
    expect(await visitor.page.locator("#advert-eids").textContent()).not.toContain("fennel.example");
    await fennel.getByText("no id for you yet").waitFor();
    await visitor.looksAt("#advert");
    await fennel.scrollIntoViewIfNeeded();
    await visitor.picture("demo-prebid");

    await visitor.click("Privacy choices");
    await visitor.click("Withdraw my consent");
    await visitor.sees(".p-consent .p-reason", "tcf_no_purpose1");
    expect([await visitor.jar("sharedId"), await visitor.jar("ts-eids")]).toEqual([null, null]);

    // Without a law on consent the vendor gets its id with the page after the one that found it.
    await visitor.travel("Japan");
    await visitor.sees("#advert-text", "Quickbeck pays");
    await visitor.open("/about");
    await fennel.getByText("reader-of-the-gazette").waitFor();
  });

  it.each(["light", "dark"] as const)("has no accessibility violations in %s", async (colorScheme) => {
    const visitor = await newcomer({
      colorScheme,
      viewport: { width: 1440, height: 1600 },
      bypassCSP: true,
      // Text that fades in has too little contrast on its way.
      reducedMotion: "reduce",
    });
    await visitor.open("/_demo/partner");
    await visitor.picture(`demo-play-${colorScheme}`);
    expect(await axeViolations(visitor.page)).toEqual([]);
    await visitor.open("/");
    expect(await axeViolations(visitor.page)).toEqual([]);
    await visitor.click("Accept all");
    await visitor.sees(".p-pulls", "is in the graph");
    await visitor.sees("#advert-text", "Quickbeck pays");
    await visitor.page.locator("#advert summary").click();
    await visitor.company("Fennel").getByText("vendor_no_consent").waitFor();
    expect(await axeViolations(visitor.page)).toEqual([]);
    await visitor.looksAt("#advert");
    await visitor.picture(`demo-prebid-${colorScheme}`);
  });

  it("shows that the server does not answer", async () => {
    const own = await start("node", "stale.db");
    const visitor = await newcomer({}, own);
    try {
      await visitor.open("/");
      await visitor.page.locator(".p-stale").waitFor({ state: "hidden" });
      visitor.page.removeAllListeners("console");
      expect(await own.stop()).toBe(0);
      await visitor.sees(
        ".p-stale",
        /^The server does not answer\. The panel shows the state of \d\d:\d\d:\d\d\. Trying again\.$/,
      );
      await visitor.picture("demo-stale");
    } finally {
      await own.stop("SIGKILL");
    }
  });

  it("says without JavaScript that the demonstration needs it", async () => {
    const visitor = await newcomer({ javaScriptEnabled: false });
    for (const path of ["/", "/_demo/partner"]) {
      await visitor.page.goto(visitor.base + path);
      await visitor.page.getByRole("heading", { name: "The demonstration needs JavaScript" }).waitFor();
    }
    await visitor.picture("demo-noscript");
  });

  it("offers the partner's page on a phone", async () => {
    const visitor = await newcomer({
      viewport: { width: 390, height: 844 },
      deviceScaleFactor: 2,
      isMobile: true,
      hasTouch: true,
    });
    await visitor.open("/");
    await visitor.click("Accept all");
    await visitor.sees(".p-summary", LOCAL_HASH.slice(0, 4));
    await visitor.open("/_demo/partner");
    const width = () => visitor.page.evaluate(() => document.documentElement.scrollWidth);
    expect(await width()).toBe(390);
    await visitor.picture("demo-phone-5-play");
    await visitor.click("Upload");
    await visitor.sees("#batch-result", "1 accepted, 2 rejected");
    await visitor.looksAt("#batch-result");
    await visitor.picture("demo-phone-6-batch");
    await visitor.click("Ask who you are");
    await visitor.sees("#identify-result", "x-ts-eids, decoded");
    await visitor.click("Hold an auction");
    await visitor.sees("#auction-result", "Quickbeck bids");
    expect(await width()).toBe(390);
    await visitor.page.locator(".p-bar").tap();
    await visitor.sees(".p-partners", "customer-4711");
    await visitor.looksAt("#p-partners");
    await visitor.picture("demo-phone-7-partners");
    expect(await width()).toBe(390);
  });

  it("redirects from other names of this machine to millrace.localhost", async () => {
    const visitor = await newcomer();
    const { port } = new URL(server.url);
    await visitor.page.goto(`http://127.0.0.1:${port}/about?from=here`);
    expect(visitor.page.url()).toBe(`http://millrace.localhost:${port}/about?from=here`);
    const foreign = await fetch(server.url, { headers: { accept: "text/html" }, redirect: "manual" });
    expect(foreign.status).toBe(307);
  });
});

/** One browser context with one page of the demonstration. */
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

  /** Waits until an element has this text. */
  async sees(selector: string, text: string | RegExp): Promise<void> {
    await this.page.locator(selector).filter({ hasText: text }).first().waitFor({ state: "attached" });
  }

  /** Follows a link and waits for its page: a click during the scroll to a heading may miss its button. */
  async follows(link: string, path: string): Promise<void> {
    await this.page.getByRole("link", { name: link }).click();
    await this.page.waitForURL(({ pathname }) => pathname === path);
  }

  async click(name: string): Promise<void> {
    await this.page.getByRole("button", { name, exact: true }).click();
  }

  /** The panel's card of a partner. */
  company(name: string) {
    return this.page.locator(".p-company").filter({ hasText: name });
  }

  async travel(place: string): Promise<void> {
    const input = this.page.getByRole("radio", { name: place });
    await reloaded(this.page, () => input.check({ force: true, noWaitAfter: true }));
    await this.page.locator(".panel.p-live").waitFor();
  }

  /** Waits until exactly these steps are done. "Partners" may be done earlier. */
  async stepsDone(names: string[]): Promise<void> {
    const steps = () => this.steps();
    const early = names.includes("Partners") ? [] : ["Partners"];
    await expect
      .poll(async () => (await steps()).filter((name) => !early.includes(name)), { timeout: 20_000 })
      .toEqual(names);
  }

  async steps(): Promise<string[]> {
    const done = await this.page.locator(".p-steps .p-done").allTextContents();
    return done.map((text) => text.replace(" (done)", ""));
  }

  /** Opens another page each time a partner asks for a pause until the next visit. */
  async readsUntilPartnersKnowThem(): Promise<void> {
    const news = this.page.locator(".p-pulls");
    const landed = this.page.locator(".p-steps .p-done").filter({ hasText: "Partners" });
    const refused = news.locator("li").first().filter({ hasText: "slow down" });
    for (const path of ["/the-ferry-bell", "/about", "/", "/the-wheel-turns", "/the-ferry-bell"]) {
      // Takes at most a full minute.
      await landed.or(refused).first().waitFor({ timeout: 70_000 });
      if ((await landed.count()) > 0) return;
      await this.open(path);
    }
    throw new Error("the slow partner refused too often");
  }

  /** Scrolls an element into view. */
  async looksAt(selector: string): Promise<void> {
    await this.page.locator(selector).evaluate((element) => element.scrollIntoView());
  }

  /** The browser's cookie with this name; `null` if there is none. */
  async jar(name: string) {
    const cookies = await this.context.cookies(this.base);
    return cookies.find((cookie) => cookie.name === name) ?? null;
  }

  async picture(name: string): Promise<void> {
    await this.page.screenshot({ path: join(RESULTS, `${name}.png`), animations: "disabled" });
  }
}
