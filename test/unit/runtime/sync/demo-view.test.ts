import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { bar, draw, type Picture, plainLine } from "../../../load/sync-demo/view.ts";

const view = { remaining: 0, maxConcurrent: 5, maxPerMinute: 30, failures: 0, rests: 0, opensInMs: 0 };
const picture: Picture = {
  seconds: 12.3,
  identifiers: 300,
  arrived: 200,
  queued: 120,
  released: 99,
  limits: { maxConcurrent: 5, maxPerMinute: 30 },
  servers: [
    { kind: "quick", domain: "127.0.0.1:40001", view: null, inWindow: 0, requests: 0 },
    {
      kind: "slow",
      domain: "127.0.0.1:40002",
      view: { ...view, domain: "127.0.0.1:40002", inFlight: 2, waiting: 1_234, opensInMs: 31_500 },
      inWindow: 30,
      requests: 30,
    },
    {
      kind: "hanging",
      domain: "127.0.0.1:40003",
      view: {
        ...view,
        domain: "127.0.0.1:40003",
        inFlight: 5,
        waiting: 0,
        failures: 5,
        rests: 2,
        opensInMs: 900,
      },
      inWindow: 7,
      requests: 7,
    },
  ],
};

test("bar has the requested width and shows at least one cell for any amount", () => {
  expect(bar(0, 30, 10)).toBe("░".repeat(10));
  expect(bar(1, 30, 10)).toBe(`█${"░".repeat(9)}`);
  expect(bar(15, 30, 10)).toBe("█".repeat(5) + "░".repeat(5));
  expect(bar(99, 30, 10)).toBe("█".repeat(10));
  expect(bar(0, 0, 10)).toBe("░".repeat(10));
});

test("draw shows queues, windows and states in at most 110 columns", () => {
  const lines = draw(picture).map(stripVTControlCharacters);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(110);
  expect(lines.join("\n")).toContain("arrived 200 of 300   complete 80   items released 99");
  const [quick, slow, hanging] = lines.slice(-3) as [string, string, string];
  expect(quick).toMatch(/^127.0.0.1:40001 {2}quick +○{5} +░{20} {2}0\/30/);
  expect(slow).toMatch(/●●○○○ +█{20} 30\/30 +█{14} 1234 opens in 32 s$/);
  expect(hanging).toMatch(/●{5} +█{5}░{15} {2}7\/30 .* rests, 1 s$/);
});

test("plainLine shows the same numbers in one line", () => {
  expect(plainLine(picture)).toBe(
    "  12 s   arrived 200   waiting 120   released 99   in flight 7   domains closed 1   resting 1",
  );
});
