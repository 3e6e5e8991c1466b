import type { Growth } from "./series.ts";
import { newVisitor, pageWith, quiet, visit } from "./visit.ts";

/** Identifiers of other visitors that wait in the sync engine. */
export const waiting: Growth = {
  name: "waiting",
  title: "A page, by identifiers that wait in the sync engine",
  x: "identifiers waiting",
  explanation: "The engine finds who is next without a search.",
  sizes: [0, 1000, 10_000, 100_000],
  async open(size) {
    const page = pageWith({
      partners: [
        {
          id: "slow",
          pullSyncEnabled: true,
          pullSyncUrl: "https://slow.example/pull",
          pullSyncAllowedDomains: ["slow.example"],
          pullToken: "token",
          // One start a minute: all others wait.
          maxPerMinute: 1,
          maxConcurrent: 1,
          pullSyncRateLimit: 1_000_000,
        },
      ],
      fetch: async () => new Response('{"uid":"u"}'),
      sync: { maxQueued: 200_000 },
    });
    const own = await newVisitor(page);
    for (let i = 0; i < size; i++) {
      await visit(page, "");
      if (i % 500 === 0) await quiet();
    }
    await quiet();
    const { queued } = page.service(undefined as never).services.inspectSync();
    // If filling takes over a minute, some have been pulled.
    if (queued > size || queued < size * 0.99)
      throw new Error(`${queued} identifiers wait where ${size} should`);
    return {
      "returning visitor": {
        name: `${size}`,
        async run(times) {
          for (let i = 0; i < times; i++) await visit(page, own);
          await quiet();
        },
      },
    };
  },
};
