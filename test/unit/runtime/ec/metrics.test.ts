import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

import { countFaults } from "../../../../runtime/observe/count-faults.ts";
import { createLog, createLogOnce } from "../../../../runtime/observe/log.ts";
import { describeAll } from "../../../../runtime/observe/metric-list.ts";
import { createMetrics } from "../../../../runtime/observe/metrics.ts";
import { PROCESS_METRICS } from "../../../../worker/serve/process-metrics.ts";
import { services } from "../../../../worker/services.ts";
import { manualClock } from "../../../support/manual-clock.ts";
import { testService } from "../../../support/service.ts";

const root = fileURLToPath(new URL("../../../..", import.meta.url));

/** The metrics that the sources use, by name; the sync engine's without the prefix that it may be given. */
function usedNames(): string[] {
  const sources = ["runtime", "worker"]
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) =>
        join(root, folder, file),
      ),
    )
    .filter((file) => file.endsWith(".ts") && !file.includes("/demo/"));
  const used = sources.flatMap((file) => {
    const text = readFileSync(file, "utf8");
    const direct = text.matchAll(/\.(?:count|counter|gauge|observe|histogram)\(\s*"([a-z_]+)"/g);
    const prefixed = file.includes("/sync/") ? text.matchAll(/`\$\{[^}]*prefix\}([a-z_]+)`/g) : [];
    return [...direct, ...prefixed].map((match) => match[1]!);
  });
  return [...new Set(used)].sort();
}

describe("help texts", () => {
  const metrics = createMetrics();
  for (const service of services) describeAll(metrics, service.metrics ?? []);
  describeAll(metrics, PROCESS_METRICS);
  const described = metrics.snapshot();

  test("there is exactly one for each metric in use", () => {
    const names = described
      .map(({ name }) => name)
      .filter((name) => name !== "millrace_metrics_folded_total");
    const withoutPrefix = names.map((name) => name.replace(/^(?:purgatory|millrace)_(?=domain_|sync_)/, ""));
    expect([...new Set(withoutPrefix)].sort()).toEqual(usedNames());
    expect(new Set(names).size).toBe(names.length);
    for (const { help } of described) expect(help).toMatch(/^[A-Z].*\.$/);
  });

  test("names contain their units", () => {
    for (const { name, type } of described) {
      const unit = /_(total|seconds)$/.exec(name)?.[1];
      const types = { total: ["counter"], seconds: ["histogram", "gauge"], none: ["gauge"] };
      expect([name, types[(unit ?? "none") as keyof typeof types]]).toEqual([
        name,
        expect.arrayContaining([type]),
      ]);
    }
  });

  test("are served before anything is counted", async () => {
    const answer = await testService({ boundTo: "127.0.0.1" }).ask("/_ts/metrics");
    expect(await answer.text()).toContain(
      "# HELP millrace_ec_minted_total Edge Cookie ids minted.\n# TYPE millrace_ec_minted_total counter\n",
    );
  });
});

test("a snapshot has the figures of the text, and does not change later", () => {
  const metrics = createMetrics();
  metrics.count("a_total");
  metrics.count("a_total", { x: "1", y: "2" }, 3);
  metrics.describe("took_seconds", "Time.", "histogram", [0.1, 1]);
  for (const seconds of [0.05, 0.5, 7]) metrics.observe("took_seconds", seconds, { of: "it" });
  const snapshot = metrics.snapshot().filter(({ name }) => name !== "millrace_metrics_folded_total");
  metrics.count("a_total", { y: "2", x: "1" });
  metrics.observe("took_seconds", 0.05, { of: "it" });
  expect(snapshot).toEqual([
    {
      name: "a_total",
      type: "counter",
      help: "",
      bounds: [],
      series: [
        { labels: {}, value: 1, counts: [] },
        { labels: { x: "1", y: "2" }, value: 3, counts: [] },
      ],
    },
    {
      name: "took_seconds",
      type: "histogram",
      help: "Time.",
      bounds: [0.1, 1],
      series: [{ labels: { of: "it" }, value: 7.55, counts: [1, 1, 1] }],
    },
  ]);
});

test("a snapshot has the same bound on series as the text", () => {
  const metrics = createMetrics();
  for (let n = 0; n < 1000; n++) metrics.count("seen_total", { by: `b${n}` });
  const { series } = metrics.snapshot().find(({ name }) => name === "seen_total")!;
  expect(series).toHaveLength(201);
  expect(series.at(-1)).toEqual({ labels: { by: "other" }, value: 800, counts: [] });
});

test("every fault is counted, also repetitions that the log does not write", () => {
  const clock = manualClock();
  const lines: string[] = [];
  const metrics = createMetrics();
  const log = createLog({ level: "warn", write: (line) => lines.push(line), clock });
  const logOnce = countFaults(createLogOnce(log, clock, 60_000), metrics);
  for (let n = 0; n < 5; n++) logOnce.error("store", "the store is down");
  logOnce.warn("address", "no address");
  expect(lines).toHaveLength(2);
  expect(metrics.text()).toContain(
    'millrace_faults_total{level="error"} 5\nmillrace_faults_total{level="warn"} 1\n',
  );
});

describe("requests", () => {
  test("are counted by route; consent decisions only for visitors' routes", async () => {
    const t = testService();
    for (const path of ["/", "/about", "/identify", "/_ts/health", "/_ts/admin/status"]) await t.ask(path);
    await t.settled();
    const text = t.services.metrics.text();
    expect(text).toContain('millrace_ec_requests_total{branch="new",route="organic"} 2\n');
    expect(text).toMatch(/millrace_ec_requests_total\{branch="\w+",route="service"\} 1\n/);
    expect(text).toMatch(/millrace_ec_requests_total\{branch="\w+",route="api"\} 2\n/);
    expect(text).toContain(
      'millrace_ec_consent_total{allowed="true",jurisdiction="non-regulated",reason="non_regulated"} 3\n',
    );
    expect(text).toContain('millrace_ec_server_errors_total{route="organic"} 0\n');
    expect(text).toContain('millrace_ec_request_seconds_count{route="organic",status="2xx"} 2\n');
    expect(text).toContain('millrace_ec_request_seconds_count{route="api",status="2xx"} 1\n');
    expect(text).toContain('millrace_ec_request_seconds_count{route="api",status="4xx"} 1\n');
  });

  test("that fail are counted, and an exception is passed on", async () => {
    const t = testService();
    const client = { ip: "203.0.113.1", country: "JP", region: null };
    const respond = (handle: () => Response | Promise<Response>) =>
      t.service.respond(new Request("https://publisher.example/"), client, { waitUntil() {} }, handle);
    await respond(() => new Response("", { status: 404 }));
    await respond(() => new Response("", { status: 502 }));
    const fall = () => {
      throw new Error("the site fell over");
    };
    expect(() => respond(fall)).toThrow("the site fell over");
    await expect(respond(async () => fall())).rejects.toThrow("the site fell over");
    t.store.mode = "down";
    expect((await t.ask("/_ts/ready")).status).toBe(503);
    const text = t.services.metrics.text();
    expect(text).toContain('millrace_ec_request_seconds_count{route="organic",status="5xx"} 3\n');
    expect(text).toContain('millrace_ec_server_errors_total{route="organic"} 3\n');
    expect(text).toContain('millrace_ec_server_errors_total{route="api"} 1\n');
  });
});
