import { expect, test } from "vitest";
import { type ProcessRuntime, runtimes, spawnServer } from "../support/spawn.ts";

const cases = (Object.keys(runtimes) as ProcessRuntime[]).flatMap((runtime) =>
  ["plain", "express", "fastify"].map((framework) => [runtime, framework] as const),
);

test.each(cases)(
  "on %s, %s gets an id, streams, reads uploads, and answers /identify",
  async (runtime, framework) => {
    const server = await spawnServer(runtime, ["test/runtimes/adapters-site.ts", framework]);
    try {
      const first = await fetch(server.url);
      const id = first.headers.get("x-ts-ec");
      expect(await first.text()).toBe(id);
      expect(first.headers.getSetCookie()).toEqual([expect.stringContaining(`ts-ec=${id};`)]);

      const headers = { cookie: `ts-ec=${id}`, "content-type": "text/plain" };
      const again = await fetch(server.url, { headers });
      expect([await again.text(), again.headers.getSetCookie()]).toEqual([id, []]);
      expect(await (await fetch(`${server.url}/stream`)).text()).toBe("one two");
      const body = "x".repeat(50_000);
      expect(await (await fetch(`${server.url}/echo`, { method: "POST", headers, body })).text()).toBe(body);
      expect((await (await fetch(`${server.url}/identify`, { headers })).json()).ec).toBe(id);
    } finally {
      await server.stop("SIGKILL");
    }
  },
);
