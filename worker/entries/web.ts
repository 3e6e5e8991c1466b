/**
 * millrace on any other runtime with the Web standards and WebAssembly: a store in memory unless the options bring one,
 * addresses and geography only from the headers that the options name.
 * @module
 */
import { localLimiter } from "../../runtime/limiters/local.ts";
import { memoryStore } from "../../runtime/stores/memory.ts";
import { createHotPath } from "../../wasm/hotpath.ts";
import { inlineKernels } from "../../wasm/inline.ts";
import { createEdgeCookie } from "../ec/edge-cookie.ts";
import { loadAllRoutes } from "../ec/routes/load.ts";
import type { Host } from "../hosts/host.ts";
import { createSystemClock } from "../hosts/system-clock.ts";
import { makeTables, sizesFor } from "../hosts/table-sizes.ts";

/** What a handler may get beside the request: whatever has a `waitUntil` is used. */
export type WebArgs = unknown[];

/** Fewer keys than elsewhere, so that the windows take 4 MiB: nothing is known of the host's memory. */
const MAX_KEYS = 65_536;

const clock = createSystemClock();

export const host: Host<WebArgs> = {
  name: "web",
  logLevel: "info",
  writeLog: (line) => console.error(line),
  defaultStore: "memory:",
  clock,
  random: { fill: (target) => crypto.getRandomValues(target) },
  fetch: (url, init) => fetch(url, init),
  // Names are resolved out of our sight here; the partner's own list of hosts is what guards.
  fetchPublic: () => (url, init) => fetch(url, init),
  livesBetweenRequests: false,
  createHotPath: (options) => createHotPath(inlineKernels(), { maxKeys: MAX_KEYS, ...options }),
  storeFault: (url) => (url === "memory:" ? null : "memory:, or a store of your own as an object"),
  limiterFault: (url) => (url === "local" ? null : "local, or a limiter of your own as an object"),
  openStore(url) {
    if (url === "memory:") return memoryStore({ clock });
    throw new Error("this entry opens memory: only; give a store of your own as an object");
  },
  openLimiter(url, given) {
    if (url === "local") {
      const kernels = inlineKernels();
      const make = (maxKeys: number) => createHotPath(kernels, { maxKeys, random: given.random });
      return localLimiter(makeTables(sizesFor(MAX_KEYS), make), given.clock);
    }
    throw new Error("this entry has the limiter local only; give one of your own as an object");
  },
  address: () => null,
  background(args) {
    const context = args.find(hasWaitUntil);
    return context ?? { waitUntil() {} };
  },
};

function hasWaitUntil(value: unknown): value is { waitUntil(work: Promise<unknown>): void } {
  return typeof (value as { waitUntil?: unknown } | null | undefined)?.waitUntil === "function";
}

export const edgeCookie = createEdgeCookie(host, loadAllRoutes);
export { ecOf } from "../ec/service.ts";
