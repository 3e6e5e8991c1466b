/** The charts, the figures above them, and the tables: drawn anew from every answer. */
import type { Status, StatusDomain } from "../../ec/admin/status.ts";
import { drawDistribution, drawLines, stackedBar } from "./chart.ts";
import { type Child, el, find, setText } from "./dom.ts";
import {
  type Counter,
  growthOf,
  lastOf,
  levelsOf,
  metricOf,
  ratesOf,
  type Sample,
  storeGrowth,
  sumOf,
} from "./history.ts";
import {
  formatBytes,
  formatDuration,
  formatNumber,
  formatSeconds,
  formatShare,
  formatShort,
  quantile,
} from "./numbers.ts";

const SECOND_MS = 1000;
const MINUTE = 60_000;
/** So many partners have a row of their own, the busiest; the others share one. */
const MAX_PARTNER_ROWS = 10;

const JURISDICTIONS: Record<string, string> = {
  gdpr: "GDPR",
  "us-state": "US state law",
  "non-regulated": "No rules on ids",
  unknown: "Country not known",
};

/** What a pull can come to: the metric's word, ours, and how it looks. */
const OUTCOMES: [outcome: string, title: string, look: string][] = [
  ["obtained", "obtained", "good"],
  ["none", "has none", "plain"],
  ["failed", "failed", "bad"],
  ["limited", "they limit", "warm"],
  ["rate_limited", "we limit", "cool"],
  ["misconfigured", "misconfigured", "odd"],
];

const OPERATIONS: [operation: string, look: string][] = [
  ["get", "first"],
  ["put", "second"],
  ["update", "odd"],
  ["delete", "third"],
  ["list", "fourth"],
];

/** Draws everything. @param samples the last one is the status's own */
export function drawOverview(status: Status, samples: readonly Sample[]): void {
  const nowMs = samples.at(-1)!.atMs;
  drawFacts(status);
  drawTiles(status, samples);
  drawCharts(samples, nowMs);
  drawConsent(status);
  drawPulls(status);
  drawSync(status);
  drawStore(status, samples);
  drawCounters(status);
}

function drawFacts(status: Status): void {
  const { publisher, instance, started_ms, now_ms, store, lives_between_requests } = status;
  setText(find("#publisher"), publisher);
  const facts = `${publisher}: instance ${instance}, up ${formatDuration(now_ms - started_ms)}, on the ${store} store`;
  setText(find("#facts"), facts);
  find("#fleeting").hidden = lives_between_requests;
}

function drawTiles(status: Status, samples: readonly Sample[]): void {
  const recent = (counter: Counter) => `${formatNumber(growthOf(samples, counter))} in the last 5 min`;
  const speed = (counter: Counter) => lastOf(ratesOf(samples, counter, SECOND_MS)) ?? 0;
  const visits = sumOf(status, "ec_consent_total");
  const allowed = sumOf(status, "ec_consent_total", { allowed: "true" });
  const pulls = sumOf(status, "pull_sync_total");
  const pulled = sumOf(status, "pull_sync_total", { outcome: "obtained" });
  const answered = sumOf(status, "ec_requests_total", { route: "organic" });
  const failures = sumOf(status, "ec_server_errors_total");
  const { queued, domains } = status.sync;
  const inFlight = domains.reduce((sum, { in_flight }) => sum + in_flight, 0);

  tile("pages", formatNumber(speed("organic")), `${formatNumber(answered)} in all`);
  tile("minted", formatNumber(sumOf(status, "ec_minted_total")), recent("minted"));
  tile("consent", formatShare(allowed, visits), `${formatShort(allowed)} of ${formatShort(visits)} requests`);
  tile("pulled", formatNumber(pulled), `of ${formatNumber(pulls)} pulls`);
  tile("queued", formatNumber(queued), `${formatNumber(inFlight)} requests under way`);
  tile("errors", formatNumber(failures), recent("serverErrors"));
  find("#tile-errors").classList.toggle("alarm", growthOf(samples, "serverErrors") > 0);
}

