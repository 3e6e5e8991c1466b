import { expect, test } from "vitest";
import { Locks } from "../../../../runtime/grasp/locks.ts";

test("idle waits for work that is under way, for work that waits, and for work that fails", async () => {
  const locks = new Locks();
  await locks.idle();
  const { promise, resolve } = Promise.withResolvers<void>();
  const done: string[] = [];
  const first = locks.run("a", () => promise);
  const second = locks.run("a", async () => {
    done.push("second");
    throw new Error("failed");
  });
  const idle = locks.idle().then(() => done.push("idle"));
  resolve();
  await first;
  await expect(second).rejects.toThrow("failed");
  await idle;
  expect([done, locks.size]).toEqual([["second", "idle"], 0]);
});
