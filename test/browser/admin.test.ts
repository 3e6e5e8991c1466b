/**
 * The operator's page in a real browser, with a running service and partners of several kinds. Saves screenshots in
 * `test/results/`.
 */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { sumOf } from "../../worker/admin/figures.ts";
import type { Status } from "../../worker/ec/admin/status.ts";
import { axeViolations } from "../support/axe.ts";
import { busyStatus } from "../support/busy-status.ts";
import { launchChromium, noChromium } from "../support/chromium.ts";
import { configFile } from "../support/config-file.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { behaviours, type PartnerServer, startPartnerServer } from "../support/partner-server.ts";
import { root, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";
import { visit } from "../support/visit.ts";

const RESULTS = join(root, "test/results");
const DOMAIN = "publisher.example";
const TOKEN = "the-operators-token-of-this-test";
const CONFIGURED_KEY = "the-key-of-a-configured-partner";
const PULL_TOKEN = "the-token-that-we-send-to-partners";
const PASSPHRASE = "a-passphrase-nobody-may-see";
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
/** Values that must never be on the page. */
const SECRETS = [TOKEN, CONFIGURED_KEY, PULL_TOKEN, PASSPHRASE, sha256(TOKEN), sha256(CONFIGURED_KEY)];

describe.skipIf(noChromium !== undefined)(noChromium ?? "the operator's page", () => {
  let browser: Browser;
  let folder: string;
  let origin: Origin;
  let prompt: PartnerServer;
  let none: PartnerServer;
  let broken: PartnerServer;
  let hanging: PartnerServer;
  let server: RunningProgram;
  const contexts: BrowserContext[] = [];
  /** Script errors and violations of the content security policy. */
  const complaints: string[] = [];

  const partner = (id: string, { host, url }: PartnerServer) => ({
    id,
    pullSyncEnabled: true,
    pullSyncUrl: url,
    pullSyncAllowedDomains: [host.split(":")[0]!],
    pullToken: PULL_TOKEN,
  });

  beforeAll(async () => {
    mkdirSync(RESULTS, { recursive: true });
    folder = mkdtempSync(join(tmpdir(), "millrace-admin-"));
    [browser, origin, prompt, none, broken, hanging] = await Promise.all([
      launchChromium(),
      startOrigin(),
      startPartnerServer(behaviours.prompt),
      startPartnerServer(behaviours.none),
      startPartnerServer(behaviours.broken),
      startPartnerServer(behaviours.hanging),
    ]);
    server = await serve("shared");
  });

  /** Starts a service with its own store. */
  function serve(name: string): Promise<RunningProgram> {
    const config = {
      listen: { host: "127.0.0.1", port: 0 },
      store: `sqlite:${join(folder, `${name}.db`)}`,
      publisher: { domain: DOMAIN, origin: origin.url },
      client: { ipHeader: "x-test-ip", countryHeader: "x-test-country", regionHeader: "x-test-region" },
      passphrases: [PASSPHRASE],
      operator: { tokenHash: sha256(TOKEN) },
      allowInsecurePartners: true,
      partners: [
        { ...partner("prompt-ids", prompt), name: "Prompt Ids", apiKey: CONFIGURED_KEY },
        { ...partner("knows-nobody", none), name: "Knows Nobody" },
        { ...partner("broken", broken), name: "Broken & Sons" },
        { ...partner("sleepy", hanging), name: "Sleepy", maxConcurrent: 2 },
      ],
    };
    const path = join(folder, `${name}.json`);
    writeFileSync(path, JSON.stringify(configFile(config)));
    return spawnServer("node", ["worker/cli/main.ts", "serve", "--config", path]);
  }

  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    expect(complaints.splice(0)).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await Promise.all([origin, prompt, none, broken, hanging].map((other) => other?.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  async function newPage(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options });
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      // The page handles refusals itself.
      const isAnswer = /^Failed to load resource: .* status of [45]/.test(message.text());
      if (["error", "warning"].includes(message.type()) && !isAnswer) complaints.push(message.text());
    });
    return page;
  }

  async function signIn(page: Page, at = server): Promise<void> {
    await page.goto(`${at.url}/_ts/admin/`);
    await page.getByLabel("Admin token").fill(TOKEN);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Traffic" }).waitFor();
    await page.getByText("Broken & Sons").waitFor();
  }

  async function signedIn(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await newPage(options);
    await signIn(page);
    return page;
  }

  const picture = (page: Page, name: string, fullPage = true) =>
    page.screenshot({ path: join(RESULTS, `admin-${name}.png`), animations: "disabled", fullPage });

  /** Requests a page of the site from an address and a country. @returns the id of the response */
  async function newVisitor(ip: string, country = "JP", at = server): Promise<string | null> {
    const headers: [string, string][] = [
      ["x-test-ip", ip],
      ["x-test-country", country],
      ["x-test-region", country === "US" ? "CA" : ""],
    ];
    const { headers: answered } = await visit(at.url, { headers });
    return (answered["x-ts-ec"] as string | undefined) ?? null;
  }

  /** Calls the API with the operator's token. */
  const operator = (method: string, path: string, body?: unknown) =>
    visit(server.url, {
      method,
      path,
      headers: [["authorization", `Bearer ${TOKEN}`]],
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  /** Uploads an empty batch. @returns 200 if a partner has this key, else 401 */
  async function upload(key: string): Promise<number> {
    const headers: [string, string][] = [["authorization", `Bearer ${key}`]];
    const body = JSON.stringify({ mappings: [] });
    return (await visit(server.url, { method: "POST", path: "/_ts/api/v1/sync", headers, body })).status;
  }

  /** Waits until the page has drawn this status of a busy service. */
  async function drawn(page: Page, seconds: number): Promise<void> {
    const pages = sumOf(busyStatus(seconds), "millrace_ec_requests_total", { route: "organic" });
    await expect
      .poll(() => text(page, "#tile-pages small"), { interval: 5, timeout: 20_000 })
      .toBe(`${pages.toLocaleString("en")} in all`);
  }

  const text = (page: Page, selector: string) => page.locator(selector).textContent();
  const widthOf = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth);

  async function expectNoSecrets(page: Page): Promise<void> {
    const inputs = await page
      .locator("input, textarea")
      .evaluateAll((all) => all.map((one) => (one as HTMLInputElement).value));
    const everything = [await page.content(), ...inputs].join("\n");
    for (const secret of SECRETS) expect(everything).not.toContain(secret);
  }

  describe("signing in", () => {
    it("refuses another token and says why", async () => {
      const page = await newPage();
      await page.goto(`${server.url}/_ts/admin`);
      expect(page.url()).toBe(`${server.url}/_ts/admin/`);
      await picture(page, "sign-in-light");
      await page.getByLabel("Admin token").fill("not the token");
      await page.keyboard.press("Enter");
      await page.getByText("A token is visible ASCII characters without spaces.").waitFor();
      await page.getByLabel("Admin token").fill("another-token");
      await page.keyboard.press("Enter");
      await page.getByText("This is not the token whose hash operator.tokenHash has.").waitFor();
      await expect(page.getByRole("heading", { name: "Traffic" }).isVisible()).resolves.toBe(false);
      await picture(page, "sign-in-refused");
      await page.getByLabel("Admin token").fill(TOKEN);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Traffic" }).waitFor();
      await page.getByText("healthy").waitFor();
    });

    it("keeps the token only in memory: reloading and signing out delete it", async () => {
      const page = await signedIn();
      const kept = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]);
      expect(kept).toEqual([0, 0, ""]);
      expect(await page.context().cookies()).toEqual([]);
      await expectNoSecrets(page);
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByText("Signed out.").waitFor();
      await expect(page.getByRole("heading", { name: "Traffic" }).isVisible()).resolves.toBe(false);
      // Later requests carry no token.
      const refused = await page.evaluate(async () => (await fetch("/_ts/admin/status")).status);
      expect(refused).toBe(401);
      await page.reload();
      await page.getByLabel("Admin token").waitFor();
    });

    it("sends the token and no cookie", async () => {
      const page = await newPage();
      await page.context().addCookies([{ name: "ts-ec", value: "a-visitors-id", url: server.url }]);
      const asked: { url: string; headers: Record<string, string> }[] = [];
      page.on(
        "request",
        (request) =>
          void request.allHeaders().then(
            (headers) => asked.push({ url: request.url(), headers }),
            // The test ends while the page goes on to ask.
            () => {},
          ),
      );
      await page.goto(`${server.url}/_ts/admin/`);
      await page.getByLabel("Admin token").fill(TOKEN);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("Sleepy").waitFor();
      await expect
        .poll(() => asked.filter(({ url }) => url.includes("/_ts/admin/")).length)
        .toBeGreaterThan(2);
      const [, ...calls] = asked;
      for (const { url, headers } of calls) {
        expect(new URL(url).origin).toBe(server.url);
        expect([url, headers.authorization, headers.cookie]).toEqual([url, `Bearer ${TOKEN}`, undefined]);
      }
    });
  });

  describe("the charts", () => {
    it("show new traffic", async () => {
      const fresh = await serve("fresh");
      onTestFinished(async () => {
        await fresh.stop();
      });
      const page = await newPage();
      await signIn(page, fresh);
      const figureOf = async (selector: string) => Number((await text(page, selector))!.replaceAll(",", ""));
      await page.waitForResponse("**/_ts/admin/status");
      for (let i = 0; i < 30; i++) await newVisitor(`203.0.113.${i}`, ["JP", "FR", "US"][i % 3], fresh);
      await expect.poll(() => figureOf("#tile-minted b"), { timeout: 20_000 }).toBe(10);
      const row = async (table: string, name: string) => {
        const cells = page.locator(`${table} tbody tr`, { hasText: name }).locator("th, td:not(.graphic)");
        return (await cells.allTextContents()).join(" ");
      };
      expect(await row("#consent", "GDPR")).toBe("GDPR 0 10");
      expect(await row("#consent", "US state law")).toBe("US state law 0 10");
      expect(await row("#consent", "No rules on ids")).toBe("No rules on ids 10 0");

      const requests = page.locator("#chart-requests .drawing > svg");
      expect(await requests.getAttribute("aria-label")).toMatch(
        /^The last five minutes\. pages of the site: now [\d.]+, on average [\d.]+, at most [1-9][\d.]* requests a second; /,
      );
      expect(await page.locator("#chart-requests path.line.first").first().getAttribute("d")).toMatch(
        /^M.*L/,
      );
      await page.locator("#chart-requests summary").click();
      await page.locator("#chart-requests details td").first().waitFor();
      expect(await page.locator("#chart-requests details tbody tr").count()).toBe(5);

      // The prompt partner answered for each new id; the broken one is paused after five failures.
      await expect
        .poll(() => row("#pulls", "prompt-ids"), { timeout: 20_000 })
        .toBe("prompt-ids 10 0 0 0 0 0");
      expect(await row("#pulls", "knows-nobody")).toBe("knows-nobody 0 10 0 0 0 0");
      expect(await row("#pulls", "broken")).toBe("broken 0 0 5 0 0 0");
      await page.locator("#domains tr", { hasText: "fails, rests" }).waitFor();
      expect(await figureOf("#tile-queued b")).toBeGreaterThan(0);
      expect(await row("#store-operations", "get")).toMatch(/^get [1-9][\d,]* [\d.]+ (µs|ms) [\d.]+ /);
      await page.locator("#counters summary").click();
      await page.locator("#counters tr", { hasText: "millrace_ec_minted_total" }).waitFor();
      await expectNoSecrets(page);
      await picture(page, "real");
    });

    it("state since when the recent figures count, until they cover five minutes", async () => {
      const page = await newPage();
      await page.clock.install();
      let seconds = 0;
      await page.route("**/_ts/admin/status", (route) => route.fulfill({ json: busyStatus(seconds) }));
      await signIn(page);
      const clock = await page.evaluate(() =>
        new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }),
      );
      expect(await text(page, "#since")).toContain(`since ${clock}, when this page was opened`);
      expect(await text(page, "#tile-minted small")).toBe(`0 since ${clock}`);
      await page.clock.pauseAt(await page.evaluate(() => Date.now() + 1000));
      for (let i = 0; i < 10; i++) {
        seconds += 29;
        await page.clock.fastForward(29_500);
        await drawn(page, seconds);
      }
      await page.locator("#since").waitFor({ state: "hidden" });
      expect(await text(page, "#tile-minted small")).toMatch(/ in the last 5 min$/);
    });

    it("do not poll while paused", async () => {
      const page = await newPage();
      await page.clock.install();
      await signIn(page);
      let polls = 0;
      page.on("request", (request) => {
        if (request.url().endsWith("/status")) polls++;
      });
      const polled = page.waitForResponse("**/_ts/admin/status");
      await page.clock.runFor(2000);
      await polled;
      await page.getByRole("button", { name: "Pause" }).click();
      const before = polls;
      await page.clock.runFor(60_000);
      expect(polls).toBe(before);
      const again = page.waitForResponse("**/_ts/admin/status");
      await page.getByRole("button", { name: "Resume" }).click();
      await page.clock.runFor(2000);
      await again;
    });

    it("show that the service does not answer, and resume when it does", async () => {
      const page = await signedIn();
      await page.route(/_ts\/(ready|admin\/status)$/, (route) => route.abort());
      await page
        .getByText(/^The service does not answer\. The page shows the answer of .+ ago, and keeps trying\.$/)
        .waitFor();
      await page.getByText("no answer", { exact: true }).waitFor();
      await picture(page, "no-answer", false);
      await page.unrouteAll();
      await page.locator("#trouble").waitFor({ state: "hidden" });
      await page.getByText("healthy").waitFor();
      complaints.splice(0, complaints.length, ...complaints.filter((line) => !line.includes("ERR_FAILED")));
    });

    it("sign out when the service refuses the token", async () => {
      const page = await signedIn();
      const message = "this is not the token whose hash operator.tokenHash has";
      await page.route("**/_ts/admin/status", (route) =>
        route.fulfill({ status: 401, json: { error: "unauthorized", message } }),
      );
      await page.getByText(`Signed out: ${message}`).waitFor();
      await page.getByLabel("Admin token").waitFor();
    });
  });

  describe("the look-up", () => {
    it("shows an entry, and deletes it after a confirmation", async () => {
      const id = (await newVisitor("198.51.100.7"))!;
      const page = await signedIn();
      const lookUp = async (wanted: string) => {
        await page.getByLabel("EC id").fill(wanted);
        await page.getByRole("button", { name: "Look up" }).click();
      };
      await lookUp("");
      await page.getByText("Enter an EC id.").waitFor();
      await lookUp("../partners");
      await page.getByText("An EC id is 64 hex digits, a dot and 6 letters or digits.").waitFor();
      await lookUp(`${"0".repeat(64)}.abcdef`);
      await page.getByText("The graph has no entry for this id.").waitFor();

      await expect
        .poll(async () => (await operator("GET", `/_ts/admin/identity/${id}`)).body)
        .toContain("prompt-ids");
      await lookUp(id);
      const found = page.getByRole("article", { name: "Entry in the graph" });
      await found.waitFor();
      const shown = await found.textContent();
      expect(shown).toContain(id);
      for (const part of ["given", "Japan", "First seen", "prompt-ids", `uid-${id.slice(-6)}`]) {
        expect(shown).toContain(part);
      }
      await page.locator("#lookup").scrollIntoViewIfNeeded();
      await picture(page, "lookup", false);

      const remove = page.getByRole("button", { name: "Delete this identity" });
      await remove.click();
      const dialog = page.getByRole("dialog", { name: "Delete this identity?" });
      await picture(page, "delete", false);
      await dialog.getByRole("button", { name: "Cancel" }).click();
      expect((await operator("GET", `/_ts/admin/identity/${id}`)).status).toBe(200);
      await remove.click();
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "hidden" });
      expect((await operator("GET", `/_ts/admin/identity/${id}`)).status).toBe(200);
      await remove.click();
      await dialog.getByRole("button", { name: "Delete it" }).click();
      await page.getByText(`The identity ${id.slice(0, 8)}… is deleted.`).waitFor();
      expect((await operator("GET", `/_ts/admin/identity/${id}`)).status).toBe(404);
      expect(await found.count()).toBe(0);
    });

    it("shows a tombstone", async () => {
      const id = (await newVisitor("198.51.100.8"))!;
      await visit(server.url, {
        headers: [
          ["x-test-ip", "198.51.100.8"],
          ["x-test-country", "FR"],
          ["cookie", `ts-ec=${id}`],
        ],
      });
      const page = await signedIn();
      await page.getByLabel("EC id").fill(id);
      await page.keyboard.press("Enter");
      await page.getByText("withdrawn: a tombstone").waitFor();
      await page.getByText("No partner has an id for this visitor.").waitFor();
    });
  });

  describe("the partners", () => {
    it("can be added, edited and removed, and get a new key", async () => {
      const page = await signedIn();
      const row = page.locator("#partners tbody tr", { hasText: "new-one" });
      const form = page.getByRole("dialog", { name: "Add a partner" });
      await page.getByRole("button", { name: "Add a partner" }).click();

      // Each fault is shown at its field.
      await form.getByLabel("Id", { exact: true }).fill("No Such Id!");
      await form.getByLabel("Pull ids from this partner").check();
      await form.getByLabel("Pull URL").fill("http://10.0.0.7/pull");
      await form.getByLabel("Allowed hosts").fill("10.0.0.7\nhttps://wrong.example/");
      await form.getByLabel("Maximum pulls").fill("many");
      await form.getByLabel("OpenRTB atype").fill("0");
      await form.getByRole("button", { name: "Save" }).click();
      const faulty = form.locator("[aria-invalid=true]");
      await expect.poll(() => faulty.count()).toBeGreaterThan(3);
      const wrong = await faulty.evaluateAll((all) => all.map(({ id }) => id.replace("partner-", "")));
      expect(wrong).toEqual([
        "id",
        "gvl_id",
        "pull_sync_allowed_domains",
        "pull_token",
        "pull_sync_rate_limit",
        "openrtb_atype",
      ]);
      await expect(
        form.getByLabel("Id", { exact: true }).evaluate((input) => input === document.activeElement),
      ).resolves.toBe(true);
      const faultOf = (name: string) => text(page, `#partner-${name}-fault`);
      expect(await faultOf("id")).toContain("expected an id matching");
      expect(await faultOf("pull_sync_rate_limit")).toContain(
        "expected a whole number an hour from 1 to 1000000",
      );
      await picture(page, "partner-faults", false);
      await form.getByLabel("Id", { exact: true }).fill("prompt-ids");
      await form.getByRole("button", { name: "Save" }).click();
      await form.getByText("Another partner has this id; edit that partner instead.").waitFor();

      await form.getByLabel("Id", { exact: true }).fill("new-one");
      await form.getByLabel("Name", { exact: true }).fill("<img src=x onerror=alert(1)> & Co");
      await form.getByLabel("Allowed hosts").fill("ids.new-one.example");
      await form.getByLabel("Maximum pulls").fill("7");
      await form.getByLabel("OpenRTB atype").fill("3");
      await form.locator("#partner-gvl_id").fill("755");
      await form.getByRole("button", { name: "Save" }).click();
      await expect.poll(() => faultOf("pull_sync_url")).toContain("outside private, loopback");
      await expect.poll(() => faultOf("pull_token")).toContain("pull_sync_enabled");
      await form.getByLabel("Pull URL").fill("https://ids.new-one.example/pull");
      await form.getByLabel("Token we send").fill(PULL_TOKEN);
      await form.getByRole("button", { name: "Save" }).click();

      const keyDialog = page.getByRole("dialog", { name: "The new key of new-one" });
      const first = await keyDialog.getByLabel("API key").inputValue();
      expect(first).toMatch(/^[\w-]{43}$/);
      await page.keyboard.press("Escape");
      await page.keyboard.press("Escape");
      await picture(page, "partner-key", false);
      await keyDialog.getByRole("button", { name: "I have it" }).click();
      await row.waitFor();
      expect(await row.textContent()).toContain("<img src=x onerror=alert(1)> & Co");
      expect(await row.textContent()).toContain("from ids.new-one.example");
      expect(await page.locator("#partners img").count()).toBe(0);
      expect(await upload(first)).toBe(200);
      expect(await page.content()).not.toContain(first);
      expect(await page.locator("#new-key-value").inputValue()).toBe("");

      // An edit keeps the hidden token.
      await row.getByRole("button", { name: "Edit" }).click();
      const edit = page.getByRole("dialog", { name: "Edit" });
      await expect(edit.getByLabel("Id", { exact: true }).isEditable()).resolves.toBe(false);
      expect(await edit.getByLabel("Token we send").inputValue()).toBe("");
      expect(await edit.getByLabel("Maximum pulls").inputValue()).toBe("7");
      await edit.getByLabel("Name", { exact: true }).fill("The New One");
      await edit.getByLabel("Add its ids to pages and auctions").check();
      await edit.getByLabel("Source").fill("new-one.example");
      await picture(page, "partner-edit", false);
      await edit.getByRole("button", { name: "Save" }).click();
      await page.getByText("new-one is saved.").waitFor();
      await row.getByText("The New One").waitFor();
      const listed = JSON.parse((await operator("GET", "/_ts/admin/partners")).body).partners;
      expect(listed.find(({ id }: { id: string }) => id === "new-one")).toMatchObject({
        name: "The New One",
        has_pull_token: true,
        pull_sync_rate_limit: 7,
        bidstream_enabled: true,
        source_domain: "new-one.example",
      });
      expect(await upload(first)).toBe(200);

      await row.getByRole("button", { name: "Rotate key" }).click();
      await page
        .getByRole("dialog", { name: "Rotate the key of new-one?" })
        .getByRole("button", { name: "Rotate it" })
        .click();
      const second = await keyDialog.getByLabel("API key").inputValue();
      expect(second).not.toBe(first);
      await keyDialog.getByRole("button", { name: "I have it" }).click();
      await page.getByText("new-one has a new key.").waitFor();
      expect([await upload(first), await upload(second)]).toEqual([200, 200]);
      await row.getByRole("button", { name: "End previous key" }).click();
      await page
        .getByRole("dialog", { name: "End the previous key of new-one?" })
        .getByRole("button", { name: "End it" })
        .click();
      await page.getByText("The previous key of new-one has ended.").waitFor();
      expect([await upload(first), await upload(second)]).toEqual([401, 200]);
      await expectNoSecrets(page);

      await row.getByRole("button", { name: "Remove" }).click();
      await page
        .getByRole("dialog", { name: "Remove new-one?" })
        .getByRole("button", { name: "Remove it" })
        .click();
      await page.getByText("new-one is removed.").waitFor();
      await row.waitFor({ state: "detached" });
      expect(await upload(second)).toBe(401);
    });

    it("from the configuration cannot be changed, and the search finds them", async () => {
      const page = await signedIn();
      const rows = page.locator("#partners tbody tr");
      const configured = rows.filter({ hasText: "in the configuration: change it there" });
      expect(await configured.count()).toBe(4);
      expect(await configured.getByRole("button").count()).toBe(0);
      await page.getByLabel("Search partners").fill("SLEEP");
      await expect.poll(() => rows.count()).toBe(1);
      await page.getByLabel("Search partners").fill("nobody at all");
      await page.getByText("No partner matches the search.").waitFor();
    });
  });

  it.each(["light", "dark"] as const)("has no accessibility violations in %s", async (colorScheme) => {
    const page = await newPage({ colorScheme, bypassCSP: true });
    await page.goto(`${server.url}/_ts/admin/`);
    expect(await axeViolations(page)).toEqual([]);
    const id = (await newVisitor("198.51.100.9"))!;
    await signIn(page);
    await page.locator("#pulls tbody tr").first().waitFor();
    await page.getByLabel("EC id").fill(id);
    await page.getByRole("button", { name: "Look up" }).click();
    await page.getByRole("article", { name: "Entry in the graph" }).waitFor();
    for (const details of await page.locator("details").all()) await details.locator("summary").click();
    await page.locator("#counters tbody tr").first().waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole("button", { name: "Add a partner" }).click();
    expect(await axeViolations(page)).toEqual([]);
  });

  describe("pictures", () => {
    /** A page that has polled a busy service for five minutes, on a fake clock. */
    async function busyPage(options: BrowserContextOptions = {}): Promise<Page> {
      const page = await newPage(options);
      await page.clock.install();
      let seconds = 7200;
      await page.route("**/_ts/admin/status", (route) => route.fulfill({ json: busyStatus(seconds) }));
      await signIn(page);
      await page.clock.pauseAt(await page.evaluate(() => Date.now() + 1000));
      for (let i = 0; i < 100; i++) {
        seconds += 3;
        await page.clock.fastForward(3000);
        await drawn(page, seconds);
      }
      await expect.poll(() => text(page, "#facts")).toContain("up 2 h 5 min");
      // No polls from here on, so that the picture shows what was drawn.
      await page.getByRole("button", { name: "Pause" }).click();
      return page;
    }

    async function resize(page: Page, width: number, height: number): Promise<void> {
      await page.setViewportSize({ width, height });
      await expect.poll(() => widthOf(page)).toBe(width);
      const drawn = () => page.locator("#chart-requests .drawing > svg").evaluate((svg) => svg.clientWidth);
      const room = () => page.locator("#chart-requests .drawing").evaluate((place) => place.clientWidth);
      await expect.poll(async () => (await drawn()) === (await room())).toBe(true);
    }

    it("in light and dark, large and small", async () => {
      const page = await busyPage();
      expect(await widthOf(page)).toBe(1440);
      await picture(page, "desktop-light");
      await picture(page, "desktop-light-top", false);
      await page.emulateMedia({ colorScheme: "dark" });
      await picture(page, "desktop-dark");
      await picture(page, "desktop-dark-top", false);
      await page.getByRole("button", { name: "Add a partner" }).click();
      await picture(page, "form-dark", false);
      await page.emulateMedia({ colorScheme: "light" });
      await picture(page, "form-light", false);
      await page.keyboard.press("Escape");
      await resize(page, 820, 1180);
      await picture(page, "tablet");
    });

    it("on a phone", async () => {
      const page = await busyPage({
        viewport: { width: 390, height: 844 },
        deviceScaleFactor: 2,
        isMobile: true,
        hasTouch: true,
      });
      expect(await widthOf(page)).toBe(390);
      for (const [index, section] of ["#heading", "#traffic", "#sync", "#store", "#lookup"].entries()) {
        await page.locator(section).evaluate((element) => element.scrollIntoView());
        await picture(page, `phone-${index + 1}`, false);
      }
      await page.getByRole("button", { name: "Add a partner" }).tap();
      await picture(page, "phone-form", false);
      await page.getByRole("button", { name: "Cancel" }).tap();
      await page.emulateMedia({ colorScheme: "dark" });
      await picture(page, "phone-dark");
      await resize(page, 320, 640);
      for (const [index, section] of ["#heading", "#sync", "#partners-section"].entries()) {
        await page.locator(section).evaluate((element) => element.scrollIntoView());
        await picture(page, `phone-narrow-${index + 1}`, false);
      }
    });

    it("shows that several instances answer", async () => {
      const page = await newPage();
      let polls = 0;
      await page.route("**/_ts/admin/status", (route) => {
        const status: Status = busyStatus(100 + 2 * polls);
        return route.fulfill({ json: { ...status, instance: polls++ % 2 === 0 ? "aaaa" : "bbbb" } });
      });
      await signIn(page);
      await page.getByText("2 instances answer in turn.").waitFor();
    });
  });
});
