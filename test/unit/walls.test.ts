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

test("a service imports no other service", () => {
  const services = ["ec"];
  for (const service of services) {
    const others = services.filter((other) => other !== service);
    const allowed = (name: string) => !others.some((other) => name.startsWith(`runtime/${other}/`));
    expect(offences(`runtime/${service}/`, allowed)).toEqual([]);
  }
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
    isOwn(name) || isAdapter(source) || /^(valibot|ipaddr\.js|@scure\/base)$/.test(name);
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
      // Whoever is handed a fetch, or has a method of that name, may call it so.
      const isPort = /\bfetch\b[^;]*\}\s*[:=)]|\bconst fetch\b|\basync fetch\(/.test(bare(text));
      const code = bare(text).replace(isPort ? /\bfetch\(/g : /^\s*fetch\($/gm, "");
      const match = forbidden.exec(code);
      return match === null ? [] : [`${path}: ${match[0]}`];
    });
  expect(found).toEqual([]);
});

test("hosts' globals appear in worker only where a host is adapted", () => {
  const places =
    /^worker\/(hosts|entries|cli|serve|ec\/(demo|browser|commands))\/|^worker\/config\/configured\.ts$/;
  const found = sources
    .filter(({ path }) => path.startsWith("worker/") && !places.test(path))
    .flatMap(({ path, text }) => {
      const match = /(?<![.\w])(process|Deno|Bun|caches|self)\.|from "fastly:/.exec(bare(text));
      return match === null ? [] : [`${path}: ${match[0]}`];
    });
  expect(found).toEqual([]);
});