function tile(name: string, value: string, note: string): void {
  const element = find(`#tile-${name}`);
  setText(find("b", element), value);
  setText(find("small", element), note);
}

function drawCharts(samples: readonly Sample[], nowMs: number): void {
  const line = (name: string, look: string, counter: Counter, perMs: number) => ({
    name,
    look,
    points: ratesOf(samples, counter, perMs),
  });
  drawLines(
    find("#chart-requests"),
    [
      line("pages of the site", "first", "organic", SECOND_MS),
      line("sync, identify, auction", "second", "service", SECOND_MS),
      line("API, with this page", "third", "api", SECOND_MS),
    ],
    "requests a second",
    nowMs,
  );
  drawLines(find("#chart-minted"), [line("new ids", "first", "minted", MINUTE)], "ids a minute", nowMs);
  drawLines(
    find("#chart-queue"),
    [
      { name: "waiting or worked on", look: "first", points: levelsOf(samples, "queued") },
      { name: "requests under way", look: "second", points: levelsOf(samples, "inFlight") },
    ],
    "ids or requests",
    nowMs,
  );
  drawLines(
    find("#chart-errors"),
    [
      line("answers of 500 and above", "bad", "serverErrors", MINUTE),
      line("operations the store failed", "warm", "storeErrors", MINUTE),
      line("warnings and errors logged", "cool", "faults", MINUTE),
    ],
    "a minute",
    nowMs,
  );
}

/** Replaces a table's rows, or says that there is nothing. */
function fillTable(selector: string, rows: HTMLElement[]): void {
  const table = find(selector);
  find("tbody", table).replaceChildren(...rows);
  table.hidden = rows.length === 0;
  find(`${selector} ~ .nothing`).hidden = rows.length > 0;
}

const row = (...cells: HTMLElement[]) => el("tr", { role: "row" }, ...cells);
const rowHead = (...content: Child[]) => el("th", { role: "rowheader", scope: "row" }, ...content);
/** A number's cell; on a small screen its title stands beside it. */
const figure = (title: string | null, value: string) =>
  el("td", { role: "cell", class: value === "0" ? "figure zero" : "figure", "data-title": title }, value);
const graphic = (drawing: SVGElement) => el("td", { class: "graphic", "aria-hidden": "true" }, drawing);

function drawConsent(status: Status): void {
  const counted = Object.entries(JURISDICTIONS).map(([jurisdiction, title]) => ({
    title,
    yes: sumOf(status, "ec_consent_total", { jurisdiction, allowed: "true" }),
    no: sumOf(status, "ec_consent_total", { jurisdiction, allowed: "false" }),
  }));
  const most = Math.max(...counted.map(({ yes, no }) => yes + no));
  const rows = counted
    .filter(({ yes, no }) => yes + no > 0)
    .map(({ title, yes, no }) => {
      const parts = [
        { look: "good", value: yes },
        { look: "bad", value: no },
      ];
      return row(
        rowHead(title),
        graphic(stackedBar(parts, most)),
        figure("allowed", formatNumber(yes)),
        figure("refused", formatNumber(no)),
      );
    });
  fillTable("#consent", rows);
}

