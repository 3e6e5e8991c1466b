/**
 * The alert rules and dashboards in `deploy/`, held against what both services serve as metrics: promtool reads all of them.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configFile } from "../support/config-file.ts";
import { type GraspServer, graspServer } from "../support/grasp-server.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { promtool } from "../support/programs.ts";
import { root, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";

const DEPLOY = join(root, "deploy");
const DASHBOARDS = ["edge-cookie", "grasp"] as const;
const TOKEN = "the-operators-token-of-this-test";
/** Beginnings of the names of our series. Prometheus itself makes `up`. */
const OURS = /\b(?:millrace|grasp|purgatory|process)_\w+/g;
/** A series with what its braces say. */
const SELECTOR = /\b((?:millrace|grasp|purgatory|process)_\w+)\{([^}]*)\}/g;

/** The rules with their expressions. promtool checks that the file is sound. */
const rules = [
  ...readFileSync(join(DEPLOY, "prometheus/rules.yml"), "utf8").matchAll(
    /- alert: (\w+)\n +expr: ([\s\S]*?)\n +(?:for|labels):/g,
  ),
].map(([, alert, expr]) => ({ alert: alert!, expr: expr! }));

/** Every query of a dashboard. */
function queriesOf(name: string): string[] {
  const dashboard = JSON.parse(readFileSync(join(DEPLOY, `grafana/${name}.json`), "utf8"));
  return dashboard.panels.flatMap((panel: { targets?: { expr: string }[] }) =>
    (panel.targets ?? []).map(({ expr }) => expr),
  );
}

let folder: string;
let origin: Origin;
let edgeCookie: RunningProgram;
let grasp: GraspServer;
/** The metrics of each service, as text. */
const metrics = { "edge-cookie": "", grasp: "" };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-alerts-"));
  origin = await startOrigin();
  const config = {
    listen: { host: "127.0.0.1", port: 0 },
    store: "memory:",
    publisher: { domain: "publisher.example", origin: origin.url },
    passphrases: ["a-passphrase-of-this-test"],
    operator: { tokenHash: createHash("sha256").update(TOKEN).digest("hex") },
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(configFile(config)));
  [edgeCookie, grasp] = await Promise.all([
    spawnServer("node", ["worker/cli/main.ts", "serve", "--config", join(folder, "config.json")]),
    graspServer("node"),
  ]);
  await fetch(`${edgeCookie.url}/`).then((answer) => answer.text());
  const read = async (url: string) =>
    (await fetch(url, { headers: { authorization: `Bearer ${TOKEN}` } })).text();
  metrics["edge-cookie"] = await read(`${edgeCookie.url}/_ts/metrics`);
  metrics.grasp = await read(`${grasp.url}/metrics`);
}, 60_000);
afterAll(async () => {
  await Promise.all([edgeCookie?.stop(), grasp?.stop()]);
  await origin?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Names of a text of metrics, with those of a histogram's parts. */
function namesIn(text: string): Set<string> {
  const names = new Set<string>();
  for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const parts = type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    for (const part of parts) names.add(name + part);
  }
  return names;
}

/** Selectors whose labels or values no series of a text has, for names that have series. */
function unknownSelectors(query: string, text: string): string[] {
  return [...query.matchAll(SELECTOR)].flatMap(([selector, name, braces]) => {
    const series = [...text.matchAll(new RegExp(`^${name}(\\{[^\\n]*\\})? `, "gm"))].map(
      ([, labels]) => labels ?? "",
    );
    if (series.length === 0) return [];
    const wanted = [...braces!.matchAll(/(\w+)(=~?)"([^"]*)"/g)].filter(
      ([, label]) => label !== "job" && label !== "instance",
    );
    const fits = wanted.every(([, label, operator, value]) =>
      value!
        .split(operator === "=~" ? "|" : "\0")
        .every((one) => series.some((labels) => labels.includes(`${label}="${one}"`))),
    );
    return fits ? [] : [selector];
  });
}

test.each(DASHBOARDS)(
  "every series of the dashboard of %s is in the metrics of the running service",
  (name) => {
    const known = namesIn(metrics[name]);
    const queries = queriesOf(name);
    expect(queries.length).toBeGreaterThan(25);
    for (const query of queries) {
      const named = query.match(OURS) ?? [];
      expect(named.length, query).toBeGreaterThan(0);
      expect(
        named.filter((series) => !known.has(series)),
        query,
      ).toEqual([]);
      expect(unknownSelectors(query, metrics[name]), query).toEqual([]);
      // A service is chosen by its job, since both may be read by one Prometheus.
      for (const [, , braces] of query.matchAll(SELECTOR)) expect(braces).toContain(`job="${name}"`);
    }
  },
);

test("every series of the alerts is in the metrics of the running services, with the labels that are asked for", () => {
  const known = new Set([...namesIn(metrics["edge-cookie"]), ...namesIn(metrics.grasp)]);
  expect(rules.length).toBeGreaterThan(20);
  for (const { alert, expr } of rules) {
    const named = (expr.match(OURS) ?? []).filter((series) => !known.has(series));
    expect(named, alert).toEqual([]);
    const text = alert.startsWith("Grasp") ? metrics.grasp : metrics["edge-cookie"];
    expect(unknownSelectors(expr, text), alert).toEqual([]);
  }
});

test("every alert has a test that it fires", () => {
  const tests = readFileSync(join(DEPLOY, "prometheus/rules.test.yml"), "utf8");
  const fired = new Set([...tests.matchAll(/alertname="(\w+)"/g)].map(([, name]) => name));
  expect(rules.map(({ alert }) => alert).filter((alert) => !fired.has(alert))).toEqual([]);
});

describe.skipIf(promtool.find() === null)("promtool", () => {
  /** Its exit code and what it says. */
  function run(args: readonly string[], input = ""): Promise<{ code: unknown; said: string }> {
    return new Promise((resolve) => {
      const options = { cwd: join(DEPLOY, "prometheus"), timeout: 60_000 };
      const child = execFile(promtool.find()!, [...args], options, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : error.code, said: stdout + stderr }),
      );
      child.stdin!.end(input);
    });
  }

  test("takes the rules and the configuration that loads them", async () => {
    expect(await run(["check", "config", "prometheus.yml"])).toMatchObject({ code: 0 });
    expect(await run(["check", "rules", "--lint=all", "--lint-fatal", "rules.yml"])).toMatchObject({
      code: 0,
    });
  });

  test("sees each alert fire for its cause, alone, and none for sound services", async () => {
    const { code, said } = await run(["test", "rules", "rules.test.yml"]);
    expect(code, said).toBe(0);
  });

  test.each(DASHBOARDS)("finds no fault in the metrics of %s", async (name) => {
    expect(await run(["check", "metrics"], metrics[name])).toEqual({ code: 0, said: "" });
  });
});
