import { afterEach, expect, test, vi } from "vitest";
import { host } from "../../../../../worker/hosts/process/bun.ts";

afterEach(() => vi.unstubAllGlobals());

test("Bun collects garbage once for each 128 MiB that passed (V8)", () => {
  let collected = 0;
  vi.stubGlobal("Bun", { gc: () => collected++ });
  for (let mib = 1; mib <= 1024; mib++) host.passed!(1024 ** 2);
  expect(collected).toBe(8);
});
