import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A source file and what it imports: paths from the root for our own files, else the specifier. */
interface Source {
  path: string;
  text: string;
  imports: string[];
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^"';]*?\bfrom\s*"([^"]+)"|\bimport\(\s*"([^"]+)"|(?:^|\n)import\s*"([^"]+)"/g;

function sourcesIn(folder: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => /(?<!\.d)\.ts$/.test(file) && !/(^|\/)(built|assembly|node_modules)\//.test(file))
    .map((file) => {
      const path = join(folder, file);
      const text = readFileSync(join(root, path), "utf8");
      const imports = [...text.matchAll(IMPORT)]
        .map((match) => (match[1] ?? match[2] ?? match[3])!)
        .map((name) => (name.startsWith(".") ? relative(root, join(root, dirname(path), name)) : name));
      return { path, text, imports };
    });
}

const sources = ["wasm", "runtime", "worker"].flatMap(sourcesIn);

/** The files in a folder that import something they may not, as "file -> import". */
function offences(folder: string, isAllowed: (name: string, source: Source) => boolean): string[] {
  return sources
    .filter(({ path }) => path.startsWith(folder))
    .flatMap((source) =>
      source.imports.filter((name) => !isAllowed(name, source)).map((name) => `${source.path} -> ${name}`),
    );
}

/** The service whose folder a file is in. */
const serviceOf = (path: string) => /^(?:runtime|worker)\/(ec|grasp)\//.exec(path)?.[1] ?? null;

/** The groups of files that import one another, each sorted: Tarjan's strongly connected components. */
function circlesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];

  function visit(node: string): void {
    order.set(node, order.size);
    lowest.set(node, order.get(node)!);
    stack.push(node);
    for (const next of graph.get(node)!) {
      if (!graph.has(next)) continue;
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) lowest.set(node, Math.min(lowest.get(node)!, lowest.get(next)!));
    }
    if (lowest.get(node) !== order.get(node)) return;
    const group = stack.splice(stack.indexOf(node));
    if (group.length > 1 || graph.get(node)!.includes(node)) circles.push(group.sort());
  }

  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return circles;
}

const isOwn = (name: string) => /^(wasm|runtime|worker|test|scripts)\//.test(name);
/** Stores and limiters written for one host may use that host and its client library. */
const isAdapter = ({ path }: Source) => /^runtime\/(stores|limiters)\//.test(path);

test("the reader of imports sees what there is", () => {
  expect(sources.length).toBeGreaterThan(60);
  const service = sources.find(({ path }) => path === "worker/ec/service.ts")!;
  expect(service.imports).toContain("runtime/ec/graph/graph.ts");
  expect(service.imports).toContain("wasm/hotpath.ts");
});

test("wasm imports nothing of the others", () => {
  expect(offences("wasm/", (name) => !isOwn(name) || name.startsWith("wasm/"))).toEqual([]);
});

test("runtime imports wasm and itself, never worker", () => {
  expect(offences("runtime/", (name) => !isOwn(name) || /^(runtime|wasm)\//.test(name))).toEqual([]);
});

test("the sync engine knows no service, no store, no limiter, and no library", () => {
  const allowed = (name: string) => /^runtime\/(sync\/|lib\/|platform\.ts$)/.test(name);
  expect(offences("runtime/sync/", allowed)).toEqual([]);
});

test("the folders below the services import no service", () => {
  const neutral = [
    ...[
      "runtime/lib/",
      "runtime/observe/",
      "runtime/stores/",
      "runtime/limiters/",
      "runtime/sync/",
      "runtime/platform.ts",
    ],
    ...[
      "worker/hosts/",
      "worker/http/",
      "worker/config/",
      "worker/serve/",
      "worker/cli/",
      "worker/service.ts",
    ],
  ];
  const allowed = (name: string) => serviceOf(name) === null;
  expect(neutral.flatMap((folder) => offences(folder, allowed))).toEqual([]);
});

test("a service imports no other service", () => {
  const found = sources.flatMap(({ path, imports }) =>
    imports
      .filter(
        (name) => serviceOf(path) !== null && serviceOf(name) !== null && serviceOf(name) !== serviceOf(path),
      )
      .map((name) => `${path} -> ${name}`),
  );
  expect(found).toEqual([]);
});

test("only the command line's main file imports the list of services", () => {
  const importers = sources.filter(({ imports }) => imports.includes("worker/services.ts"));
  expect(importers.map(({ path }) => path)).toEqual(["worker/cli/main.ts"]);
});

test("no imports form a circle, types included", () => {
  expect(circlesOf(new Map(sources.map(({ path, imports }) => [path, imports])))).toEqual([]);
});

test("circlesOf finds a circle and a file that imports itself", () => {
  const graph = { a: ["b"], b: ["c", "d"], c: ["a"], d: ["e"], e: [], f: ["f"] };
  expect(circlesOf(new Map(Object.entries(graph)))).toEqual([["a", "b", "c"], ["f"]]);
});

test("stores and limiters import the ports, their own folder, the hot path's types, and their client", () => {
  const allowed = (name: string, { path }: Source) =>
    !isOwn(name) ||
    name === "runtime/platform.ts" ||
    name === "wasm/hotpath.ts" ||
    dirname(name) === dirname(path);
  expect([...offences("runtime/stores/", allowed), ...offences("runtime/limiters/", allowed)]).toEqual([]);
});

test("runtime touches no host: no node: modules, no host's packages", () => {
  const allowed = (name: string, source: Source) =>
    isOwn(name) || isAdapter(source) || /^(valibot|@scure\/base)$/.test(name);
  expect(offences("runtime/", allowed)).toEqual([]);
});

/** Code without comments, strings and templates' fixed parts. */
function bare(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|[^:])\/\/.*$/gm, "$1")
    .replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, '""');
}

