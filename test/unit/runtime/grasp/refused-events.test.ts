import { expect, test } from "vitest";
import { RefusedEvents } from "../../../../runtime/grasp/refused-events.ts";
import { AUTHORS, state } from "./life/cast.ts";

const [AUTHOR = ""] = AUTHORS;
const FROM = { source: "direct", address: "192.0.2.1" } as const;
const refused = (identifier: string, at: number, length = 0) => {
  const event = state(AUTHOR, identifier, [["refs/heads/main", "c".repeat(40)]], at);
  return { event: { ...event, content: "x".repeat(length) }, from: FROM };
};

test("of one identifier the newest fifty are kept; others are untouched (N12)", () => {
  const events = new RefusedEvents();
  events.add("other", refused("other", 0));
  const all = Array.from({ length: 60 }, (_, n) => refused("one", n));
  for (const one of all) events.add("one", one);
  expect(events.of("one").map(({ event }) => event.id)).toEqual(all.slice(10).map(({ event }) => event.id));
  expect([events.of("other").length, events.size]).toEqual([1, 51]);
});

test("in all five thousand are kept; those of the identifier that was touched longest ago go first (N12)", () => {
  const events = new RefusedEvents();
  for (let n = 0; n < 5001; n++) events.add(`repo-${n}`, refused(`repo-${n}`, 0));
  expect([events.size, events.of("repo-0"), events.of("repo-1").length]).toEqual([5000, [], 1]);
});

test("a long event is not kept, and one that comes again counts once (N12)", () => {
  const events = new RefusedEvents();
  events.add("one", refused("one", 0, 64 * 1024));
  expect(events.size).toBe(0);
  const { event } = refused("one", 1);
  for (let n = 0; n < 3; n++) events.add("one", { event, from: FROM });
  expect(events.size).toBe(1);
  events.remove("one", event.id);
  expect([events.size, events.of("one")]).toEqual([0, []]);
});
