/**
 * Prebid.js as a publisher builds it: the core, the adapter of Prebid Server, and SharedID, from the npm package.
 * @module
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const { version } = JSON.parse(
  readFileSync(new URL("../node_modules/prebid.js/package.json", import.meta.url), "utf8"),
);

const MODULES = [
  "prebidServerBidAdapter",
  "consentManagementTcf",
  "userId",
  "sharedIdSystem",
  "pubProvidedIdSystem",
];

/** Returns the bundle's text. */
export async function prebidBundle(): Promise<string> {
  const imports = MODULES.map((name) => `import "prebid.js/modules/${name}";`).join("\n");
  const { outputFiles } = await build({
    stdin: {
      contents: `import pbjs from "prebid.js";\n${imports}\npbjs.processQueue();`,
      resolveDir: fileURLToPath(new URL("..", import.meta.url)),
    },
    bundle: true,
    minify: true,
    format: "iife",
    charset: "ascii",
    legalComments: "none",
    banner: { js: `/* Prebid.js ${version}, Apache-2.0, https://github.com/prebid/Prebid.js */` },
    logLevel: "error",
    write: false,
  });
  return outputFiles[0]!.text;
}
