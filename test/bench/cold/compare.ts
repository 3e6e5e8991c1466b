/**
 * Compares the cold starts of this checkout with those of another one, for example of an earlier commit in a worktree with
 * its packages installed. Both are measured in turn on the same machine, because a busy machine slows both.
 *
 * Usage: `node test/bench/cold/compare.ts FOLDER [ROUNDS] [HOST...]`
 * @module
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { OpenRig, Rig } from "./rig.ts";

const HOSTS = ["node", "bun", "deno", "cloudflare", "fastly", "wasi", "browser"] as const;
type Host = (typeof HOSTS)[number];
/** What an instance does in the background must not be in the next one's time, in milliseconds. */
const PAUSE_MS = 60;

const [other, rounds = "15", ...named] = process.argv.slice(2);
if (other === undefined) throw new Error("usage: node test/bench/cold/compare.ts FOLDER [ROUNDS] [HOST...]");
const checkouts = { before: resolve(other), now: fileURLToPath(new URL("../../..", import.meta.url)) };

/** The rig of a host as a checkout has it. */
async function rigOf(checkout: string, host: Host): Promise<OpenRig> {
  const isProcess = host === "node" || host === "bun" || host === "deno";
  const file = join(checkout, "test/bench/cold", `${isProcess ? "processes" : host}.ts`);
  const rigs = await import(pathToFileURL(file).href);
  return isProcess ? rigs.processRig(host) : rigs[`${host}Rig`];
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

for (const host of HOSTS.filter((name) => named.length === 0 || named.includes(name))) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-cold-"));
  const rigs: Record<string, Rig> = {};
  try {
    for (const [name, checkout] of Object.entries(checkouts)) {
      const own = join(folder, name);
      mkdirSync(own);
      const rig = await (await rigOf(checkout, host))(own);
      if (typeof rig === "string") throw new Error(rig);
      rigs[name] = rig;
    }
    const times: Record<string, number[]> = { before: [], now: [], hono: [] };
    // The first of each finds the machine's own caches cold.
    for (let round = -1; round < Number(rounds); round++) {
      const order = round % 2 === 0 ? ["before", "now", "hono"] : ["now", "before", "hono"];
      for (const name of order) {
        const ms = name === "hono" ? await rigs.now!.first.hono() : await rigs[name]!.first.millrace();
        if (round >= 0) times[name]!.push(ms);
        await new Promise((done) => setTimeout(done, PAUSE_MS));
      }
    }
    const [before, now, hono] = [median(times.before!), median(times.now!), median(times.hono!)];
    console.log(JSON.stringify({ host, before, now, hono, ratio: now / before, rounds: times.now!.length }));
  } finally {
    for (const rig of Object.values(rigs)) await rig.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
process.exit(0);
