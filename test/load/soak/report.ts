import { livesChart, livesRows, memoryOf, twoColumns } from "./memory.ts";
import type { SoakReport } from "./soak.ts";

/** Everything that should not have been. */
export function faultsOf(report: SoakReport): string[] {
  const { audit, beside, counts, faults, log } = report;
  const all = [...faults, ...audit.faults, ...log];
  if (audit.unacknowledged > counts.unansweredMints) {
    all.push(`${audit.unacknowledged} entries of which nobody was told`);
  }
  if (beside !== null && beside.errors > 0)
    all.push(`${beside.errors} of the generator's requests went wrong while the server was up`);
  if (memoryOf(report)?.hasGrown) all.push("the memory grew");
  return all;
}

const whole = (value: number) => Math.round(value).toLocaleString("en");

/** A Markdown summary. */
export function soakSummary(report: SoakReport): string {
  const { runtime, seconds, requests, beside, waiting, endings, counts, audit } = report;
  const count = (how: string) => endings.filter((ending) => ending.how === how).length;
  const [memory, delays] = livesRows(report);
  const kept = audit.faults.length === 0 ? "all there" : `${audit.faults.length} faults`;
  const rows = [
    ["time", `${(seconds / 60).toFixed(1)} min on ${runtime}, SQLite`],
    ["requests", `${whole(requests)}, ${whole(requests / seconds)} a second`],
    [
      "the generator beside them, after the last restart",
      beside === null
        ? "nothing"
        : `${beside.generator}: ${whole(beside.requests)} pages, ${whole(beside.requests / beside.seconds)} a second, ${beside.errors} errors, p99 ${beside.p99Ms.toFixed(0)} ms`,
    ],
    [
      "ended and started again",
      `${count("killed")} times by SIGKILL, ${count("asked to end")} times by SIGTERM`,
    ],
    [
      "acknowledged",
      `${whole(counts.minted)} ids (${whole(counts.consented)} of them to visitors who were asked), ${whole(counts.uploaded)} uploaded mappings, ${whole(counts.pixels)} pixels, ${whole(counts.withdrawn)} withdrawals`,
    ],
    ["held against the store", kept],
    [
      "live entries",
      `${whole(audit.live)}: ${whole(audit.expected)} acknowledged, ${audit.unacknowledged} from ${counts.unanswered} requests that a kill left without an answer, ${audit.live - audit.expected - audit.unacknowledged} whose withdrawal was one of them`,
    ],
    memory!,
    ["visitors waiting for partners at the end", whole(waiting)],
    delays!,
  ];
  return twoColumns(rows);
}

/** Memory and delay over time, with what happened to the server. */
export function soakChart(report: SoakReport): string {
  const rate = `${whole(report.requests / report.seconds)} requests a second`;
  return livesChart(report, `A soak on ${report.runtime}`, rate);
}
