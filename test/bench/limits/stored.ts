/**
 * Questions to a relay with many stored events, and its start.
 * @module
 */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { sqliteEventStore } from "../../../worker/grasp/store/event-store.ts";
import { percentile } from "../../load/percentile.ts";
import { connectAnew } from "../grasp/clients.ts";
import { ask, timed } from "../grasp/rows.ts";
import { COMMENT, StoredComments } from "../grasp/stored-events.ts";
import { type Limit, type LimitFigure, many, mib, ms, rate, seconds } from "./limit.ts";
import { dataOf, limitsServer } from "./server.ts";

/** Questions of each kind, at most, before those that are measured. */
const WARM_UP = 100;

export const stored: Limit = {
  name: "stored events",
  async measure({ sizes, main, folder, say }) {
    const comments = new StoredComments(sizes.events);
    mkdirSync(dataOf(folder), { recursive: true });
    const path = join(dataOf(folder), "grasp.db");
    const store = sqliteEventStore({ path, clock: { now: Date.now, after: () => () => {} } });
    const filled = await timed(() => comments.fill(store, say));
    await store.close();
    const mebibytes = statSync(path).size / 1024 ** 2;
    const server = await limitsServer(main, folder);
    const started = await server.start();
    try {
      const any = () => Math.floor(Math.random() * comments.count);
      const filters: Record<string, () => object> = {
        "by id": () => ({ ids: [comments.id(any())] }),
        "by author and kind": () => ({ authors: [comments.author(any())], kinds: [COMMENT] }),
        "by #a, limit 100": () => ({ "#a": [comments.address(any())], limit: 100 }),
      };
      const figures: LimitFigure[] = [
        rate("stored by the store's own code", (comments.count * 1000) / filled),
        mib("size of the database", mebibytes),
        seconds("start until ready", started / 1000),
        mib("resident, just started", server.residentMiB()),
      ];
      for (const [name, filter] of Object.entries(filters)) {
        say(`${many(sizes.questions)} questions ${name}`);
        const client = await connectAnew(server);
        for (let i = 0; i < Math.min(WARM_UP, sizes.questions); i++) await ask(client, `w${i}`, filter());
        const cpu = server.processorMs();
        const times: number[] = [];
        for (let i = 0; i < sizes.questions; i++) {
          let found = 0;
          times.push(
            await timed(async () => {
              found = await ask(client, `q${i}`, filter());
            }),
          );
          if (found === 0) throw new Error(`a question ${name} found nothing`);
        }
        figures.push(
          ms(`REQ ${name}, p50`, percentile(times, 0.5)),
          ms(`REQ ${name}, p99`, percentile(times, 0.99)),
          ms(`REQ ${name}, processor time`, (server.processorMs() - cpu) / times.length),
        );
        client.close();
      }
      figures.push(mib("resident after the questions", server.residentMiB()));
      return figures;
    } finally {
      await server.stop();
    }
  },
};
