/**
 * Idle WebSockets, and subscribers of one event: as many connections as the default configuration takes.
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { percentile } from "../../load/percentile.ts";
import { workTree } from "../../support/git.ts";
import { author } from "../../support/nostr.ts";
import { serve } from "../grasp/clients.ts";
import { timed } from "../grasp/rows.ts";
import { COMMENT } from "../grasp/stored-events.ts";
import { Crowd } from "./crowd.ts";
import { kib, type Limit, many, mib, ms, rate } from "./limit.ts";
import { limitsServer } from "./server.ts";

/** Connections that are open before the memory of the others is measured: code and buffers are there then. */
const FIRST = 100;
const EVENTS = 10;

export const subscribers: Limit = {
  name: "subscribers",
  async measure({ sizes, main, folder, say }) {
    const server = await limitsServer(main, folder);
    await server.start();
    const work = workTree(folder);
    const refs = { "refs/heads/main": work.commit("a", "b") };
    const hub = await serve(server, work.path, "hub", refs);
    const crowd = new Crowd(server.url);
    try {
      await crowd.grow(FIRST, say);
      await sleep(sizes.settleMs);
      const before = server.residentMiB();
      const opened = await timed(() => crowd.grow(FIRST + sizes.idle, say));
      await sleep(sizes.settleMs);
      const eachKib = ((server.residentMiB() - before) * 1024) / sizes.idle;
      await crowd.grow(sizes.subscribers, say);
      const address = `30617:${hub.owner.key}:${hub.identifier}`;
      say(`${many(crowd.members.length)} clients subscribe`);
      await crowd.subscribe("live", { kinds: [COMMENT], "#a": [address], limit: 0 });
      await sleep(sizes.settleMs);
      const resident = server.residentMiB();
      const publisher = author();
      const times: number[] = [];
      const cpu = server.processorMs();
      for (let i = 0; i < EVENTS; i++) {
        const event = publisher.sign(COMMENT, [["a", address]], `event ${i}`);
        const heard = crowd.members.map((member) => member.hears('["EVENT","live"'));
        times.push(
          await timed(async () => {
            // One of them publishes: the relay has no room for one more.
            crowd.members[0]!.say("EVENT", event);
            await Promise.all(heard);
          }),
        );
      }
      const spent = (server.processorMs() - cpu) / EVENTS;
      const size = many(crowd.members.length);
      return [
        kib(`resident memory of an idle WebSocket, over ${many(sizes.idle)}`, eachKib),
        rate("WebSockets opened", (sizes.idle * 1000) / opened),
        mib(`resident with ${size} subscribers`, resident),
        ms(`an event until the last of ${size} has it, p50`, percentile(times, 0.5)),
        ms(`an event until the last of ${size} has it, longest`, Math.max(...times)),
        ms(`processor time of an event for ${size}`, spent),
        mib(`resident after ${EVENTS} events`, server.residentMiB()),
      ];
    } finally {
      crowd.close();
      await server.stop();
    }
  },
};