function drawPulls(status: Status): void {
  const byPartner = new Map<string, Map<string, number>>();
  for (const { labels, value } of metricOf(status, "pull_sync_total")?.series ?? []) {
    const outcomes = byPartner.get(labels.partner!) ?? new Map<string, number>();
    outcomes.set(labels.outcome!, (outcomes.get(labels.outcome!) ?? 0) + value);
    byPartner.set(labels.partner!, outcomes);
  }
  const all = (outcomes: Map<string, number>) =>
    [...outcomes.values()].reduce((sum, value) => sum + value, 0);
  const partners = [...byPartner].sort(([, a], [, b]) => all(b) - all(a));
  const shown = partners.slice(0, MAX_PARTNER_ROWS);
  const others = partners.slice(MAX_PARTNER_ROWS);
  if (others.length > 0) {
    const together = new Map<string, number>();
    for (const [, outcomes] of others) {
      for (const [outcome, value] of outcomes) together.set(outcome, (together.get(outcome) ?? 0) + value);
    }
    shown.push([`${others.length} others`, together]);
  }
  const most = Math.max(0, ...shown.map(([, outcomes]) => all(outcomes)));
  const rows = shown.map(([partner, outcomes]) => {
    const parts = OUTCOMES.map(([outcome, , look]) => ({ look, value: outcomes.get(outcome) ?? 0 }));
    const figures = OUTCOMES.map(([outcome, title]) =>
      figure(title, formatNumber(outcomes.get(outcome) ?? 0)),
    );
    return row(rowHead(partner), graphic(stackedBar(parts, most)), ...figures);
  });
  fillTable("#pulls", rows);
}

function drawSync(status: Status): void {
  const { domains, domains_left_out } = status.sync;
  fillTable("#domains", domains.map(domainRow));
  find("#domains-left-out").hidden = domains_left_out === 0;
  setText(find("#domains-left-out"), `And ${formatNumber(domains_left_out)} domains that are less busy.`);
  const total = (name: string) => formatNumber(sumOf(status, name));
  const { keys, max_keys, bytes, refused } = status.windows;
  setText(
    find("#sync-totals"),
    `Since the start: ${total("sync_attempts_total")} attempts, ${total("sync_completed_total")} ids completed, ` +
      `${total("sync_expired_total")} expired, ${total("sync_refused_total")} refused. ` +
      `Rate-limit windows: ${formatNumber(keys)} of ${formatNumber(max_keys)} in use, ${formatBytes(bytes)}` +
      `${refused > 0 ? `; ${formatNumber(refused)} times there was no room for another` : ""}.`,
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
    level("under way", in_flight, max_concurrent),
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

function drawStore(status: Status, samples: readonly Sample[]): void {
  const bounds = metricOf(status, "store_seconds")?.bounds ?? [];
  const grown = storeGrowth(samples);
  const stacks = OPERATIONS.map(([name, look]) => ({ name, look, counts: grown.get(name) ?? [] }));
  if (bounds.length > 0) drawDistribution(find("#chart-store"), stacks, bounds);
  const time = (title: string, counts: readonly number[], part: number) => {
    const seconds = quantile(bounds, counts, part);
    return figure(title, seconds === null ? "–" : formatSeconds(seconds));
  };
  const rows = stacks.map(({ name, look, counts }) => {
    const count = counts.reduce((sum, value) => sum + value, 0);
    const failed = sumOf(status, "store_errors_total", { operation: name });
    return row(
      rowHead(el("i", { class: `dot ${look}` }), name),
      figure("number", formatNumber(count)),
      time("median", counts, 0.5),
      time("95 %", counts, 0.95),
      time("99 %", counts, 0.99),
      figure("failed", formatNumber(failed)),
    );
  });
  find("#store-operations tbody").replaceChildren(...rows);
}

/** Every counter as it stands; only while somebody looks at them. */
function drawCounters(status: Status): void {
  const details = find<HTMLDetailsElement>("#counters");
  if (!details.open) return;
  const rows = status.metrics.flatMap(({ name, type, series }) =>
    series.map(({ labels, value, counts }) => {
      const count = counts.reduce((sum, observed) => sum + observed, 0);
      const what = type === "histogram" ? `${formatNumber(count)} times, ${formatSeconds(value)} in all` : "";
      const pairs = Object.entries(labels).map(([label, text]) => `${label} ${text}`);
      return row(
        rowHead(el("code", {}, name)),
        el("td", { role: "cell" }, pairs.join(", ")),
        figure(null, what === "" ? formatNumber(value) : what),
      );
    }),
  );
  find("tbody", details).replaceChildren(...rows);
}
