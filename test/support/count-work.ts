/**
 * Counts what a service does for one request, at its borders: the store, the kernels, the request's headers, other
 * servers, the log. Counts do not depend on the machine's speed.
 * @module
 */
import type { Exports, Kernels } from "../../wasm/hotpath.ts";
import { inlineKernels } from "../../wasm/inline.ts";
import { type TestServiceOptions, testService, VISITOR } from "./service.ts";

/** The work of a request: counts by name, in the order of the names. */
export interface Work {
  /** Operations of the store, before the response and after it. */
  store: Record<string, number>;
  /** Calls of the WebAssembly module. */
  kernels: Record<string, number>;
  /** Header fields read, by name; `*` is an iteration over all. */
  headers: Record<string, number>;
  /** Calls of parsers of client data, by function. */
  parsed: Record<string, number>;
  /** Calls of other servers. */
  calls: number;
  /** Lines of the log, from `debug` on. */
  log: number;
}

const sorted = (counts: Map<string, number>) =>
  Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));

/** Kernels that count their calls, except those that return an address of the memory. */
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

/** Counts all reads of a request's headers. */
function countReads(headers: Headers): Map<string, number> {
  const counts = new Map<string, number>();
  const count = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
  const { get, has } = headers;
  Object.assign(headers, {
    get(name: string) {
      count(name.toLowerCase());
      return get.call(headers, name);
    },
    has(name: string) {
      count(name.toLowerCase());
      return has.call(headers, name);
    },
  });
  for (const way of ["forEach", "entries", "keys", "values", Symbol.iterator] as const) {
    const all = headers[way] as (...args: unknown[]) => unknown;
    Object.assign(headers, {
      [way](...args: unknown[]) {
        count("*");
        return all.apply(headers, args);
      },
    });
  }
  return counts;
}

/** One kind of request, of a visitor or a partner. */
export interface Asked {
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  country?: string | null;
  region?: string | null;
}

/** A parser whose calls are counted: one of `vi.mock(…, { spy: true })`. */
export interface Watched {
  mock: { calls: unknown[] };
  mockClear(): void;
}

/**
 * A service whose work is counted.
 * @param parsers parsers of client data, by the name of their count.
 */
export function countedService(options: TestServiceOptions, parsers: Record<string, Watched>) {
  const kernels = new Map<string, number>();
  const service = testService({ ...options, kernels: countedKernels(kernels) });
  return {
    ...service,
    /** Sends a request and counts until its background work has settled. */
    async count({
      path = "/",
      method = "GET",
      headers = {},
      body,
      country = "JP",
      region = null,
    }: Asked): Promise<Work> {
      const request = new Request(`https://publisher.example${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
      });
      const read = countReads(request.headers);
      await service.settled();
      for (const parser of Object.values(parsers)) parser.mockClear();
      kernels.clear();
      service.store.asked.length = 0;
      const [calls, log] = [service.calls.length, service.log.length];
      const background: Promise<unknown>[] = [];
      const response = await service.service.respond(
        request,
        { ...VISITOR, country, region },
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
      const parsed = new Map(Object.entries(parsers).map(([name, { mock }]) => [name, mock.calls.length]));
      return {
        store: sorted(store),
        kernels: sorted(kernels),
        headers: sorted(read),
        parsed: Object.fromEntries(Object.entries(sorted(parsed)).filter(([, times]) => times > 0)),
        calls: service.calls.length - calls,
        log: service.log.slice(log).filter((line) => !line.includes('"level":"debug"')).length,
      };
    },
  };
}
