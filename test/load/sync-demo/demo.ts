/**
 * The sync engine with twenty servers on loopback, drawn while it runs.
 *
 *   npm run demo:sync [-- --seconds 90 --identifiers 300]
 *
 * Ends when everything is complete or the time is over, then prints what each server saw. Ctrl-C ends it early.
 * @module
 */
import type { Clock } from "../../../runtime/platform.ts";
import { DEFAULT_LIMITS, SyncEngine, WINDOW_MS } from "../../../runtime/sync/index.ts";
import { readToolOptions } from "../../support/tool-options.ts";
import { keepAccount, mostInAMinute } from "./account.ts";
import { KINDS, startServer } from "./servers.ts";
import { createDemand } from "./service.ts";
import { draw, type Picture, plainLine } from "./view.ts";

const { values } = readToolOptions({
  name: "demo:sync",
  summary: "Shows the sync engine at work against twenty servers on loopback.",
  options: {
    seconds: { default: 90, summary: "maximum duration" },
    identifiers: { default: 300, summary: "number of identifiers" },
  },
});
const { seconds: SECONDS, identifiers: IDENTIFIERS } = values;
/** The identifiers arrive one by one, in the first half. */
const ARRIVE_EVERY_MS = (SECONDS * 500) / IDENTIFIERS;
const DRAW_EVERY_MS = 100;
const SAY_EVERY_MS = 2_000;

const clock: Clock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
const { hotPath, limiter, takes } = keepAccount(clock);
const servers = await Promise.all(
  KINDS.map((kind) => startServer(kind, { slowMs: 1_500, limitEvery: 8, retryAfterSeconds: 10 })),
);
const popular = [...servers].sort(() => Math.random() - 0.5);
const demand = createDemand();
const engine = new SyncEngine({
  context: demand.context,
  clock,
  limiter,
  idleTimeoutMs: 4_000,
});
const begun = clock.now();
let arrived = 0;

function arrive(): void {
  const identifier = `identifier-${arrived}`;
  // Some servers are more popular than others: their windows are full.
  const urls = [0, 1, 2, 3].map(() => popular[Math.floor(Math.random() ** 2 * popular.length)]!.url);
  demand.add(
    identifier,
    ["a", "b", "c"].map((item) => `${identifier}/${item}`),
    urls,
  );
  engine.enqueue(identifier, 500);
  arrived++;
}

function picture(): Picture {
  const { queued, domains } = engine.inspect();
  const views = new Map(domains.map((view) => [view.domain, view]));
  return {
    seconds: (clock.now() - begun) / 1000,
    identifiers: IDENTIFIERS,
    arrived,
    queued,
    released: demand.released,
    limits: DEFAULT_LIMITS,
    servers: servers.map(({ kind, domain, requests }) => {
      const { remaining } = hotPath.peek(
        `sync:${domain}`,
        clock.now(),
        WINDOW_MS,
        DEFAULT_LIMITS.maxPerMinute,
      );
      const view = views.get(domain) ?? null;
      return { kind, domain, view, inWindow: DEFAULT_LIMITS.maxPerMinute - remaining, requests };
    }),
  };
}

const onTerminal = process.stdout.isTTY === true;
const show = () => {
  const now = picture();
  if (!onTerminal) return void console.log(plainLine(now));
  process.stdout.write(
    `\u001b[H${draw(now)
      .map((line) => `${line}\u001b[K\n`)
      .join("")}\u001b[J`,
  );
};

engine.start();
if (onTerminal) process.stdout.write("\u001b[?25l\u001b[2J");
const arrivals = setInterval(() => arrived < IDENTIFIERS && arrive(), ARRIVE_EVERY_MS);
const drawing = setInterval(show, onTerminal ? DRAW_EVERY_MS : SAY_EVERY_MS);
await new Promise<void>((resolve) => {
  const checking = setInterval(() => {
    const isOver = clock.now() - begun > SECONDS * 1000;
    if (isOver || (arrived === IDENTIFIERS && engine.inspect().queued === 0)) end();
  }, 200);
  const end = () => {
    clearInterval(checking);
    resolve();
  };
  // Kept: a parent process may send a signal that the terminal sent already.
  process.on("SIGINT", end).on("SIGTERM", end);
});
clearInterval(arrivals);
clearInterval(drawing);
show();
if (onTerminal) process.stdout.write("\u001b[?25h");
const { identifiers } = await engine.stop(5_000);
await Promise.all(servers.map((server) => server.close()));

console.log(`\n${identifiers.length} identifiers were returned by stop(). What the servers saw:\n`);
console.log("server           kind      requests   most at once   most in 60 s   429s   too early");
for (const { kind, domain, requests, limited, tooEarly } of servers) {
  const cells = [
    requests,
    `${demand.mostInFlight.get(domain) ?? 0} of ${DEFAULT_LIMITS.maxConcurrent}`,
    `${mostInAMinute(takes, domain)} of ${DEFAULT_LIMITS.maxPerMinute}`,
    limited,
    tooEarly,
  ].map(String);
  const widths = [8, 15, 15, 7, 12];
  const columns = cells.map((cell, index) => cell.padStart(widths[index]!));
  console.log(`${domain.padEnd(17)}${kind.padEnd(10)}${columns.join("")}`);
}
