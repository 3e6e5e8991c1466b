import { expect, test } from "vitest";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import { Signatures } from "../../../../../runtime/grasp/events/signatures.ts";

const event = (id: string, sig = "s") => ({ id, sig }) as NostrEvent;

test("an event that several connections send at once is checked once, and later not again (R8, R10, T28)", async () => {
  const checked: string[] = [];
  const signatures = new Signatures(async ({ id, sig }) => {
    checked.push(id + sig);
    return sig === "s";
  });
  const one = event("a");
  expect(await Promise.all([signatures.isGood(one), signatures.isGood(one)])).toEqual([true, true]);
  expect(await signatures.isGood(one)).toBe(true);
  expect([await signatures.isGood(event("a", "x")), await signatures.isGood(event("a", "x"))]).toEqual([
    false,
    false,
  ]);
  expect(checked).toEqual(["as", "ax"]);
});

test("a check that fails is made again", async () => {
  let isDown = true;
  const signatures = new Signatures(() => {
    if (isDown) throw new Error("no thread");
    return true;
  });
  await expect(signatures.isGood(event("a"))).rejects.toThrow("no thread");
  isDown = false;
  expect(await signatures.isGood(event("a"))).toBe(true);
});
