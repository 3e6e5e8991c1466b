/**
 * A repository with as many refs as a state may have (R37).
 * @module
 */

import { rmSync } from "node:fs";
import process from "node:process";
import { workTree } from "../../support/git.ts";
import { author } from "../../support/nostr.ts";
import { childrenMsOf } from "../../support/process-figures.ts";
import { announcementFor, git, publishAll, stateFor } from "../grasp/clients.ts";
import { requestsOf, timed } from "../grasp/rows.ts";
import { fresh } from "../grasp/world.ts";
import { type Limit, many, mib, ms, seconds } from "./limit.ts";
import { limitsServer } from "./server.ts";

export const refs: Limit = {
  name: "refs",
  async measure({ sizes, main, folder, say }) {
    const server = await limitsServer(main, folder);
    await server.start();
    try {
      const work = workTree(folder, "many");
      const commit = work.commit("file", "content");
      work.branches(
        commit,
        // Short names: a push's list of commands may take 1 MiB (A2).
        Array.from({ length: sizes.refs - 1 }, (_, i) => `refs/heads/b${i}`),
      );
      const owner = author();
      const names = work.git("for-each-ref", "--format=%(refname)", "refs/heads").split("\n");
      const state = stateFor(owner, "many", Object.fromEntries(names.map((name) => [name, commit])));
      await publishAll(server, [announcementFor(server, owner, "many"), state]);
      const url = server.repository(owner, "many");
      const what = `${many(sizes.refs)} refs`;
      say(`pushing ${what}`);
      const cpu = server.processorMs();
      const client = childrenMsOf(process.pid);
      const pushed = await timed(() => git(work.path, "push", "-q", url, "refs/heads/*:refs/heads/*"));
      const pushCpu = server.processorMs() - cpu;
      const clientCpu = childrenMsOf(process.pid) - client;
      const cloned: number[] = [];
      const cloneCpu = server.processorMs();
      for (let i = 0; i < 3; i++) {
        const to = fresh(folder);
        cloned.push(await timed(() => git(folder, "clone", "-q", "--bare", url, to)));
        rmSync(to, { recursive: true, force: true });
      }
      const cloneSpent = (server.processorMs() - cloneCpu) / cloned.length;
      const at = `${url}/info/refs?service=git-upload-pack`;
      const version2 = { "git-protocol": "version=2" };
      return [
        seconds(`push of ${what}`, pushed / 1000),
        ms(`push of ${what}, processor time of the server`, pushCpu),
        ms(`push of ${what}, processor time of the client's Git`, clientCpu),
        ms(`clone of ${what}, fastest of 3`, Math.min(...cloned)),
        ms(`clone of ${what}, processor time`, cloneSpent),
        ...(await requestsOf(server, `info/refs with ${what}`, at, {}, sizes.requestsMs)),
        ...(await requestsOf(server, `info/refs with ${what}, version 2`, at, version2, sizes.requestsMs)),
        mib("resident after that", server.residentMiB()),
      ];
    } finally {
      await server.stop();
    }
  },
};