test("time, chance, the network and hosts' globals enter runtime through ports", () => {
  const forbidden =
    /\b(Date\.now|new Date\(\)|Math\.random|performance\.now|setTimeout|setInterval|queueMicrotask|process\.|Deno\.|Bun\.|caches\.|self\.|globalThis\.)|(?<![.\w#])fetch\(|crypto\.getRandomValues/;
  const found = sources
    .filter((source) => source.path.startsWith("runtime/") && !isAdapter(source))
    .flatMap(({ path, text }) => {
      // A file with a parameter or a method of that name may call it.
      const isPort = /\bfetch\b[^;]*\}\s*[:=)]|\bconst fetch\b|\basync fetch\(/.test(bare(text));
      const code = bare(text).replace(isPort ? /\bfetch\(/g : /^\s*fetch\($/gm, "");
      const match = forbidden.exec(code);
      return match === null ? [] : [`${path}: ${match[0]}`];
    });
  expect(found).toEqual([]);
});

/**
 * Files outside the hosts that use a host's globals, and why:
 * - the command line, its servers and the demonstrations run in a process only; they import `node:process`;
 * - the service worker of a browser is a host of the Edge Cookie alone, so it is in that service's folder.
 */
const PROCESS_ONLY = /^worker\/(cli|serve|(ec|grasp)\/(commands|demo)|config\/configured\.ts$)/;
const BROWSER_ONLY = /^worker\/(ec\/browser|admin\/page)\//;

test("hosts' globals appear in worker only in hosts, entries, and files for one kind of host", () => {
  const found = sources
    .filter(({ path }) => path.startsWith("worker/") && !/^worker\/(hosts|entries)\//.test(path))
    .flatMap(({ path, text, imports }) => {
      const usesProcess = PROCESS_ONLY.test(path) && imports.includes("node:process");
      const globals = [
        "Deno",
        "Bun",
        ...(usesProcess ? [] : ["process"]),
        ...(BROWSER_ONLY.test(path) ? [] : ["caches", "self"]),
      ];
      const match = new RegExp(`(?<![.\\w])(${globals.join("|")})\\.|from "(fastly|wasi|cloudflare):`).exec(
        bare(text),
      );
      return match === null ? [] : [`${path}: ${match[0]}`];
    });
  expect(found).toEqual([]);
});

test("files for a process are not imported by portable ones", () => {
  const portable = [
    "worker/hosts/event/",
    "worker/hosts/cloudflare/",
    "worker/hosts/web-host.ts",
    "worker/ec/browser/",
  ];
  const allowed = (name: string) => !PROCESS_ONLY.test(name) && !name.startsWith("worker/hosts/process/");
  expect(portable.flatMap((folder) => offences(folder, allowed))).toEqual([]);
});
