/**
 * Draws the demonstration as lines of text. A pure function of the state.
 * @module
 */
import type { DomainView } from "../../../runtime/sync/index.ts";
import type { Kind } from "./servers.ts";

/** One server in the picture. */
export interface ServerState {
  kind: Kind;
  domain: string;
  /** The engine's view; `null` while the engine does not know the server. */
  view: DomainView | null;
  /** Number of starts in the window now. */
  inWindow: number;
  requests: number;
}

/** Everything in the picture. */
export interface Picture {
  seconds: number;
  identifiers: number;
  arrived: number;
  queued: number;
  released: number;
  limits: { maxConcurrent: number; maxPerMinute: number };
  servers: readonly ServerState[];
}

const paint = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`;
const [red, green, yellow, dim, bold] = [31, 32, 33, 2, 1].map(paint) as [Paint, Paint, Paint, Paint, Paint];
type Paint = (text: string) => string;

/** A bar of `width` cells, `part` of `whole` of which are full. */
export function bar(part: number, whole: number, width: number): string {
  const full = Math.min(width, Math.ceil((part / Math.max(1, whole)) * width));
  return "█".repeat(full) + "░".repeat(width - full);
}

/** The picture in colour, a line each, at most 110 columns wide. */
export function draw({
  seconds,
  identifiers,
  arrived,
  queued,
  released,
  limits,
  servers,
}: Picture): string[] {
  const complete = arrived - queued;
  const lines = [
    bold(`The sync engine and ${servers.length} servers`) + dim(`   ${seconds.toFixed(0)} s`),
    "",
    `identifiers  arrived ${arrived} of ${identifiers}   complete ${complete}   items released ${released}`,
    `waiting      ${yellow(bar(queued, identifiers, 50))} ${queued}`,
    "",
    dim(`server           kind      in flight  starts in 60 s${" ".repeat(17)}queue                state`),
  ];
  for (const { kind, domain, view, inWindow } of servers) {
    const inFlight = view?.inFlight ?? 0;
    const waiting = view?.waiting ?? 0;
    const dots = green("●".repeat(inFlight)) + dim("○".repeat(Math.max(0, limits.maxConcurrent - inFlight)));
    const window = bar(inWindow, limits.maxPerMinute, 20);
    const isFull = inWindow >= limits.maxPerMinute;
    lines.push(
      [
        domain.padEnd(16),
        kind.padEnd(9),
        `${dots}     `,
        `${(isFull ? yellow : green)(window)} ${String(inWindow).padStart(2)}/${limits.maxPerMinute}  `,
        `${bar(waiting, 40, 14)} ${String(waiting).padEnd(4)}`,
        state(view),
      ].join(" "),
    );
  }
  return lines;
}

function state(view: DomainView | null): string {
  if (view === null) return "";
  const seconds = Math.ceil(view.opensInMs / 1000);
  if (view.rests > 0) return red(seconds > 0 ? `rests, ${seconds} s` : "on probation");
  if (seconds > 0) return yellow(`opens in ${seconds} s`);
  return view.failures > 0 ? red(`${view.failures} failed`) : "";
}

/** The picture as one plain line, for an output that is no terminal. */
export function plainLine({ seconds, arrived, queued, released, servers }: Picture): string {
  const views = servers.flatMap(({ view }) => (view === null ? [] : [view]));
  const count = (holds: (view: DomainView) => boolean) => views.filter(holds).length;
  const inFlight = views.reduce((sum, view) => sum + view.inFlight, 0);
  return [
    `${seconds.toFixed(0).padStart(4)} s`,
    `arrived ${arrived}`,
    `waiting ${queued}`,
    `released ${released}`,
    `in flight ${inFlight}`,
    `domains closed ${count((view) => view.opensInMs > 0 && view.rests === 0)}`,
    `resting ${count((view) => view.rests > 0)}`,
  ].join("   ");
}
