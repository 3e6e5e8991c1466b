/** The table of the domains that a sync engine works with. */
import type { StatusDomain } from "../status.ts";
import { stackedBar } from "./chart.ts";
import { el, find, setText } from "./dom.ts";
import { formatDuration, formatNumber } from "./numbers.ts";
import { figure, fillTable, row, rowHead } from "./table.ts";

/** Fills the table `#domains`, and the line below it about those that are left out. */
export function drawDomains(sync: {
  readonly domains: readonly StatusDomain[];
  readonly domains_left_out: number;
}): void {
  fillTable("#domains", sync.domains.map(domainRow));
  find("#domains-left-out").hidden = sync.domains_left_out === 0;
  setText(
    find("#domains-left-out"),
    `${formatNumber(sync.domains_left_out)} less busy domains are not shown.`,
  );
}

function domainRow(domain: StatusDomain): HTMLElement {
  const { max_concurrent, max_per_minute, in_flight, remaining } = domain;
  const used = remaining === null ? 0 : Math.max(0, max_per_minute - remaining);
  const level = (title: string, value: number, whole: number) =>
    el(
      "td",
      { role: "cell", class: "level", "data-title": title },
      `${formatNumber(value)} of ${formatNumber(whole)}`,
      stackedBar([{ look: "first", value: Math.min(value, whole) }], whole),
    );
  return row(
    rowHead(domain.domain),
    level("in flight", in_flight, max_concurrent),
    level("in the minute", used, max_per_minute),
    figure("waiting", formatNumber(domain.waiting)),
    el("td", { role: "cell", "data-title": "state" }, stateOf(domain)),
  );
}

function stateOf({ opens_in_ms, failures, rests }: StatusDomain): string {
  const left = formatDuration(Math.max(1000, opens_in_ms));
  if (rests > 0) return opens_in_ms > 0 ? `fails, rests ${left}` : "on probation";
  if (opens_in_ms > 0) return `opens in ${left}`;
  return failures > 0 ? `open, failed ${failures}×` : "open";
}
