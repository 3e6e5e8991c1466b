import fc from "fast-check";
import { expect, test } from "vitest";
import { memoryStore } from "../../../../runtime/stores/memory.ts";
import { Lease } from "../../../../runtime/sync/lease.ts";
import { RateLimited, retryAfterMs } from "../../../../runtime/sync/rate-limited.ts";
import { type Linked, Ring } from "../../../../runtime/sync/ring.ts";
import { domainOf } from "../../../../runtime/sync/source.ts";
import { steadyClock } from "../../../../runtime/sync/steady-clock.ts";
import { type Timed, TimeHeap } from "../../../../runtime/sync/time-heap.ts";
import { VirtualClock } from "./virtual-clock.ts";

test("a time heap gives its items in the order of time and arrival, whatever is moved and removed", () => {
  const step = fc.record({
    item: fc.nat(20),
    to: fc.option(fc.nat(30), { nil: undefined }),
    pop: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new TimeHeap<Timed & { name: number }>();
      const items = Array.from({ length: 21 }, (_, name) => ({ name, dueAt: 0, order: 0, heapIndex: -1 }));
      let model: { name: number; at: number; since: number }[] = [];
      steps.forEach(({ item, to, pop }, since) => {
        model = model.filter(({ name }) => name !== item);
        if (to === undefined) heap.remove(items[item]!);
        else {
          heap.set(items[item]!, to);
          model.push({ name: item, at: to, since });
        }
        model.sort((a, b) => a.at - b.at || a.since - b.since);
        if (pop && model.length > 0) {
          heap.remove(heap.peek()!);
          model.shift();
        }
        expect(heap.size).toBe(model.length);
        expect(heap.peek()?.name).toBe(model[0]?.name);
      });
    }),
  );
});

test("a ring behaves as a list: to the back, to the place it had, out of the middle", () => {
  interface Item extends Linked {
    name: number;
  }
  const action = fc.constantFrom("push", "shift", "put back", "remove");
  fc.assert(
    fc.property(fc.array(fc.tuple(action, fc.nat(50)), { maxLength: 200 }), (steps) => {
      const ring = new Ring<Item>();
      const model: Item[] = [];
      const out: Item[] = [];
      let name = 0;
      for (const [what, pick] of steps) {
        if (what === "push") {
          const item: Item = { name: name++, turn: 0, before: null, after: null };
          ring.pushBack(item);
          model.push(item);
        } else if (what === "shift") {
          const item = ring.shift();
          expect(item).toBe(model.shift() ?? null);
          if (item !== null) out.push(item);
        } else if (what === "put back" && out.length > 0) {
          const [item] = out.splice(pick % out.length, 1);
          ring.putBack(item!);
          model.push(item!);
          model.sort((a, b) => a.turn - b.turn);
        } else if (what === "remove" && model.length > 0) {
          const [item] = model.splice(pick % model.length, 1);
          ring.remove(item!);
        }
        expect(ring.isEmpty).toBe(model.length === 0);
      }
      for (const item of model) expect(ring.shift()).toBe(item);
    }),
  );
});

test("a steady clock never goes back and goes on from where it was", () => {
  const clock = new VirtualClock();
  const steady = steadyClock(clock);
  const begun = steady.now();
  clock.elapsed += 500;
  expect(steady.now() - begun).toBe(500);
  clock.jump(-3_600_000);
  expect(steady.now() - begun).toBe(500);
  clock.elapsed += 250;
  expect(steady.now() - begun).toBe(750);
  clock.jump(1_000);
  expect(steady.now() - begun).toBe(1_750);
});

test.for([
  ["https://One.Test/a?b", "one.test"],
  ["http://one.test:80/", "one.test"],
  ["https://one.test:8443/", "one.test:8443"],
  ["https://one.test./", "one.test"],
  ["https://one.test.:81/", "one.test:81"],
  ["git://One.Test/repo", "one.test"],
  ["https://user:secret@one.test/", "one.test"],
  ["https://b\u00fccher.test/", "xn--bcher-kva.test"],
  ["https://[::1]:8080/", "[::1]:8080"],
  ["https://0x7f.1/", "127.0.0.1"],
  ["one.test/path", null],
  ["mailto:a@one.test", null],
  ["data:text/plain,x", null],
  ["https://", null],
  ["", null],
] as const)("the domain of %s is %s", ([source, domain]) => {
  expect(domainOf(source)).toBe(domain);
});

test.for([
  ["0", 0],
  ["120", 120_000],
  [" 7 ", 7_000],
  ["Fri, 15 Jan 2027 08:00:30 GMT", 30_000],
  ["Friday, 15-Jan-27 08:00:30 GMT", 30_000],
  ["Fri Jan 15 08:00:30 2027", 30_000],
  ["Fri, 15 Jan 2021 08:00:30 GMT", 0],
  ["-5", null],
  ["1.5", null],
  ["soon", null],
  ["Fri, 99 Foo 2027", null],
  ["9".repeat(40), null],
  ["", null],
  [null, null],
] as const)("Retry-After: %s means %s ms", ([value, ms]) => {
  expect(retryAfterMs(value, Date.UTC(2027, 0, 15, 8, 0, 0))).toBe(ms);
});

test("a server's wish to be left alone is an error with the time in it", () => {
  expect(new RateLimited(5)).toMatchObject({ name: "RateLimited", retryAfterMs: 5 });
});

test("a lease is held by one at a time, renewed at half-time, given back, and lost when it runs out", async () => {
  const clock = new VirtualClock();
  const memory = memoryStore({ clock });
  let puts = 0;
  const store = { ...memory };
  store.put = (...args) => {
    puts++;
    return memory.put(...args);
  };
  const [east, west] = ["east", "west"].map((holder) => new Lease({ store, clock, holder, ttlSeconds: 20 }));
  east!.enter("a");
  west!.enter("a");
  expect(await east!.hold("a")).toBe(true);
  expect(await west!.hold("a")).toBe(false);
  // The second piece of work on the same instance shares it; nothing is asked anew in its first half.
  east!.enter("a");
  puts = 0;
  clock.elapsed += 9_999;
  expect(await east!.hold("a")).toBe(true);
  expect(puts).toBe(0);
  clock.elapsed += 1;
  expect(await Promise.all([east!.hold("a"), east!.hold("a")])).toEqual([true, true]);
  expect(puts).toBe(1);
  clock.elapsed += 15_000;
  expect(await west!.hold("a")).toBe(false);
  await east!.exit("a");
  expect(await west!.hold("a")).toBe(false);
  await east!.exit("a");
  expect(await west!.hold("a")).toBe(true);
  // West stalls; its lease runs out and east takes over. West notices, and giving back what is not its own does nothing.
  clock.elapsed += 20_001;
  east!.enter("a");
  expect(await east!.hold("a")).toBe(true);
  expect(await west!.hold("a")).toBe(false);
  await west!.exit("a");
  expect((await memory.get("sync:lease:a"))?.value).toBe("east");
});

test("a lease that an earlier run under the same name left behind is taken over", async () => {
  const clock = new VirtualClock();
  const store = memoryStore({ clock });
  const crashed = new Lease({ store, clock, holder: "east", ttlSeconds: 1_000 });
  crashed.enter("a");
  await crashed.hold("a");
  const again = new Lease({ store, clock, holder: "east", ttlSeconds: 1_000 });
  again.enter("a");
  expect(await again.hold("a")).toBe(true);
});
