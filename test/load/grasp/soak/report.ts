/**
 * A soak of GRASP as a table and a chart.
 * @module
 */
import { percentile } from "../../percentile.ts";
import { livesChart, livesRows, twoColumns } from "../../soak/memory.ts";
import type { GraspSoakReport } from "./soak.ts";

const whole = (value: number) => Math.round(value).toLocaleString("en");
const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0);
const times = (all: readonly number[]) =>
  `p50 ${percentile(all, 0.5).toFixed(1)} ms, p99 ${percentile(all, 0.99).toFixed(1)} ms`;

/** A Markdown summary. */
export function graspSoakSummary(report: GraspSoakReport): string {
  const { runtime, seconds, authors, endings, done, audit, refs, attacks, askedHostile, handles } = report;
  const { ends } = audit;
  const count = (how: string) => endings.filter((ending) => ending.how === how).length;
  return twoColumns([
    ["time", `${(seconds / 60).toFixed(1)} min on ${runtime}, ${authors} authors at once`],
    [
      "ended and started again",
      `${count("killed")} times by SIGKILL, ${count("asked to end")} times by SIGTERM`,
    ],
    [
      "acknowledged",
      `${whole(audit.acknowledged)} events and ${whole(done.pushes)} pushes to ${whole(done.repositories)} repositories, ${whole(done.pullRequests)} pull requests among them; ${whole(done.clones)} clones`,
    ],
    [
      "acknowledged events at the end",
      `${whole(ends.served)} served, ${whole(ends.waiting)} waiting, ${whole(ends.replaced)} replaced, ${whole(ends.deleted)} deleted, ${whole(ends.expired)} expired, ${whole(ends.withRepository)} deleted with their repository; ${audit.faults.length === 0 ? "none lost" : `${audit.faults.length} faults`}`,
    ],
    ["refs against reported pushes", refs.faults.length === 0 ? "all equal" : `${refs.faults.length} faults`],
    [
      "without an answer because the server was ended",
      `${audit.unanswered.sent} events, of which ${audit.unanswered.stored} are there, and ${refs.unanswered} pushes`,
    ],
    ["events that the subscriber was owed", `${whole(done.heard)} came, none was missed`],
    [
      "events of peers",
      `${whole(audit.fromPeers.served)} of ${whole(audit.fromPeers.known)} served; the last ${report.settledSeconds.toFixed(1)} s after the clients ended`,
    ],
    [
      "hostile",
      `${whole(sum(attacks))} attacks of ${Object.keys(attacks).length} kinds by clients; ${whole(sum(askedHostile))} requests to ${Object.keys(askedHostile).length} sick Git hosts`,
    ],
    ["event until its OK", times(done.times.ok)],
    ["push until its report", times(done.times.push)],
    ["query by id right after a push (V11)", times(done.times.served)],
    ["open file handles", `${handles.atStart} after the last start, ${handles.atEnd} after the clients left`],
    ["left after the end", report.left.length === 0 ? "nothing" : report.left.join(", ")],
    ...livesRows(report),
  ]);
}

/** Memory and delay over time, with what happened to the server. */
export function graspSoakChart(report: GraspSoakReport): string {
  const { runtime, audit, done, seconds } = report;
  const rate = `${whole(audit.acknowledged / seconds)} events and ${(done.pushes / seconds).toFixed(1)} pushes a second acknowledged`;
  return livesChart(report, `A soak of GRASP on ${runtime}`, rate);
}
