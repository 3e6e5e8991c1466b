import { expect, test } from "vitest";
import { memoryStore } from "../../../../runtime/stores/memory.ts";
import { Leases } from "../../../../runtime/sync/leases.ts";
import { VirtualClock } from "./virtual-clock.ts";

test("a lease is held by one instance at a time, renewed at half-time, given back, and lost when it ends", async () => {
  const clock = new VirtualClock();
  const memory = memoryStore({ clock });
  let puts = 0;
  const store = { ...memory };
  store.put = (...args) => {
    puts++;
    return memory.put(...args);
  };
  const [east, west] = ["east", "west"].map((holder) => new Leases({ store, clock, holder, ttlSeconds: 20 }));
  east!.enter("a");
  west!.enter("a");
  expect(await east!.hold("a")).toBe(true);
  expect(await west!.hold("a")).toBe(false);
  // The second piece of work on the same instance shares it; the store is not asked in its first half.
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
  // West stalls; its lease ends and east takes over. West notices; giving back what is not its own changes nothing.
  clock.elapsed += 20_001;
  east!.enter("a");
  expect(await east!.hold("a")).toBe(true);
  expect(await west!.hold("a")).toBe(false);
  await west!.exit("a");
  expect((await memory.get("sync:lease:a"))?.value).toBe("east");
});

test("a lease that is left over from an earlier run of the same instance is taken over", async () => {
  const clock = new VirtualClock();
  const store = memoryStore({ clock });
  const crashed = new Leases({ store, clock, holder: "east", ttlSeconds: 1_000 });
  crashed.enter("a");
  await crashed.hold("a");
  const again = new Leases({ store, clock, holder: "east", ttlSeconds: 1_000 });
  again.enter("a");
  expect(await again.hold("a")).toBe(true);
});

test("a lease is renewed by itself while work is under way, and not after it", async () => {
  const clock = new VirtualClock();
  clock.thorough = true;
  const store = memoryStore({ clock });
  const [east, west] = ["east", "west"].map((holder) => new Leases({ store, clock, holder, ttlSeconds: 20 }));
  east!.enter("a");
  west!.enter("a");
  expect(await east!.hold("a")).toBe(true);
  await clock.run(100_000);
  expect(await west!.hold("a")).toBe(false);
  await east!.exit("a");
  await clock.run(100_000);
  expect(await west!.hold("a")).toBe(true);
});

test("a renewal that finds another holder calls onLost; a failing store is reported and asked again", async () => {
  const clock = new VirtualClock();
  clock.thorough = true;
  const memory = memoryStore({ clock });
  let isDown = false;
  const store = { ...memory };
  store.put = (...args) => (isDown ? Promise.reject(new Error("down")) : memory.put(...args));
  const lost: string[] = [];
  const kinds: string[] = [];
  const leases = new Leases({
    store,
    clock,
    holder: "east",
    keyPrefix: "p:",
    ttlSeconds: 20,
    emit: ({ kind }) => kinds.push(kind),
    onLost: (identifier) => lost.push(identifier),
  });
  leases.enter("a");
  await leases.hold("a");
  isDown = true;
  await clock.run(10_000);
  expect(kinds).toEqual(["lease-failed"]);
  isDown = false;
  await clock.run(5_000);
  expect((await memory.get("p:sync:lease:a"))?.value).toBe("east");
  await memory.put("p:sync:lease:a", "west");
  await clock.run(10_000);
  expect(kinds).toEqual(["lease-failed", "lease-lost"]);
  expect(lost).toEqual(["a"]);
});
