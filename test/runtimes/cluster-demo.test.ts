/**
 * What `npm run cluster` starts.
 * @module
 */
import { expect, test } from "vitest";
import { isRunning } from "../support/is-running.ts";
import { noRedis } from "../support/redis.ts";
import { spawnServer } from "../support/spawn.ts";
import { visit } from "../support/visit.ts";
import { eventually } from "./target.ts";

test.skipIf(noRedis !== undefined)(
  "npm run cluster starts two processes that share identities, restarts one that is killed, and ends all",
  async () => {
    const cluster = await spawnServer("node", ["scripts/cluster/main.ts"], { MILLRACE_LISTEN_PORT: "0" });
    try {
      const pids = () =>
        [...cluster.log().matchAll(/(?:process id|kill -STOP) (\d+)/g)].map((match) => Number(match[1]));
      /** The process that answered, and its answer. */
      const identify = async (id: string): Promise<[string, unknown]> => {
        const headers: [string, string][] = [["cookie", `ts-ec=${id}`]];
        const answer = await visit(cluster.url, { path: "/identify", headers });
        return [String(answer.headers["x-answered-by"]), JSON.parse(answer.body)];
      };
      const [first] = (await visit(cluster.url, {})).setCookies;
      const id = /^ts-ec=([^;]+)/.exec(first!)![1]!;
      await eventually("both partners' ids, told by both processes", async () => {
        const told = new Map([await identify(id), await identify(id)]);
        const uids = { hourly: `hourly-${id.slice(-6)}`, minutely: `minutely-${id.slice(-6)}` };
        const whole = expect.objectContaining({
          ec: id,
          degraded: false,
          uids: expect.objectContaining(uids),
        });
        const all = [...told.values()].filter((one) => whole.asymmetricMatch(one));
        return all.length === 2 ? true : undefined;
      });

      const [victim] = pids();
      process.kill(victim!, "SIGKILL");
      await eventually("the death of one", async () =>
        /ended by SIGKILL/.test(cluster.log()) ? true : undefined,
      );
      const [survivor, told] = await identify(id);
      expect(told).toMatchObject({ ec: id, degraded: false });
      await eventually("its return", async () => ((await identify(id))[0] === survivor ? undefined : true));

      expect(await cluster.stop()).toBe(0);
      expect(pids().length).toBe(4);
      await expect.poll(() => pids().filter(isRunning)).toEqual([]);
    } finally {
      await cluster.stop("SIGTERM");
    }
  },
);
