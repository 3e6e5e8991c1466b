/** What goes into the bundles of the hosts that have no WebAssembly of their own. */
import { expect, test } from "vitest";
import { bundle } from "../../../support/bundle.ts";
import { foreignInputs } from "../../../support/foreign-inputs.ts";

/**
 * Bytes after gzip. What a larger figure buys must be said where it is raised.
 *
 * The last 3 KB. 1.6 KB: consent goes along to partners (vendor consent, publisher restrictions, parameters of pulls, pixels and
 * auctions). 1.2 KB: partners read and delete their mappings, RateLimit fields, 405 with Allow, one partner and pages of partners, and
 * their description. In the browser the help texts of metrics, which it never shows, made room for all but 0.7 KB.
 * 3.5 KB: ids of partners are read from the cookies of a page's Prebid.js (1 KB), the script for such pages (1.3 KB), and the
 * list of pixels (1.2 KB).
 * 3.2 KB, 1.5 KB in the browser: two keys of a partner and the request's duration, and where there is an operator, the token that may
 * only look, the count of wrong tokens, and every series from the start.
 * 0.3 KB, not in the browser: the path of the figures that a server keeps for the operator's page, and its description.
 * 0.8 KB, 0.6 KB in the browser: request ids and traceparent reach the origin, pulls and the lines about them.
 * 0.2 KB: a service may be one of several processes.
 * 0.1 KB on Fastly and WASI: long files of the engine and of the registry were split, which moves modules in the bundle.
 * 0.2 KB: a page that is nothing to the service passes it in a fifth less time: the fields that a server has read already, short ways
 * for its kind of route, its address and its counters.
 * 0.4 KB: /identify writes the text of each partner once, and a turn of the engine reads the clock twice in place of nine times. In the
 * browser 0.6 KB less with that: it has no kernels with SIMD (1.2 KB).
 */
const MAX_GZIP_BYTES = { fastly: 121_100, wasi: 119_100, cloudflare: 108_400, browser: 81_500 };

test.each([
  [
    "fastly",
    ["abort", "cancellable", "event-host", "stored-secrets"],
    ["fastly-kv", "fastly-versions", "fastly-erl", "store", "expiry"],
  ],
  ["wasi", ["abort", "cancellable", "event-host"], ["http", "store", "expiry"]],
] as const)(
  "the bundle of %s has nothing of other hosts, of the command line, or of the tests",
  async (name, shared, adapters) => {
    const { inputs, gzipBytes } = await bundle({ entry: `worker/entries/${name}.ts`, platform: name });
    expect(inputs).toContain(`worker/entries/${name}.ts`);
    expect(foreignInputs(inputs, name, shared, adapters)).toEqual([]);
    // The kernels as JavaScript, and in no other packaging.
    expect(inputs.filter((path) => path.startsWith("wasm/"))).toEqual([
      "wasm/built/portable.js",
      "wasm/digest.ts",
      "wasm/hotpath.ts",
      "wasm/identity.ts",
      "wasm/memory.ts",
      "wasm/portable.ts",
      "wasm/window.ts",
    ]);
    expect(gzipBytes).toBeLessThan(MAX_GZIP_BYTES[name]);
  },
);

test.each(["cloudflare", "browser"] as const)("the bundle of %s keeps its size", async (name) => {
  const { gzipBytes } = await bundle({ entry: `worker/entries/${name}.ts`, platform: name });
  expect(gzipBytes).toBeLessThan(MAX_GZIP_BYTES[name]);
});

// Safe first, section 7: the list of public suffixes is for processes.
test.each(["fastly", "wasi", "cloudflare", "browser"] as const)(
  "the bundle of %s has no list of public suffixes",
  async (name) => {
    const { inputs } = await bundle({ entry: `worker/entries/${name}.ts`, platform: name });
    expect(inputs.filter((path) => /tldts|public-suffix/.test(path))).toEqual([]);
  },
);

test("the bundle of browser has one packaging of the kernels", async () => {
  const { inputs } = await bundle({ entry: "worker/entries/browser.ts", platform: "browser" });
  expect(inputs.filter((path) => path.startsWith("wasm/built/"))).toEqual(["wasm/built/plain.ts"]);
});

test("a bundle that needs what its host does not have is refused, by name", async () => {
  await expect(bundle({ entry: "worker/entries/node.ts", platform: "fastly" })).rejects.toThrow(
    '"node:http"',
  );
});
