import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { buildPage, buildPageScripts, foldersWithPanel } from "../../../../worker/admin/build.ts";
import { testService } from "../../../support/service.ts";

const built = (folder: string) => new URL(`../../../../worker/admin/built/${folder}.ts`, import.meta.url);
const style = readFileSync(new URL("../../../../worker/admin/page/page.css", import.meta.url), "utf8");

async function page() {
  const t = testService();
  const response = await t.ask("/_ts/admin/");
  return { response, html: await response.text(), policy: response.headers.get("content-security-policy")! };
}

const between = (html: string, start: string, end: string) => html.split(start)[1]!.split(end)[0]!;
const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

describe("the operator's page", () => {
  test("each service has a page of its own, with its panel only", async () => {
    expect(foldersWithPanel()).toEqual(["ec", "grasp"]);
    const pages = foldersWithPanel().map((folder) => readFileSync(built(folder), "utf8"));
    for (const [index, section] of ["partners-section", "purgatory"].entries())
      expect(pages.map((page) => page.includes(`<section id=\\"${section}\\"`))).toEqual(
        pages.map((_, at) => at === index),
      );
  });

  test.each(foldersWithPanel())("the built module of %s is up to date with its sources", async (folder) => {
    expect(readFileSync(built(folder), "utf8")).toBe(await buildPage(folder));
  });

  test("the built scripts of pages are up to date with their sources", async () => {
    const scripts = await buildPageScripts();
    expect([...scripts.keys()]).toEqual(["prebid.ts"]);
    for (const [name, source] of scripts)
      expect(readFileSync(built(name.replace(/\.ts$/, "")), "utf8")).toBe(source);
  });

  test("a service adds its page with one file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-panel-"));
    try {
      mkdirSync(join(folder, "echo/admin/page"), { recursive: true });
      const panel = 'export default { start: () => {}, titleOf: () => "The echo service" };';
      writeFileSync(join(folder, "echo/admin/page/panel.ts"), panel);
      const services = pathToFileURL(`${folder}/`);
      expect(foldersWithPanel(services)).toEqual(["echo"]);
      expect(await buildPage("echo", services)).toContain("The echo service");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("its policy allows only its own script and style", async () => {
    const { html, policy } = await page();
    expect(policy.split("; ")).toEqual([
      "default-src 'none'",
      `script-src ${hashOf(between(html, '<script type="module">', "</script>"))}`,
      `style-src ${hashOf(between(html, "<style>", "</style>"))}`,
      "connect-src 'self'",
      "img-src data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ]);
    expect(html.match(/<script/g)).toHaveLength(1);
    expect(html).not.toMatch(/ (?:on\w+|style)="/);
    expect(
      html.match(/https?:\/\/[^'"\s]+/g)!.filter((url) => !url.startsWith("http://www.w3.org/")),
    ).toEqual([]);
  });

  test("it needs no token, is not cached, and cannot be framed", async () => {
    const { response } = await page();
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=UTF-8");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-frame-options")).toBe("DENY");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    expect(response.headers.get("cross-origin-opener-policy")).toBe("same-origin");
    const bare = await testService().ask("/_ts/admin");
    expect([bare.status, bare.headers.get("location")]).toEqual([308, "/_ts/admin/"]);
  });

  test("text has a contrast of at least 4.5 to 1, in light and dark", () => {
    const blocks = [...style.matchAll(/:root \{([^}]*)\}/g)].map(([, block]) => block!);
    expect(blocks).toHaveLength(2);
    for (const block of blocks) {
      const colours = Object.fromEntries(
        [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name!, value!]),
      );
      const pairs: [string, string][] = [
        ...["text", "muted", "accent", "good", "bad", "warm", "cool", "odd"].map((name): [string, string] => [
          name,
          "raised",
        ]),
        ["text", "ground"],
        ["muted", "ground"],
        ["text", "warning-ground"],
        ["text", "success-ground"],
        ["accent", "sunk"],
        ["cool", "sunk"],
        ["text", "sunk"],
        ["on-accent", "accent"],
        ["raised", "bad"],
      ];
      for (const [ink, ground] of pairs) {
        expect([ink, ground, contrast(colours[ink]!, colours[ground]!) >= 4.5]).toEqual([ink, ground, true]);
      }
      for (const part of ["plain", "edge"])
        expect(contrast(colours[part]!, colours.raised!)).toBeGreaterThan(3);
    }
  });
});

/** The contrast ratio of two colours, as WCAG 2 defines it. */
function contrast(one: string, other: string): number {
  const luminance = (colour: string) => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light! + 0.05) / (dark! + 0.05);
}
