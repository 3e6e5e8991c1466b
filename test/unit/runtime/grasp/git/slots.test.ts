import { describe, expect, test } from "vitest";
import { type Share, SLOT_LIMITS, Slots } from "../../../../../runtime/grasp/git/slots.ts";

interface Named {
  readonly share: Share;
  readonly address: string | null;
  readonly name: string;
}

function granted(slots: Slots<Named>): Named[] {
  const all: Named[] = [];
  for (let one = slots.next(); one !== null; one = slots.next()) all.push(one);
  return all;
}

/** Adds `count` wishes from `addresses` in turn. */
function wish(slots: Slots<Named>, share: Share, count: number, addresses: number): void {
  for (let n = 0; n < count; n++)
    slots.add({ share, address: `${share}${n % addresses}`, name: `${share} ${n}` });
}

describe("slots of Git processes (G30)", () => {
  test("40 reads, 12 fetches beside them, 8 pushes and 4 works of our own: 64 in all", () => {
    const slots = new Slots<Named>();
    wish(slots, "read", 100, 100);
    wish(slots, "fetch", 100, 100);
    granted(slots);
    expect([slots.used("read"), slots.used("fetch")]).toEqual([40, 12]);
    wish(slots, "push", 100, 100);
    granted(slots);
    expect(slots.used("push")).toBe(SLOT_LIMITS.reservedForPushes);
    wish(slots, "own", 100, 1);
    granted(slots);
    expect(slots.used("own")).toBe(SLOT_LIMITS.reservedForOwn);
    expect([slots.waiting("read"), slots.waiting("push"), slots.waiting("own")]).toEqual([60, 92, 96]);
  });

  test("fetches alone use 16, pushes alone 60, and our own work always finds a place", () => {
    const slots = new Slots<Named>();
    wish(slots, "fetch", 20, 20);
    expect(granted(slots)).toHaveLength(16);
    wish(slots, "push", 100, 100);
    expect(granted(slots)).toHaveLength(60 - 16);
    slots.add({ share: "own", address: null, name: "own" });
    expect(granted(slots)).toHaveLength(1);
  });

  test("an address has 8 slots over all shares; a null address has no such limit", () => {
    const slots = new Slots<Named>();
    for (let n = 0; n < 6; n++) slots.add({ share: "read", address: "a", name: `${n}` });
    for (let n = 0; n < 6; n++) slots.add({ share: "push", address: "a", name: `${n}` });
    granted(slots);
    expect(slots.used("read") + slots.used("push")).toBe(8);
    for (let n = 0; n < 12; n++) slots.add({ share: "fetch", address: null, name: `${n}` });
    granted(slots);
    expect(slots.used("fetch")).toBe(12);
  });

  test("addresses take turns: one that asks first and often does not keep others waiting (T29)", () => {
    const slots = new Slots<Named>({ ...SLOT_LIMITS, reads: 1 });
    const busy = Array.from({ length: 5 }, (_, n) => ({
      share: "read" as const,
      address: "a",
      name: `a${n}`,
    }));
    for (const one of busy) slots.add(one);
    for (const address of ["b", "c"]) slots.add({ share: "read", address, name: address });
    const order: string[] = [];
    for (let [one] = granted(slots); one !== undefined; [one] = granted(slots)) {
      order.push(one.name);
      slots.remove(one);
    }
    expect(order).toEqual(["a0", "b", "c", "a1", "a2", "a3", "a4"]);
  });

  test("a wish that is withdrawn gets nothing, and a slot is given back once", () => {
    const slots = new Slots<Named>({ ...SLOT_LIMITS, reads: 1 });
    const [first, second, third] = ["1", "2", "3"].map((name) => ({
      share: "read" as const,
      address: name,
      name,
    }));
    for (const one of [first!, second!, third!]) slots.add(one);
    expect(granted(slots)).toEqual([first]);
    slots.remove(second!);
    slots.remove(first!);
    slots.remove(first!);
    expect(granted(slots)).toEqual([third]);
    expect(slots.used("read")).toBe(1);
  });
});
