import { describe, expect, test } from "vitest";
import { meteredStore } from "../../../../runtime/observe/metered-store.ts";
import { createMetrics } from "../../../../runtime/observe/metrics.ts";
import { memoryStore } from "../../../../runtime/stores/memory.ts";
import { storeContract } from "../../../contract/store.ts";
import { manualClock } from "../../../support/manual-clock.ts";
import { faultyStore } from "../../../support/service.ts";

const { traits } = memoryStore({ clock: manualClock() });

describe("a metered store keeps the contract of the store", () => {
  const open = () => {
    const clock = manualClock();
    const store = meteredStore(memoryStore({ clock }), createMetrics(), () => 0);
    return { store, advance: (ms: number) => clock.advance(ms), dispose: () => store.close() };
  };
  test.each(storeContract({ traits, open }))("$name", ({ run }) => run());
});

test("times each operation, failed ones included", async () => {
  const metrics = createMetrics();
  const inner = faultyStore(memoryStore({ clock: manualClock() }));
  let nowMs = 0;
  inner.before = () => {
    nowMs += 40;
  };
  const store = meteredStore(inner, metrics, () => nowMs);
  await store.put("a", "1");
  await store.get("a");
  await store.get("b");
  await store.list("");
  inner.mode = "down";
  await expect(store.delete("a")).rejects.toThrow("the store is down");
  await expect(store.get("a")).rejects.toThrow("the store is down");

  const text = metrics.text();
  const took = (operation: string) =>
    ["count", "sum"].map((what) =>
      Number(new RegExp(`store_seconds_${what}\\{operation="${operation}"\\} (.*)`).exec(text)?.[1]),
    );
  expect(took("get")).toEqual([3, expect.closeTo(0.12)]);
  for (const operation of ["put", "list", "delete"]) expect(took(operation)).toEqual([1, 0.04]);
  expect(text).toContain('millrace_store_errors_total{operation="delete"} 1\n');
  expect(text).toContain('millrace_store_errors_total{operation="get"} 1\n');
  expect(text).not.toContain('millrace_store_errors_total{operation="put"}');
});

test("update is timed and counted, and missing if the store has none", async () => {
  const metrics = createMetrics();
  const inner = memoryStore({ clock: manualClock() });
  expect(meteredStore(inner, metrics, () => 0).update).toBeUndefined();
  let nowMs = 0;
  const store = meteredStore(
    {
      ...inner,
      async update(key, decide) {
        nowMs += 40;
        await inner.put(key, decide(null)!.value);
      },
    },
    metrics,
    () => nowMs,
  );
  await store.update!("a", () => ({ value: "1" }));
  expect((await inner.get("a"))?.value).toBe("1");
  const failed = store.update!("a", () => {
    throw new Error("not understood");
  });
  await expect(failed).rejects.toThrow("not understood");
  const text = metrics.text();
  expect(text).toContain('store_seconds_count{operation="update"} 2\n');
  expect(text).toContain('millrace_store_errors_total{operation="update"} 1\n');
});

test("an operation that never settles is not counted", async () => {
  const metrics = createMetrics();
  const inner = faultyStore(memoryStore({ clock: manualClock() }));
  inner.mode = "hanging";
  void meteredStore(inner, metrics, () => 0).get("a");
  await Promise.resolve();
  expect(metrics.text()).not.toContain("millrace_store_seconds");
});
