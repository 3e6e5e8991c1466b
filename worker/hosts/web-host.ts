/**
 * A host with the Web standards and WebAssembly, of which nothing else is known.
 * @module
 */
import { localLimiter } from "../../runtime/limiters/local.ts";
import type { Clock } from "../../runtime/platform.ts";
import { memoryStore } from "../../runtime/stores/memory.ts";
import { createHotPath } from "../../wasm/hotpath.ts";
import { inlineKernels } from "../../wasm/inline.ts";
import type { Host } from "./host.ts";
import { makeTables, sizesFor } from "./table-sizes.ts";

/** A handler's further arguments. The first one with a `waitUntil` is used. */
export type WebArgs = unknown[];

/** Keys of a table, in 4 MiB. Fewer than on other hosts, because this host's memory is not known. */
const MAX_KEYS = 65_536;

const clock: Clock = {
  now: Date.now,
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

export const host: Host<WebArgs> = {
  name: "web",
  logLevel: "info",
  writeLog: (line) => console.error(line),
  defaultStore: "memory:",
  clock,
  random: { fill: (target) => crypto.getRandomValues(target) },
  fetch: (url, init) => fetch(url, init),
  // The host resolves names itself: only the partner's list of hosts protects against internal addresses.
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
