import { expect, test } from "vitest";
import { createCollector } from "../../../../../worker/hosts/process/collector.ts";

const MIB = 1024 ** 2;
/** Requests between two looks. */
const LOOK = 256;

/** A process whose requests leave garbage. */
function processOf(garbage: number, kept = 0) {
  const state = { live: 100 * MIB, garbage: 0, looks: 0, collections: 0, largest: 0 };
  const onRequest = createCollector({
    resident() {
      state.looks++;
      return state.live + state.garbage;
    },
    collect() {
      state.collections++;
      state.garbage = 0;
    },
  });
  const serve = (requests: number) => {
    for (let i = 0; i < requests; i++) {
      state.garbage += garbage;
      state.live += kept;
      state.largest = Math.max(state.largest, state.live + state.garbage);
      onRequest();
    }
  };
  return { state, serve };
}

test("a process whose requests leave garbage grows by 64 MiB and what comes between two looks", () => {
  const { state, serve } = processOf(16 * 1024);
  serve(100_000);
  expect(state.largest).toBeLessThanOrEqual(100 * MIB + 64 * MIB + 2 * LOOK * 16 * 1024);
  expect(state.collections).toBeGreaterThan(20);
  expect(state.looks).toBeLessThanOrEqual(100_000 / LOOK + state.collections);
});

test("requests without garbage collect nothing", () => {
  const { state, serve } = processOf(0);
  serve(100_000);
  expect(state.collections).toBe(0);
});

test("what is kept is looked for once for each 64 MiB", () => {
  const { state, serve } = processOf(0, 4096);
  serve(100_000);
  expect(state.collections).toBe(Math.floor((100_000 * 4096) / (64 * MIB + LOOK * 4096)));
});

test("a process that shrank by itself grows by 64 MiB again before it is collected", () => {
  const { state, serve } = processOf(16 * 1024);
  serve(10 * LOOK);
  state.garbage = 0;
  state.live -= 50 * MIB;
  serve(15 * LOOK);
  expect(state.collections).toBe(0);
  serve(5 * LOOK);
  expect(state.collections).toBe(1);
});
