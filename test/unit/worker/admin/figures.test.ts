import { describe, expect, test } from "vitest";
import { describeMetrics } from "../../../../runtime/ec/metrics.ts";
import { ALL_METRICS } from "../../../../runtime/grasp/metrics.ts";
import { createMetrics } from "../../../../runtime/observe/metrics.ts";
import { STORE_METRIC, storeCountsOf } from "../../../../worker/admin/figures.ts";
import type { StatusMetric } from "../../../../worker/admin/status.ts";
import * as ec from "../../../../worker/ec/admin/figures.ts";
import type { Status } from "../../../../worker/ec/admin/status.ts";
import * as grasp from "../../../../worker/grasp/admin/figures.ts";

/** The names of the metrics that `read` looks for, of all that there are. */
function namesRead(all: readonly string[], read: (metrics: StatusMetric[]) => unknown): string[] {
  const asked = new Set<string>();
  const find = (isIt: (metric: { name: string }) => boolean) => {
    for (const name of all) if (isIt({ name })) asked.add(name);
    return undefined;
  };
  read({ find } as unknown as StatusMetric[]);
  return [...asked].sort();
}

describe("the figures of the operator's page are read from their own metrics only", () => {
  test("Edge Cookie", () => {
    const metrics = createMetrics();
    describeMetrics(metrics);
    const all = metrics.snapshot().map(({ name }) => name);
    const sync = { queued: 0, domains: [], domains_left_out: 0 };
    expect(namesRead(all, (read) => ec.figuresOf({ metrics: read, sync } as unknown as Status))).toEqual(
      [...ec.FIGURE_METRICS].sort(),
    );
    expect(namesRead(all, (read) => storeCountsOf({ metrics: read }))).toEqual([STORE_METRIC]);
  });

  test("GRASP", () => {
    const all = ALL_METRICS.map(({ name }) => name);
    const purgatory = { counts: { announcement: 0, state: 0, pr: 0, placeholder: 0 } };
    const read = (metrics: StatusMetric[]) => grasp.figuresOf({ metrics, purgatory, git: { shares: [] } });
    expect(namesRead(all, read)).toEqual([...grasp.FIGURE_METRICS].sort());
  });
});
