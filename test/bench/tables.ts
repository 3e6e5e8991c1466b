import type { Measured } from "./harness.ts";
import type { Results } from "./run.ts";

const titles: Record<string, string> = {
  mint: "Mint an EC id",
  validate: "Validate an EC id",
  take: "Take from a window, 300,000 keys",
};

/** A time in nanoseconds with three digits that matter. */
const time = (ns: number) => (ns < 1000 ? `${Math.round(ns)} ns` : `${(ns / 1000).toPrecision(3)} µs`);

/** How many times as much as ours another's is. */
const times = (other: number, ours: number) => `${Number((other / ours).toPrecision(2))}x`;

function cell(measured: Measured, ours: Measured): string {
  const ratio = measured === ours ? "" : ` (${times(measured.nsPerOp, ours.nsPerOp)})`;
  if (measured.bytesPerKey === undefined) return time(measured.nsPerOp) + ratio;
  const memory = measured === ours ? "" : ` (${times(measured.bytesPerKey, ours.bytesPerKey!)})`;
  return `${time(measured.nsPerOp)}${ratio}, ${measured.bytesPerKey} B a key${memory}`;
}

/**
 * One Markdown table for each bench: a row for each contender, ours first, and a column for each host. In parentheses is
 * what the others took as a multiple of ours.
 */
export function tables(results: Results): string {
  const hosts = Object.keys(results.hosts);
  const parts = Object.entries(results.benches).map(([bench, measured]) => {
    const head = `| ${titles[bench] ?? bench} | ${hosts.map((host) => `${host} ${results.hosts[host]}`).join(" | ")} |`;
    const rule = `| --- |${" --- |".repeat(hosts.length)}`;
    const rows = measured[hosts[0]!]!.map(
      ({ name }, i) =>
        `| ${name} | ${hosts.map((host) => cell(measured[host]![i]!, measured[host]![0]!)).join(" | ")} |`,
    );
    return [head, rule, ...rows].join("\n");
  });
  const note = `Medians of interleaved rounds on ${results.machine}, ${results.date}; in parentheses, the multiple of the first row.`;
  return `${parts.join("\n\n")}\n\n${note}`;
}
