import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { prebidBundle } from "../../../../support/prebid-bundle.ts";

test("the newspaper's Prebid.js is the one of the npm package, bundled", async () => {
  const url = new URL("../../../../../worker/ec/demo/site/prebid.js", import.meta.url);
  expect(readFileSync(url, "utf8") === (await prebidBundle())).toBe(true);
});
