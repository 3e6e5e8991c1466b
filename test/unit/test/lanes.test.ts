import { expect, test } from "vitest";
import { Lanes } from "../../support/lanes.ts";

test("each resource has one user at a time, and users wait in their order", async () => {
  const lanes = new Lanes<string>();
  lanes.add("a");
  lanes.add("b");
  const inUse = new Set<string>();
  const order: number[] = [];
  const use = (n: number) =>
    lanes.lend(async (resource) => {
      expect(inUse.has(resource)).toBe(false);
      inUse.add(resource);
      order.push(n);
      await Promise.resolve();
      inUse.delete(resource);
      return n;
    });
  expect(await Promise.all([0, 1, 2, 3, 4].map(use))).toEqual([0, 1, 2, 3, 4]);
  expect(order).toEqual([0, 1, 2, 3, 4]);
});

test("a resource is free again after its user failed", async () => {
  const lanes = new Lanes<string>();
  lanes.add("a");
  await expect(lanes.lend(() => Promise.reject(new Error("fault")))).rejects.toThrow("fault");
  expect(await lanes.lend(async (resource) => resource)).toBe("a");
});
