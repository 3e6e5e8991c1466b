import { expect, test } from "vitest";
import { root, spawnServer } from "../support/spawn.ts";

/** The exit code of a server whose service closes after so long, and its log. */
async function stopped(closing: string): Promise<{ code: number | null; log: string }> {
  const server = await spawnServer("node", [`${root}test/runtimes/waiting-service.ts`, closing]);
  const code = await server.stop();
  return { code, log: server.log() };
}

// Node ends with 13 where nothing but a promise is left: timers of the host keep no process alive.
test.concurrent("Node stays until a closing ends that waits only for a timer of the host, and ends with 0 (O21)", async () => {
  expect((await stopped("300")).code).toBe(0);
});

test.concurrent("a closing that does not end in time ends the process with 1, and the log says so", async () => {
  const { code, log } = await stopped("never");
  expect(code).toBe(1);
  expect(log.split("\n").filter((line) => line.includes('"level":"error"'))).toHaveLength(1);
});
