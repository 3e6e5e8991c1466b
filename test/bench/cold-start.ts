/**
 * What millrace weighs on each host, and how long its first response takes there, beside a bare hono app on the same
 * host, in turn with it. Prints JSON; progress goes to standard error.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { browserRig } from "./cold/browser.ts";
import { cloudflareRig } from "./cold/cloudflare.ts";
import { fastlyRig } from "./cold/fastly.ts";
import { processRig } from "./cold/processes.ts";
import type { OpenRig } from "./cold/rig.ts";
import { wasiRig } from "./cold/wasi.ts";
import type { ColdStart } from "./cold-table.ts";
import { spreadOf } from "./harness.ts";

const ROUNDS = 15;
/** What an instance does in the background must not be in the next one's time, in milliseconds. */
const PAUSE_MS = 60;

const hosts: Record<string, OpenRig> = {
  Node: processRig("node"),
  Bun: processRig("bun"),
  Deno: processRig("deno"),
  "Cloudflare Workers (workerd)": cloudflareRig,
  "Fastly Compute (Viceroy)": fastlyRig,
  "WASI HTTP (jco serve)": wasiRig,
  "a browser's service worker (Chromium)": browserRig,
};

async function coldStart(host: string, open: OpenRig): Promise<ColdStart> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-cold-"));
  try {
    const rig = await open(folder);
    if (typeof rig === "string") return { host, missing: rig };
    const times = { millrace: [] as number[], hono: [] as number[] };
    try {
      // The first of each finds the machine's own caches cold.
      for (let round = -1; round < ROUNDS; round++) {
        for (const what of ["millrace", "hono"] as const) {
          const took = await rig.first[what]();
          if (round >= 0) times[what].push(took);
          await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        }
      }
    } finally {
      await rig.close();
    }
    const { bytes, gzipBytes } = rig.size;
    const [ms, bareMs] = [spreadOf(times.millrace).median, spreadOf(times.hono).median];
    return { host, bytes, gzipBytes, deployedBytes: rig.deployedBytes, ms, bareMs };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const results: ColdStart[] = [];
for (const [host, open] of Object.entries(hosts)) {
  console.error(`bench: cold start on ${host}`);
  results.push(await coldStart(host, open));
}
console.log(JSON.stringify(results));
process.exit(0);
