/**
 * Counts what a service does for one request, at its borders: the store, the kernels, the request's headers, other
 * servers, the log. Counts do not depend on the machine's speed.
 * @module
 */
import type { Exports, Kernels } from "../../wasm/hotpath.ts";
import { inlineKernels } from "../../wasm/inline.ts";
import { type TestServiceOptions, testService, VISITOR } from "./service.ts";

/** What a request took: names with how often, in the order of the names. */
export interface Work {
  /** Operations of the store, before the response and after it. */
  store: Record<string, number>;
  /** Calls of the WebAssembly module. */
  kernels: Record<string, number>;
  /** Header fields read, by name. */
  headers: Record<string, number>;
  /** Calls of other servers. */
  calls: number;
  /** Lines of the log, below `debug` none. */
  log: number;
}

const sorted = (counts: Map<string, number>) =>
  Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));

/** Kernels that count what is called, but for what only reads where the memory is. */
function countedKernels(counts: Map<string, number>): Kernels {
  const inner = inlineKernels();
  return {
    packaging: inner.packaging,
    instantiate() {
      const exports = inner.instantiate();
      const counted: Record<string, unknown> = { memory: exports.memory };
      for (const [name, value] of Object.entries(exports)) {
        if (typeof value !== "function") continue;
        counted[name] = (...args: never[]) => {
          counts.set(name, (counts.get(name) ?? 0) + 1);
          return (value as (...args: never[]) => unknown)(...args);
        };
      }
      return counted as unknown as Exports;
    },
  };
}

/** One kind of request, as a visitor or a partner sends it. */
export interface Asked {
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  country?: string | null;
}

/** A service whose work is counted. */
export function countedService(options: TestServiceOptions = {}) {
  const kernels = new Map<string, number>();
  const service = testService({ ...options, kernels: countedKernels(kernels) });
  return {
    ...service,
    /** Sends a request and counts until everything behind it has settled. */
    async count({ path = "/", method = "GET", headers = {}, body, country = "JP" }: Asked): Promise<Work> {
      const read = new Map<string, number>();
      const request = new Request(`https://publisher.example${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
      });
      const get = request.headers.get.bind(request.headers);
      request.headers.get = (name) => {
        read.set(name.toLowerCase(), (read.get(name.toLowerCase()) ?? 0) + 1);
        return get(name);
      };
      await service.settled();
      kernels.clear();
      service.store.asked.length = 0;
      const [calls, log] = [service.calls.length, service.log.length];
      const background: Promise<unknown>[] = [];
      const response = await service.service.respond(
        request,
        { ...VISITOR, country },
        { waitUntil: (work) => background.push(work) },
        () => new Response("the page"),
      );
      await response.text();
      while (background.length > 0) await Promise.all(background.splice(0));
      const store = new Map<string, number>();
      for (const { operation, key } of service.store.asked) {
        const name = `${operation} ${key.split(":")[0]}`;
        store.set(name, (store.get(name) ?? 0) + 1);
      }
      return {
        store: sorted(store),
        kernels: sorted(kernels),
        headers: sorted(read),
        calls: service.calls.length - calls,
        log: service.log.slice(log).filter((line) => !line.includes('"level":"debug"')).length,
      };
    },
  };
}
