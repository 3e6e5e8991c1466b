import { expect, test } from "vitest";
import { createLog } from "../../../../runtime/observe/log.ts";
import { logListener } from "../../../../runtime/sync/index.ts";
import { engineModule } from "./engine-module.ts";
import { Harness } from "./harness.ts";

/** Runs three identifiers at a slow and a failing server; the lines of the log. */
async function linesOf(nameInLog?: (identifier: string) => string) {
  const lines: string[] = [];
  const harness = new Harness(engineModule, { limits: { maxConcurrent: 1 } });
  const log = createLog({ level: "debug", write: (line) => lines.push(line), clock: harness.clock });
  harness.onEvent = logListener(log, nameInLog && { nameInLog });
  harness.engine.start();
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 2_000 });
  harness.behaviours.set("down.test", { kind: "fails", latencyMs: 1 });
  for (const n of [1, 2, 3]) {
    const identifier = `${n}secret-${"identifier".repeat(6)}`;
    const urls = { "https://down.test/private-path?token=t": [], [`https://one.test/${identifier}`]: ["x"] };
    harness.needsFrom(identifier, ["x"], urls);
    harness.engine.enqueue(identifier, 0);
  }
  await harness.clock.run(30_000);
  return lines;
}

test("each event has one level, and the log names the event", async () => {
  const lines = (await linesOf()).map((line) => JSON.parse(line));
  const levels = new Map(lines.map(({ level, event }) => [event, level]));
  expect(Object.fromEntries(levels)).toEqual({
    "attempt-started": "debug",
    "attempt-ended": "debug",
    "domain-joined": "debug",
    "domain-turn": "debug",
    "domain-left": "debug",
    "fetch-ended": "warn",
    completed: "info",
  });
  // One message for each event.
  expect(new Set(lines.map(({ message }) => message)).size).toBe(levels.size);
  expect(lines.find(({ event }) => event === "fetch-ended")).toMatchObject({
    domain: "down.test",
    outcome: "failed",
  });
});

test("an identifier is logged by its first eight characters, a source by its domain", async () => {
  const text = (await linesOf()).join("\n");
  expect(text).toContain('"identifier":"1secret-"');
  expect(text).not.toContain("1secret-i");
  expect(text).not.toContain("private-path");
});

test("nameInLog decides how an identifier is named (S27)", async () => {
  const text = (await linesOf((identifier) => `<${identifier.length}>`)).join("\n");
  expect(text).toContain('"identifier":"<68>"');
  expect(text).not.toContain("secret");
});
