import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readEidCookies } from "../../../runtime/ec/request/eid-cookies.ts";
import { integrity, script } from "../../../worker/admin/built/prebid.ts";
import { root } from "../../support/spawn.ts";

const page = readFileSync(join(root, "docs/edge-cookie/prebid.md"), "utf8");

test("the page on Prebid has the hash of the script, and bounds its size", () => {
  expect(page.match(/integrity="(.*?)"/)?.[1]).toBe(integrity);
  expect(script.length).toBeLessThan(2.5 * 1024);
});

test("the cookie has the form that the script writes", () => {
  const [, form] = page.match(/`(\[\{"source".*?\}\])`/)!;
  const eids = Buffer.from(form!).toString("base64");
  expect(readEidCookies({ eids, sharedId: null })).toEqual([{ source: "id5-sync.com", uid: "…" }]);
});
