import { expect, test } from "vitest";
import { code } from "./code.ts";
import { Stage } from "./stage.ts";

test("an identifier is looked at after its delay, completes and leaves", async () => {
  const stage = new Stage(code);
  stage.engine.start();
  stage.needsFrom("a", ["x"], { "https://one.test/a": ["x"] });
  expect(stage.engine.enqueue("a", 500)).toEqual({ admitted: true });
  await stage.clock.run(5_000);
  expect(stage.startTimes("a")).toEqual([1]);
  expect(stage.processed).toEqual([{ at: 1010, identifier: "a", items: ["x"] }]);
  expect(stage.engine.inspect()).toEqual({ queued: 0, domains: [] });
  expect(stage.engineClock.timers).toBe(0);
});

test("backoff", async () => {
  const stage = new Stage(code);
  stage.engine.start();
  stage.needsFrom("a", ["x"], { "https://one.test/a": [] });
  stage.engine.enqueue("a", 0);
  await stage.clock.run(600_000);
  console.log(stage.startTimes("a"));
});
