/**
 * Bundles one entry and its imports into a single module.
 * @module
 */

import { builtinModules } from "node:module";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The modules that each host supplies. */
const SUPPLIED = {
  fastly: ["fastly:*"],
  wasi: ["wasi:*"],
  cloudflare: ["cloudflare:*", "*.wasm"],
  browser: [],
  /** Node, Bun and Deno; the client of Redis is a package that only its users install. ws imports by names without `node:`. */
  process: ["node:*", ...builtinModules, "bun:*", "@redis/client"],
} as const satisfies Record<string, readonly string[]>;

export type Platform = keyof typeof SUPPLIED;

export interface BundleOptions {
  /** The entry's file, absolute or from the project's folder. */
  entry: string;
  platform: Platform;
  /** Modules that exist only in this bundle: specifier to source text. */
  virtual?: Readonly<Record<string, string>>;
  /** Default true. */
  minify?: boolean;
}

export interface Bundle {
  /** The module's text. */
  code: string;
  bytes: number;
  /** Its size after gzip, as a server would send it. */
  gzipBytes: number;
  /** The bundled files, relative to the project's folder. */
  inputs: string[];
}

/**
 * Makes a bundle.
 * @throws {Error} with each import that the platform does not have, for example `node:fs`.
 */
export async function bundle({
  entry,
  platform,
  virtual = {},
  minify = true,
}: BundleOptions): Promise<Bundle> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    minify,
    format: "esm",
    platform: platform === "browser" ? "browser" : "neutral",
    mainFields: ["module", "main"],
    conditions: platform === "browser" ? ["browser"] : ["worker"],
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    external: [...SUPPLIED[platform]],
    logLevel: "silent",
    plugins: [
      {
        name: "virtual",
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^virtual:/ }, ({ path }) =>
            path in virtual ? { path, namespace: "virtual" } : null,
          );
          onLoad({ filter: /./, namespace: "virtual" }, ({ path }) => ({
            contents: virtual[path]!,
            loader: "ts",
            resolveDir: root,
          }));
        },
      },
    ],
  });
  const { contents, text } = result.outputFiles[0]!;
  return {
    code: text,
    bytes: contents.byteLength,
    gzipBytes: gzipSync(contents, { level: 9 }).byteLength,
    inputs: Object.keys(result.metafile.inputs).sort(),
  };
}
