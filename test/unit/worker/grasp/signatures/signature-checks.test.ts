import { expect, test } from "vitest";
import type { Batches, Signed } from "../../../../../worker/grasp/signatures/signature-batches.ts";
import { isGood, SignatureChecks } from "../../../../../worker/grasp/signatures/signature-checks.ts";
import { SignatureThread } from "../../../../../worker/grasp/signatures/signature-thread.ts";
import { author } from "../../../../support/nostr.ts";

const one = author();
const events = Array.from({ length: 200 }, (_, n) => one.sign(1, [], String(n)));
const bad = { ...events[0]!, sig: events[1]!.sig };

/** Batches that are made here, and counted. */
class Counted implements Batches {
  readonly sizes: number[] = [];
  async check(batch: readonly Signed[]): Promise<boolean[]> {
    this.sizes.push(batch.length);
    return batch.map(isGood);
  }
  async close(): Promise<void> {}
}

test("up to 32 checks that wait are made here; of more, batches go to the thread (R11)", async () => {
  const batches = new Counted();
  const checks = new SignatureChecks({ batches });
  const results = await Promise.all([...events.slice(0, 31), bad].map((event) => checks.check(event)));
  expect([results, batches.sizes]).toEqual([[...new Array(31).fill(true), false], []]);
  expect(await Promise.all([...events, bad].map((event) => checks.check(event)))).toEqual([
    ...new Array(200).fill(true),
    false,
  ]);
  expect(batches.sizes.length).toBeGreaterThan(0);
  expect(Math.max(...batches.sizes)).toBeLessThanOrEqual(64);
});

test("a thread that breaks loses no check", async () => {
  const batches: Batches = {
    async check() {
      throw new Error("the thread ended");
    },
    async close() {},
  };
  const checks = new SignatureChecks({ batches });
  expect(await Promise.all(events.map((event) => checks.check(event)))).toEqual(new Array(200).fill(true));
});

test("what waits is bounded (T28)", () => {
  const checks = new SignatureChecks({ batches: new Counted() });
  for (let n = 0; n < 20_000; n++) void checks.check(bad);
  expect(() => checks.check(bad)).toThrow();
});

test("the thread tells good signatures from bad ones, keys that are no points too (R11)", async () => {
  const thread = new SignatureThread();
  const noPoint = { ...events[0]!, pubkey: "f".repeat(64) };
  expect(await thread.check([events[0]!, bad, noPoint, events[2]!])).toEqual([true, false, false, true]);
  await thread.close();
  expect(await thread.check([bad])).toEqual([false]);
  await thread.close();
});
