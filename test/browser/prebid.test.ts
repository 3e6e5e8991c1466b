/**
 * Partners, "Prebid on the page": the real Prebid.js in a real browser, behind the service, with a Prebid Server that records its
 * requests.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { launchChromium, noChromium } from "../support/chromium.ts";
import { configFile } from "../support/config-file.ts";
import { tcfString } from "../support/consent-strings.ts";
import { readPage } from "../support/markdown.ts";
import { prebidBundle } from "../support/prebid-bundle.ts";
import { root, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";
import { visit } from "../support/visit.ts";

const KEY = "the-key-of-the-partner-that-knows";
/** What pages call after they set up Prebid.js. */
const TEST_PAGE = `<!doctype html><title>A page</title>
<script>window.pbjs = { que: [] };</script><script src="/_ts/prebid.js"></script><script src="/pb.js"></script>`;
/** The older place and the one of OpenRTB 2.6. */
type BidRequest = { user?: { id?: string; eids?: unknown[]; ext?: { eids?: unknown[] }; buyeruid?: string } };

/** The methods of Prebid.js that the tests call in the page. */
interface PrebidOnPage {
  que: { push(command: () => void): void };
  setConfig(config: object): void;
  removeAdUnit(): void;
  addAdUnits(units: object[]): void;
  requestBids(request: object): void;
}

const byId = (eids: unknown[] = []) => eids.map((eid) => JSON.stringify(eid)).sort();

