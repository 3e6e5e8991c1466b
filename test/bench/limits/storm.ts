/**
 * Many clones of a repository of 1 MiB at once: each is answered, or refused with a reason. One storm asks for the same pack, which is
 * made once and kept (G32); in the other each client asks for another depth, so that each needs a Git process of its own. The pool
 * takes 40 reads, and 8 of one address (G30): each storm comes from one address and from as many as there are clients.
 * @module
 */
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import process from "node:process";
import { percentile } from "../../load/percentile.ts";
import { workTree } from "../../support/git.ts";
import { type Served, serve } from "../grasp/clients.ts";
import { fresh, noise } from "../grasp/world.ts";
import { count, type Limit, type LimitFigure, ms } from "./limit.ts";
import { watchProcesses } from "./process-watch.ts";
import { type LimitsServer, limitsServer } from "./server.ts";

const MIB = 1024 ** 2;
const CLONE_TIMEOUT_MS = 300_000;

/** What became of one clone: `null`: it is there; else what Git says. */
type Ended = { readonly ms: number; readonly fault: string | null };

function cloneAs(address: string, url: string, folder: string, ...options: string[]): Promise<Ended> {
  const to = fresh(folder);
  const began = performance.now();
  const env = {
    PATH: process.env.PATH,
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    LC_ALL: "C",
  };
  const args = ["-c", `http.extraHeader=x-forwarded-for: ${address}`, "clone", "-q", "--bare"];
  return new Promise((resolve) => {
    execFile(
      "git",
      [...args, ...options, url, to],
      { cwd: folder, env, timeout: CLONE_TIMEOUT_MS },
      (error, _stdout, stderr) => {
        rmSync(to, { recursive: true, force: true });
        resolve({ ms: performance.now() - began, fault: error === null ? null : stderr || error.message });
      },
    );
  });
}

async function storm(
  server: LimitsServer,
  name: string,
  clones: readonly (() => Promise<Ended>)[],
  say: (text: string) => void,
): Promise<LimitFigure[]> {
  say(`${clones.length} clones at once, ${name}`);
  const watch = await watchProcesses(server.pid);
  const cpu = server.processorMs();
  try {
    const ended = await Promise.all(clones.map((start) => start()));
    const faults = ended.flatMap(({ fault }) => (fault === null ? [] : [fault]));
    // The answer of a server whose pool is busy: 503 with a reason (G24).
    const refusals = faults.filter((text) => /\b503\b/.test(text));
    for (const fault of new Set(faults)) say(`a clone failed: ${fault}`);
    const times = ended.map((one) => one.ms);
    return [
      ms(`${name}: the last of ${clones.length}`, Math.max(...times)),
      ms(`${name}: p50`, percentile(times, 0.5)),
      ms(`${name}: processor time of all`, server.processorMs() - cpu),
      count(`${name}: Git processes at once, as many as were seen`, watch.highest),
      count(`${name}: refused with 503 and a reason`, refusals.length),
      count(`${name}: other failures`, faults.length - refusals.length),
    ];
  } finally {
    await watch.end();
  }
}

export const clones: Limit = {
  name: "clone storm",
  async measure({ sizes, main, folder, say }) {
    const server = await limitsServer(main, folder, { trustedProxies: ["127.0.0.0/8"] });
    await server.start();
    try {
      const served = await serveHistory(server, folder, sizes.clones);
      const url = server.repository(served.owner, served.identifier);
      const addressOf = (i: number) => `192.0.${2 + (i >> 8)}.${i & 255}`;
      const all = Array.from({ length: sizes.clones }, (_, i) => i);
      const one = addressOf(0);
      const depth = (i: number) => `--depth=${i + 1}`;
      const figures = [
        await storm(
          server,
          "the same pack, one address",
          all.map(() => () => cloneAs(one, url, folder)),
          say,
        ),
        await storm(
          server,
          "a pack each, one address",
          all.map((i) => () => cloneAs(one, url, folder, depth(i))),
          say,
        ),
      ];
      // Kept answers would serve the same depths again.
      const again = await serveHistory(server, folder, sizes.clones, "again");
      const other = server.repository(again.owner, again.identifier);
      figures.push(
        await storm(
          server,
          "a pack each, an address each",
          all.map((i) => () => cloneAs(addressOf(i), other, folder, depth(i))),
          say,
        ),
      );
      return figures.flat();
    } finally {
      await server.stop();
    }
  },
};

/** A repository of 1 MiB with a commit for each clone. */
function serveHistory(
  server: LimitsServer,
  folder: string,
  commits: number,
  name = "storm",
): Promise<Served> {
  const work = workTree(folder, name);
  let tip = "";
  for (let i = 0; i < commits; i++) tip = work.commit(`file-${i}`, noise(MIB / commits / 1.33));
  return serve(server, work.path, name, { "refs/heads/main": tip });
}
