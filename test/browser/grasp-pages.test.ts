/**
 * The pages of GRASP in a real browser: landing page, repository page, and what is not hosted, in light, dark and on a phone.
 * Saves screenshots in `test/results/`.
 * @module
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toNpub } from "../../runtime/grasp/npub.ts";
import { axeViolations } from "../support/axe.ts";
import { launchChromium, noChromium } from "../support/chromium.ts";
import { workTree } from "../support/git.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  MAIN,
  runGitClient,
} from "../support/grasp-server.ts";
import { type Author, author } from "../support/nostr.ts";
import { connect } from "../support/relay-client.ts";
import { root } from "../support/spawn.ts";

const RESULTS = join(root, "test/results");
const EVIL = '<img src=x onerror="document.title=1"><script>document.title=1</script>\u202egnp.\u001b[31m';
const ABSENT = "c".repeat(40);

describe.skipIf(noChromium !== undefined)(noChromium ?? "GRASP's pages", () => {
  let browser: Browser;
  let server: GraspServer;
  let owner: Author;
  let friend: Author;

  beforeAll(async () => {
    mkdirSync(RESULTS, { recursive: true });
    [owner, friend] = [author(), author()];
    [browser, server] = await Promise.all([
      launchChromium(),
      graspServer("node", {
        name: "Git for everybody",
        description: "A place for the repositories of our town.",
        operatorPubkey: owner.key,
        deny: { repositories: ["forbidden"] },
      }),
    ]);
    const work = workTree(server.folder);
    const commit = work.commit("a", "one");
    const client = await connect(server.url);
    const published = [
      announcementBy(owner, "mill", [
        ["name", "The mill"],
        ["description", "A race that brings water to the wheel, and the wheel to the stone."],
        ["web", "https://mill.example/", "javascript:alert(1)"],
        ["t", "water"],
        ["t", "git"],
        ["u", `30617:${friend.key}:weir`],
        ["r", commit, "euc"],
        ["maintainers", friend.key],
      ]),
      owner.sign(30618, [
        ["d", "mill"],
        [MAIN, commit],
        ["refs/tags/v1.0", commit],
        ["HEAD", `ref: ${MAIN}`],
      ]),
    ];
    for (const event of published) expect((await client.publish(event))[0]).toBe(true);
    work.git("tag", "v1.0");
    const pushed = await runGitClient(work.path, "push", server.repository(owner, "mill"), "main", "v1.0");
    expect(pushed).toMatchObject({ code: 0 });
    const next = friend.sign(
      30618,
      [
        ["d", "mill"],
        [MAIN, ABSENT],
        ["refs/heads/weir", commit],
        ["HEAD", "ref: refs/heads/weir"],
      ],
      "",
      Math.floor(Date.now() / 1000) + 60,
    );
    expect((await client.publish(next))[0]).toBe(true);
    const evil = announcementBy(owner, `a'"<b>`, [
      ["name", EVIL],
      ["description", EVIL],
      ["web", `https://a.example/"onmouseover="x`, "data:text/html,x", EVIL],
      ["t", EVIL],
      ["u", EVIL],
    ]);
    expect((await client.publish(evil))[0]).toBe(true);
    client.close();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const pages = () =>
    [
      ["landing", "/"],
      ["repository", `/${toNpub(owner.key)}/mill.git`],
      ["foreign", `/${toNpub(owner.key)}/${encodeURIComponent(`a'"<b>`)}.git`],
      ["absent", `/${toNpub(friend.key)}/none.git`],
    ] as const;

  test.each([
    ["light", { colorScheme: "light", viewport: { width: 1100, height: 900 } }],
    ["dark", { colorScheme: "dark", viewport: { width: 1100, height: 900 } }],
    ["phone", { colorScheme: "light", viewport: { width: 390, height: 844 }, isMobile: true }],
  ] as const)("are accessible, whole and without script: %s", async (name, options) => {
    const context = await browser.newContext({ ...options, bypassCSP: true });
    for (const [title, path] of pages()) {
      const page = await context.newPage();
      await page.goto(server.url + path);
      await page.screenshot({ path: join(RESULTS, `grasp-${title}-${name}.png`), fullPage: true });
      const width = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      expect([title, width]).toEqual([title, 0]);
      expect([title, await axeViolations(page)]).toEqual([title, []]);
      await page.close();
    }
    await context.close();
  });

  test("foreign texts are shown and do nothing, and the policy has no fault (G28, T30)", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    for (const [, path] of pages()) await page.goto(server.url + path);
    await page.goto(server.url + pages()[2][1]);
    expect(await page.evaluate("document.querySelectorAll('script, [onerror], [onmouseover]').length")).toBe(
      0,
    );
    expect(await page.title()).toContain("<script>");
    const text = (await page.evaluate("document.body.innerText")) as string;
    expect(text).toContain('<img src=x onerror="document.title=1">');
    for (const unseen of ["\u202e", "\u001b"]) expect(text).not.toContain(unseen);
    const links = (await page.evaluate(
      "[...document.links].map(({ href, rel }) => [new URL(href).protocol, rel, href])",
    )) as [string, string, string][];
    for (const [protocol, rel, href] of links) {
      expect(["http:", "https:"]).toContain(protocol);
      if (!href.startsWith(server.url)) expect(rel).toContain("noopener");
    }
    expect(asked.every((url) => url.startsWith(server.url))).toBe(true);
    // A 404 is logged by the browser itself.
    expect(complaints.filter((text) => !text.includes("404"))).toEqual([]);
    await context.close();
  });
});