describe.skipIf(noChromium !== undefined)(noChromium ?? "Prebid.js on a page", () => {
  let browser: Browser;
  let site: Server;
  let server: RunningProgram;
  let base: string;
  let prebidServer: string;
  let folder: string;
  const contexts: BrowserContext[] = [];
  /** Bid requests as Prebid Server got them. */
  const bids: BidRequest[] = [];
  const complaints: string[] = [];
  /** Pixels that pages loaded. */
  const pixels: string[] = [];

  beforeAll(async () => {
    const [bundle, launched] = await Promise.all([prebidBundle(), launchChromium()]);
    browser = launched;
    site = createServer((request, response) => {
      if (request.url!.startsWith("/pixel")) pixels.push(request.url!);
      if (request.method !== "POST") {
        const isScript = request.url === "/pb.js";
        response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
        response.end(isScript ? bundle : TEST_PAGE);
        return;
      }
      const chunks: Buffer[] = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => {
        const bid = JSON.parse(Buffer.concat(chunks).toString());
        bids.push(bid);
        // The answer in the form of Prebid Server's documentation.
        response.setHeader("content-type", "application/json");
        response.setHeader("access-control-allow-origin", "*");
        response.end(
          JSON.stringify({ id: bid.id, seatbid: [], cur: "USD", ext: { responsetimemillis: { demo: 5 } } }),
        );
      });
    });
    await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    prebidServer = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    folder = mkdtempSync(join(tmpdir(), "millrace-prebid-"));
    const config = {
      listen: { host: "127.0.0.1", port: 0 },
      publisher: { domain: "millrace.localhost", origin: prebidServer },
      passphrases: ["a passphrase of this test"],
      store: "memory:",
      auction: { endpoint: `${prebidServer}/openrtb2/auction` },
      consent: { assumeCountry: "FR" },
      allowInsecurePartners: true,
      partners: [
        { id: "pixel", gvlId: 5, pixelUrl: `${prebidServer}/pixel?ec={ec}&gdpr={gdpr}` },
        { id: "knows", apiKey: KEY, sourceDomain: "knows.example", gvlId: 5, bidstreamEnabled: true },
        { id: "shared", sourceDomain: "pubcid.org", openrtbAtype: 1, gvlId: 5, bidstreamEnabled: true },
      ],
    };
    const file = join(folder, "config.json");
    writeFileSync(file, JSON.stringify(configFile(config)));
    server = await spawnServer("node", ["worker/cli/main.ts", "serve", "--config", file]);
    base = `http://millrace.localhost:${new URL(server.url).port}`;
  });

  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    expect(complaints.splice(0)).toEqual([]);
    bids.length = 0;
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    site?.closeAllConnections();
    site?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  /** A visitor's page that was opened, and what happens on it. */
  async function open(cookies: Record<string, string>): Promise<Page> {
    const context = await browser.newContext();
    contexts.push(context);
    await context.addCookies(
      Object.entries(cookies).map(([name, value]) => ({ name, value, url: base, secure: true })),
    );
    const page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(base);
    return page;
  }

  /** One auction with a bidder behind a server; its end. */
  const auction = (page: Page, endpoint: string, provided: object[] = []) =>
    page.evaluate(
      ([url, eids]) =>
        new Promise<void>((resolve) => {
          const { pbjs } = window as unknown as { pbjs: PrebidOnPage };
          pbjs.que.push(() => {
            const both = { p1Consent: url, noP1Consent: url };
            pbjs.setConfig({
              s2sConfig: {
                ...{
                  accountId: "1",
                  bidders: ["demo"],
                  enabled: true,
                  adapter: "prebidServer",
                  timeout: 5000,
                },
                ...{ endpoint: both, syncEndpoint: { p1Consent: "", noP1Consent: "" } },
              },
              userSync: {
                auctionDelay: 100,
                userIds: [
                  { name: "pubProvidedId", params: { eids } },
                  { name: "sharedId", storage: { type: "cookie", name: "sharedId", expires: 30 } },
                ],
              },
              // A page that sets first-party data itself, after our script.
              ortb2: {
                user: { yob: 1980, ext: { eids: [{ source: "page.example", uids: [{ id: "p" }] }] } },
              },
            });
            pbjs.removeAdUnit();
            pbjs.addAdUnits([
              {
                code: "banner",
                mediaTypes: { banner: { sizes: [[300, 250]] } },
                bids: [{ bidder: "demo", params: {} }],
              },
            ]);
            pbjs.requestBids({ timeout: 6000, bidsBackHandler: () => resolve() });
          });
        }),
      [endpoint, provided] as const,
    );

  const cookieOf = async (page: Page, name: string) =>
    (await page.context().cookies()).find((cookie) => cookie.name === name);

  const identify = (page: Page) => page.evaluate(async () => (await fetch("/identify")).json());

  it("an auction's request carries our id and all EIDs once each, and the next page's ids land in the graph", async () => {
    const page = await open({ "euconsent-v2": tcfString({ vendors: [5] }) });
    const id = (await cookieOf(page, "ts-ec"))!.value;
    await visit(server.url, {
      method: "POST",
      path: "/_ts/api/v1/sync",
      headers: [["authorization", `Bearer ${KEY}`]],
      body: JSON.stringify({ mappings: [{ ec_id: id, partner_uid: "k1", timestamp: 1 }] }),
    });
    await page.reload();
    await auction(page, `${base}/auction`);
    const sharedId = (await cookieOf(page, "sharedId"))!.value;
    const known = { source: "knows.example", uids: [{ id: "k1", atype: 3 }] };
    const ofPage = { source: "page.example", uids: [{ id: "p" }] };
    const shared = { source: "pubcid.org", uids: [{ id: sharedId, atype: 1 }] };
    // Prebid Server reads user.eids, and then ignores user.ext.eids.
    expect(bids).toHaveLength(1);
    expect(bids[0]!.user).toMatchObject({ id, yob: 1980 });
    expect(byId(bids[0]!.user!.eids)).toEqual(byId([known, ofPage, shared]));
    expect(bids[0]!.user!.ext?.eids).toBeUndefined();

    // The cookie has the ids of the page's modules, and no more.
    const cookie = (await cookieOf(page, "ts-eids"))!;
    expect(cookie).toMatchObject({ path: "/", sameSite: "Lax", domain: "millrace.localhost" });
    expect(JSON.parse(atob(cookie.value))).toEqual([shared]);
    expect((await identify(page)).uids).toEqual({ knows: "k1" });
    await page.reload();
    await expect.poll(async () => (await identify(page)).uids).toEqual({ shared: sharedId, knows: "k1" });

    // Now the graph and the page have the same id: it is sent once, also to a Prebid Server of the page's own.
    await page.reload();
    for (const endpoint of [`${base}/auction`, `${prebidServer}/openrtb2/auction`]) {
      bids.length = 0;
      await auction(page, endpoint);
      expect(bids).toHaveLength(1);
      const { user } = bids[0]!;
      expect(user!.id).toBe(id);
      expect(byId(user!.eids ?? user!.ext!.eids), endpoint).toEqual(byId([known, ofPage, shared]));
      expect(user!.eids === undefined).toBe(user!.ext?.eids !== undefined);
    }
  });

  it("without consent Prebid.js gets nothing, the cookie goes, and the endpoint gets no ids of the page", async () => {
    const consent = tcfString({ purposes: [2] });
    const page = await open({ "euconsent-v2": consent, "ts-eids": "W10=" });
    await auction(page, `${base}/auction`);
    expect(bids[0]!.user).toEqual({ yob: 1980, ext: {}, consent });
    expect(await cookieOf(page, "ts-eids")).toBeUndefined();
  });

  it("consent that is given on the page counts for the page's next auction, and a refusal as well", async () => {
    const page = await open({});
    await auction(page, `${prebidServer}/openrtb2/auction`);
    expect(bids[0]!.user!.id).toBeUndefined();
    const say = async (value: string) =>
      page.context().addCookies([{ name: "euconsent-v2", value, url: base, secure: true }]);
    await say(tcfString({ vendors: [5] }));
    await (await page.context().newPage()).goto(base); // another tab mints
    const id = (await cookieOf(page, "ts-ec"))!.value;
    await auction(page, `${prebidServer}/openrtb2/auction`);
    expect(bids[1]!.user!.id).toBe(id);
    expect(await cookieOf(page, "ts-eids")).toBeDefined();
    await say(tcfString({ purposes: [2] }));
    await auction(page, `${prebidServer}/openrtb2/auction`);
    expect(bids[2]!.user!.id).toBeUndefined();
    expect(await cookieOf(page, "ts-eids")).toBeUndefined();
  });

  it("the cookie has the ids that fit, without what the graph does not keep", async () => {
    const page = await open({ "euconsent-v2": tcfString({ vendors: [5] }) });
    const long = { source: "long.example", uids: [{ id: "l".repeat(2500) }] };
    const rich = {
      source: "rich.example",
      inserter: "i",
      uids: [{ id: "名", atype: 1, ext: { stype: "ppuid" } }],
    };
    await auction(page, `${base}/auction`, [long, rich]);
    const value = (await cookieOf(page, "ts-eids"))!.value;
    expect(value.length).toBeLessThanOrEqual(3072);
    const kept: unknown[] = JSON.parse(Buffer.from(value, "base64").toString());
    const expected = [
      { source: "rich.example", uids: [{ id: "名", atype: 1 }] },
      { source: "pubcid.org", uids: [{ id: (await cookieOf(page, "sharedId"))!.value, atype: 1 }] },
    ];
    expect(byId(kept)).toEqual(byId(expected));
  });

  it("the code of the guide points Prebid.js to /auction, and loads the partners' pixels", async () => {
    const page = await open({ "euconsent-v2": tcfString({ vendors: [5] }) });
    const { blocks } = readPage(readFileSync(join(root, "docs/edge-cookie/prebid.md"), "utf8"));
    const [config, list] = blocks.filter(({ language }) => language === "js").map(({ text }) => text);
    await page.evaluate(config!);
    await page.evaluate(() => {
      const { pbjs } = window as unknown as { pbjs: PrebidOnPage };
      const bids = [{ bidder: "bidderA", params: {} }];
      pbjs.addAdUnits([{ code: "banner", mediaTypes: { banner: { sizes: [[300, 250]] } }, bids }]);
      return new Promise<void>((resolve) => pbjs.requestBids({ bidsBackHandler: () => resolve() }));
    });
    const id = (await cookieOf(page, "ts-ec"))!.value;
    expect(bids.map(({ user }) => user?.id)).toEqual([id]);
    await page.evaluate(`(async () => { ${list} })()`);
    await expect.poll(() => pixels.splice(0)).toEqual([`/pixel?ec=${id}&gdpr=1`]);
  });

  it("an auction waits for a service that does not answer, but not long, and runs without our id", async () => {
    const page = await open({ "euconsent-v2": tcfString({ vendors: [5] }) });
    await page.route("**/identify", () => {});
    await page.reload();
    await auction(page, `${prebidServer}/openrtb2/auction`);
    expect(bids[0]!.user).toMatchObject({ yob: 1980 });
    expect(bids[0]!.user!.id).toBeUndefined();
  });
});
